"""
Aggregates and window functions of SQLite.

Pure. What stands behind a call (FILTER, OVER) is written between the call and its cast. The arguments of
an aggregate see the rows, its surroundings see the groups (`grouped.Grouped`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlglot import exp

from howdah.model.source import fold_name
from howdah.planning.comparison import fold_for_equality, order_key
from howdah.planning.expressions import Expressions, Node, only
from howdah.planning.grouped import AGGREGATES, Grouped
from howdah.planning.json_calls import member, written_json
from howdah.planning.sql_values import (
    NUMBERS,
    Kind,
    Untranslatable,
    Value,
    as_condition,
    as_number,
    as_text,
    composed,
    form_of,
    text_value,
    unify,
)

_WINDOW_NAMES: dict[type, str] = {
    exp.RowNumber: "row_number",
    exp.Rank: "rank",
    exp.DenseRank: "dense_rank",
}
_TAKE_OVER = (
    *AGGREGATES,
    exp.RowNumber,
    exp.Rank,
    exp.DenseRank,
    exp.PercentRank,
    exp.CumeDist,
    exp.Ntile,
    exp.Lag,
    exp.Lead,
    exp.FirstValue,
    exp.LastValue,
    exp.NthValue,
)
_SHARES: dict[type, str] = {exp.PercentRank: "percent_rank", exp.CumeDist: "cume_dist"}


def direction(item: Node) -> str:
    """Return DESC and the place of NULLs for one key of an ORDER BY."""
    only(item, "this", "desc", "nulls_first")
    descending = " DESC" if item.args.get("desc") else ""
    return f"{descending} NULLS {'FIRST' if item.args.get('nulls_first') else 'LAST'}"


def _rows_of(translator: Expressions) -> Expressions:
    """Return the translator for what is inside of an aggregate."""
    inside = replace(translator, behind="", over=False)
    if translator.over or not isinstance(translator.scope, Grouped):
        return inside
    return replace(inside, scope=translator.scope.rows, keys={})


def _require_allowed(translator: Expressions, name: str) -> None:
    if not translator.rules.aggregates:
        raise Untranslatable(f"{name}() outside of a query")


def aggregate(translator: Expressions, node: Node) -> Value:
    """Translate count, sum, avg, max and min."""
    _require_allowed(translator, type(node).__name__.lower())
    only(node, "this", "big_int", "expressions")
    inside, behind = _rows_of(translator), translator.behind
    if isinstance(node, exp.Count) and (node.this is None or isinstance(node.this, exp.Star)):
        return Value(sql=f"count(*){behind}", kind=Kind.INTEGER, wide=True, low=0)
    distinct, argument = _distinct(node.this)
    value = inside.translate(argument)
    if isinstance(node, exp.Count):
        counted = _told_apart(value) if distinct else value
        return Value(sql=f"count({distinct}{counted.sql}){behind}", kind=Kind.INTEGER, wide=True, low=0)
    if isinstance(node, (exp.Max, exp.Min)):
        return _largest(node, value, behind)
    return _total(node, distinct, as_number(value), behind)


def _distinct(argument: Node) -> tuple[str, Node]:
    if not isinstance(argument, exp.Distinct):
        return "", argument
    if len(argument.expressions) != 1:
        raise Untranslatable("DISTINCT over several columns in an aggregate")
    return "DISTINCT ", argument.expressions[0]


def _told_apart(value: Value) -> Value:
    """Return what PostgreSQL tells apart as SQLite does; json has no equality of its own."""
    return as_text(value) if value.kind in (Kind.JSON, Kind.ANY) else fold_for_equality(value)


def _largest(node: Node, value: Value, behind: str) -> Value:
    name = "max" if isinstance(node, exp.Max) else "min"
    if value.kind is Kind.TEXT and not value.collation:
        return Value(sql=f'{name}({value.operand} COLLATE "C"){behind}', kind=Kind.TEXT)
    if value.kind is Kind.BOOLEAN:
        value = as_number(value)
    if value.kind in NUMBERS or (value.kind is Kind.MOMENT and value.column):
        # The result keeps no column: nothing may be concluded from its affinity.
        return Value(
            sql=f"{name}({value.sql}){behind}", kind=value.kind, wide=value.wide, form=form_of([value])
        )
    raise Untranslatable(f"{name}() of {value.kind}")


def _total(node: Node, distinct: str, value: Value, behind: str) -> Value:
    if isinstance(node, exp.Avg):
        return Value(sql=f"avg({distinct}{value.operand}::double precision){behind}", kind=Kind.REAL)
    if value.kind is Kind.INTEGER:
        return Value(sql=f"(sum({distinct}{value.sql}){behind})::bigint", kind=Kind.INTEGER, wide=True)
    kind = Kind.REAL if value.kind is Kind.REAL else Kind.NUMERIC
    return Value(sql=f"sum({distinct}{value.operand}::double precision){behind}", kind=kind)


def total(translator: Expressions, node: Node) -> Value:
    """Translate total(x)."""
    _require_allowed(translator, "total")
    if len(node.expressions) != 1:
        raise Untranslatable(f"total() with {len(node.expressions)} arguments")
    distinct, argument = _distinct(node.expressions[0])
    number = as_number(_rows_of(translator).translate(argument))
    summed = f"sum({distinct}{number.operand}::double precision){translator.behind}"
    return Value(sql=f"coalesce({summed}, 0)", kind=Kind.REAL)


def group_concat(translator: Expressions, node: Node) -> Value:
    """Translate group_concat and string_agg; without ORDER BY in the order in which SQLite reads the rows."""
    _require_allowed(translator, "group_concat")
    only(node, "this", "separator")
    inside = _rows_of(translator)
    argument, order = node.this, ""
    if isinstance(argument, exp.Order):
        order = _keys(inside, argument)
        argument = argument.this
    distinct, argument = _distinct(argument)
    text = as_text(inside.translate(argument))
    separator = node.args.get("separator")
    between = as_text(inside.translate(separator)) if separator is not None else text_value(",")
    order = order or _row_order(translator, distinct)
    return Value(
        sql=f"string_agg({distinct}{text.sql}, {between.sql}{order}){translator.behind}", kind=Kind.TEXT
    )


def _row_order(translator: Expressions, distinct: str) -> str:
    if distinct or translator.over or not translator.row_order:
        return ""
    return f" ORDER BY {translator.row_order}"


def _keys(inside: Expressions, order: Node) -> str:
    only(order, "this", "expressions")
    keys = [order_key(inside.translate(item.this)) + direction(item) for item in order.expressions]
    return f" ORDER BY {', '.join(keys)}"


def json_group_array(translator: Expressions, node: Node) -> Value:
    """Translate json_group_array(x)."""
    _require_allowed(translator, "json_group_array")
    only(node, "this", "order")
    inside, argument, order = _rows_of(translator), node.this, ""
    if isinstance(argument, exp.Order):
        order, argument = _keys(inside, argument), argument.this
    distinct, argument = _distinct(argument)
    item = written_json(inside.translate(argument))
    order = order or _row_order(translator, distinct)
    joined = f"string_agg({distinct}{item}, ','{order}){translator.behind}"
    return composed(f"'[' || coalesce({joined}, '') || ']'", Kind.TEXT, is_json=True)


def json_group_object(translator: Expressions, node: Node) -> Value:
    """Translate json_group_object(name, value)."""
    _require_allowed(translator, "json_group_object")
    inside, items = _rows_of(translator), list(node.expressions)
    if len(items) == 1 and isinstance(items[0], exp.JSONKeyValue):
        items = [items[0].this, items[0].expression]
    if len(items) != 2:
        raise Untranslatable("json_group_object() of anything but a name and a value")
    pair = member(inside.translate(items[0]), inside.translate(items[1]))
    joined = f"string_agg({pair}, ','{_row_order(translator, '')}){translator.behind}"
    return composed(f"'{{' || coalesce({joined}, '') || '}}'", Kind.TEXT, is_json=True)


def filtered(translator: Expressions, node: Node) -> Value:
    """Translate aggregate(…) FILTER (WHERE …)."""
    only(node, "this", "expression")
    condition = node.expression.this if isinstance(node.expression, exp.Where) else node.expression
    _require_function(node.this)
    truth = as_condition(_rows_of(translator).translate(condition))
    behind = f" FILTER (WHERE {truth.sql}){translator.behind}"
    return replace(translator, behind=behind).translate(node.this)


def window(translator: Expressions, node: Node) -> Value:
    """Translate function(…) OVER (…)."""
    only(node, "this", "partition_by", "order", "spec", "over")
    if translator.behind:
        raise Untranslatable("a window inside of a window")
    if not translator.rules.aggregates:
        raise Untranslatable("a window function outside of a query")
    inner = replace(translator, behind="")
    parts = []
    if node.args.get("partition_by"):
        keys = [fold_for_equality(inner.translate(key)) for key in node.args["partition_by"]]
        if any(key.kind in (Kind.JSON, Kind.ANY) for key in keys):
            raise Untranslatable("PARTITION BY a value in JSON")
        parts.append("PARTITION BY " + ", ".join(key.sql for key in keys))
    if node.args.get("order") is not None:
        parts.append(_keys(inner, node.args["order"]).strip())
    if node.args.get("spec") is not None:
        parts.append(_frame(node.args["spec"], inner, node.args.get("order")))
    over = f" OVER ({' '.join(parts)})"
    function = node.this
    filter_of = function.this if isinstance(function, exp.Filter) else function
    if isinstance(filter_of, exp.GroupConcat) and isinstance(filter_of.this, exp.Distinct):
        raise Untranslatable("DISTINCT in a window function")
    _require_function(filter_of)
    return replace(translator, behind=over, over=True).translate(function)


def with_named_windows(select: Node) -> Node:
    """Return a SELECT with the definitions of its WINDOW clause where they are named."""
    select = select.copy()
    named = {fold_name(window.this.name): window for window in select.args["windows"]}
    for used in list(select.find_all(exp.Window)):
        alias = used.args.get("alias")
        if alias is None or used in select.args["windows"]:
            continue
        found = named.get(fold_name(alias.name))
        if found is None or any(used.args.get(part) for part in ("partition_by", "order", "spec")):
            raise Untranslatable("a window that goes on from another one")
        used.set("alias", None)
        for part in ("partition_by", "order", "spec"):
            value = found.args.get(part)
            copied = [item.copy() for item in value] if isinstance(value, list) else value and value.copy()
            used.set(part, copied)
    select.set("windows", None)
    return select


def _require_function(node: Node) -> None:
    """Refuse what would drop FILTER or OVER in silence."""
    is_total = isinstance(node, exp.Anonymous) and str(node.this).lower() == "total"
    if not is_total and not isinstance(node, _TAKE_OVER):
        raise Untranslatable("a window over something that is no aggregate")


def _frame(spec: Node, translator: Expressions, order: Node) -> str:
    only(spec, "kind", "start", "start_side", "end", "end_side", "exclude")
    kind = str(spec.args["kind"]).upper()
    in_doubles = kind == "RANGE" and _is_sorted_by_doubles(spec, translator, order)

    def bound(value: Node | str, side: str | None) -> str:
        if isinstance(value, str):
            return f"{value} {side}" if side else value
        if in_doubles and isinstance(value, exp.Literal) and not value.is_string:
            return f"{value.this}::double precision {side}"
        if not isinstance(value, exp.Literal) or not value.this.isdigit():
            raise Untranslatable("a window frame that is not known")
        return f"{value.this} {side}"

    start = bound(spec.args["start"], spec.args.get("start_side"))
    exclude = spec.args.get("exclude")
    without = f" EXCLUDE {exclude.name if hasattr(exclude, 'name') else exclude}" if exclude else ""
    if spec.args.get("end") is None:
        return f"{kind} {start}{without}"
    return f"{kind} BETWEEN {start} AND {bound(spec.args['end'], spec.args.get('end_side'))}{without}"


def _is_sorted_by_doubles(spec: Node, translator: Expressions, order: Node) -> bool:
    """
    Return whether a frame reaches over a range of floating point values; False for whole numbers.

    Raises Untranslatable where it reaches over a range of anything else, which SQLite takes for equal alone.
    """
    if all(isinstance(spec.args.get(end), str | None) for end in ("start", "end")):
        return False
    kinds = [translator.translate(item.this).kind for item in order.expressions] if order is not None else []
    if kinds not in ([Kind.INTEGER], [Kind.REAL]):
        raise Untranslatable("a window frame over a range of values that are not all numbers of one kind")
    return kinds == [Kind.REAL]


def _over(translator: Expressions, name: str) -> str:
    if not translator.over:
        raise Untranslatable(f"{name}() without OVER")
    return translator.behind


def window_number(translator: Expressions, node: Node) -> Value:
    """Translate row_number(), rank() and dense_rank()."""
    only(node)
    name = _WINDOW_NAMES[type(node)]
    return Value(sql=f"{name}(){_over(translator, name)}", kind=Kind.INTEGER, wide=True, low=0)


def window_share(translator: Expressions, node: Node) -> Value:
    """Translate percent_rank() and cume_dist()."""
    only(node)
    name = _SHARES[type(node)]
    return Value(sql=f"{name}(){_over(translator, name)}", kind=Kind.REAL)


def ntile(translator: Expressions, node: Node) -> Value:
    """Translate ntile(n)."""
    only(node, "this")
    behind = _over(translator, "ntile")
    count = _rows_of(translator).translate(node.this)
    if not isinstance(count.literal, int) or count.literal < 1:
        raise Untranslatable("ntile() of a number that is not known")
    return Value(sql=f"ntile({count.sql}){behind}", kind=Kind.INTEGER, low=0)


def neighbour(name: str) -> Callable[[Expressions, Node], Value]:
    """Return the handler of lag() or lead()."""

    def handler(translator: Expressions, node: Node) -> Value:
        only(node, "this", "offset", "default")
        behind, inside = _over(translator, name), _rows_of(translator)
        values = [inside.translate(node.this)]
        if node.args.get("default") is not None:
            values.append(inside.translate(node.args["default"]))
        values, kind = unify(values)
        arguments = [values[0].sql]
        if node.args.get("offset") is not None:
            offset = inside.translate(node.args["offset"])
            if not isinstance(offset.literal, int) or offset.literal < 0:
                raise Untranslatable(f"{name}() by a number that is not known")
            arguments += [offset.sql, *(value.sql for value in values[1:])]
        return _one_of_rows(f"{name}({', '.join(arguments)}){behind}", kind, values)

    return handler


def nth(name: str) -> Callable[[Expressions, Node], Value]:
    """Return the handler of first_value(), last_value() or nth_value()."""

    def handler(translator: Expressions, node: Node) -> Value:
        only(node, "this", "offset")
        behind, inside = _over(translator, name), _rows_of(translator)
        value = inside.translate(node.this)
        arguments = [value.sql]
        if name == "nth_value":
            place = inside.translate(node.args["offset"])
            if not isinstance(place.literal, int) or place.literal < 1:
                raise Untranslatable("nth_value() of a place that is not known")
            arguments.append(place.sql)
        return _one_of_rows(f"{name}({', '.join(arguments)}){behind}", value.kind, [value])

    return handler


def _one_of_rows(sql: str, kind: Kind, values: list[Value]) -> Value:
    if kind is Kind.ANY:
        raise Untranslatable("a window over a value in JSON")
    return Value(sql=sql, kind=kind, form=form_of(values), wide=all(value.wide for value in values))
