"""
What a SQLite file declares: tables, columns, keys, indexes, views, triggers.

Facts as SQLite's own catalog and the text of the CREATE statements give them,
nothing decided. Names are exactly as stored, unquoted. SQL fragments are exactly
as written by the application, without the enclosing keyword or parentheses.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Literal

from howdah.model.findings import Finding

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def fold_name(name: str) -> str:
    """
    Return the form of a name or keyword in which SQLite compares it: A to Z lowered, all else as it is.

    str.lower() would make one of names that are two in SQLite: "É" and "é", "K" and the Kelvin sign.
    """
    return name.translate(_LOWER)


class StorageClass(StrEnum):
    """The five classes a stored value can have (sqlite.org/datatype3.html)."""

    NULL = "null"
    INTEGER = "integer"
    REAL = "real"
    TEXT = "text"
    BLOB = "blob"


class Affinity(StrEnum):
    """Column affinity by SQLite's rules over the declared type (datatype3.html section 3.1)."""

    TEXT = "text"
    NUMERIC = "numeric"
    INTEGER = "integer"
    REAL = "real"
    BLOB = "blob"


@dataclass(frozen=True, kw_only=True)
class Column:
    name: str
    #: Exactly as written in CREATE TABLE, "" when the column has no type.
    declared_type: str
    affinity: Affinity
    not_null: bool = False
    #: ON CONFLICT action of NOT NULL, "" for the default (ABORT).
    not_null_on_conflict: str = ""
    #: SQL text of DEFAULT as written, without outer parentheses being removed; None without one.
    default_sql: str | None = None
    #: 1-based position within PRIMARY KEY, 0 when the column is not part of it.
    pk_position: int = 0
    #: "" for an ordinary column.
    generated: Literal["", "stored", "virtual"] = ""
    generated_sql: str | None = None
    #: BINARY, NOCASE, RTRIM or the name of a collation that the application defines; as written.
    collation: str = "BINARY"


@dataclass(frozen=True, kw_only=True)
class IndexColumn:
    #: None for an expression and for the rowid.
    name: str | None
    expression_sql: str | None = None
    collation: str = "BINARY"
    descending: bool = False


@dataclass(frozen=True, kw_only=True)
class Index:
    name: str
    table: str
    unique: bool
    #: How it came to be: CREATE INDEX, a UNIQUE constraint, or a PRIMARY KEY constraint.
    origin: Literal["create", "unique", "primary_key"]
    columns: tuple[IndexColumn, ...]
    #: WHERE of a partial index, None for a full one.
    predicate_sql: str | None = None
    #: The CREATE INDEX statement; "" for automatic indexes.
    sql: str = ""
    #: ON CONFLICT action of the constraint, "" for the default (ABORT).
    on_conflict: str = ""
    #: Name of the UNIQUE or PRIMARY KEY constraint it serves, None when it has none.
    constraint_name: str | None = None


@dataclass(frozen=True, kw_only=True)
class ForeignKey:
    columns: tuple[str, ...]
    #: As written, which may differ in case from the parent's own name.
    parent_table: str
    #: () when the declaration names no columns, that is the parent's primary key.
    parent_columns: tuple[str, ...]
    on_update: str = "NO ACTION"
    on_delete: str = "NO ACTION"
    deferrable: bool = False
    initially_deferred: bool = False
    #: Constraint name, None when it has none.
    name: str | None = None
    #: Word behind MATCH in upper case, "" without one; SQLite ignores it.
    match: str = ""


@dataclass(frozen=True, kw_only=True)
class Check:
    sql: str
    name: str | None = None
    #: The column it was written beside, None for a table constraint.
    column: str | None = None


