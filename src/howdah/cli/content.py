"""content create, verify, list: the tables of content types."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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

Content = Annotated[
    Path,
    typer.Option(
        "--content",
        envvar="HOWDAH_CONTENT",
        help="The Strapi project (or its src directory) with the schema files.",
    ),
]

content_app = typer.Typer(help="Content types of a Strapi project and their tables: create, verify, list.")


@content_app.command("create")
def content_create(
    content: Content,
    target: TargetArgument = None,
    allow_destructive: Annotated[
        bool,
        typer.Option("--allow-destructive", help="Agree to changes that lose what is stored."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Run everything, say what was done, and roll it back.")
    ] = False,
    schema: Schema = "public",
    yes: Yes = False,
    state_schema: StateSchemaName = "howdah",
    pg_bindir: PgBindir = None,
    as_json: Json = False,
) -> None:
    """Build the tables, or bring those of an earlier run forward."""
    from howdah.ops.content import ContentRequest, create
    from howdah.report.content import render_creation

    request = ContentRequest(
        directory=content,
        schema=schema,
        target=build_target_request(target, yes=yes, state_schema=state_schema, pg_bindir=pg_bindir),
    )
    report = create(request, allow_destructive=allow_destructive, dry_run=dry_run)
    end(report, render_creation, as_json=as_json)


@content_app.command("verify")
def content_verify(
    content: Content,
    target: TargetArgument = None,
    probe: Annotated[
        bool,
        typer.Option(
            "--probe/--no-probe",
            envvar="HOWDAH_PROBE",
            help="Create, read, update and delete an entry of each type, rolled back.",
        ),
    ] = True,
    schema: Schema = "public",
    yes: Yes = False,
    state_schema: StateSchemaName = "howdah",
    pg_bindir: PgBindir = None,
    as_json: Json = False,
) -> None:
    """Compare every table with the content types and probe each type; exit 3 when anything is off."""
    from howdah.ops.content import ContentRequest, verify
    from howdah.report.content import render_verification

    request = ContentRequest(
        directory=content,
        schema=schema,
        target=build_target_request(target, yes=yes, state_schema=state_schema, pg_bindir=pg_bindir),
    )
    end(verify(request, probe=probe), render_verification, as_json=as_json)


@content_app.command("list")
def content_list(
    content: Content,
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="[TARGET]",
            show_default=False,
            help="PostgreSQL, to count rows in; without one nothing is connected to.",
        ),
    ] = None,
    schema: Schema = "public",
    yes: Yes = False,
    state_schema: StateSchemaName = "howdah",
    pg_bindir: PgBindir = None,
    as_json: Json = False,
) -> None:
    """Types, attributes and tables; with a target, rows too."""
    from howdah.ops.content import ContentRequest, list_content
    from howdah.report.content import render_list

    request = ContentRequest(
        directory=content,
        schema=schema,
        target=build_target_request(target, yes=yes, state_schema=state_schema, pg_bindir=pg_bindir),
    )
    end(list_content(request, with_target=target is not None), render_list, as_json=as_json)


@content_app.command("token")
def content_token(
    content: Content,
    name: Annotated[str, typer.Option("--name", help="Name of the token, which no other has.")],
    target: TargetArgument = None,
    kind: Annotated[
        str, typer.Option("--type", help="full-access, read-only, or custom with --allow.")
    ] = "read-only",
    allow: Annotated[
        list[str] | None,
        typer.Option("--allow", help="Action of a custom token, as api::agent.agent.find (repeatable)."),
    ] = None,
    days: Annotated[
        int | None, typer.Option("--days", min=1, max=36500, help="Days until it expires; else never.")
    ] = None,
    description: Annotated[str, typer.Option("--description", help="What it is for.")] = "",
    schema: Schema = "public",
    yes: Yes = False,
    state_schema: StateSchemaName = "howdah",
    pg_bindir: PgBindir = None,
    as_json: Json = False,
) -> None:
    """Make an API token, print it once; API_TOKEN_SALT is that of the service and of Strapi."""
    from howdah.content.tokens import TokenWishes
    from howdah.ops.content import ContentRequest, create_api_token
    from howdah.report.content import render_token

    request = ContentRequest(
        directory=content,
        schema=schema,
        target=build_target_request(target, yes=yes, state_schema=state_schema, pg_bindir=pg_bindir),
    )
    wishes = TokenWishes(name=name, description=description, type=kind, actions=tuple(allow or ()), days=days)
    end(create_api_token(request, wishes), render_token, as_json=as_json)
