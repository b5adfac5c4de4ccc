"""
Translate calls of SQLite's functions, each by name and with its own conditions.

Pure. A function is in the table only if PostgreSQL has an equal for every value that
the kinds of its arguments allow; the rest (soundex, functions of the application, what tells
of the connection…) is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlglot import exp

from howdah.model.source import Affinity
from howdah.planning import aggregates, json_calls, moment_calls, text_calls
from howdah.planning.comparison import compare
from howdah.planning.expressions import Expressions, Node, build_case, only
from howdah.planning.moment_calls import epoch_seconds
from howdah.planning.number_text import is_stored_integer, rounded, whole_number
from howdah.planning.printf import printf
from howdah.planning.sql_values import (
    NULL,
    NUMBERS,
    Kind,
    Untranslatable,
    Value,
    as_number,
    as_text,
    form_of,
    leading_number,
    text_value,
    unify,
)

_Handler = Callable[[Expressions, Node], Value]

#: What SQLite stores of columns that are carried in another form.
_CLASS_OF_CODEC = {
    "epoch-s": "integer",
    "epoch-ms": "integer",
    "epoch-us": "integer",
    "uuid-text": "text",
    "uuid-hex32": "text",
    "uuid-blob": "blob",
}
#: Digits behind the point to which SQLite and PostgreSQL round alike.
_DECIMALS_MAX = 12


def translate_call(translator: Expressions, node: Node) -> Value:
    """Return the call for PostgreSQL. Raises Untranslatable, naming the function."""
    if isinstance(node, exp.Anonymous):
        handler = _BY_NAME.get(str(node.this).lower())
        if handler is None:
            raise Untranslatable(f"the function {str(node.this).lower()}()")
        return handler(translator, node)
    handler = _BY_NODE.get(type(node))
    if handler is None:
        raise Untranslatable(type(node).__name__.upper())
    return handler(translator, node)


def _arguments(translator: Expressions, node: Node, count: int) -> list[Value]:
    if len(node.expressions) != count:
        raise Untranslatable(f"{node.this}() with {len(node.expressions)} arguments")
    return [translator.translate(argument) for argument in node.expressions]


def _coalesce(translator: Expressions, node: Node) -> Value:
    only(node, "this", "expressions")
    values = [translator.translate(item) for item in (node.this, *node.expressions)]
    branches, kind = unify(values)
    if kind is Kind.NULL:
        # A call of it would have the type text in PostgreSQL.
        return NULL
    joined = ", ".join(item.sql for item in branches)
    return Value(sql=f"coalesce({joined})", kind=kind, form=form_of(branches))


def _nullif(translator: Expressions, node: Node) -> Value:
    left, right = translator.translate(node.this), translator.translate(node.expression)
    if Kind.TEXT in (left.kind, right.kind) and {left.kind, right.kind} & NUMBERS:
        # Other than =, it compares what is stored: no affinity makes a number of a text.
        return left
    return build_case([compare(left, "=", right)], [NULL, left])


def _absolute(translator: Expressions, node: Node) -> Value:
    only(node, "this")
    value = as_number(translator.translate(node.this))
    low = 0 if value.kind is Kind.INTEGER else None
    return Value(sql=f"abs({value.sql})", kind=value.kind, low=low, wide=value.wide)


def _extreme(translator: Expressions, node: Node) -> Value:
    """max(a, b) and min(a, b): NULL where any argument is, other than GREATEST and LEAST."""
    only(node, "this", "expressions")
    values = [translator.translate(item) for item in (node.this, *node.expressions)]
    branches, kind = unify(values)
    if kind is Kind.TEXT and not any(item.collation for item in branches):
        branches = [replace(item, sql=f'{item.operand} COLLATE "C"', atomic=False) for item in branches]
    elif kind not in (Kind.INTEGER, Kind.REAL):
        raise Untranslatable(f"the largest or smallest of {kind} values")
    name = "greatest" if isinstance(node, exp.Greatest) else "least"
    joined = ", ".join(item.sql for item in branches)
    nullable = [item.operand for item in branches if not item.is_literal]
    if not nullable:
        return Value(sql=f"{name}({joined})", kind=kind)
    test = " OR ".join(f"{item} IS NULL" for item in nullable)
    return Value(sql=f"CASE WHEN {test} THEN NULL ELSE {name}({joined}) END", kind=kind)


def _cast(translator: Expressions, node: Node) -> Value:
    value = translator.translate(node.this)
    target = node.args["to"]
    if target.expressions:
        raise Untranslatable(f"CAST to {target.sql()}")
    wanted = target.this.value if hasattr(target.this, "value") else str(target.this)
    if value.kind is Kind.NULL:
        return NULL
    match wanted:
        case "INT" | "BIGINT" if value.kind in (Kind.INTEGER, Kind.BOOLEAN):
            return as_number(value)
        case "INT" | "BIGINT" if value.kind is Kind.REAL:
            return Value(sql=whole_number(value.operand), kind=Kind.INTEGER, wide=True)
        case "INT" | "BIGINT" if value.kind is Kind.NUMERIC and value.column is not None:
            return Value(
                sql=_within_64_bits(f"trunc({value.sql})", value.operand), kind=Kind.INTEGER, wide=True
            )
        case "INT" | "BIGINT" if value.now == "seconds":
            return epoch_seconds()
        case "INT" | "BIGINT" if value.kind in (Kind.TEXT, Kind.ANY, Kind.MOMENT):
            text = as_text(value).operand
            digits = rf"coalesce(substring({text} from '^\s*([+-]?\d+)')::numeric, 0)"
            return Value(sql=_within_64_bits(digits, text), kind=Kind.INTEGER, wide=True)
        case "DOUBLE" | "FLOAT" if value.kind in (Kind.TEXT, Kind.ANY, Kind.MOMENT):
            text = as_text(value).operand
            number = f"coalesce({leading_number(text)}::double precision, 0)"
            return Value(sql=f"CASE WHEN {text} IS NOT NULL THEN {number} END", kind=Kind.REAL)
        case "DOUBLE" | "FLOAT" if value.kind in NUMBERS | {Kind.BOOLEAN}:
            return Value(sql=f"{as_number(value).operand}::double precision", kind=Kind.REAL)
        case "TEXT" | "VARCHAR":
            return as_text(value)
        case _:
            raise Untranslatable(f"CAST of {value.kind} to {wanted}")


def _within_64_bits(number: str, original: str) -> str:
    """Hold a numeric within 64 bits; least() and greatest() pass over NULL."""
    held = f"greatest(least({number}, 9223372036854775807), -9223372036854775808)::bigint"
    return f"CASE WHEN {original} IS NOT NULL THEN {held} END"


def _round(translator: Expressions, node: Node) -> Value:
    only(node, "this", "decimals")
    number = as_number(translator.translate(node.this))
    decimals = 0
    if node.args.get("decimals") is not None:
        places = translator.translate(node.args["decimals"])
        if not isinstance(places.literal, int):
            raise Untranslatable("round() to a number of digits that is not known")
        decimals = max(0, places.literal)
    if decimals > _DECIMALS_MAX:
        raise Untranslatable(f"round() to more than {_DECIMALS_MAX} digits")
    return Value(sql=rounded(number.operand, decimals), kind=Kind.REAL)


def _sign(translator: Expressions, node: Node) -> Value:
    only(node, "this")
    number = as_number(translator.translate(node.this))
    return Value(sql=f"sign({number.operand}::double precision)::int", kind=Kind.INTEGER)


def _whole(name: str) -> _Handler:
    """ceil() and floor(): integers stay integers."""

    def handler(translator: Expressions, node: Node) -> Value:
        only(node, "this")
        number = as_number(translator.translate(node.this))
        if number.kind is Kind.INTEGER:
            return number
        if number.kind is not Kind.REAL:
            raise Untranslatable(f"{name}() of numbers that are integers or not, row by row")
        return Value(sql=f"{name}({number.sql}) + 0.0::double precision", kind=Kind.REAL, atomic=False)

    return handler


def _typeof(translator: Expressions, node: Node) -> Value:
    only(node, "this")
    value = translator.translate(node.this)
    known = value.column or value.form
    match value.kind:
        case Kind.NULL:
            return text_value("null")
        case Kind.BOOLEAN | Kind.INTEGER:
            name = "'integer'"
        case Kind.REAL:
            name = "'real'"
        case Kind.TEXT | Kind.MOMENT:
            name = "'text'"
        case Kind.BYTES:
            name = "'blob'"
        case Kind.NUMERIC if value.column is not None and value.column.affinity is not Affinity.BLOB:
            name = f"CASE WHEN {is_stored_integer(value.sql)} THEN 'integer' ELSE 'real' END"
        case Kind.OPAQUE if known is not None and known.codec in _CLASS_OF_CODEC:
            name = f"'{_CLASS_OF_CODEC[known.codec]}'"
        case Kind.ANY if value.node:
            text = f"({value.node} #>> '{{}}')"
            name = (
                f"CASE json_typeof({value.node}) WHEN 'boolean' THEN 'integer' WHEN 'number'"
                f" THEN CASE WHEN {text} ~ '[.eE]' THEN 'real' ELSE 'integer' END ELSE 'text' END"
            )
        case _:
            raise Untranslatable(f"typeof() of {value.kind}")
    if value.is_literal:
        return text_value(name.strip("'"))
    return Value(sql=f"CASE WHEN {value.operand} IS NULL THEN 'null' ELSE {name} END", kind=Kind.TEXT)


def _of_the_connection(translator: Expressions, node: Node) -> Value:
    raise Untranslatable(f"{str(node.this).lower()}(), which tells of the connection")


def _random_blob(translator: Expressions, node: Node) -> Value:
    _require_changing(translator, "randomblob()")
    (size,) = _arguments(translator, node, 1)
    if not isinstance(size.literal, int) or not 1 <= size.literal <= 32:
        raise Untranslatable("randomblob() of a size that is not 1 to 32")
    # 244 random bits: PostgreSQL's core has no other strong source of random bytes.
    source = "sha256((gen_random_uuid()::text || gen_random_uuid()::text)::bytea)"
    return Value(sql=f"substr({source}, 1, {size.literal})", kind=Kind.BYTES)


def _random(translator: Expressions, node: Node) -> Value:
    _require_changing(translator, "random()")
    only(node)
    digest = "encode(sha256(gen_random_uuid()::text::bytea), 'hex')"
    return Value(sql=f"('x' || left({digest}, 16))::bit(64)::bigint", kind=Kind.INTEGER, wide=True)


def _likely(translator: Expressions, node: Node) -> Value:
    if not node.expressions:
        raise Untranslatable(f"{node.this}() of nothing")
    return translator.translate(node.expressions[0])


def _require_changing(translator: Expressions, what: str) -> None:
    if translator.rules.immutable:
        raise Untranslatable(f"{what}, whose answer changes")


_BY_NODE: dict[type, _Handler] = {
    exp.Coalesce: _coalesce,
    exp.Nullif: _nullif,
    exp.Length: text_calls.length,
    exp.Substring: text_calls.substring,
    exp.StrPosition: text_calls.position,
    exp.Lower: text_calls.lower,
    exp.Upper: text_calls.upper,
    exp.Trim: text_calls.trim,
    exp.Replace: text_calls.replaced,
    exp.Hex: text_calls.hexadecimal,
    exp.LowerHex: text_calls.hexadecimal,
    exp.Unicode: text_calls.code_point,
    exp.Chr: text_calls.characters,
    exp.Concat: text_calls.joined,
    exp.ConcatWs: text_calls.joined,
    exp.Format: printf,
    exp.Abs: _absolute,
    exp.Greatest: _extreme,
    exp.Least: _extreme,
    exp.Round: _round,
    exp.Sign: _sign,
    exp.Ceil: _whole("ceil"),
    exp.Floor: _whole("floor"),
    exp.Cast: _cast,
    exp.Typeof: _typeof,
    exp.Rand: _random,
    exp.CurrentTimestamp: moment_calls.current("datetime"),
    exp.CurrentDate: moment_calls.current("date"),
    exp.CurrentTime: moment_calls.current("time"),
    exp.Date: moment_calls.moment_call("date"),
    exp.TimeToStr: moment_calls.strftime,
    exp.JSONExtract: json_calls.json_extract,
    exp.JSONExtractScalar: json_calls.json_extract,
    exp.JSONType: json_calls.json_type,
    exp.JSONArray: json_calls.json_array,
    exp.JSONObject: json_calls.json_object,
    exp.JSONArrayAgg: aggregates.json_group_array,
    exp.JSONObjectAgg: aggregates.json_group_object,
    exp.Count: aggregates.aggregate,
    exp.Sum: aggregates.aggregate,
    exp.Avg: aggregates.aggregate,
    exp.Max: aggregates.aggregate,
    exp.Min: aggregates.aggregate,
    exp.GroupConcat: aggregates.group_concat,
    exp.Filter: aggregates.filtered,
    exp.Window: aggregates.window,
    exp.RowNumber: aggregates.window_number,
    exp.Rank: aggregates.window_number,
    exp.DenseRank: aggregates.window_number,
    exp.PercentRank: aggregates.window_share,
    exp.CumeDist: aggregates.window_share,
    exp.Ntile: aggregates.ntile,
    exp.Lag: aggregates.neighbour("lag"),
    exp.Lead: aggregates.neighbour("lead"),
    exp.FirstValue: aggregates.nth("first_value"),
    exp.LastValue: aggregates.nth("last_value"),
    exp.NthValue: aggregates.nth("nth_value"),
}

_BY_NAME: dict[str, _Handler] = {
    "randomblob": _random_blob,
    "quote": text_calls.quoted,
    "unicode": text_calls.code_point,
    "printf": printf,
    "json": json_calls.json,
    "json_valid": json_calls.json_valid,
    "json_type": json_calls.json_type,
    "json_array_length": json_calls.json_array_length,
    "json_array": json_calls.json_array,
    "json_object": json_calls.json_object,
    "json_quote": json_calls.json_quote,
    "likely": _likely,
    "unlikely": _likely,
    "likelihood": _likely,
    "datetime": moment_calls.moment_call("datetime"),
    "date": moment_calls.moment_call("date"),
    "time": moment_calls.moment_call("time"),
    "strftime": moment_calls.strftime,
    "unixepoch": moment_calls.unix_epoch,
    "julianday": moment_calls.julian_day_call,
    "total": aggregates.total,
    "changes": _of_the_connection,
    "total_changes": _of_the_connection,
    "last_insert_rowid": _of_the_connection,
}
