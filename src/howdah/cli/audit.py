"""audit: the places of a project that still speak SQLite."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from howdah.cli.options import Json
from howdah.cli.output import end, say
from howdah.model.audit import AuditSeverity


def audit_command(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The project's directory, or one file.")],
    baseline: Annotated[
        Path | None,
        typer.Option("--baseline", envvar="HOWDAH_BASELINE", help="File of findings that are accepted."),
    ] = None,
    write_baseline: Annotated[
        Path | None,
        typer.Option(
            "--write-baseline",
            envvar="HOWDAH_WRITE_BASELINE",
            help="Write every finding of now as accepted to this file.",
        ),
    ] = None,
    fail_on: Annotated[
        AuditSeverity,
        typer.Option("--fail-on", envvar="HOWDAH_FAIL_ON", help="End with 3 from this severity on."),
    ] = AuditSeverity.WARNING,
    mark: Annotated[
        bool,
        typer.Option(
            "--mark", envvar="HOWDAH_MARK", help="Show a diff that marks open findings as deprecated."
        ),
    ] = False,
    sarif: Annotated[
        Path | None,
        typer.Option("--sarif", envvar="HOWDAH_SARIF", help="Write SARIF 2.1.0 to this file, too."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Code, configuration and SQL that still speak SQLite; exit 3 when some is open."""
    from howdah import __version__
    from howdah.audit.rules import RULES
    from howdah.ops.audit import AuditRequest, audit
    from howdah.report.audit import render_audit, render_sarif
    from howdah.report.files import write_named_file

    report = audit(
        AuditRequest(path=path, baseline=baseline, write_baseline=write_baseline, fail_on=fail_on, mark=mark)
    )
    if sarif is not None:
        write_named_file(sarif, render_sarif(report, RULES, __version__), "the SARIF document")
        say(f"SARIF: {sarif}")
    end(report, render_audit, as_json=as_json)
