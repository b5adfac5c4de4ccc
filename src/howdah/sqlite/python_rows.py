"""
The proof's reading path: rows of the snapshot as Python values, by APSW.

Independent of ADBC, of the census and of everything the load does: every value's
storage class is the Python type that SQLite's API gave it. Rows come in the order of
the table's own tree: by rowid, or by primary key where there is no rowid.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import apsw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from howdah.codecs.values import SourceColumn
from howdah.errors import BugError, IntegrityError
from howdah.model.limits import BIG_VALUE_BYTES
from howdah.model.source import Table
from howdah.names import quote_sqlite
from howdah.sqlite.batches import SourceBatch

#: Rows of the first chunk; the next ones follow the size of the rows seen.
_FIRST_ROWS = 512
_MOST_ROWS = 20_000
_CHUNK_BYTES = 4 * 1024 * 1024

#: Python type → part of a SourceColumn and its Arrow type.
_PARTS: dict[type, tuple[str, pa.DataType]] = {
    int: ("integer", pa.int64()),
    float: ("real", pa.float64()),
    str: ("text", pa.string()),
    bytes: ("blob", pa.binary()),
}


class _TextBytes(bytes):
    """The bytes of a TEXT value that is not valid UTF-8."""


def read_rows(
    connection: apsw.Connection,
    table_name: str,
    columns: Sequence[str],
    *,
    rowid_name: str | None,
    low: int | None = None,
    high: int | None = None,
) -> Iterator[SourceBatch]:
    """
    Yield all rows, or those with a rowid from `low` to `high`, in chunks of a few megabytes.

    Big values (see `big_values`) come as NULL. Raises IntegrityError where SQLite
    cannot read on.
    """
    reader = _Reader(connection, table_name, columns, rowid_name)
    chunk_rows = _FIRST_ROWS
    last, done = low, 0
    rows = reader.cursor(last, high, done)
    try:
        while True:
            try:
                chunk = list(itertools.islice(rows, chunk_rows))
            except UnicodeDecodeError:
                # Somewhere in this chunk a text is not UTF-8: read on as bytes, from where we were.
                reader = reader.reading_bytes()
                rows = reader.cursor(last, high, done)
                continue
            except apsw.TooBigError:
                # A value is too long for a batch. Which columns have such is asked only now: most tables
                # have none, and SQLite's own limit has told us so for nothing.
                reader = reader.without_big_values()
                rows = reader.cursor(last, high, done)
                continue
            if not chunk:
                return
            batch, byte_count = reader.build_batch(chunk)
            yield batch
            done += len(chunk)
            if rowid_name is not None:
                last = chunk[-1][0] + 1
                done = 0
            per_row = max(byte_count / len(chunk), 1)
            chunk_rows = max(1, min(_MOST_ROWS, int(_CHUNK_BYTES / per_row)))
    except apsw.Error as error:
        raise IntegrityError(
            "S-042",
            f'Table "{table_name}" of the snapshot cannot be read on.',
            detail=str(error),
            hint="The snapshot is damaged, or its disk is.",
        ) from error


def fetch_rows_by_key(
    connection: apsw.Connection, table: Table, key: Sequence[str], keys: Sequence[tuple[Any, ...]]
) -> SourceBatch:
    """
    Return the rows with those values (as SQLite stores them) in the columns `key`, all columns.

    The order is that of `keys`. Raises BugError where a key is not there.
    """
    columns = [column.name for column in table.columns]
    reader = _Reader(connection, table.name, columns, table.rowid_name).reading_bytes().without_big_values()
    where = " AND ".join(f"{quote_sqlite(name)} IS ?" for name in key)
    rows: list[tuple[Any, ...]] = []
    for values in keys:
        found = connection.execute(f"{reader.select} WHERE {where}", values).fetchall()
        if not found:
            raise BugError("S-903", f'Table "{table.name}" of the snapshot has no row with key {values!r}.')
        rows += found
    return reader.build_batch(rows)[0]


def find_big_columns(connection: apsw.Connection, table_name: str, columns: Sequence[str]) -> frozenset[str]:
    """
    Return the columns that hold a big value.

    SQLite answers from the record headers; a value's own pages are not visited.
    """
    if not columns:
        return frozenset()
    looks = ", ".join(f"max(octet_length({quote_sqlite(name)}))" for name in columns)
    try:
        ((*lengths,),) = connection.execute(
            f"SELECT {looks} FROM {quote_sqlite(table_name)} NOT INDEXED"
        ).fetchall()
    except apsw.Error as error:
        raise IntegrityError(
            "S-042", f'Table "{table_name}" of the snapshot cannot be read on.', detail=str(error)
        ) from error
    return frozenset(
        name for name, length in zip(columns, lengths, strict=True) if (length or 0) > BIG_VALUE_BYTES
    )


class _Reader:
    """Selects the columns of one table and splits what comes by storage class."""

    def __init__(
        self,
        connection: apsw.Connection,
        table_name: str,
        columns: Sequence[str],
        rowid_name: str | None,
        *,
        big: frozenset[str] | None = None,
        as_bytes: bool = False,
    ) -> None:
        """`big` are the columns with big values, None as long as none has been met."""
        connection.limit(
            apsw.SQLITE_LIMIT_LENGTH, BIG_VALUE_BYTES if big is None else 2**31 - 1
        )
        self._connection = connection
        self._table_name = table_name
        self._big = big
        self._columns = columns
        self._rowid_name = rowid_name
        self._as_bytes = as_bytes
        self._encoding = connection.pragma("encoding")
        selected = [rowid_name or "NULL"]
        for name in columns:
            column = quote_sqlite(name)
            value = column
            if as_bytes:
                value = f"CASE typeof({column}) WHEN 'text' THEN CAST({column} AS BLOB) ELSE {column} END"
            if big is not None and name in big:
                value = f"CASE WHEN octet_length({column}) > {BIG_VALUE_BYTES} THEN NULL ELSE {value} END"
            selected.append(value)
        if as_bytes:
            selected += [f"typeof({quote_sqlite(name)}) = 'text'" for name in columns]
        self.select = f"SELECT {', '.join(selected)} FROM {quote_sqlite(table_name)} NOT INDEXED"

    def reading_bytes(self) -> _Reader:
        """Return a reader that takes text as bytes, whatever they are."""
        return _Reader(
            self._connection, self._table_name, self._columns, self._rowid_name, big=self._big, as_bytes=True
        )

    def without_big_values(self) -> _Reader:
        """Return a reader that gives NULL for big values."""
        self._connection.limit(apsw.SQLITE_LIMIT_LENGTH, 2**31 - 1)
        big = find_big_columns(self._connection, self._table_name, self._columns)
        return _Reader(
            self._connection,
            self._table_name,
            self._columns,
            self._rowid_name,
            big=big,
            as_bytes=self._as_bytes,
        )

    def cursor(self, low: int | None, high: int | None, skip: int) -> Iterator[tuple[Any, ...]]:
        """Yield rows from rowid `low` to `high`, or after the first `skip` where there is no rowid."""
        if self._rowid_name is None:
            return iter(self._connection.execute(f"{self.select} LIMIT -1 OFFSET {skip}"))
        limits = [
            f"{self._rowid_name} {operator} {limit}"
            for operator, limit in ((">=", low), ("<=", high))
            if limit is not None
        ]
        where = f" WHERE {' AND '.join(limits)}" if limits else ""
        return iter(self._connection.execute(f"{self.select}{where} ORDER BY {self._rowid_name}"))

    def build_batch(self, rows: Sequence[tuple[Any, ...]]) -> tuple[SourceBatch, int]:
        """Return the batch of some rows, and about how many bytes they hold."""
        if not rows:
            empty = {name: SourceColumn(length=0) for name in self._columns}
            return SourceBatch(length=0, columns=empty), 0
        by_column = list(zip(*rows, strict=True))
        width = len(self._columns)
        columns: dict[str, SourceColumn] = {}
        byte_count = 0
        for position, name in enumerate(self._columns):
            values = by_column[1 + position]
            if self._as_bytes:
                values = self._mark_text(values, by_column[1 + width + position])
            columns[name], size = _split(values)
            byte_count += size
        rowids = None if self._rowid_name is None else np.array(by_column[0], np.int64)
        batch = SourceBatch(
            length=len(rows), columns=columns, rowids=rowids, big_columns=self._big or frozenset()
        )
        return batch, byte_count

    def _mark_text(self, values: Sequence[Any], is_text: Sequence[Any]) -> list[Any]:
        if self._encoding == "UTF-8":
            return [
                _TextBytes(value) if text and value is not None else value
                for value, text in zip(values, is_text, strict=True)
            ]
        codec = self._encoding.lower()
        return [
            _TextBytes(value.decode(codec, "surrogatepass").encode("utf-8", "surrogatepass"))
            if text and value is not None
            else value
            for value, text in zip(values, is_text, strict=True)
        ]


def _split(values: Sequence[Any]) -> tuple[SourceColumn, int]:
    """Split one column by storage class; also return about how many bytes it holds."""
    kinds = set(map(type, values)) - {type(None)}
    parts: dict[str, Any] = {}
    byte_count = 8 * len(values)
    for kind in kinds:
        name, arrow_type = _PARTS.get(kind, ("text", pa.binary()))
        # Where one class is alone, the column goes over as it is; Arrow is told the type, so it cannot guess.
        own = values if len(kinds) == 1 else [value if type(value) is kind else None for value in values]
        array = pa.array(own, arrow_type)
        if kind is str:
            array = array.view(pa.binary())
        if kind not in (int, float):
            byte_count += array.nbytes
        parts[name] = _merge(parts.get(name), array)
    return SourceColumn(length=len(values), **parts), byte_count


def _merge(first: pa.Array | None, second: pa.Array) -> pa.Array:
    """Join two arrays of which at most one has a value in each place."""
    if first is None:
        return second
    return pc.coalesce(first, second)
