"""Databases are made from the untouched template."""

from __future__ import annotations

from howdah.postgres.connect import connect
from howdah.postgres.databases import create_database, database_exists, drop_database


def test_a_database_is_made_and_dropped_with_its_sessions(database: str) -> None:
    name = 'Odd "name"'
    with connect(database, autocommit=True) as admin:
        assert not database_exists(admin, name)
        create_database(admin, name)
        try:
            row = admin.execute(
                "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = %s", (name,)
            ).fetchone()
            assert row == ("UTF8",)
            assert database_exists(admin, name)
        finally:
            drop_database(admin, name)
        assert not database_exists(admin, name)
