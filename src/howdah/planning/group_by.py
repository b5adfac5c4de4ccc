"""
GROUP BY: its keys, and what may be named beside them.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlglot import exp

from howdah.model.source import fold_name
from howdah.planning.comparison import order_key
from howdah.planning.expressions import Expressions, Node, only
from howdah.planning.grouped import Grouped, aggregates_of
from howdah.planning.sources import Sources, require_plain
from howdah.planning.sql_values import Untranslatable


def row_order(scope: Sources) -> str:
    """Return by what SQLite finds the rows sorted: a table alone is read in the order of its numbers."""
    if len(scope.sources) != 1:
        return ""
    (source,) = scope.sources
    return source.rowid.sql if source.rowid is not None else ", ".join(source.primary_key)


def group_expressions(
    node: Node, rows: Expressions, scope: Sources, aliases: Mapping[str, Node]
) -> Expressions:
    """Return the translator of what stands outside of aggregates."""
    having = node.args.get("having")
    order = node.args.get("order")
    outside = [*node.expressions, *([having.this] if having is not None else [])]
    outside += [item.this for item in order.expressions] if order is not None else []
    aggregates = aggregates_of(outside)
    group = node.args.get("group")
    if group is None and not aggregates:
        return rows
    keys = {key: rows.translate(key) for key in _group_keys(node, scope, aliases)}
    determined = {value.column.sql for value in keys.values() if value.column is not None}
    for source in scope.sources:
        if source.primary_key and set(source.primary_key) <= determined:
            determined |= {column.sql for column in source.columns}
    own = frozenset(column.sql for source in scope.sources for column in source.columns)
    extremes = [found for found in aggregates if isinstance(found, (exp.Max, exp.Min))]
    grouped = Grouped(
        rows=scope,
        own=own,
        determined=frozenset(determined),
        extreme_order=_extreme_order(extremes[0], rows) if len(extremes) == 1 else "",
    )
    return replace(rows, scope=grouped, keys=keys)


def _extreme_order(extreme: Node, rows: Expressions) -> str:
    """Return the order in which the row of the only max() or min() of a query is the first."""
    if isinstance(extreme.parent, exp.Filter) or isinstance(extreme.this, exp.Distinct):
        return ""
    value = rows.translate(extreme.this)
    direction_of = "DESC" if isinstance(extreme, exp.Max) else "ASC"
    tie = f", {rows.row_order}" if rows.row_order else ""
    return f"{order_key(value)} {direction_of} NULLS LAST{tie}"


def _group_keys(node: Node, scope: Sources, aliases: Mapping[str, Node]) -> list[Node]:
    """Return what GROUP BY names, positions and aliases resolved."""
    group = node.args.get("group")
    keys = []
    for item in group.expressions if group is not None else ():
        if isinstance(item, exp.Literal) and not item.is_string:
            if not item.this.isdigit() or not 1 <= int(item.this) <= len(node.expressions):
                raise Untranslatable("GROUP BY a position that is not there")
            chosen = node.expressions[int(item.this) - 1]
            keys.append(chosen.this if isinstance(chosen, exp.Alias) else chosen)
        else:
            keys.append(unalias(item, scope, aliases, alias_first=False))
    return keys


def group_by(node: Node, expressions: Expressions, scope: Sources, aliases: Mapping[str, Node]) -> str:
    group = node.args.get("group")
    if group is None:
        return ""
    only(group, "expressions")
    keys = []
    for item in _group_keys(node, scope, aliases):
        value = expressions.translate(item)
        require_plain([value], "GROUP BY")
        # A constant would be taken for a position.
        keys.append(f"({value.sql})" if value.is_literal else value.sql)
    return f" GROUP BY {', '.join(keys)}"


def unalias(item: Node, scope: Sources, aliases: Mapping[str, Node], *, alias_first: bool) -> Node:
    """Return the expression that a name in ORDER BY or GROUP BY stands for."""
    if not isinstance(item, exp.Column) or item.table or fold_name(item.name) not in aliases:
        return item
    if not alias_first and scope.resolve("", item.name) is not None:
        return item
    return aliases[fold_name(item.name)]
