"""
Values too long for a batch: find the rows that hold them, read them piece by piece.

A value is *big* when `octet_length()` says that it is longer than the limit; for text in
a UTF-16 database that is its length there. SQLite answers that from the record's header,
without visiting the value's pages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from howdah.model.census import TableCensus
from howdah.model.limits import BIG_VALUE_BYTES
from howdah.model.quarantine import Cell, SourceKey
from howdah.model.source import StorageClass, Table
from howdah.names import quote_sqlite
from howdah.sqlite.connect import open_snapshot

#: Bytes read at a time.
_SLICE_BYTES = 1024 * 1024


def is_big_sql(column: str) -> str:
    """Return the SQL condition that the value of a column is big; it is never NULL."""
    return f"ifnull(octet_length({quote_sqlite(column)}) > {BIG_VALUE_BYTES}, 0)"


def small_rows_condition(census: TableCensus) -> str:
    """Return the SQL condition that a row holds no big value, "" where the census saw none at all."""
    big = [column.name for column in census.columns if column.big_values]
    return " AND ".join(f"NOT {is_big_sql(name)}" for name in big)


@dataclass(frozen=True, kw_only=True)
class BigValue:
    """A value that stays where it is until it is read slice by slice."""

    storage_class: StorageClass
    #: Bytes, text as UTF-8.
    length: int
    _path: str
    _table: str
    _column: str
    #: None where the value can only be read whole (WITHOUT ROWID, UTF-16 text).
    _rowid: int | None
    _where: str
    _binds: tuple[object, ...] = field(default=())

    def slices(self) -> Iterator[bytes]:
        """Yield the bytes in order, at most a megabyte at a time."""
        connection = open_snapshot(self._path)
        try:
            if self._rowid is not None:
                with connection.blob_open("main", self._table, self._column, self._rowid, False) as value:
                    while piece := value.read(_SLICE_BYTES):
                        yield piece
                return
            column = quote_sqlite(self._column)
            query = f"SELECT CAST({column} AS BLOB) FROM {quote_sqlite(self._table)} WHERE {self._where}"
            if connection.pragma("encoding") != "UTF-8" and self.storage_class is StorageClass.TEXT:
                query = f"SELECT {column} FROM {quote_sqlite(self._table)} WHERE {self._where}"
            ((whole,),) = connection.execute(query, self._binds).fetchall()
            content = whole.encode() if isinstance(whole, str) else whole
            for start in range(0, len(content), _SLICE_BYTES):
                yield content[start : start + _SLICE_BYTES]
        finally:
            connection.close()


@dataclass(frozen=True, kw_only=True)
class BigRow:
    """A row with at least one big value: ordinary values as cells, big ones to be read."""

    key: SourceKey
    cells: Mapping[str, Cell]
    big: Mapping[str, BigValue]


def read_big_rows(
    snapshot_path: str, table: Table, columns: Sequence[str], census: TableCensus
) -> Iterator[BigRow]:
    """Yield the rows that hold a big value, one at a time."""
    candidates = [column.name for column in census.columns if column.big_values]
    if not candidates:
        return
    connection = open_snapshot(snapshot_path)
    try:
        utf8 = connection.pragma("encoding") == "UTF-8"
        names = list(dict.fromkeys([*columns, *table.primary_key]))
        fields = []
        for name in names:
            column = quote_sqlite(name)
            text = f"CAST({column} AS BLOB)" if utf8 else column
            value = f"CASE typeof({column}) WHEN 'text' THEN {text} ELSE {column} END"
            if name in candidates:
                value = f"CASE WHEN {is_big_sql(name)} THEN NULL ELSE {value} END"
            fields.append(f"typeof({column}), ifnull(octet_length({column}), 0), {value}")
        rowid = table.rowid_name or "NULL"
        condition = " OR ".join(is_big_sql(name) for name in candidates)
        query = f"SELECT {rowid}, {', '.join(fields)} FROM {quote_sqlite(table.name)} NOT INDEXED WHERE {condition}"
        for row in connection.execute(query):
            yield _build_row(snapshot_path, table, names, columns, row, utf8=utf8)
    finally:
        connection.close()


def _build_row(
    path: str,
    table: Table,
    names: Sequence[str],
    columns: Sequence[str],
    row: tuple[object, ...],
    *,
    utf8: bool,
) -> BigRow:
    rowid = row[0] if isinstance(row[0], int) else None
    cells: dict[str, Cell] = {}
    lengths: dict[str, tuple[StorageClass, int]] = {}
    for position, name in enumerate(names):
        kind, length, value = row[1 + 3 * position : 4 + 3 * position]
        storage_class = StorageClass(str(kind))
        assert isinstance(length, int)
        if length > BIG_VALUE_BYTES:
            lengths[name] = (storage_class, length)
        elif storage_class is StorageClass.TEXT:
            cells[name] = Cell.of_text(value if isinstance(value, bytes) else str(value).encode())
        else:
            cells[name] = Cell.of(value)  # type: ignore[arg-type]
    key = SourceKey(rowid=rowid)
    where, binds = f"{table.rowid_name} = ?", (rowid,)
    if rowid is None:
        key = SourceKey(cells=tuple(cells[name] for name in table.primary_key))
        where = " AND ".join(f"{quote_sqlite(name)} = ?" for name in table.primary_key)
        binds = tuple(_bind(cells[name]) for name in table.primary_key)  # type: ignore[assignment]
    big = {
        name: BigValue(
            storage_class=storage_class,
            length=length
            if utf8 or storage_class is StorageClass.BLOB
            else _utf8_length(path, table, name, where, binds),
            _path=path,
            _table=table.name,
            _column=name,
            _rowid=rowid if utf8 or storage_class is StorageClass.BLOB else None,
            _where=where,
            _binds=binds,
        )
        for name, (storage_class, length) in lengths.items()
        if name in columns
    }
    return BigRow(key=key, cells={name: cells[name] for name in columns if name in cells}, big=big)


def _bind(cell: Cell) -> object:
    content = cell.content
    return (
        content.decode()
        if cell.storage_class is StorageClass.TEXT and isinstance(content, bytes)
        else content
    )


def _utf8_length(path: str, table: Table, name: str, where: str, binds: tuple[object, ...]) -> int:
    """Return how long a text of a UTF-16 database is in UTF-8."""
    connection = open_snapshot(path)
    try:
        query = f"SELECT {quote_sqlite(name)} FROM {quote_sqlite(table.name)} WHERE {where}"
        ((text,),) = connection.execute(query, binds).fetchall()  # type: ignore[arg-type]
        return len(str(text).encode())
    finally:
        connection.close()
