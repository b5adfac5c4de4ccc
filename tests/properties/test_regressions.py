"""Databases that once did not arrive, each as small as it could be made."""

from __future__ import annotations

from collections.abc import Callable

from support.random_databases import RandomDatabase
from support.stored_values import Text

Cross = Callable[[RandomDatabase], None]


def _database(*statements: str | tuple[str, tuple[object, ...]]) -> RandomDatabase:
    return RandomDatabase([(item, ()) if isinstance(item, str) else item for item in statements])


def test_nocase_in_a_utf16_database_is_sqlites_own(cross: Cross) -> None:
    # SQLite asks the application for NOCASE in UTF-16 before it makes its own.
    cross(
        _database(
            "PRAGMA encoding = 'UTF-16le'",
            "CREATE TABLE t (a TEXT COLLATE NOCASE UNIQUE, g TEXT AS (a || 'x') STORED)",
            "INSERT INTO t (a) VALUES ('one'), ('two')",
            "CREATE VIEW v AS SELECT count(*) FROM t",
        )
    )


def test_a_text_keeps_its_place_beside_a_row_set_aside(cross: Cross) -> None:
    cross(
        _database(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)",
            ("INSERT INTO t VALUES (1, CAST(? AS TEXT))", (Text(b"\xff"),)),
            "INSERT INTO t VALUES (2, 'kept')",
        )
    )
