"""
What the statements of a trigger have in common that write to a table: its columns by name, and SET.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sqlglot import exp

from howdah.model.source import fold_name
from howdah.planning.assignment import assigned
from howdah.planning.design import TableDesign
from howdah.planning.expressions import Expressions, Node
from howdah.planning.relations import Relation
from howdah.planning.sql_values import ROWID_NAMES, Scope, ScopeColumn, Untranslatable, as_condition


@dataclass(frozen=True, kw_only=True)
class WrittenScope:
    """The columns of the table that is written to, then those of NEW and OLD."""

    relation: Relation
    #: What SQLite calls a row of that table, folded, "" for a column alone → its quoted name in PostgreSQL.
    names: Mapping[str, str]
    #: NEW and OLD.
    rows: Scope

    def resolve(self, table: str, name: str) -> ScopeColumn | None:
        """See `Scope`."""
        row = self.names.get(fold_name(table))
        wanted = fold_name(name)
        found = next((item for item in self.relation.columns if fold_name(item.name) == wanted), None)
        if found is None and wanted in ROWID_NAMES:
            found = self.relation.rowid
        if row is None or found is None:
            return self.rows.resolve(table, name)
        return replace(found, sql=f"{row}.{found.sql}", generated=False)


def column_of_table(table: TableDesign, name: str) -> str:
    """Return the source column of that name that can be written. Raises Untranslatable."""
    wanted = fold_name(name)
    for column in table.source.columns:
        if fold_name(column.name) == wanted and not column.generated:
            return column.name
    raise Untranslatable(f'the column "{name}" of "{table.name}"')


def translate_changes(items: Iterable[Node], table: TableDesign, expressions: Expressions) -> str:
    """Return what stands behind SET, for `column = value` items. Raises Untranslatable."""
    changes = []
    for item in items:
        if not isinstance(item, exp.EQ) or not isinstance(item.this, exp.Column) or item.this.table:
            raise Untranslatable("SET of several columns at once")
        name = column_of_table(table, item.this.name)
        value = expressions.translate(item.expression)
        sql = assigned(value, table.plan.column(name), table.source.column(name))
        changes.append(f"{table.quoted(name)} = {sql}")
    return ", ".join(changes)


def translate_where(where: Node | None, expressions: Expressions) -> str:
    """Return WHERE with its condition, "" for none. Raises Untranslatable."""
    return "" if where is None else f" WHERE {as_condition(expressions.translate(where.this)).sql}"
