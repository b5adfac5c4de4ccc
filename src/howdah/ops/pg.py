"""pg: start and stop the embedded server, and say how to connect to it."""

from __future__ import annotations

from pathlib import Path

from howdah.errors import EnvironmentFailedError
from howdah.model.verb_reports import ServerReport
from howdah.places import state_directory
from howdah.postgres.binaries import find_server_binaries
from howdah.postgres.conninfo import parse_target
from howdah.postgres.embedded import EmbeddedServer, find_embedded, start_embedded, stop_embedded


def embedded_directory(pg_bindir: Path | None) -> Path:
    """Return where the embedded server keeps its data: one directory per major version."""
    return state_directory() / "pg" / str(find_server_binaries(pg_bindir).major)


def start(pg_bindir: Path | None = None, port: int | None = None) -> ServerReport:
    """Start the embedded server, or attach to it. Raises the errors of `postgres.embedded`."""
    server = start_embedded(embedded_directory(pg_bindir), bindir=pg_bindir, tcp_port=port)
    return _describe("pg start", server)


def stop(pg_bindir: Path | None = None) -> ServerReport:
    """Stop the embedded server; one that does not run is left alone."""
    directory = embedded_directory(pg_bindir)
    stop_embedded(directory)
    return ServerReport(verb="pg stop", status="stopped", directory=str(directory), version="", url="")


def url(pg_bindir: Path | None = None, database: str = "postgres") -> ServerReport:
    """
    Return how to connect to a database of the running server, password included.

    Raises EnvironmentFailedError where none runs.
    """
    server = find_embedded(embedded_directory(pg_bindir))
    if server is None:
        raise EnvironmentFailedError(
            "E-110", "The embedded server is not running.", hint='Start it with "howdah pg start".'
        )
    return _describe("pg url", server, url=server.url_for(database))


def _describe(verb: str, server: EmbeddedServer, *, url: str = "") -> ServerReport:
    return ServerReport(
        verb=verb,
        status="running",
        directory=str(server.directory),
        version=str(server.major),
        url=url or parse_target(server.url, origin="embedded").redacted,
    )
