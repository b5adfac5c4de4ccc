"""Databases are made from the untouched template, once."""

from __future__ import annotations

from howdah.postgres.connect import connect
from howdah.postgres.databases import database_exists, drop_database, ensure_database


def test_a_database_is_made_once_and_dropped_with_its_sessions(database: str) -> None:
    name = 'Odd "name"'
    assert ensure_database(database, name) is True
    try:
        assert ensure_database(database, name) is False
        with connect(database, autocommit=True) as admin:
            row = admin.execute(
                "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = %s", (name,)
            ).fetchone()
            assert row == ("UTF8",)
    finally:
        with connect(database, autocommit=True) as admin:
            drop_database(admin, name)
            assert not database_exists(admin, name)
