"""
Fetch SQLite's own facts about one schema, as plain rows; nothing is decided here.

A virtual table whose module this SQLite lacks, or a view that is broken in the
source, yields a message in place of rows and stops nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import apsw

from howdah.errors import RefusedError
from howdah.names import quote_sqlite
from howdah.sqlite import catalog_queries as queries
from howdah.sqlite.catalog_queries import (
    ColumnMetadata,
    ColumnRow,
    ForeignKeyRow,
    IndexColumnRow,
    IndexRow,
    SchemaRow,
    TableRow,
)
from howdah.sqlite.computing import find_uncomputable
from howdah.sqlite.utf16 import PYTHON_CODECS


@dataclass(frozen=True, kw_only=True)
class TableFacts:
    """What the PRAGMAs tell about one table."""

    table: TableRow
    columns: tuple[ColumnRow, ...] = ()
    #: By column name; missing for virtual tables without their module.
    metadata: dict[str, ColumnMetadata]
    indexes: tuple[tuple[IndexRow, tuple[IndexColumnRow, ...]], ...] = ()
    foreign_keys: tuple[ForeignKeyRow, ...] = ()
    #: VIRTUAL generated column that SQLite cannot compute → its message.
    uncomputable: dict[str, str] = field(default_factory=dict)
    #: SQLite's message where the table cannot be looked at, "" otherwise.
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class ViewFacts:
    columns: tuple[str, ...] = ()
    error: str = ""


def fetch_schema(connection: apsw.Connection) -> list[SchemaRow]:
    """Return the rows of sqlite_schema in the order of creation. Raises RefusedError (S-017)."""
    try:
        try:
            return [SchemaRow(*row) for row in _rows(connection, queries.SCHEMA)]
        except UnicodeDecodeError:
            codec = PYTHON_CODECS[connection.pragma("encoding")]
            return [
                _decode_row(kind, name, table, sql, codec)
                for kind, name, table, sql in _rows(connection, queries.SCHEMA_BYTES)
            ]
    except UnicodeDecodeError as error:
        raise refuse_name(error) from error


def refuse_name(error: UnicodeDecodeError) -> RefusedError:
    """Build the error for a name that cannot be read as text (S-017)."""
    return RefusedError(
        "S-017",
        "the schema holds a name that is not valid Unicode",
        detail=f"Bytes {error.object[:60]!r}.",
        hint="Rename the object in SQLite first.",
    )


def _decode_row(kind: str, name: str, table: str, sql: bytes, codec: str) -> SchemaRow:
    try:
        return SchemaRow(kind, name, table, sql.decode(codec))
    except UnicodeDecodeError:
        return SchemaRow(kind, name, table, sql.decode(codec, errors="replace"), valid=False)


def fetch_tables(connection: apsw.Connection) -> list[TableRow]:
    """Return all tables of the main database, virtual and shadow tables and SQLite's own included."""
    return [TableRow(*row) for row in _rows(connection, queries.TABLES)]


def fetch_table_facts(connection: apsw.Connection, table: TableRow, *, every_row: bool = False) -> TableFacts:
    """Return what SQLite tells about one table; `every_row` as in `computing.find_uncomputable`."""
    name = table.name
    try:
        columns = _fetch_columns(connection, name)
    except apsw.SQLError as error:
        return TableFacts(table=table, metadata={}, error=str(error))
    indexes = [IndexRow(*row) for row in _rows(connection, queries.INDEXES, name)]
    virtual = [column.name for column in columns if column.hidden == queries.VIRTUAL_COLUMN]
    return TableFacts(
        table=table,
        columns=columns,
        metadata={column.name: _metadata(connection, name, column.name) for column in columns},
        indexes=tuple((index, _fetch_index_columns(connection, index.name)) for index in indexes),
        foreign_keys=tuple(ForeignKeyRow(*row) for row in _rows(connection, queries.FOREIGN_KEYS, name)),
        uncomputable=find_uncomputable(connection, name, virtual, every_row=every_row),
    )


def fetch_view_facts(connection: apsw.Connection, name: str) -> ViewFacts:
    """Return a view's columns, or SQLite's message when it cannot prepare the view."""
    try:
        # The PRAGMA alone does not prepare all of the view.
        connection.execute(f"SELECT * FROM {quote_sqlite(name)} LIMIT 0").fetchall()
        columns = tuple(str(row[1]) for row in _rows(connection, queries.COLUMNS, name))
    except apsw.Error as error:
        return ViewFacts(error=str(error))
    return ViewFacts(columns=columns)


def fetch_sequences(connection: apsw.Connection, tables: list[TableRow]) -> dict[str, int]:
    """Return the counters of AUTOINCREMENT by table name."""
    if not any(table.name == "sqlite_sequence" for table in tables):
        return {}
    return dict(_rows(connection, queries.SEQUENCES))


def _fetch_columns(connection: apsw.Connection, table: str) -> tuple[ColumnRow, ...]:
    try:
        return tuple(ColumnRow(*row) for row in _rows(connection, queries.COLUMNS, table))
    except UnicodeDecodeError:
        return tuple(ColumnRow(*row) for row in _rows(connection, queries.COLUMNS_WITHOUT_DEFAULTS, table))


def _fetch_index_columns(connection: apsw.Connection, index: str) -> tuple[IndexColumnRow, ...]:
    return tuple(IndexColumnRow(*row) for row in _rows(connection, queries.INDEX_COLUMNS, index))


def _metadata(connection: apsw.Connection, table: str, column: str) -> ColumnMetadata:
    _, collation, _, _, autoincrement = connection.column_metadata("main", table, column)
    return ColumnMetadata(collation, autoincrement)


def _rows(connection: apsw.Connection, query: str, *parameters: str) -> list[tuple[Any, ...]]:
    return connection.execute(query, parameters).fetchall()
