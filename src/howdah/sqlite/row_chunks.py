"""
Read the rows of one table as Python values, in chunks bounded by bytes, whatever is in them.

SQLite itself is told to refuse long values (SQLITE_LIMIT_LENGTH), which costs nothing
where there are none. At the first that is met the reader goes on with fewer rows at
a time, and past `BIG_VALUE_BYTES` with a SELECT that leaves such values unread. Texts
that are not valid UTF-8 make it go on with texts as bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import apsw

from howdah.model.limits import BIG_VALUE_BYTES
from howdah.sqlite.row_select import Chunk, RowSelect
from howdah.sqlite.utf16 import Encoding

#: Longest value that is read without further thought.
_SHORT_BYTES = 64 * 1024

#: What the rows that are fetched at once may hold at the most.
_FETCH_BYTES = 48 * 1024 * 1024

#: More rows at once are slower: their objects leave the processor's cache.
_FETCH_ROWS = 256

#: Rows that are read one by one, or nearly so, after a longer value.
_CAREFUL_ROWS = 256

#: Of so many rows one is measured, to know what a chunk holds.
_MEASURED_EVERY = 64

#: SQLite's own limit, as it is compiled in by default.
_NO_LIMIT = 1_000_000_000


class RowChunks:
    """
    Iterates over the rows of a table, once.

    Rows come in the order of the rowid; without one, in the order of the primary key. `low` and
    `high` are rowids, both included; `condition` is an SQL expression that rows must meet; `skip` rows
    are left out at the start (only without a rowid). Raises apsw.Error where the file cannot be read.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        table_name: str,
        columns: Sequence[str],
        *,
        rowid_name: str | None,
        low: int | None = None,
        high: int | None = None,
        condition: str = "",
        skip: int = 0,
        chunk_rows: int,
        chunk_bytes: int,
    ) -> None:
        self._connection = connection
        self._select = RowSelect(
            table_name=table_name,
            rowid_name=rowid_name,
            columns=tuple(columns),
            encoding=read_encoding(connection),
        )
        self._chunk_rows = chunk_rows
        self._chunk_bytes = chunk_bytes
        self._low, self._high = low, high
        self._condition = condition
        self._cursor: Iterator[tuple[Any, ...]] | None = None
        self._last_rowid: int | None = None
        self._rows_read = skip
        self._careful_rows = 0
        self._ended = False

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
        byte_count = 0
        while len(rows) < self._chunk_rows:
            wanted = min(self._rows_at_once(), self._chunk_rows - len(rows))
            self._connection.limit(apsw.SQLITE_LIMIT_LENGTH, self._length_limit())
            try:
                fetched = list(islice(self._rows(), wanted))
            except apsw.TooBigError:
                if self._careful_rows and self._select.guarded:
                    raise
                self._meet_long_value()
            except UnicodeDecodeError:
                self._change(as_bytes=True)
            else:
                rows += fetched
                byte_count += self._measure(fetched)
                self._advance(fetched)
                if len(fetched) < wanted:
                    self._ended = True
                    break
            if select is not self._select and rows:
                break
            select = self._select
            if byte_count > self._chunk_bytes:
                break
        return select.split(rows)

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        if self._cursor is None:
            self._cursor = iter(self._connection.execute(*self._statement()))
        return self._cursor

    def _statement(self) -> tuple[str, tuple[int, ...]]:
        if self._select.rowid_name is None:
            return self._select.sql(self._condition, offset=self._rows_read), ()
        rowid = self._select.rowid_sql
        after_last = (f"{rowid} > ?", self._last_rowid)
        limits = [
            (condition, limit)
            for condition, limit in (
                (f"{rowid} >= ?", self._low) if self._last_rowid is None else after_last,
                (f"{rowid} <= ?", self._high),
            )
            if limit is not None
        ]
        conditions = [condition for condition, _ in limits]
        if self._condition:
            conditions.append(f"({self._condition})")
        return self._select.sql(" AND ".join(conditions)), tuple(limit for _, limit in limits)

    def _advance(self, fetched: list[tuple[Any, ...]]) -> None:
        self._rows_read += len(fetched)
        self._careful_rows = max(0, self._careful_rows - len(fetched))
        if fetched and self._select.rowid_name is not None:
            self._last_rowid = fetched[-1][0]

    def _rows_at_once(self) -> int:
        longest = BIG_VALUE_BYTES if self._careful_rows else _SHORT_BYTES
        at_once = _FETCH_BYTES // (longest * max(1, len(self._select.columns)))
        return max(1, min(_FETCH_ROWS, at_once))

    def _length_limit(self) -> int:
        if not self._careful_rows:
            return _SHORT_BYTES
        return _NO_LIMIT if self._select.guarded else BIG_VALUE_BYTES

    def _meet_long_value(self) -> None:
        if self._careful_rows:
            self._change(guarded=True)
        # Without a rowid the way back to the place is long, so it is gone once.
        self._careful_rows = 2**62 if self._select.rowid_name is None else _CAREFUL_ROWS
        self._cursor = None

    def _change(self, **changes: Any) -> None:
        self._select = replace(self._select, **changes)
        self._cursor = None

    def _measure(self, fetched: list[tuple[Any, ...]]) -> int:
        """Return about how many bytes some rows hold; exactly where long values are about."""
        if self._careful_rows:
            measured = fetched
        else:
            # Never the same ones, lest a table with a pattern of its own hide its long rows.
            first = (self._rows_read // 3) % _MEASURED_EVERY
            measured = fetched[first::_MEASURED_EVERY] or fetched
        if not measured:
            return 0
        size = sum(
            len(value) for row in measured for value in row if type(value) is str or type(value) is bytes
        )
        return size * len(fetched) // len(measured)


def read_encoding(connection: apsw.Connection) -> Encoding:
    """Return in which encoding the database keeps its texts."""
    encoding: Encoding = connection.pragma("encoding")
    return encoding
