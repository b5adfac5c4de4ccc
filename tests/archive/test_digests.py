"""A table's digest is the same wherever the same rows lie, and another as soon as anything differs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from howdah.archive.digests import TableName, digest_table, prepare_session
from support.archives import Kept

PLAIN = TableName(schema="public", name="plain")
OWN_TYPES = TableName(schema="public", name="own_types")

_TABLES = """
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE DOMAIN short AS text;
CREATE COLLATION folding (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE plain (id int8, amount numeric, ratio float8, note text, tags text[], doc jsonb, bytes bytea,
  folded text COLLATE folding, lasted interval, one int4, other int4);
CREATE TABLE own_types (id int8, mood mood, moods mood[], name short);
CREATE TABLE references_objects (id int8, place regclass);
"""
_PLAIN_ROWS = r"""
INSERT INTO plain VALUES (1, 1.0, 0.1, '', '{a,b}', '{"a": 1}', '\x00ff', 'a', '1 day', 7, 8),
  (4, 2, 2, 'b', '{}', '{}', '', 'b', '0', 9, 10),
  (2, -0.5, '-0', NULL, '{}', 'null', '', NULL, NULL, NULL, NULL),
  (2, -0.5, '-0', NULL, '{}', 'null', '', NULL, NULL, NULL, NULL)
"""
_OWN_ROWS = "INSERT INTO own_types VALUES (1, 'sad', '{glad,sad}', 'x'), (2, NULL, '{}', NULL)"
_OBJECTS = "INSERT INTO references_objects VALUES (1, 'plain'), (2, NULL)"


@contextmanager
def filled(conninfo: str, before: str, *statements: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for statement in (before, _TABLES, *statements):
            connection.execute(statement.encode())
        prepare_session(connection)
        yield connection


@pytest.fixture(scope="module")
def kept_filled(server: Any) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE digested TEMPLATE template0 ENCODING 'UTF8'")
        with filled(server.dsn("digested"), "", _PLAIN_ROWS, _OWN_ROWS, _OBJECTS) as connection:
            yield connection
        admin.execute("DROP DATABASE digested")


@pytest.fixture
def first(kept_filled: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    """Rows to be damaged, the same again for the next test."""
    with kept_filled.transaction(force_rollback=True):
        yield kept_filled


@pytest.fixture
def second(new_database: str, server: Any) -> Iterator[psycopg.Connection[Any]]:
    """The same rows in another order, where the same types and tables have other numbers."""
    name = psycopg.conninfo.conninfo_to_dict(new_database)["dbname"]
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
    before = "CREATE TYPE earlier AS ENUM ('one'); CREATE TABLE earlier_too ()"
    turned = "; CREATE TABLE turned AS TABLE plain ORDER BY id DESC; TRUNCATE plain"
    turned += "; INSERT INTO plain TABLE turned"
    with filled(new_database, before, _OBJECTS, _OWN_ROWS, _PLAIN_ROWS + turned) as connection:
        yield connection


@pytest.mark.parametrize(
    ("table", "mark"), [("plain", "columns:"), ("own_types", ""), ("references_objects", "")]
)
def test_the_same_rows_have_the_same_digest_in_another_database(
    first: psycopg.Connection[Any], second: psycopg.Connection[Any], table: str, mark: str
) -> None:
    name = TableName(schema="public", name=table)
    ours, theirs = digest_table(first, name), digest_table(second, name)
    assert ours == theirs
    assert ours.rows == {"plain": 4}.get(table, 2)
    assert ours.digest.startswith(mark)
    assert ours.digest.startswith("columns:") == bool(mark)


@pytest.mark.parametrize("like", ["columns:", "sent:", "0" * 32])
@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE plain SET amount = 1.00 WHERE id = 1",
        "UPDATE plain SET ratio = 0.10000000000000002 WHERE id = 1",
        "UPDATE plain SET ratio = 0 WHERE id = 2",
        # The same to PostgreSQL's own hash of an int8, of text in this collation, of an interval.
        "UPDATE plain SET id = 4294967296 WHERE id = 1",
        "UPDATE plain SET folded = 'A' WHERE id = 1",
        "UPDATE plain SET lasted = '24 hours' WHERE id = 1",
        # Two rows swap a value: the sum of that column's hashes stays the same.
        "UPDATE plain SET one = 16 - one",
        "UPDATE plain SET (one, other) = (other, one) WHERE id = 1",
        "UPDATE plain SET note = NULL WHERE id = 1",
        "UPDATE plain SET tags = '{\"a,b\"}' WHERE id = 1",
        "UPDATE plain SET doc = NULL WHERE id = 2",
        "UPDATE plain SET bytes = '\\x00fe' WHERE id = 1",
        "UPDATE plain SET id = 3 WHERE id = 1",
        # Twice the same row would be nothing to a sum that cancels out.
        "DELETE FROM plain WHERE id = 2",
        "INSERT INTO plain SELECT * FROM plain WHERE id = 2 LIMIT 1",
    ],
)
def test_any_damage_changes_the_digest_in_either_form(
    first: psycopg.Connection[Any], damage: str, like: str
) -> None:
    before = digest_table(first, PLAIN, like=like)
    first.execute(damage.encode())
    after = digest_table(first, PLAIN, like=like)
    assert after.digest != before.digest
    mark = like.rstrip("0")
    assert [len(table.digest.removeprefix(mark)) for table in (before, after)] == [32, 32]


def test_a_label_that_changes_is_seen(first: psycopg.Connection[Any]) -> None:
    before = digest_table(first, OWN_TYPES)
    first.execute("UPDATE own_types SET moods = '{sad,glad}' WHERE id = 1")
    assert digest_table(first, OWN_TYPES).digest != before.digest


def test_the_sample_has_tables_of_both_forms(kept: Kept) -> None:
    forms = {table.digest.startswith("columns:") for table in kept.repository.open(kept.id).manifest.tables}
    assert forms == {True, False}
