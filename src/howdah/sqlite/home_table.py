"""
A table as the way home writes it: its columns, its key, and what keeps SQLite from writing to it. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from howdah.model.source import Index, Table
from howdah.sqlite.connect import BUILT_IN_COLLATIONS


@dataclass(frozen=True, kw_only=True)
class HomeTable:
    table: Table
    #: Columns that are written, in the order of staged rows (generated ones are computed).
    columns: tuple[str, ...]
    #: Columns that name a row on both sides, () where there are none.
    key: tuple[str, ...]

    @property
    def keeps_rowids(self) -> bool:
        """Whether rows have a rowid that is not one of the columns."""
        return self.table.rowid_name is not None and self.table.rowid_alias is None

    @property
    def by_unknown_collations(self) -> tuple[Index, ...]:
        """Indexes that SQLite cannot bring up to date without the application."""
        return tuple(
            index
            for index in self.table.indexes
            if any(part.collation.upper() not in BUILT_IN_COLLATIONS for part in index.columns)
        )

    @property
    def stays(self) -> tuple[str, ...]:
        """Columns that no value is brought for: a row that is written again keeps what it has there."""
        return tuple(
            column.name
            for column in self.table.columns
            if not column.generated and column.name not in self.columns
        )

    @property
    def known_columns(self) -> tuple[str, ...]:
        """What a row that is written again takes over from the one in its place."""
        return ((str(self.table.rowid_name),) if self.keeps_rowids else ()) + self.stays


@dataclass(frozen=True, kw_only=True)
class Changes:
    """Rows that were written to one table."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    @property
    def any(self) -> bool:
        """Whether anything was."""
        return bool(self.inserted or self.updated or self.deleted)
