"""A target that cannot take the migration: one sentence, what to do, and nothing written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from support.program import Ended, Program, list_objects

CANARY = "c4n4ry-in-a-password"


def change(database: str, **parameters: Any) -> str:
    """Return the conninfo with other parameters."""
    return make_conninfo(database, **parameters)


@pytest.fixture
def role(database: str) -> Iterator[str]:
    """A role that may log in, with CANARY as its password, and nothing else."""
    name = f"clerk_{conninfo_to_dict(database)['dbname']}"
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), sql.Literal(CANARY))
        )
        # As every PostgreSQL since 15 has it; said here for those before.
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        yield name
        connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def require_refusal(ended: Ended, status: int, code: str) -> None:
    """Check what every failure has in common."""
    assert ended.status == status, ended.err
    assert ended.error_line.startswith(f"error {code}: "), ended.err
    assert "\nhint: " in ended.err
    assert "Traceback" not in ended.err
    assert CANARY not in ended.out + ended.err
    assert ended.document["exit_status"] == status
    assert ended.document["error"]["code"] == code


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"host": "127.0.0.1", "port": 1, "password": CANARY}, 7, "T-111"),
        ({"host": "/nowhere", "password": CANARY}, 7, "T-111"),
        ({"host": "no-such-host.invalid", "password": CANARY}, 2, "T-120"),
        ({"password": CANARY}, 2, "T-112"),
        ({"dbname": "no_such_database"}, 2, "T-114"),
        ({"user": "no_such_role", "password": CANARY}, 2, "T-112"),
    ],
    ids=["refused", "no-socket", "no-host", "wrong-password", "no-database", "no-role"],
)
def test_no_connection(
    howdah: Program, notes: Path, database: str, changes: dict[str, Any], status: int, code: str
) -> None:
    ended = howdah.run("migrate", notes, change(database, **changes), "--json")
    require_refusal(ended, status, code)
    assert howdah.files() == []


def test_a_role_without_rights_is_told_what_to_grant_until_it_works(
    howdah: Program, notes: Path, database: str, role: str
) -> None:
    target = change(database, user=role, password=CANARY)
    granted = []
    for code in ("P-305", "T-304"):
        ended = howdah.run("migrate", notes, target, "--json")
        require_refusal(ended, 4, code)
        assert list_objects(database) == []
        statement = ended.document["error"]["hint"]
        assert statement.startswith("GRANT ")
        with psycopg.connect(database) as connection:
            connection.execute(statement)
        granted.append(statement)

    assert howdah.run("migrate", notes, target).status == 0


def test_a_missing_schema_is_made_or_refused_with_the_grant(
    howdah: Program, notes: Path, database: str, role: str
) -> None:
    target = change(database, user=role, password=CANARY)
    ended = howdah.run("migrate", notes, target, "--schema", "app", "--json")
    require_refusal(ended, 4, "P-304")
    with psycopg.connect(database) as connection:
        connection.execute(ended.document["error"]["hint"])
    assert howdah.run("migrate", notes, target, "--schema", "app").status == 0


def test_a_target_that_is_not_empty_is_listed_and_left_alone(
    howdah: Program, notes: Path, database: str
) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE precious (id int); INSERT INTO precious VALUES (7)")
    before = list_objects(database)

    ended = howdah.run("migrate", notes, database, "--json")

    require_refusal(ended, 4, "P-306")
    assert "precious" in ended.document["error"]["detail"]
    assert list_objects(database) == before
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT id FROM precious").fetchall() == [(7,)]


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_is_not_utf8_is_refused(
    howdah: Program, notes: Path, database: str, encoding: str
) -> None:
    name = f"{conninfo_to_dict(database)['dbname']}_{encoding.lower()}"
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 LOCALE 'C' ENCODING {}").format(
                sql.Identifier(name), sql.Literal(encoding)
            )
        )
        try:
            ended = howdah.run("migrate", notes, change(database, dbname=name), "--json")
            require_refusal(ended, 4, "P-303")
            assert encoding in ended.error_line
            assert "ENCODING 'UTF8'" in ended.err
            assert list_objects(change(database, dbname=name)) == []
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def test_a_read_only_database_is_refused(howdah: Program, notes: Path, database: str) -> None:
    options = "-c default_transaction_read_only=on"
    ended = howdah.run("migrate", notes, change(database, options=options), "--json")
    require_refusal(ended, 7, "T-405")
    assert list_objects(database) == []


def test_a_state_schema_of_somebody_else_is_left_alone(howdah: Program, notes: Path, database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("CREATE SCHEMA howdah")
    ended = howdah.run("migrate", notes, database, "--json")
    require_refusal(ended, 4, "T-301")
    assert "--state-schema" in ended.err
    assert list_objects(database) == [("howdah", None)]