@dataclass(frozen=True, kw_only=True)
class Uncomputed:
    """A VIRTUAL generated column whose values are nowhere stored and that SQLite could not compute."""

    name: str
    sql: str
    #: SQLite's message.
    message: str
    #: What goes with it: indexes, UNIQUE and foreign keys over it, as people would write them.
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Table:
    name: str
    columns: tuple[Column, ...]
    #: "shadow" belongs to a virtual table; "system" is SQLite's own (sqlite_sequence, sqlite_stat1…).
    kind: Literal["table", "virtual", "shadow", "system"] = "table"
    #: The CREATE TABLE statement as stored; "" where sqlite_schema holds none that can be read.
    sql: str = ""
    #: Column names of PRIMARY KEY in key order, () without one.
    primary_key: tuple[str, ...] = ()
    primary_key_name: str | None = None
    #: ON CONFLICT action of PRIMARY KEY, "" for the default (ABORT).
    primary_key_on_conflict: str = ""
    #: The INTEGER PRIMARY KEY column that is the rowid, None without one.
    rowid_alias: str | None = None
    #: A name by which the rowid can be read (rowid, _rowid_, oid), None where the table has none
    #: (WITHOUT ROWID, or all three names are taken by columns).
    rowid_name: str | None = "rowid"
    without_rowid: bool = False
    strict: bool = False
    autoincrement: bool = False
    #: sqlite_sequence.seq, None when the table has no row there.
    sequence_value: int | None = None
    indexes: tuple[Index, ...] = ()
    #: Duplicated declarations are kept; the plan folds them.
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: tuple[Check, ...] = ()
    #: Module of a virtual table (fts5, rtree…), "" otherwise.
    module: str = ""
    #: A virtual table of a known module that keeps its rows itself: they can be carried. Or the shadow
    #: table that holds the rows of one that cannot be read itself.
    keeps_rows: bool = False
    #: The ordinary table over whose texts a full-text table searches, "" where it keeps its own.
    content_table: str = ""
    #: The virtual table that a shadow table belongs to; of kind "table", the one after whose private tables
    #: a user's own is called.
    shadow_of: str | None = None
    #: Generated columns that are not among `columns`.
    uncomputed: tuple[Uncomputed, ...] = ()
    #: What the reader could not understand of the CREATE statement, "" when it understood all.
    unread_sql: str = ""

    @property
    def naming_columns(self) -> tuple[str, ...]:
        """
        The columns by which a row is named that has no number: the key, or all that are stored.

        A table may have a number for each row and columns with each of its names, and no key.
        """
        return self.primary_key or tuple(column.name for column in self.columns if not column.generated)

    @property
    def has_rows(self) -> bool:
        """Whether there are rows of its own that can be read and carried."""
        return self.kind == "table" or self.keeps_rows

    def column(self, name: str) -> Column:
        """Return the column of that name, ignoring ASCII case as SQLite does. Raises KeyError."""
        for column in self.columns:
            if column.name == name:
                return column
        wanted = fold_name(name)
        for column in self.columns:
            if fold_name(column.name) == wanted:
                return column
        raise KeyError(name)


@dataclass(frozen=True, kw_only=True)
class View:
    name: str
    sql: str
    #: Output columns; () when SQLite itself cannot prepare the view.
    columns: tuple[str, ...] = ()
    #: SQLite's message when the view is broken in the source, "" otherwise.
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Trigger:
    name: str
    table: str
    sql: str
    #: BEFORE, AFTER or INSTEAD OF; "" where the statement could not be read.
    timing: str = ""
    #: DELETE, INSERT or UPDATE; "" where the statement could not be read.
    event: str = ""
    #: Of UPDATE OF.
    columns: tuple[str, ...] = ()
    when_sql: str = ""
    #: From BEGIN to END.
    body_sql: str = ""


@dataclass(frozen=True, kw_only=True)
class SourceCatalog:
    #: Path as the person gave it.
    path: str
    tables: tuple[Table, ...]
    views: tuple[View, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    #: UTF-8, UTF-16le or UTF-16be.
    encoding: str = "UTF-8"
    journal_mode: str = "delete"
    page_size: int = 4096
    page_count: int = 0
    freelist_count: int = 0
    user_version: int = 0
    application_id: int = 0
    auto_vacuum: int = 0
    schema_version: int = 0
    #: Version of the SQLite library that read the file.
    sqlite_version: str = ""
    #: Collations that the application defines; rows are read without them, by rowid.
    unknown_collations: tuple[str, ...] = ()

    def table(self, name: str) -> Table:
        """Return the table of that name, ignoring ASCII case as SQLite does. Raises KeyError."""
        return self._by_folded_name[fold_name(name)]

    @cached_property
    def _by_folded_name(self) -> dict[str, Table]:
        return {fold_name(table.name): table for table in self.tables}


@dataclass(frozen=True, kw_only=True)
class LiveIdentity:
    """
    By what a later look at the source notices that it was replaced or written to.

    Committed writes in WAL mode need not change the file itself, so the -wal counts too.
    """

    device: int
    inode: int
    #: Bytes of the main file and of its -wal (0 without one).
    size: int
    wal_size: int
    #: Nanoseconds since 1970, of the main file and of its -wal (0 without one).
    modified_ns: int
    wal_modified_ns: int
    #: File change counter of the header (sqlite.org/fileformat2.html section 1.3.7), 0 for an empty file.
    change_counter: int


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A private consistent copy of the source, made by SQLite's backup API."""

    path: str
    #: SHA-256 of the file, hex.
    sha256: str
    size: int
    #: UTC, ISO 8601, when the copy was complete.
    taken_at: str
    #: Journal mode of the source ("wal" or "delete"); the copy itself is always "delete".
    journal_mode: str = "delete"
    #: What the source was when the copy was taken; None for a snapshot recorded without it.
    identity: LiveIdentity | None = None
    #: What a person should know about the file: it was empty, was recovered, may lack its -wal.
    findings: tuple[Finding, ...] = ()
