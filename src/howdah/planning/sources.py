"""
The tables, views and subqueries that one SELECT reads, as names are looked up in them.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from howdah.model.source import fold_name
from howdah.planning.sql_values import ROWID_NAMES, Kind, Scope, ScopeColumn, Untranslatable, Value


@dataclass(frozen=True, kw_only=True)
class Source:
    alias: str
    columns: tuple[ScopeColumn, ...]
    rowid: ScopeColumn | None = None
    primary_key: tuple[str, ...] = ()
    #: Lower-case names of columns that JOIN … USING merged with those of tables before it.
    merged: frozenset[str] = frozenset()
    #: Lower-case names of columns that cannot be translated.
    refused: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Sources:
    """The names that the clauses of one SELECT may use."""

    sources: tuple[Source, ...]
    #: Columns that JOIN … USING merged: lower-case names.
    merged: frozenset[str]
    outer: Scope | None

    def resolve(self, table: str, name: str) -> ScopeColumn | None:
        """See `Scope`."""
        found = [
            column
            for source in self.sources
            if not table or fold_name(source.alias) == fold_name(table)
            for column in source.columns
            if fold_name(column.name) == fold_name(name)
        ]
        if any(
            fold_name(name) in source.refused and fold_name(table) in ("", fold_name(source.alias))
            for source in self.sources
        ):
            raise Untranslatable(f'the column "{name}" of a table function')
        if len(found) > 1 and fold_name(name) not in self.merged:
            raise Untranslatable(f'the name "{name}", which several tables have')
        if found:
            return found[0]
        if fold_name(name) in ROWID_NAMES and (table or len(self.sources) == 1):
            for source in self.sources:
                if source.rowid is not None and fold_name(table) in ("", fold_name(source.alias)):
                    return source.rowid
        return self.outer.resolve(table, name) if self.outer is not None else None


def require_plain(values: list[Value], what: str) -> None:
    for value in values:
        if value.collation or value.kind in (Kind.JSON, Kind.ANY):
            raise Untranslatable(f"{what} over a column with a collation, or JSON")
