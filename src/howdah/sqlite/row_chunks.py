"""
Read the rows of one table as Python values, in chunks bounded by bytes, whatever is in them.

SQLite itself is told to refuse long values (SQLITE_LIMIT_LENGTH), which costs nothing
where there are none. At the first that is met the reader goes on with fewer rows at
a time, and past `BIG_VALUE_BYTES` with a SELECT that leaves such values unread. Texts
that are not valid UTF-8 make it go on with texts as bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import apsw

from howdah.model.limits import BIG_VALUE_BYTES
from howdah.model.source import Table
from howdah.sqlite.row_select import Chunk, Encoding, RowSelect

#: Longest value that is read without further thought.
_SHORT_BYTES = 64 * 1024

#: What the rows that are fetched at once may hold at the most.
_FETCH_BYTES = 48 * 1024 * 1024

#: More rows at once are slower: their objects leave the processor's cache.
_FETCH_ROWS = 256

#: Rows that are read one by one, or nearly so, after a longer value.
_CAREFUL_ROWS = 256

#: SQLite's own limit, as it is compiled in by default.
_NO_LIMIT = 1_000_000_000


class RowChunks:
    """
    Iterates over the rows of a table, once.

    `rowid_range` is [low, high], both included, for tables with a rowid. Rows come in the order of
    the rowid; without one, in the order of the primary key. Raises apsw.Error where the file
    cannot be read.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        table: Table,
        columns: tuple[str, ...],
        *,
        chunk_rows: int,
        chunk_bytes: int,
        rowid_range: tuple[int, int] | None = None,
    ) -> None:
        self._connection = connection
        self._select = RowSelect(table=table, columns=columns, encoding=read_encoding(connection))
        self._chunk_rows = chunk_rows
        self._chunk_bytes = chunk_bytes
        self._page_size = int(connection.pragma("page_size"))
        self._range = rowid_range
        self._cursor: Iterator[tuple[Any, ...]] | None = None
        self._last_rowid: int | None = None
        self._rows_read = 0
        self._careful_rows = 0
        self._ended = False

    def also_test(self, column: str, template: str) -> None:
        """From the next chunk on, compute `template` ("{}" is the column) too; see `Chunk.tests`."""
        self._change(tests=(*self._select.tests, (column, template)))

    def stop_test(self, column: str) -> None:
        """Compute the column's test no longer, from the next chunk on."""
        self._change(tests=tuple(test for test in self._select.tests if test[0] != column))

    def __iter__(self) -> Iterator[Chunk]:
        while not self._ended:
            chunk = self._next_chunk()
            if chunk.length:
                yield chunk

    def _next_chunk(self) -> Chunk:
        # Between chunks the connection is the caller's again.
        limit_before = self._connection.limit(apsw.SQLITE_LIMIT_LENGTH)
        try:
            return self._read_chunk()
        finally:
            self._connection.limit(apsw.SQLITE_LIMIT_LENGTH, limit_before)

    def _read_chunk(self) -> Chunk:
        select = self._select
        rows: list[tuple[Any, ...]] = []
        pages_before = self._pages_read()
        while len(rows) < self._chunk_rows:
            wanted = min(self._rows_at_once(), self._chunk_rows - len(rows))
            self._connection.limit(apsw.SQLITE_LIMIT_LENGTH, self._length_limit())
            try:
                fetched = list(islice(self._rows(), wanted))
            except apsw.TooBigError:
                self._meet_long_value()
            except UnicodeDecodeError:
                self._change(as_bytes=True)
            else:
                rows += fetched
                self._advance(fetched)
                if len(fetched) < wanted:
                    self._ended = True
                    break
            if select is not self._select and rows:
                break
            select = self._select
            # Each page of a table is read once, so they tell how much has come in.
            if (self._pages_read() - pages_before) * self._page_size > self._chunk_bytes:
                break
        return select.split(rows)

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        if self._cursor is None:
            self._cursor = iter(self._connection.execute(*self._statement()))
        return self._cursor

    def _statement(self) -> tuple[str, tuple[int, ...]]:
        if not self._select.has_rowid:
            return self._select.sql(offset=self._rows_read), ()
        rowid = self._select.rowid_sql
        conditions, bindings = [], []
        if self._last_rowid is not None:
            conditions.append(f"{rowid} > ?")
            bindings.append(self._last_rowid)
        elif self._range is not None:
            conditions.append(f"{rowid} >= ?")
            bindings.append(self._range[0])
        if self._range is not None:
            conditions.append(f"{rowid} <= ?")
            bindings.append(self._range[1])
        return self._select.sql(" AND ".join(conditions)), tuple(bindings)

    def _advance(self, fetched: list[tuple[Any, ...]]) -> None:
        self._rows_read += len(fetched)
        self._careful_rows = max(0, self._careful_rows - len(fetched))
        if fetched and self._select.has_rowid:
            self._last_rowid = fetched[-1][0]

    def _rows_at_once(self) -> int:
        longest = BIG_VALUE_BYTES if self._careful_rows else _SHORT_BYTES
        at_once = _FETCH_BYTES // (longest * max(1, len(self._select.columns)))
        if self._careful_rows and self._select.encoding != "UTF-8":
            at_once = 1
        return max(1, min(_FETCH_ROWS, at_once))

    def _length_limit(self) -> int:
        if not self._careful_rows:
            return _SHORT_BYTES
        return _NO_LIMIT if self._select.guarded else BIG_VALUE_BYTES

    def _meet_long_value(self) -> None:
        if self._careful_rows:
            if self._select.guarded:
                raise  # noqa: PLE0704 - called while the error is handled
            self._change(guarded=True)
        # Without a rowid the way back to the place is long, so it is gone once.
        self._careful_rows = _CAREFUL_ROWS if self._select.has_rowid else 2**62
        self._cursor = None

    def _change(self, **changes: Any) -> None:
        self._select = replace(self._select, **changes)
        self._cursor = None

    def _pages_read(self) -> int:
        return self._connection.status(apsw.SQLITE_DBSTATUS_CACHE_MISS)[0]


def read_encoding(connection: apsw.Connection) -> Encoding:
    """Return in which encoding the database keeps its texts."""
    encoding: Encoding = connection.pragma("encoding")
    return encoding
