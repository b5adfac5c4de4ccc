"""
The questions put to SQLite's own catalog, each with its answer's shape.

Names go in as parameters of the table-valued PRAGMAs (sqlite.org/pragma.html#pragfunc),
never into the text of a statement.
"""

from __future__ import annotations

from typing import NamedTuple

#: Names that the number of a row has where no column has them.
ROWID_NAMES = ("rowid", "_rowid_", "oid")

#: What `hidden` is of a VIRTUAL generated column.
VIRTUAL_COLUMN = 2
#: `position` of what an index holds in place of a column.
EXPRESSION = -2

#: Tables and virtual tables with their kind; `type` is table, virtual or shadow.
TABLES = """
SELECT name, type, wr, strict FROM pragma_table_list
WHERE schema = 'main' AND type <> 'view' AND name <> 'sqlite_schema'
"""

#: Everything that has a CREATE statement, in the order of creation.
SCHEMA = "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema ORDER BY rowid"

#: The same where a statement is not valid Unicode: its bytes, in the encoding of the database.
SCHEMA_BYTES = """
SELECT type, name, tbl_name, CAST(coalesce(sql, '') AS BLOB) FROM sqlite_schema ORDER BY rowid
"""

COLUMNS = """
SELECT cid, name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(?, 'main')
"""

#: The same where a default is not valid Unicode: without it.
COLUMNS_WITHOUT_DEFAULTS = """
SELECT cid, name, type, "notnull", NULL, pk, hidden FROM pragma_table_xinfo(?, 'main')
"""

INDEXES = "SELECT name, \"unique\", origin, partial FROM pragma_index_list(?, 'main') ORDER BY seq DESC"

#: Only key columns: what SQLite appends to find the row is not part of the index.
INDEX_COLUMNS = """
SELECT cid, name, "desc", coll FROM pragma_index_xinfo(?, 'main') WHERE key = 1 ORDER BY seqno
"""

#: SQLite counts foreign keys from the last one written.
FOREIGN_KEYS = """
SELECT id, "table", "from", "to", on_update, on_delete, "match"
FROM pragma_foreign_key_list(?, 'main') ORDER BY id DESC, seq
"""

#: The application may write anything there; only integers count, of tables that there are.
SEQUENCES = """
SELECT name, max(seq) FROM sqlite_sequence
WHERE typeof(seq) = 'integer' AND name IN (SELECT name FROM sqlite_schema WHERE type = 'table')
GROUP BY name
"""


class SchemaRow(NamedTuple):
    """One object of sqlite_schema; `sql` is "" for automatic indexes."""

    kind: str
    name: str
    table: str
    sql: str
    #: False where bytes that are no Unicode stand replaced in `sql`, which then cannot be relied on.
    valid: bool = True


class TableRow(NamedTuple):
    name: str
    kind: str
    without_rowid: int
    strict: int


class ColumnRow(NamedTuple):
    position: int
    name: str
    declared_type: str
    not_null: int
    default_sql: str | None
    pk_position: int
    #: 0 ordinary, 1 hidden column of a virtual table, 2 VIRTUAL, 3 STORED.
    hidden: int


class IndexRow(NamedTuple):
    name: str
    unique: int
    #: c CREATE INDEX, u UNIQUE, pk PRIMARY KEY.
    origin: str
    partial: int


class IndexColumnRow(NamedTuple):
    #: -1 the rowid, -2 an expression.
    position: int
    name: str | None
    descending: int
    collation: str


class ForeignKeyRow(NamedTuple):
    id: int
    parent_table: str
    column: str
    #: None where the declaration names no parent columns.
    parent_column: str | None
    on_update: str
    on_delete: str
    match: str


class ColumnMetadata(NamedTuple):
    """What sqlite3_table_column_metadata() tells beside the PRAGMAs."""

    collation: str
    autoincrement: bool
