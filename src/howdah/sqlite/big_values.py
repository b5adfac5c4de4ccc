"""
Values too long for a batch: find the rows that hold them, read them piece by piece.

A value is *big* when it is stored in more bytes than the limit; for text in a UTF-16
database that is its length there. It is read through SQLite's incremental interface and
is never whole in memory, except where that interface does not serve: tables without
rowid or with generated columns, and UTF-16 text. There it is read whole, once, and handed
out in slices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

import apsw

from howdah.codecs.values import SourceColumn
from howdah.model.census import TableCensus
from howdah.model.quarantine import Cell, SourceKey
from howdah.model.source import StorageClass, Table
from howdah.names import quote_sqlite
from howdah.sqlite.connect import open_snapshot
from howdah.sqlite.python_columns import column_of
from howdah.sqlite.row_chunks import read_encoding
from howdah.sqlite.row_select import Chunk, RowSelect, is_big_sql

#: Bytes read at a time.
SLICE_BYTES = 1024 * 1024


def columns_with_big_values(census: TableCensus) -> list[str]:
    """Return the columns in which the census saw a big value."""
    return [column.name for column in census.columns if column.big_values]


def small_rows_condition(census: TableCensus) -> str:
    """Return the SQL condition that a row holds no big value, "" where the census saw none at all."""
    return " AND ".join(f"NOT {is_big_sql(quote_sqlite(name))}" for name in columns_with_big_values(census))


@dataclass(frozen=True, kw_only=True)
class ValuePlace:
    """Where one value is."""

    table: Table
    column: str
    #: None where the table has no rowid that can be read.
    rowid: int | None
    #: How many rows lie before it in the order of the table; counts where there is no rowid.
    position: int = 0


def read_slices(
    connection: apsw.Connection, place: ValuePlace, storage_class: StorageClass
) -> Iterator[bytes]:
    """Yield the bytes of a text (in UTF-8) or blob, at most a megabyte at a time; a character may be cut."""
    if is_streamed(connection, place, storage_class):
        assert place.rowid is not None
        with connection.blob_open("main", place.table.name, place.column, place.rowid, False) as value:
            while piece := value.read(SLICE_BYTES):
                yield piece
        return
    content = memoryview(_read_whole(connection, place))
    for start in range(0, len(content), SLICE_BYTES):
        yield bytes(content[start : start + SLICE_BYTES])


def is_streamed(connection: apsw.Connection, place: ValuePlace, storage_class: StorageClass) -> bool:
    """Return whether the value is read without being whole in memory."""
    return (
        place.rowid is not None
        # sqlite3_blob_open() refuses tables with generated columns altogether.
        and not any(column.generated for column in place.table.columns)
        and (storage_class is StorageClass.BLOB or read_encoding(connection) == "UTF-8")
    )


def _read_whole(connection: apsw.Connection, place: ValuePlace) -> bytes:
    select = RowSelect(
        table_name=place.table.name,
        rowid_name=place.table.rowid_name,
        columns=(place.column,),
        encoding=read_encoding(connection),
        as_bytes=True,
    )
    found = _select_row(connection, select, place.rowid, place.position).columns[0]
    content = found.values[0] if found.texts is None else found.texts[0]
    assert isinstance(content, bytes)
    return content


def _select_row(connection: apsw.Connection, select: RowSelect, rowid: int | None, position: int) -> Chunk:
    if rowid is None:
        return select.split(connection.execute(select.sql(offset=position, limit=1)).fetchall())
    return select.split(connection.execute(select.sql(f"{select.rowid_sql} = ?"), (rowid,)).fetchall())


@dataclass(frozen=True, kw_only=True)
class BigValue:
    """A value that stays where it is until it is read slice by slice."""

    storage_class: StorageClass
    #: Bytes, text as UTF-8.
    length: int
    snapshot_path: str
    place: ValuePlace

    def slices(self) -> Iterator[bytes]:
        """Yield the bytes in order, at most a megabyte at a time."""
        with closing(open_snapshot(self.snapshot_path)) as connection:
            yield from read_slices(connection, self.place, self.storage_class)


@dataclass(frozen=True, kw_only=True)
class BigRow:
    """A row with at least one big value: ordinary values as cells, big ones to be read."""

    key: SourceKey
    cells: Mapping[str, Cell]
    big: Mapping[str, BigValue]


def read_big_rows(
    snapshot_path: str, table: Table, columns: Sequence[str], candidates: Sequence[str]
) -> Iterator[BigRow]:
    """
    Yield the rows that hold a big value in one of the columns `candidates`, in the order of the table.

    One at a time, with what they have in `columns`.
    """
    if not candidates:
        return
    with (
        closing(open_snapshot(snapshot_path)) as finding,
        closing(open_snapshot(snapshot_path)) as reading,
    ):
        select = RowSelect(
            table_name=table.name,
            rowid_name=table.rowid_name,
            columns=tuple(dict.fromkeys([*columns, *table.naming_columns])),
            encoding=read_encoding(reading),
            guarded=True,
            as_bytes=True,
        )
        for rowid, position in _find_big_rows(finding, table, candidates):
            chunk = _select_row(reading, select, rowid, position)
            cells, big = {}, {}
            for name, column in zip(select.columns, chunk.columns, strict=True):
                if not column.big:
                    cells[name] = _cell_of(column_of(column, 1))
                elif name in columns:
                    place = ValuePlace(table=table, column=name, rowid=rowid, position=position)
                    storage_class = column.big[0].storage_class
                    big[name] = BigValue(
                        storage_class=storage_class,
                        length=_measure(reading, place, storage_class, column.big[0].length),
                        snapshot_path=snapshot_path,
                        place=place,
                    )
            key = SourceKey(rowid=rowid)
            if rowid is None:
                # A big value in it counts as NULL, as in the batches of the proof, which names the row too.
                key = SourceKey(cells=tuple(cells.get(name, Cell.of(None)) for name in table.naming_columns))
            yield BigRow(key=key, cells={name: cells[name] for name in columns if name in cells}, big=big)


def _find_big_rows(
    connection: apsw.Connection, table: Table, columns: Sequence[str]
) -> Iterator[tuple[int | None, int]]:
    """Yield rowid and position; the position counts only where there is no rowid."""
    is_big = " OR ".join(is_big_sql(quote_sqlite(name)) for name in columns)
    source = f"{quote_sqlite(table.name)} NOT INDEXED"
    if table.rowid_name is not None:
        rowid = quote_sqlite(table.rowid_name)
        for (found,) in connection.execute(f"SELECT {rowid} FROM {source} WHERE {is_big} ORDER BY {rowid}"):
            yield found, 0
        return
    for position, (big,) in enumerate(connection.execute(f"SELECT {is_big} FROM {source}")):
        if big:
            yield None, position


def _measure(
    connection: apsw.Connection, place: ValuePlace, storage_class: StorageClass, stored_bytes: int
) -> int:
    if storage_class is StorageClass.BLOB or read_encoding(connection) == "UTF-8":
        return stored_bytes
    return len(_read_whole(connection, place))


def _cell_of(column: SourceColumn) -> Cell:
    """Return the only value of a column."""
    if column.text is not None:
        return Cell.of_text(column.text[0].as_py())
    for part in (column.integer, column.real, column.blob):
        if part is not None:
            return Cell.of(part[0].as_py())
    return Cell.of(None)
