"""status, rollback, clean, doctor: what is there, the way back, and this machine."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from howdah.cli.options import (
    Json,
    PgBindir,
    Quiet,
    StateSchemaName,
    TargetArgument,
    Yes,
    build_target_request,
)
from howdah.cli.output import end, make_progress
from howdah.cli.session import Session
from howdah.errors import RefusedError


def status_command(
    target: TargetArgument = None,
    yes: Yes = False,
    state_schema: StateSchemaName = "howdah",
    pg_bindir: PgBindir = None,
    as_json: Json = False,
) -> None:
    """Runs, proofs, what can be resumed or undone."""
    from howdah.ops.status import status
    from howdah.report.verbs import render_status

    report = status(build_target_request(target, yes=yes, state_schema=state_schema, pg_bindir=pg_bindir))
    end(report, render_status, as_json=as_json)


def rollback_command(
    target: TargetArgument = None,
    yes: Yes = False,
    state_schema: StateSchemaName = "howdah",
    pg_bindir: PgBindir = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Undo the newest run while the target still equals its proof."""
    from howdah.ops.rollback import rollback
    from howdah.report.verbs import render_rollback

    request = build_target_request(target, yes=yes, state_schema=state_schema, pg_bindir=pg_bindir)
    with make_progress(quiet) as progress:
        report = rollback(request, progress)
    end(report, render_rollback, as_json=as_json)


def clean_command(
    target: TargetArgument = None,
    keep_files: Annotated[
        bool, typer.Option("--keep-files", help="Keep snapshots and reports on this machine.")
    ] = False,
    agreed: Annotated[
        bool, typer.Option("--yes", help="Agree: nothing can be undone or retried afterwards.")
    ] = False,
    state_schema: StateSchemaName = "howdah",
    pg_bindir: PgBindir = None,
    as_json: Json = False,
) -> None:
    """Remove every trace of Howdah from the target, and the files of its runs."""
    if not agreed:
        if not sys.stdin.isatty():
            raise RefusedError(
                "M-502",
                "Cleaning removes ledger, quarantine, proofs and snapshots, and wants consent.",
                hint="Say --yes.",
            )
        typer.confirm(
            "Remove ledger, quarantine, proofs and snapshots? Nothing can be undone then.", abort=True
        )
    from howdah.ops.clean import clean
    from howdah.report.verbs import render_clean

    report = clean(
        build_target_request(target, yes=True, state_schema=state_schema, pg_bindir=pg_bindir),
        keep_files=keep_files,
    )
    end(report, render_clean, as_json=as_json)


def doctor_command(context: typer.Context, pg_bindir: PgBindir = None, as_json: Json = False) -> None:
    """Tools, libraries, settings and where each came from."""
    from howdah.cli.app import app
    from howdah.cli.settled import settle_options
    from howdah.ops.doctor import examine
    from howdah.report.verbs import render_doctor

    report = examine(pg_bindir, options=settle_options(app, context.ensure_object(Session)))
    end(report, render_doctor, as_json=as_json)
