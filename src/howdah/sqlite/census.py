"""
Take the census of a snapshot: what every column really stores, over every row.

One pass for each table, in its own order, with bounded memory; the facts are those of
`model.census`, which says what each means.
"""

from __future__ import annotations

import codecs
import multiprocessing
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Protocol

import apsw

from howdah.model.census import Census, TableCensus
from howdah.model.limits import BATCH_BYTES, BATCH_ROWS
from howdah.model.source import StorageClass, Table
from howdah.names import quote_sqlite
from howdah.sqlite.big_values import ValuePlace, is_streamed, read_slices
from howdah.sqlite.column_tally import ColumnTally
from howdah.sqlite.connect import open_snapshot
from howdah.sqlite.json_shapes import TEXT_TEST
from howdah.sqlite.row_chunks import RowChunks
from howdah.sqlite.row_select import Chunk
from howdah.sqlite.text_tally import BigTextFacts

#: Rows and bytes that are looked at together; few enough to stay in the processor's cache.
_CHUNK_ROWS = 2_048
_CHUNK_BYTES = 2 * 1024 * 1024

#: Rows of the first chunk, after which the reader knows what to test.
_FIRST_ROWS = 64

#: A longer text is not parsed as JSON: SQLite would need several times its size.
_JSON_BYTES_MAX = 64 * 1024 * 1024


class Progress(Protocol):
    """Who watches."""

    def advance(self, table: str, rows: int, byte_count: int = 0, /) -> None:
        """Record that so many more rows and bytes of `table` are done."""


def take_census(
    snapshot_path: str, tables: Sequence[Table], *, jobs: int = 1, progress: Progress | None = None
) -> Census:
    """
    Return the facts of the tables, in their order, reading in `jobs` processes.

    A table that cannot be read to its end is named in `Census.unreadable` and left out. Raises
    what `connect.open_snapshot` raises. With several jobs, progress comes table by table.
    """
    taken: Iterable[_Taken]
    if jobs > 1 and len(tables) > 1:
        with ProcessPoolExecutor(
            min(jobs, len(tables)), mp_context=multiprocessing.get_context("spawn")
        ) as processes:
            taken = list(_watched(processes.map(_take, repeat(snapshot_path), tables), progress))
    else:
        taken = [_take(snapshot_path, table, progress) for table in tables]
    return Census(
        tables=tuple(found.census for found in taken if found.census is not None),
        unreadable=tuple((found.table, found.error) for found in taken if found.census is None),
    )


@dataclass(frozen=True, kw_only=True)
class _Taken:
    table: str
    census: TableCensus | None = None
    error: str = ""


def _take(snapshot_path: str, table: Table, progress: Progress | None = None) -> _Taken:
    connection = open_snapshot(snapshot_path)
    try:
        return _Taken(table=table.name, census=take_table_census(connection, table, progress=progress))
    except apsw.Error as error:
        return _Taken(table=table.name, error=str(error))
    finally:
        connection.close()


def _watched(taken: Iterable[_Taken], progress: Progress | None) -> Iterable[_Taken]:
    for found in taken:
        if progress is not None and found.census is not None:
            progress.advance(found.table, found.census.rows, found.census.bytes_total)
        yield found


def take_table_census(
    connection: apsw.Connection, table: Table, *, progress: Progress | None = None
) -> TableCensus:
    """Return the facts of one table. Raises apsw.Error where it cannot be read to its end."""
    tally = _TableTally(connection, table)
    chunks = RowChunks(
        connection,
        table.name,
        [column.name for column in table.columns],
        rowid_name=table.rowid_name,
        chunk_rows=_FIRST_ROWS,
        chunk_bytes=_CHUNK_BYTES,
    )
    for chunk in chunks:
        byte_count = tally.add(chunk)
        chunks.chunk_rows = _CHUNK_ROWS
        chunks.run_tests(tally.wanted_tests)
        if progress is not None:
            progress.advance(table.name, chunk.length, byte_count)
    return tally.census


