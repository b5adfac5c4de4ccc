"""What the fixtures of `tests/conftest.py` promise."""

from __future__ import annotations

import psycopg


def test_a_fresh_database_is_empty_utf8_and_ours(database: str) -> None:
    with psycopg.connect(database) as connection:
        row = connection.execute(
            "SELECT pg_encoding_to_char(encoding), (SELECT count(*) FROM pg_class c JOIN pg_namespace n"
            " ON n.oid = relnamespace WHERE nspname = 'public'), current_user"
            " FROM pg_database WHERE datname = current_database()"
        ).fetchone()
    assert row == ("UTF8", 0, "postgres")


def test_each_server_major_at_hand_answers(any_server_database: str) -> None:
    with psycopg.connect(any_server_database) as connection:
        assert connection.info.server_version >= 140000
