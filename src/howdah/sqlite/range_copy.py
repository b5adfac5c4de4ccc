"""
Copy a database table by table and range by range, so that no writer waits for longer than a moment.

For a source in rollback-journal mode, where a copy in one step holds every writer up. Each row in the copy is
what it was at some moment since the copying began: whoever uses it must know of every row that changed
meanwhile. A row that was read before its unique value went to another one gives way to that one; it has
changed, so it is among those.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any
from urllib.parse import quote

import apsw

from howdah.model.source import Table
from howdah.names import quote_sqlite
from howdah.sqlite.catalog import OUR_PREFIX, read_catalog
from howdah.sqlite.connect import reading_source, register_stand_in

#: Rows that are read in the first transaction of a table; then as many as take about as long as they may.
_FIRST_ROWS = 1_000
#: Seconds that one transaction may hold writers up.
_MOMENT = 0.1
#: Ours: entries of the journal are read from the source itself.
_NOT_COPIED = f"{OUR_PREFIX}journal"


class SchemaMovedError(Exception):
    """The schema of the source was changed while it was copied."""


def copy_by_ranges(path: str, destination: str, *, busy_timeout: float) -> None:
    """
    Fill the empty file `destination`; the source is only read.

    Raises apsw.Error where SQLite cannot make the copy (an index over a function that only the
    application has), UnicodeDecodeError where a key is not Unicode, SchemaMovedError, and what
    `open_source` raises.
    """
    with (
        reading_source(path, busy_timeout=busy_timeout) as live,
        closing(
            apsw.Connection(destination, flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI)
        ) as copy,
    ):
        cookie = live.pragma("schema_version")
        objects: list[tuple[str, ...]] = live.execute(
            "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid"
        ).fetchall()  # type: ignore[assignment]
        tables = {table.name: table for table in read_catalog(live, path).tables}
        _begin(copy, live, path, busy_timeout)
        _make(copy, objects, ("table",))
        _make(copy, objects, ("unique index",))
        for kind, name, _, _ in objects:
            if kind == "table" and name != _NOT_COPIED:
                _copy_table(copy, name, tables.get(name))
        _copy_numbering(copy, live)
        _make(copy, objects, ("index",))
        if live.pragma("schema_version") != cookie:
            raise SchemaMovedError
        _end(copy, live, objects)


def _begin(copy: apsw.Connection, live: apsw.Connection, path: str, busy_timeout: float) -> None:
    copy.set_busy_timeout(int(busy_timeout * 1000))
    copy.collation_needed(register_stand_in)
    copy.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
    copy.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 1)
    for name in ("page_size", "encoding", "auto_vacuum"):
        copy.execute(f"PRAGMA {name} = '{live.pragma(name)}'")
    # Durability comes from one fsync at the end; until then the file is nobody's.
    copy.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF").fetchall()
    copy.execute("PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF")
    copy.execute("ATTACH ? AS live", (f"file:{quote(os.path.abspath(path))}?mode=ro",))


def _make(copy: apsw.Connection, objects: Sequence[tuple[str, ...]], kinds: Sequence[str]) -> None:
    for kind, name, _, statement in objects:
        if not name.startswith("sqlite_") and _kind(kind, statement) in kinds:
            copy.execute(statement)


def _kind(kind: str, statement: str) -> str:
    """Return what an entry of the schema is, as far as it matters when it is made."""
    # SQLite writes these words itself, in this form, whatever the application wrote.
    if kind == "index" and statement.startswith("CREATE UNIQUE INDEX"):
        return "unique index"
    if kind == "table" and statement.startswith("CREATE VIRTUAL TABLE"):
        return "virtual table"
    return kind


def _copy_table(copy: apsw.Connection, name: str, table: Table | None) -> None:
    if table is None:
        # One of ours, of a few rows.
        quoted = quote_sqlite(name)
        copy.execute(f"INSERT INTO main.{quoted} SELECT * FROM live.{quoted}")
        return
    if table.kind not in ("table", "shadow"):
        return
    columns = [column.name for column in table.columns if not column.generated]
    if table.rowid_name is not None:
        order = [quote_sqlite(table.rowid_name)]
        if table.rowid_alias is None:
            columns.insert(0, table.rowid_name)
    else:
        # Exactly, whatever a column's collation takes for the same.
        order = [f"{quote_sqlite(column)} COLLATE BINARY" for column in table.primary_key]
    listed = ", ".join(map(quote_sqlite, columns))
    defaulted = {column.name for column in table.columns if column.not_null and column.default_sql}
    selected = ", ".join(
        _present(quote_sqlite(column)) if column in defaulted else quote_sqlite(column) for column in columns
    )
    source = f"INSERT OR REPLACE INTO main.{quote_sqlite(name)} ({listed}) SELECT {selected} FROM live."
    # Rows that come later are known to the caller: a table that grows is not run after.
    newest = _newest(copy, name, order[0]) if table.rowid_name is not None else None
    for condition, bindings, limit in _ranges(copy, name, order, newest):
        copy.execute(
            f"{source}{quote_sqlite(name)} {condition} ORDER BY {', '.join(order)} LIMIT {limit}", bindings
        )


def _present(column: str) -> str:
    """
    Return an expression for a column that fails where it is NULL.

    Older versions of SQLite and edits of its schema leave NULL where it is forbidden; OR REPLACE would put
    the default in its place without a word.
    """
    overflow = f"abs(-9223372036854775807 - ({column} IS NULL))"
    return f"CASE WHEN {column} IS NULL THEN {overflow} ELSE {column} END"


def _newest(copy: apsw.Connection, name: str, rowid: str) -> int:
    found = copy.execute(f"SELECT coalesce(max({rowid}), 0) FROM live.{quote_sqlite(name)}").fetchall()
    return int(str(found[0][0]))


def _ranges(
    copy: apsw.Connection, name: str, order: Sequence[str], newest: int | None
) -> Iterator[tuple[str, tuple[Any, ...], int]]:
    """Yield condition, values and number of rows of one range after the other, as the last one took."""
    limit = _FIRST_ROWS
    bound = f"{order[0]} <= {newest}" if newest is not None else "1"
    condition, bindings = f"WHERE {bound}", tuple[Any, ...]()
    last = f"SELECT {', '.join(order)} FROM main.{quote_sqlite(name)} ORDER BY " + ", ".join(
        f"{each} DESC" for each in order
    )
    marks = ", ".join("?" * len(order))
    if not order:
        # Nothing names a row: in one range.
        yield "", (), -1
        return
    while True:
        began = time.monotonic()
        yield condition, bindings, limit
        seconds = time.monotonic() - began
        found = copy.execute(f"{last} LIMIT 1").fetchall()
        if not found or found[0] == bindings:
            return
        bindings = found[0]
        condition = f"WHERE {bound} AND ({', '.join(order)}) > ({marks})"
        if seconds < _MOMENT / 2:
            limit *= 2
        elif seconds > _MOMENT:
            limit = max(1, limit // 2)


def _copy_numbering(copy: apsw.Connection, live: apsw.Connection) -> None:
    if live.execute("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'").fetchall():
        copy.execute(
            "DELETE FROM main.sqlite_sequence;"
            " INSERT INTO main.sqlite_sequence SELECT * FROM live.sqlite_sequence"
        )


def _end(copy: apsw.Connection, live: apsw.Connection, objects: Sequence[tuple[str, ...]]) -> None:
    copy.execute("DETACH live")
    for name in ("user_version", "application_id"):
        copy.execute(f"PRAGMA {name} = {int(live.pragma(name))}")
    copy.execute("PRAGMA writable_schema = ON")
    # Without being made: what they read may be known to the application alone.
    copy.executemany(
        "INSERT INTO sqlite_schema (type, name, tbl_name, rootpage, sql) VALUES (?, ?, ?, 0, ?)",
        [
            (kind, name, table, statement)
            for kind, name, table, statement in objects
            if _kind(kind, statement) in ("virtual table", "view", "trigger")
        ],
    )
    copy.execute("PRAGMA writable_schema = OFF")
