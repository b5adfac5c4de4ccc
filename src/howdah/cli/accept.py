"""accept: is the migration done?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from howdah.cli.archive import Name, Repo
from howdah.cli.options import (
    Json,
    PgBindir,
    Schema,
    StateSchemaName,
    TargetArgument,
    Yes,
    build_target_request,
)
from howdah.cli.output import end


def accept_command(
    target: TargetArgument = None,
    path: Annotated[
        Path,
        typer.Option(
            "--path", envvar="HOWDAH_PATH", help="The project: its code is audited, its documents read."
        ),
    ] = Path(),
    content: Annotated[
        Path | None,
        typer.Option(
            "--content",
            envvar="HOWDAH_CONTENT",
            help="The Strapi project (or its src directory); the project by default.",
        ),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option("--baseline", envvar="HOWDAH_BASELINE", help="File of accepted audit findings."),
    ] = None,
    service: Annotated[
        str | None,
        typer.Option(
            "--service", envvar="HOWDAH_SERVICE", help="Admin port of the running service, as a URL."
        ),
    ] = None,
    repo: Repo = None,
    name: Name = None,
    html: Annotated[
        Path | None, typer.Option("--html", envvar="HOWDAH_HTML", help="Write the page to this file too.")
    ] = None,
    schema: Schema = "public",
    yes: Yes = False,
    state_schema: StateSchemaName = "howdah",
    pg_bindir: PgBindir = None,
    as_json: Json = False,
) -> None:
    """The migration's acceptance criteria, each with its evidence; exit status 3 where one is not met."""
    from howdah.ops.accept import AcceptRequest, accept
    from howdah.ops.repositories import RepositoryRequest
    from howdah.report.acceptance import render_acceptance, render_acceptance_page
    from howdah.report.files import require_no_database, write_named_file

    if html is not None:
        require_no_database(html, "the page")
    report = accept(
        AcceptRequest(
            path=path,
            target=build_target_request(target, yes=yes, state_schema=state_schema, pg_bindir=pg_bindir),
            content=content,
            schema=schema,
            repository=RepositoryRequest(location=repo, name=name),
            baseline=baseline,
            service=service,
        )
    )
    if html is not None:
        write_named_file(html, render_acceptance_page(report), "the page")
    end(report, render_acceptance, as_json=as_json)
