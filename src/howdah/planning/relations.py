"""
What a FROM clause may name: tables, views, queries in parentheses, with their columns.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from howdah.model.source import Affinity
from howdah.names import quote
from howdah.planning.design import TableDesign
from howdah.planning.sql_values import Kind, ScopeColumn, Value, scope_column


@dataclass(frozen=True, kw_only=True)
class Relation:
    """Something that a FROM clause may name."""

    #: Qualified and quoted, or a query in parentheses.
    sql: str
    #: In SQLite's order; `ScopeColumn.sql` is the quoted name alone.
    columns: tuple[ScopeColumn, ...]
    #: The column that rowid names, None where no column is the number of the row.
    rowid: ScopeColumn | None = None
    #: `ScopeColumn.sql` of the primary key that PostgreSQL has, () without one.
    primary_key: tuple[str, ...] = ()

    @classmethod
    def of_values(
        cls,
        sql: str,
        names: Sequence[str],
        values: Sequence[Value],
        target_names: Sequence[str] | None = None,
    ) -> Relation:
        """Make a relation of what a query puts out; `target_names` where they are others in PostgreSQL."""
        columns = []
        for name, target_name, value in zip(names, target_names or names, values, strict=True):
            known = value.column or value.form
            columns.append(
                ScopeColumn(
                    name=name,
                    sql=quote(target_name),
                    # What JSON holds is a text from here on, which nothing may be concluded from.
                    kind=Kind.OPAQUE if value.kind is Kind.ANY else value.kind,
                    type=known.type if known else "bigint" if value.wide else "",
                    codec=known.codec if known else "",
                    format=known.format if known else "",
                    params=known.params if known else {},
                    # An expression has no affinity (datatype3.html section 3.3).
                    affinity=value.column.affinity if value.column else Affinity.BLOB,
                    collation=value.collation or "BINARY",
                )
            )
        return cls(sql=sql, columns=tuple(columns))


def relation_of_table(design: TableDesign) -> Relation:
    """Make a relation of a table that is carried."""
    columns = tuple(scope_column(column, design.plan.column(column.name)) for column in design.source.columns)
    return Relation(
        sql=design.target,
        columns=columns,
        rowid=design.rowid,
        primary_key=() if design.key_with_nulls else tuple(map(design.quoted, design.primary_key)),
    )
