"""Which database is meant is the first thing said, and one that is elsewhere is not taken from a variable."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from howdah.postgres.conninfo import parse_target
from support.program import Program

CANARY = "c4n4ry-in-a-url"


@contextmanager
def listening() -> Iterator[tuple[int, list[object]]]:
    """A port on every address of this machine; what connects to it is recorded."""
    came: list[object] = []
    with socket.create_server(("0.0.0.0", 0)) as server:
        server.settimeout(30)

        def accept() -> None:
            try:
                connection, peer = server.accept()
            except OSError:
                return
            came.append(peer)
            connection.close()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1], came


def test_the_first_line_names_target_and_origin(howdah: Program, notes: Path, database: str) -> None:
    shown = parse_target(database).redacted
    ended = howdah.run("migrate", notes, database)
    assert ended.err.splitlines()[0] == f"target: {shown} (from argument)"
    url = database_url(database)
    ended = howdah.run("status", env={"DATABASE_URL": url})
    assert ended.err.splitlines()[0] == f"target: {shown} (from DATABASE_URL)"
    ended = howdah.run("quarantine", "list", env={"DATABASE_URL": url})
    assert ended.err.splitlines()[0] == f"target: {shown} (from DATABASE_URL)"
    assert howdah.run("migrate", notes, database, "--quiet").err.startswith("target: ")


def database_url(database: str) -> str:
    """Return the conninfo as a URL, with its password."""
    from psycopg.conninfo import conninfo_to_dict

    from howdah.postgres.conninfo import format_url

    return format_url({name: str(value) for name, value in conninfo_to_dict(database).items()})


def test_pg_variables_name_a_target(howdah: Program, notes: Path, database: str) -> None:
    from psycopg.conninfo import conninfo_to_dict

    found = conninfo_to_dict(database)
    variables = {
        "PGHOST": found["host"],
        "PGPORT": found["port"],
        "PGUSER": found["user"],
        "PGPASSWORD": found["password"],
        "PGDATABASE": found["dbname"],
    }
    ended = howdah.run("migrate", notes, env={name: str(value) for name, value in variables.items()})
    assert ended.status == 0
    assert ended.err.splitlines()[0].endswith("(from PG*)")
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM note").fetchone() == (3,)


@pytest.mark.parametrize("url", ["sqlite:///notes.db", "file:./notes.db", "mysql://root@db/app"])
def test_a_database_url_of_another_kind_is_no_target(howdah: Program, notes: Path, url: str) -> None:
    ended = howdah.run("migrate", notes, "--json", env={"DATABASE_URL": url})
    assert ended.status == 0, ended.err
    first, second = ended.err.splitlines()[:2]
    assert first.startswith("target: postgresql://")
    assert first.endswith("(embedded server: REHEARSAL)")
    assert second.startswith("note: DATABASE_URL is ")
    assert ended.document["rehearsal"] is True


def test_a_remote_target_from_the_environment_wants_consent_before_any_connection(
    howdah: Program, notes: Path
) -> None:
    address = socket.gethostbyname(socket.gethostname())
    if address.startswith("127."):
        address = "10.255.255.1"
    with listening() as (port, came):
        url = f"postgresql://app:{CANARY}@{address}:{port}/app?connect_timeout=2"
        refused = howdah.run("migrate", notes, "--json", env={"DATABASE_URL": url, "HOWDAH_YES": "1"})
        assert came == []
        agreed = howdah.run("migrate", notes, "--json", "--yes", env={"DATABASE_URL": url})
    assert refused.status == 4
    assert refused.document["error"]["code"] == "T-201"
    assert "--yes" in refused.err
    assert refused.err.splitlines()[0].startswith(f"target: postgresql://app@{address}:{port}/app")
    # With consent it is tried; nobody there speaks PostgreSQL.
    assert agreed.status == 7
    assert CANARY not in refused.out + refused.err + agreed.out + agreed.err


def test_a_verb_without_source_and_target_does_not_start_a_server(howdah: Program) -> None:
    ended = howdah.run("status")
    assert ended.status == 4
    assert ended.error_line.startswith("error T-202: There is no target")
    assert not (howdah.home / "pg").exists()
