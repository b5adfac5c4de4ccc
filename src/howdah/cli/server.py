"""pg start, stop, url: the embedded server."""

from __future__ import annotations

from typing import Annotated

import typer

from howdah.cli.options import Json, PgBindir
from howdah.cli.output import end


def pg_start(
    pg_bindir: PgBindir = None,
    port: Annotated[
        int | None,
        typer.Option("--port", min=0, max=65535, help="Also listen on 127.0.0.1 at this port (0: any free)."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Start the embedded server; one that runs already is left alone."""
    from howdah.ops.pg import start
    from howdah.report.verbs import render_server

    report = start(pg_bindir, port)
    end(report, render_server, as_json=as_json)


def pg_stop(pg_bindir: PgBindir = None, as_json: Json = False) -> None:
    """Stop the embedded server; its data stays."""
    from howdah.ops.pg import stop
    from howdah.report.verbs import render_server

    report = stop(pg_bindir)
    end(report, render_server, as_json=as_json)


def pg_url(
    database: Annotated[str, typer.Argument(help="Name of the database.")] = "postgres",
    pg_bindir: PgBindir = None,
    as_json: Json = False,
) -> None:
    """Print the connection URL of the running embedded server; it holds the password."""
    from howdah.ops.pg import url

    report = url(pg_bindir, database)
    end(report, lambda found: found.url, as_json=as_json)
