"""
A table on its way from what SQLite declares to what PostgreSQL gets.

Pure. Joins the source's facts with the decisions made so far; the modules that build
steps read it and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from howdah.model.census import Census, ColumnCensus, TableCensus
from howdah.model.plan import TablePlan
from howdah.model.source import ForeignKey, Table, fold_name
from howdah.names import Namespace, qualified, quote, snake_case
from howdah.planning.sql_values import ScopeColumn, TableScope, scope_column

#: Base names of the types of text that a created schema has: they have a collation.
COLLATABLE = frozenset({"text", "varchar"})


@dataclass(frozen=True, kw_only=True)
class TableDesign:
    source: Table
    census: TableCensus
    plan: TablePlan
    #: Columns of the PRIMARY KEY that PostgreSQL gets, source names; () for none.
    primary_key: tuple[str, ...]
    #: The declared primary key holds NULLs and becomes a unique constraint.
    key_with_nulls: bool = False

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def target(self) -> str:
        """The qualified, quoted name in PostgreSQL."""
        return qualified(self.plan.target_schema, self.plan.target_name)

    @cached_property
    def scope(self) -> TableScope:
        """The columns as expressions of this table may name them; made once, every index and CHECK asks."""
        plans = {column.name: column for column in self.plan.columns}
        return TableScope(
            {
                fold_name(column.name): scope_column(column, plans[column.name])
                for column in self.source.columns
            },
            table=self.source.name,
            rowid=self.rowid,
        )

    @property
    def rowid(self) -> ScopeColumn | None:
        """The column that is the number of the row, None where no column is."""
        alias = self.source.rowid_alias
        if alias is None:
            return None
        return scope_column(self.source.column(alias), self.plan.column(alias))

    def quoted(self, column: str) -> str:
        """Return the quoted target name of a source column."""
        return quote(self.plan.column(column).target_name)


@dataclass(frozen=True, kw_only=True)
class ResolvedForeignKey:
    """A foreign key whose table and columns exist, under their own spelling."""

    table: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    declared: ForeignKey


@dataclass(frozen=True, kw_only=True)
class Names:
    """Names already given: one namespace for the schema, one for the constraints of each table."""

    relations: Namespace
    constraints: dict[str, Namespace]
    #: Target names of views, by source name.
    views: Mapping[str, str]
    #: Target names of indexes that CREATE INDEX named, by source name.
    indexes: dict[str, str] = field(default_factory=dict)
    #: Names that are taken from here on are folded to snake_case.
    fold: bool = False

    def reserve_indexes(self, table: Table) -> None:
        """Give the indexes of a table their names, before names are derived for constraints."""
        for index in table.indexes:
            if index.origin == "create":
                self.indexes[index.name] = self.take_relation(index.name)

    def take_relation(self, wanted: str) -> str:
        """Return a free name for an index or a sequence."""
        return self.relations.take(self.shape(wanted))

    def shape(self, wanted: str) -> str:
        """Return the name as it is asked for: as it stands, or folded."""
        return snake_case(wanted) if self.fold else wanted

    def take_constraint(self, table: str, wanted: str, *, relation: bool) -> str:
        """Return a free name for a constraint; one with an index needs to be free in the schema too."""
        space = self.constraints.setdefault(table, Namespace())
        wanted = self.shape(wanted)
        if not relation:
            return space.take(wanted)
        name = self.relations.take(wanted)
        while not space.is_free(name):
            name = self.relations.take(wanted)
        return space.take(name)


def census_of(census: Census, table: Table) -> TableCensus:
    """Return the census of a table, an empty one where it could not be taken."""
    try:
        return census.table(table.name)
    except KeyError:
        return TableCensus(
            name=table.name,
            rows=0,
            columns=tuple(ColumnCensus(name=column.name) for column in table.columns),
        )


def column_census(census: TableCensus, column: str) -> ColumnCensus:
    """Return the census of a column, an empty one where there is none."""
    try:
        return census.column(column)
    except KeyError:
        return ColumnCensus(name=column)
