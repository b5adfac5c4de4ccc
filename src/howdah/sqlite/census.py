"""
Take the census of a snapshot: what every column really stores, over every row.

One pass for each table, in its own order, with bounded memory; the facts are those of
`model.census`, which says what each means. Ordinary tables are read from their pages, column by
column (`page_file`, `page_columns`); whatever is unusual about a table or a row is read by SQLite.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Any, Protocol

import apsw

from howdah.model.census import Census, TableCensus
from howdah.model.limits import BATCH_BYTES, BATCH_ROWS
from howdah.model.source import StorageClass, Table
from howdah.names import quote_sqlite
from howdah.sqlite.big_values import ValuePlace, is_streamed, read_slices
from howdah.sqlite.column_tally import ColumnTally
from howdah.sqlite.column_values import values_of
from howdah.sqlite.connect import open_snapshot
from howdah.sqlite.json_counts import count_json, is_json
from howdah.sqlite.page_columns import is_usual, split_columns
from howdah.sqlite.page_file import PageFile, RowRun, UnusualTableError, read_row_runs
from howdah.sqlite.python_columns import column_of
from howdah.sqlite.row_chunks import RowChunks, read_encoding
from howdah.sqlite.row_select import Chunk
from howdah.sqlite.text_tally import BigTextFacts

#: Rows and bytes that SQLite reads at once; few enough to stay in the processor's cache.
_CHUNK_ROWS = 2_048
_CHUNK_BYTES = 2 * 1024 * 1024

#: A longer text is not parsed as JSON: SQLite would need several times its size.
_JSON_BYTES_MAX = 64 * 1024 * 1024


class Progress(Protocol):
    """Who watches."""

    def advance(self, table: str, rows: int, byte_count: int = 0, /) -> None:
        """Record that so many more rows and bytes of `table` are done."""


def take_census(snapshot_path: str, tables: Sequence[Table], *, progress: Progress | None = None) -> Census:
    """
    Return the facts of the tables, in their order.

    A table that cannot be read to its end is named in `Census.unreadable` and left out. Raises
    what `connect.open_snapshot` raises.
    """
    counted: dict[str, Future[TableCensus]] = {}
    unreadable: dict[str, str] = {}
    with (
        closing(open_snapshot(snapshot_path)) as connection,
        closing(open_snapshot(snapshot_path)) as second,
        # SQLite answers for one table what remained open while the next one is counted.
        ThreadPoolExecutor(1) as beside,
    ):
        for table in tables:
            try:
                tally = _count(connection, table, progress)
            except apsw.Error as error:
                unreadable[table.name] = str(error)
            else:
                counted[table.name] = beside.submit(tally.settle, second)
    for name, settled in counted.items():
        failure = settled.exception()
        if isinstance(failure, apsw.Error):
            unreadable[name] = str(failure)
    return Census(
        tables=tuple(settled.result() for name, settled in counted.items() if name not in unreadable),
        unreadable=tuple(unreadable.items()),
    )


def take_table_census(
    connection: apsw.Connection, table: Table, *, progress: Progress | None = None
) -> TableCensus:
    """Return the facts of one table of a snapshot. Raises apsw.Error where it cannot be read to its end."""
    return _count(connection, table, progress).settle(connection)


def _count(connection: apsw.Connection, table: Table, progress: Progress | None) -> _TableTally:
    try:
        return _count_pages(connection, table, progress)
    except (UnusualTableError, IndexError):
        # Damage, too, is for SQLite to name.
        return _count_rows(connection, table, progress)


def _count_pages(connection: apsw.Connection, table: Table, progress: Progress | None) -> _TableTally:
    if not is_usual(table) or read_encoding(connection) != "UTF-8":
        raise UnusualTableError(table.name)
    tally = _TableTally(connection, table)
    root = "SELECT rootpage FROM sqlite_schema WHERE type = 'table' AND name = ?"
    rows: list[Any] = connection.execute(root, (table.name,)).fetchall()
    with PageFile(connection.db_filename("main")) as file:
        for run in read_row_runs(file, rows[0][0]):
            byte_count = 0
            if run.left_out:
                rowid = run.first_rowid
                for chunk in _read_chunks(connection, table, low=rowid, high=rowid):
                    byte_count += tally.add(chunk)
            else:
                byte_count += tally.add_run(run)
            if progress is not None:
                progress.advance(table.name, len(run.rowids), byte_count)
    return tally


def _count_rows(connection: apsw.Connection, table: Table, progress: Progress | None) -> _TableTally:
    tally = _TableTally(connection, table)
    for chunk in _read_chunks(connection, table):
        byte_count = tally.add(chunk)
        if progress is not None:
            progress.advance(table.name, chunk.length, byte_count)
    return tally


def _read_chunks(
    connection: apsw.Connection, table: Table, *, low: int | None = None, high: int | None = None
) -> Iterator[Chunk]:
    yield from RowChunks(
        connection,
        table.name,
        [column.name for column in table.columns],
        rowid_name=table.rowid_name,
        low=low,
        high=high,
        chunk_rows=_CHUNK_ROWS,
        chunk_bytes=_CHUNK_BYTES,
    )


class _TableTally:
    def __init__(self, connection: apsw.Connection, table: Table) -> None:
        self._connection = connection
        self._table = table
        self._columns = [ColumnTally(column) for column in table.columns]
        self._rows = 0
        self._big_rows = 0
        self._rowid_min: int | None = None
        self._rowid_max: int | None = None
        self._marks: list[int] = []
        self._rows_since_mark = 0
        self._bytes_since_mark = 0

    def add(self, chunk: Chunk) -> int:
        """Take rows in that SQLite has read, and return their bytes, big values apart."""
        byte_count = sum(
            tally.add(values_of(column_of(column, chunk.length), len(column.big)))
            for tally, column in zip(self._columns, chunk.columns, strict=True)
        )
        self._add_big_values(chunk)
        if chunk.rowids is not None:
            self._mark(chunk.rowids[0], chunk.rowids[-1], chunk.length, byte_count)
        self._rows += chunk.length
        return byte_count

    def add_run(self, run: RowRun) -> int:
        """Take rows in as they lie on their pages, and return their bytes."""
        byte_count = sum(
            tally.add(values)
            for tally, values in zip(self._columns, split_columns(run, self._table), strict=True)
        )
        self._mark(run.first_rowid, run.last_rowid, len(run.rowids), byte_count)
        self._rows += len(run.rowids)
        return byte_count

    def settle(self, connection: apsw.Connection) -> TableCensus:
        """Have SQLite answer what remains open when all rows are in; return the facts."""
        asked = [(tally, question) for tally in self._columns for question in tally.questions]
        questions = [question for _, question in asked]
        answers = count_json(connection, self._table.name, questions, read_encoding(connection))
        for (tally, question), answer in zip(asked, answers, strict=True):
            tally.settle(question, answer)
        columns = tuple(tally.census for tally in self._columns)
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

    def _mark(self, first_rowid: int, last_rowid: int, row_count: int, byte_count: int) -> None:
        if self._rowid_min is None:
            self._rowid_min = first_rowid
        elif (
            self._rows_since_mark + row_count > BATCH_ROWS
            or self._bytes_since_mark + byte_count > BATCH_BYTES
        ):
            self._marks.append(first_rowid)
            self._rows_since_mark = self._bytes_since_mark = 0
        self._rowid_max = last_rowid
        self._rows_since_mark += row_count
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
            return is_json(self._connection, "?", "", (text,))
        # SQLite looks at it where it is, so that Python need not hold it too.
        rowid = quote_sqlite(self._table.rowid_name or "")
        source = f"FROM {quote_sqlite(self._table.name)} WHERE {rowid} = ?"
        return is_json(self._connection, quote_sqlite(place.column), source, (place.rowid,))


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