class _TableTally:
    def __init__(self, connection: apsw.Connection, table: Table) -> None:
        self._connection = connection
        self._table = table
        self._columns = [ColumnTally(column) for column in table.columns]
        self._tests: dict[str, str] = {}
        self._rows = 0
        self._big_rows = 0
        self._rowid_min: int | None = None
        self._rowid_max: int | None = None
        self._marks: list[int] = []
        self._rows_since_mark = 0
        self._bytes_since_mark = 0

    @property
    def wanted_tests(self) -> dict[str, str]:
        """Column → the test that the reader should run on what is to come."""
        wanted = {
            column.name: tally.wanted_test
            for column, tally in zip(self._table.columns, self._columns, strict=True)
        }
        return {name: test for name, test in wanted.items() if test is not None}

    @property
    def census(self) -> TableCensus:
        columns = tuple(column.census for column in self._columns)
        return TableCensus(
            name=self._table.name,
            rows=self._rows,
            columns=columns,
            rowid_min=self._rowid_min,
            rowid_max=self._rowid_max,
            bytes_total=sum(column.bytes_total for column in columns),
            big_rows=self._big_rows,
            rowid_marks=tuple(self._marks),
        )

    def add(self, chunk: Chunk) -> int:
        """Take a chunk in and return its bytes, big values apart."""
        byte_count = 0
        for description, tally, column in zip(self._table.columns, self._columns, chunk.columns, strict=True):
            test, results = chunk.tests.get(description.name, (None, None))
            byte_count += tally.add(column, test, results, self._run_test)
        self._add_big_values(chunk)
        self._mark(chunk, byte_count)
        self._rows += chunk.length
        return byte_count

    def _run_test(self, template: str, values: Sequence[Any]) -> list[Any]:
        statement = f"SELECT {template.format('?')}"
        return [self._connection.execute(statement, (value,)).fetchall()[0][0] for value in values]

    def _mark(self, chunk: Chunk, byte_count: int) -> None:
        if chunk.rowids is None:
            return
        if self._rowid_min is None:
            self._rowid_min = chunk.rowids[0]
        elif (
            self._rows_since_mark + chunk.length > BATCH_ROWS
            or self._bytes_since_mark + byte_count > BATCH_BYTES
        ):
            self._marks.append(chunk.rowids[0])
            self._rows_since_mark = self._bytes_since_mark = 0
        self._rowid_max = chunk.rowids[-1]
        self._rows_since_mark += chunk.length
        self._bytes_since_mark += byte_count

    def _add_big_values(self, chunk: Chunk) -> None:
        self._big_rows += len({row for column in chunk.columns for row in column.big})
        for description, tally, column in zip(self._table.columns, self._columns, chunk.columns, strict=True):
            for row, value in column.big.items():
                if value.storage_class is StorageClass.BLOB:
                    tally.add_big_blob(value.length)
                    continue
                place = ValuePlace(
                    table=self._table,
                    column=description.name,
                    rowid=None if chunk.rowids is None else chunk.rowids[row],
                    position=self._rows + row,
                )
                tally.add_big_text(self._look_through(place))

    def _look_through(self, place: ValuePlace) -> BigTextFacts:
        strict: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("utf-8")()
        lenient = codecs.getincrementaldecoder("utf-8")("replace")
        length, characters, has_nul, first = 0, 0, False, ""
        for piece in read_slices(self._connection, place, StorageClass.TEXT):
            strict = _decoded(strict, piece)
            text = lenient.decode(piece)
            length += len(piece)
            characters += len(text)
            has_nul |= b"\0" in piece
            first = first or text.lstrip(" \t\r\n")[:1]
        characters += len(lenient.decode(b"", final=True))
        is_utf8 = _decoded(strict, b"", final=True) is not None
        is_json = is_utf8 and not has_nul and length <= _JSON_BYTES_MAX and self._is_json(place)
        return BigTextFacts(
            length=length,
            characters=characters,
            has_nul=has_nul,
            is_utf8=is_utf8,
            is_json=is_json,
            is_document=is_json and first in ("{", "["),
        )

    def _is_json(self, place: ValuePlace) -> bool:
        if not is_streamed(self._connection, place, StorageClass.TEXT):
            text = b"".join(read_slices(self._connection, place, StorageClass.TEXT)).decode()
            return bool(self._run_test(TEXT_TEST, [text])[0])
        # SQLite looks at it where it is, so that Python need not hold it too.
        test = TEXT_TEST.format(quote_sqlite(place.column))
        rowid = quote_sqlite(self._table.rowid_name or "")
        statement = f"SELECT {test} FROM {quote_sqlite(self._table.name)} WHERE {rowid} = ?"
        return bool(self._connection.execute(statement, (place.rowid,)).fetchall()[0][0])


def _decoded(
    decoder: codecs.IncrementalDecoder | None, piece: bytes, *, final: bool = False
) -> codecs.IncrementalDecoder | None:
    """Decode one more piece; None once something was not valid."""
    if decoder is not None:
        try:
            decoder.decode(piece, final)
        except UnicodeDecodeError:
            return None
    return decoder
