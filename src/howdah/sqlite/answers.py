"""
Execute a query of the file's own (a view, the expression of a CHECK) on the snapshot, in narrow bounds.

The text of such a query was written by whoever made the file. Only reading is allowed, and only
functions of a list; it ends after a time limit. Rows in quarantine are taken out first, in a
copy, because they are not in PostgreSQL either.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import apsw

from howdah.model.quarantine import SourceKey
from howdah.model.source import SourceCatalog, Table
from howdah.names import quote_sqlite
from howdah.scratch import scratch_directory
from howdah.sqlite.connect import BUILT_IN_COLLATIONS, open_snapshot
from howdah.sqlite.row_chunks import read_encoding
from howdah.sqlite.row_select import bound
from howdah.sqlite.utf16 import Encoding

#: A larger snapshot is not copied to take rows out.
COPIED_BYTES_MAX = 256 * 1024 * 1024

#: Functions that answer from their arguments alone (and the present moment). No others are called.
ALLOWED_FUNCTIONS = frozenset(
    {
        "abs",
        "avg",
        "char",
        "ceil",
        "ceiling",
        "coalesce",
        "concat",
        "concat_ws",
        "count",
        "cume_dist",
        "current_date",
        "current_time",
        "current_timestamp",
        "date",
        "datetime",
        "dense_rank",
        "first_value",
        "floor",
        "format",
        "glob",
        "group_concat",
        "hex",
        "ifnull",
        "iif",
        "instr",
        "json",
        "json_array",
        "json_array_length",
        "json_extract",
        "json_group_array",
        "json_group_object",
        "json_object",
        "json_quote",
        "json_type",
        "json_valid",
        "julianday",
        "lag",
        "last_value",
        "lead",
        "length",
        "like",
        "likelihood",
        "likely",
        "lower",
        "ltrim",
        "max",
        "min",
        "mod",
        "nth_value",
        "ntile",
        "nullif",
        "octet_length",
        "percent_rank",
        "pow",
        "power",
        "printf",
        "quote",
        "random",
        "randomblob",
        "rank",
        "replace",
        "round",
        "row_number",
        "rtrim",
        "sign",
        "sqrt",
        "strftime",
        "string_agg",
        "substr",
        "substring",
        "sum",
        "time",
        "timediff",
        "total",
        "trim",
        "trunc",
        "typeof",
        "unhex",
        "unicode",
        "unixepoch",
        "unlikely",
        "upper",
        "zeroblob",
        "->",
        "->>",
    }
)
#: What a query does that only reads.
READING_ACTIONS = frozenset(
    {apsw.SQLITE_SELECT, apsw.SQLITE_READ, apsw.SQLITE_FUNCTION, apsw.SQLITE_RECURSIVE}
)
#: Virtual machine steps between two looks at the clock.
_STEPS_PER_LOOK = 20_000


class NotAnsweredError(Exception):
    """SQLite gave no answer: the message says why. Never leaves the load."""


class Questions:
    """A snapshot that answers queries, without the rows that are in quarantine."""

    def __init__(self, connection: apsw.Connection, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds
        connection.authorizer = _authorize

    def ask(self, query: str) -> Iterator[tuple[Any, ...]]:
        """
        Yield the rows of the query, as Python values.

        Raises NotAnsweredError where SQLite cannot compute it, is not allowed to, or takes too long.
        """
        try:
            with limited(self._connection, self._seconds):
                yield from self._connection.execute(query)
        except apsw.InterruptError as error:
            raise NotAnsweredError(f"SQLite took longer than {self._seconds:.0f} s") from error
        except (apsw.Error, UnicodeDecodeError) as error:
            raise NotAnsweredError(f"SQLite says: {error}") from error


@contextmanager
def limited(connection: apsw.Connection, seconds: float) -> Iterator[None]:
    """Let SQLite raise apsw.InterruptError in what takes longer than that."""
    ends = time.monotonic() + seconds
    connection.set_progress_handler(lambda: time.monotonic() > ends, _STEPS_PER_LOOK)
    try:
        yield
    finally:
        connection.set_progress_handler(None)


@contextmanager
def open_questions(
    snapshot_path: str,
    catalog: SourceCatalog,
    quarantined: Mapping[str, Collection[str]],
    *,
    seconds: float,
) -> Iterator[Questions]:
    """
    Open the snapshot for questions; `quarantined` are canonical keys by table, `seconds` bound each query.

    Raises NotAnsweredError where rows would have to be taken out of a copy that is too large.
    """
    if not any(quarantined.values()):
        with closing(open_snapshot(snapshot_path)) as connection:
            yield Questions(connection, seconds)
        return
    if os.path.getsize(snapshot_path) > COPIED_BYTES_MAX:
        raise NotAnsweredError("rows are in quarantine, and the snapshot is too large to copy without them")
    with scratch_directory("answers-", os.path.dirname(snapshot_path)) as directory:
        copy = os.path.join(directory, "snapshot.sqlite")
        shutil.copyfile(snapshot_path, copy)
        _take_out(copy, catalog, quarantined)
        with closing(open_snapshot(copy)) as connection:
            yield Questions(connection, seconds)


def _authorize(
    action: int, first: str | None, second: str | None, database: str | None, source: str | None
) -> int:
    allowed = action in READING_ACTIONS and is_callable(action, second)
    return apsw.SQLITE_OK if allowed else apsw.SQLITE_DENY


def is_callable(action: int, name: str | None) -> bool:
    """Whether it is no call of a function, or one of the list; `name` is the authorizer's second one."""
    return action != apsw.SQLITE_FUNCTION or (name or "").lower() in ALLOWED_FUNCTIONS


def _take_out(path: str, catalog: SourceCatalog, quarantined: Mapping[str, Collection[str]]) -> None:
    connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        # Nothing of the file's own may run while rows go: no trigger, no foreign key.
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_FKEY, 0)
        connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
        connection.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF").fetchall()
        delete_rows(connection, catalog, quarantined)
    except apsw.Error as error:
        raise NotAnsweredError(f"rows could not be taken out of a copy: {error}") from error
    finally:
        connection.close()


def delete_rows(
    connection: apsw.Connection, catalog: SourceCatalog, quarantined: Mapping[str, Collection[str]]
) -> None:
    """Delete the rows with these canonical keys, by table. Raises NotAnsweredError, apsw.Error."""
    for name, keys in quarantined.items():
        table = catalog.table(name)
        for text in keys:
            condition, bindings = _by_key(table, SourceKey.from_text(text), read_encoding(connection))
            connection.execute(f"DELETE FROM {quote_sqlite(table.name)} WHERE {condition}", bindings)


def _by_key(table: Table, key: SourceKey, encoding: Encoding) -> tuple[str, tuple[Any, ...]]:
    if key.rowid is not None:
        assert table.rowid_name is not None
        return f"{quote_sqlite(table.rowid_name)} = ?", (key.rowid,)
    conditions: list[str] = []
    bindings: list[Any] = []
    for name, cell in zip(table.primary_key, key.cells, strict=True):
        column = quote_sqlite(name)
        if table.column(name).collation.upper() not in BUILT_IN_COLLATIONS:
            raise NotAnsweredError(f'the key of table "{table.name}" is in an order of the application')
        mark, binding = bound(cell, encoding)
        conditions.append(f"{column} COLLATE BINARY IS {mark}")
        bindings.append(binding)
    return " AND ".join(conditions), tuple(bindings)
