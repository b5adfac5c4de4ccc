"""
What a private copy holds, counted by SQLite itself, and whether it hangs together.

For backups: the bytes of the copy are compared by SHA-256, so a count is for people, and a damaged
tree or a broken foreign key is found before the copy is relied on.
"""

from __future__ import annotations

from dataclasses import dataclass

import apsw

from howdah.names import quote_sqlite
from howdah.sqlite.connect import open_snapshot
from howdah.sqlite.failures import explain_failure


@dataclass(frozen=True, kw_only=True)
class Contents:
    """Tables with their rows, and the other objects of the schema by kind."""

    #: Table → rows; -1 where this SQLite has not the extension that reads it.
    rows: dict[str, int]
    #: (kind, table, name).
    objects: tuple[tuple[str, str, str], ...]
    #: Rows that refer to one that does not exist.
    orphans: int


def read_contents(path: str) -> Contents:
    """Count rows and orphans of a private copy. Raises IntegrityError where a table cannot be read."""
    connection = open_snapshot(path)
    try:
        schema = connection.execute(
            "SELECT type, name, tbl_name FROM sqlite_schema"
            " WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY 1, 2"
        ).fetchall()
        rows = {str(name): _count(connection, str(name)) for kind, name, _ in schema if kind == "table"}
        objects = tuple((str(kind), str(table), str(name)) for kind, name, table in schema if kind != "table")
        try:
            orphans = sum(1 for _ in connection.execute("PRAGMA foreign_key_check"))
        except apsw.SQLError:
            # A foreign key that names no usable parent cannot be checked by SQLite either.
            orphans = 0
        return Contents(rows=rows, objects=objects, orphans=orphans)
    except apsw.CorruptError as error:
        raise explain_failure(error, path) from error
    finally:
        connection.close()


def _count(connection: apsw.Connection, table: str) -> int:
    try:
        found = connection.execute(f"SELECT count(*) FROM {quote_sqlite(table)}").fetchall()
    except apsw.SQLError:
        # A virtual table whose module is not built in.
        return -1
    count = found[0][0]
    assert isinstance(count, int)
    return count


def library_version() -> str:
    """Return the version of SQLite that reads the files."""
    return str(apsw.sqlite_lib_version())
