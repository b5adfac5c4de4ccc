"""
What a query with aggregates may name outside of them.

Pure. SQLite lets it name any column ("bare"). A column is certain where the keys of GROUP BY determine
it, or where the query has exactly one max() or min(): then it is of the row that holds it
(lang_select.html, "Bare columns in an aggregate query"). Of any other bare column SQLite takes an
arbitrary row's, and it is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlglot import exp

from howdah.planning.expressions import Node
from howdah.planning.sql_values import Scope, ScopeColumn, Untranslatable

#: What sqlglot reads SQLite's own aggregates as.
AGGREGATES = (
    exp.Count,
    exp.Sum,
    exp.Avg,
    exp.Max,
    exp.Min,
    exp.GroupConcat,
    exp.JSONArrayAgg,
    exp.JSONObjectAgg,
)


@dataclass(frozen=True)
class Grouped:
    """The columns of a grouped query; `rows` is the scope of what is inside of an aggregate."""

    rows: Scope
    #: SQL of the columns that the sources of this query have (those of an outer query are constants).
    own: frozenset[str]
    #: SQL of the columns that the keys determine.
    determined: frozenset[str]
    #: Order in which the first row is the one that holds the only max() or min(), "" without such.
    extreme_order: str = ""

    def resolve(self, table: str, name: str) -> ScopeColumn | None:
        """See `Scope`."""
        column = self.rows.resolve(table, name)
        if column is None or column.sql not in self.own or column.sql in self.determined:
            return column
        if not self.extreme_order:
            raise Untranslatable(f'the column "{name}", which is neither grouped nor aggregated')
        return replace(column, sql=f"(array_agg({column.sql} ORDER BY {self.extreme_order}))[1]")


def aggregates_of(nodes: list[Node]) -> list[Node]:
    """Return the aggregates in expressions, without those over windows and those of subqueries."""
    return [found for node in nodes for found in _walk(node)]


def _walk(node: Node) -> Iterator[Node]:
    if isinstance(node, (exp.Subquery, exp.Select, exp.Union, exp.Intersect, exp.Except)):
        return
    if isinstance(node, exp.Window):
        # The function itself is over the window; what is inside of it may be aggregated.
        function = node.this.this if isinstance(node.this, exp.Filter) else node.this
        children = [*function.iter_expressions()]
        children += [child for child in node.iter_expressions() if child is not node.this]
        for child in children:
            yield from _walk(child)
        return
    is_total = isinstance(node, exp.Anonymous) and str(node.this).lower() == "total"
    if isinstance(node, AGGREGATES) or is_total:
        yield node
    for child in node.iter_expressions():
        yield from _walk(child)
