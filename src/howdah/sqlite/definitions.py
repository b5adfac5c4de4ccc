"""
What the text of one CREATE statement says, before it meets SQLite's own catalog.

Only what was written: a collation that was not named is None here, although the
column has one. SQL fragments are cut out of the statement unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from howdah.model.source import Check, ForeignKey


@dataclass(frozen=True, kw_only=True)
class KeyPart:
    """One entry of an index, a PRIMARY KEY or a UNIQUE list."""

    #: None for an expression.
    name: str | None
    expression_sql: str | None = None
    collation: str | None = None
    descending: bool = False


@dataclass(frozen=True, kw_only=True)
class KeyDefinition:
    """A PRIMARY KEY or UNIQUE constraint, of a column or of the table."""

    parts: tuple[KeyPart, ...]
    name: str | None = None
    #: ON CONFLICT action in upper case, "" when none was written.
    on_conflict: str = ""
    autoincrement: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(part.name for part in self.parts if part.name is not None)


@dataclass(frozen=True, kw_only=True)
class ColumnDefinition:
    name: str
    #: As written, "" without a type.
    declared_type: str = ""
    #: With its parentheses, when it was written in parentheses.
    default_sql: str | None = None
    not_null: bool = False
    not_null_on_conflict: str = ""
    collation: str | None = None
    generated: Literal["", "stored", "virtual"] = ""
    generated_sql: str | None = None


@dataclass(frozen=True, kw_only=True)
class TableDefinition:
    name: str
    columns: tuple[ColumnDefinition, ...] = ()
    primary_key: KeyDefinition | None = None
    uniques: tuple[KeyDefinition, ...] = ()
    checks: tuple[Check, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    without_rowid: bool = False
    strict: bool = False
    #: The statement from the place where it was no longer understood, "" when all of it was.
    unread_sql: str = ""


@dataclass(frozen=True, kw_only=True)
class IndexDefinition:
    name: str
    table: str
    unique: bool
    parts: tuple[KeyPart, ...]
    #: Without the word WHERE; None for a full index.
    predicate_sql: str | None = None


@dataclass(frozen=True, kw_only=True)
class TriggerDefinition:
    name: str
    table: str
    timing: Literal["BEFORE", "AFTER", "INSTEAD OF"]
    event: Literal["DELETE", "INSERT", "UPDATE"]
    #: Columns of UPDATE OF, () for all.
    columns: tuple[str, ...] = ()
    when_sql: str | None = None
    #: BEGIN … END.
    body_sql: str = ""


@dataclass(frozen=True, kw_only=True)
class VirtualTableDefinition:
    name: str
    module: str
    #: Arguments of the module, cut at the commas outside of parentheses.
    arguments: tuple[str, ...] = ()
