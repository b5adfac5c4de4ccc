"""serve: the content API until it is told to end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from howdah.cli.content import Content
from howdah.cli.options import Json, PgBindir, Schema, StateSchemaName, TargetArgument

if TYPE_CHECKING:
    from howdah.model.verb_reports import ServeReport


def serve_command(
    content: Content,
    target: TargetArgument = None,
    host: Annotated[
        str | None,
        typer.Option("--host", envvar="HOWDAH_HOST", help="Address to listen on; else HOST, else 127.0.0.1."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            envvar="HOWDAH_PORT",
            min=0,
            max=65535,
            help="Port of the content API (0: any free); else PORT, else 1337.",
        ),
    ] = None,
    admin_port: Annotated[
        int | None,
        typer.Option(
            "--admin-port",
            envvar="HOWDAH_ADMIN_PORT",
            min=0,
            max=65535,
            help="Port of health, metrics and the status page (0: any free); else 9464.",
        ),
    ] = None,
    schema: Schema = "public",
    state_schema: StateSchemaName = "howdah",
    pg_bindir: PgBindir = None,
    as_json: Json = False,
) -> None:
    """Serve the content API of a Strapi project from PostgreSQL; settings are variables, as Strapi has."""
    from howdah.ops.serve import ServeRequest, serve
    from howdah.report.json_document import render_json_line
    from howdah.report.verbs import render_serving

    request = ServeRequest(
        content=content,
        target=target,
        host=host,
        port=port,
        admin_port=admin_port,
        schema=schema,
        pg_bindir=pg_bindir,
        state_schema=state_schema,
    )

    def announce(report: ServeReport) -> None:
        typer.echo(render_json_line(report) if as_json else render_serving(report))

    serve(request, announce=announce)
