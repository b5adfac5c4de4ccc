"""
Translate calls of SQLite's functions, each by name and with its own conditions.

Pure. A function is in the table only if PostgreSQL has an equal for every value that
the kinds of its arguments allow; the rest (printf, json_extract, date arithmetic,
functions of the application…) is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from howdah.names import quote_literal
from howdah.planning.comparison import compare, fold_for_equality, lower_ascii
from howdah.planning.expressions import Expressions, Node, build_case, only
from howdah.planning.moments import is_iso_date
from howdah.planning.sql_values import (
    NULL,
    NUMBERS,
    Kind,
    Untranslatable,
    Value,
    as_number,
    as_text,
    composed,
    form_of,
    text_value,
    unify,
)

_UTC_NOW = "now() AT TIME ZONE 'utc'"

#: Text that SQLite's functions give for the present moment.
_NOW_PATTERNS = {
    "datetime": "YYYY-MM-DD HH24:MI:SS",
    "date": "YYYY-MM-DD",
    "time": "HH24:MI:SS",
}

#: strftime() to to_char(); the others count weeks or Julian days in ways that differ.
_STRFTIME = {
    "Y": "YYYY",
    "m": "MM",
    "d": "DD",
    "H": "HH24",
    "M": "MI",
    "S": "SS",
    "f": "SS.MS",
    "j": "DDD",
    "F": "YYYY-MM-DD",
    "T": "HH24:MI:SS",
}


def translate_call(translator: Expressions, node: Node) -> Value:
    """Return the call for PostgreSQL. Raises Untranslatable, naming the function."""
    if isinstance(node, exp.Anonymous):
        handler = _BY_NAME.get(str(node.this).lower())
        if handler is None:
            raise Untranslatable(f"the function {str(node.this).lower()}()")
        return handler(translator, node)
    handler = _BY_NODE.get(type(node))
    if handler is None:
        raise Untranslatable(_UNHANDLED.get(type(node), type(node).__name__.upper()))
    return handler(translator, node)


#: Nodes that no table of handlers has, by the name they have in SQLite.
_UNHANDLED: dict[type, str] = {
    exp.JSONExtract: "json_extract()",
    exp.JSONExtractScalar: "json_extract()",
    exp.Typeof: "typeof()",
}


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
    left = translator.translate(node.this)
    condition = compare(left, "=", translator.translate(node.expression))
    return build_case([condition], [NULL, left])


def _length(translator: Expressions, node: Node) -> Value:
    only(node, "this")
    value = translator.translate(node.this)
    if value.kind is Kind.BYTES:
        return Value(sql=f"octet_length({value.sql})", kind=Kind.INTEGER, low=0)
    return Value(sql=f"length({as_text(value).sql})", kind=Kind.INTEGER, low=0)


def _substring(translator: Expressions, node: Node) -> Value:
    only(node, "this", "start", "length")
    value = translator.translate(node.this)
    text = value if value.kind is Kind.BYTES else as_text(value)
    start = translator.translate(node.args["start"])
    if start.kind is not Kind.INTEGER or start.low is None or start.low < 1:
        raise Untranslatable("substr() from a position that may be 0 or negative")
    arguments = [text.sql, start.sql if start.is_literal else f"{start.operand}::int"]
    if node.args.get("length") is not None:
        length = translator.translate(node.args["length"])
        if length.kind is not Kind.INTEGER or length.low is None or length.low < 0:
            raise Untranslatable("substr() of a length that may be negative")
        arguments.append(length.sql if length.is_literal else f"{length.operand}::int")
    return Value(sql=f"substr({', '.join(arguments)})", kind=text.kind)


def _position(translator: Expressions, node: Node) -> Value:
    only(node, "this", "substr")
    text = as_text(translator.translate(node.this))
    part = as_text(translator.translate(node.args["substr"]))
    return Value(sql=f"strpos({text.sql}, {part.sql})", kind=Kind.INTEGER, low=0)


def _lower(translator: Expressions, node: Node) -> Value:
    only(node, "this")
    return lower_ascii(as_text(translator.translate(node.this)))


def _upper(translator: Expressions, node: Node) -> Value:
    only(node, "this")
    value = as_text(translator.translate(node.this))
    return Value(sql=f'upper({value.operand} COLLATE "C")', kind=Kind.TEXT)


def _trim(translator: Expressions, node: Node) -> Value:
    only(node, "this", "expression", "position")
    text = as_text(translator.translate(node.this))
    position = str(node.args.get("position") or "").upper()
    name = {"": "btrim", "LEADING": "ltrim", "TRAILING": "rtrim"}[position]
    if node.args.get("expression") is None:
        return Value(sql=f"{name}({text.sql})", kind=Kind.TEXT)
    characters = as_text(translator.translate(node.expression))
    return Value(sql=f"{name}({text.sql}, {characters.sql})", kind=Kind.TEXT)


def _replace(translator: Expressions, node: Node) -> Value:
    only(node, "this", "expression", "replacement")
    if node.args.get("replacement") is None:
        raise Untranslatable("replace() with two arguments")
    parts = [
        as_text(translator.translate(part)) for part in (node.this, node.expression, node.args["replacement"])
    ]
    return Value(sql=f"replace({', '.join(part.sql for part in parts)})", kind=Kind.TEXT)


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
    if kind not in (Kind.INTEGER, Kind.REAL):
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
            return Value(sql=f"trunc({value.sql})::bigint", kind=Kind.INTEGER, wide=True)
        case "INT" | "BIGINT" if value.now == "seconds":
            return _epoch_seconds()
        case "DOUBLE" | "FLOAT" if value.kind in NUMBERS | {Kind.BOOLEAN}:
            return Value(sql=f"{as_number(value).operand}::double precision", kind=Kind.REAL)
        case "TEXT" | "VARCHAR":
            return as_text(value)
        case _:
            raise Untranslatable(f"CAST of {value.kind} to {wanted}")


def _hex(translator: Expressions, node: Node) -> Value:
    only(node, "this")
    value = translator.translate(node.this)
    if value.kind is not Kind.BYTES or not (value.column or value.is_literal or "gen_random" in value.sql):
        raise Untranslatable(f"hex() of a computed {value.kind}")
    digits = f"encode({value.sql}, 'hex')"
    if value.column is not None:
        digits = f"coalesce({digits}, '')"  # hex(NULL) is '' in SQLite
    return Value(sql=digits if isinstance(node, exp.LowerHex) else f"upper({digits})", kind=Kind.TEXT)


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


def _json_valid(translator: Expressions, node: Node) -> Value:
    (value,) = _arguments(translator, node, 1)
    if value.kind is not Kind.JSON:
        raise Untranslatable("json_valid() of a column that is not JSON")
    # The type guarantees it.
    return Value(sql=f"CASE WHEN {value.operand} IS NOT NULL THEN TRUE END", kind=Kind.BOOLEAN)


def _likely(translator: Expressions, node: Node) -> Value:
    return translator.translate(node.expressions[0])


def _now(kind: str) -> Value:
    return Value(sql=f"to_char({_UTC_NOW}, {quote_literal(_NOW_PATTERNS[kind])})", kind=Kind.TEXT, now=kind)


def _epoch_seconds() -> Value:
    return Value(sql="floor(extract(epoch from now()))::bigint", kind=Kind.INTEGER, wide=True, low=0)


def _current(kind: str) -> Callable[[Expressions, Node], Value]:
    def handler(translator: Expressions, node: Node) -> Value:
        only(node)
        _require_changing(translator, f"CURRENT_{kind.upper()}")
        return _now(kind)

    return handler


def _moment_call(kind: str) -> Callable[[Expressions, Node], Value]:
    """datetime(), date(), time(): of now, or of a constant; date arithmetic is refused."""

    def handler(translator: Expressions, node: Node) -> Value:
        is_named = isinstance(node, exp.Anonymous)
        arguments = list(node.expressions) if is_named else [node.this] if node.this is not None else []
        if not is_named:
            only(node, "this")
        if len(arguments) > 1:
            raise Untranslatable(f"{kind}() with modifiers")
        if not arguments or _is_now(arguments[0]):
            _require_changing(translator, f"{kind}('now')")
            return _now(kind)
        literal = arguments[0]
        if isinstance(literal, exp.Literal) and literal.is_string and is_iso_date(literal.this):
            constants = {"datetime": f"{literal.this} 00:00:00", "date": literal.this, "time": "00:00:00"}
            return text_value(constants[kind])
        value = translator.translate(literal)
        column = value.column
        if kind == "date" and column is not None and column.codec == "iso-date":
            return value
        raise Untranslatable(f"{kind}() of a column")

    return handler


def _strftime(translator: Expressions, node: Node) -> Value:
    only(node, "this", "format")
    moment, pattern = node.this, node.args["format"]
    if not (isinstance(moment, exp.TsOrDsToTimestamp) and isinstance(pattern, exp.Literal)):
        raise Untranslatable("strftime() with a format that is not known")
    if _is_now(moment.this) or isinstance(moment.this, exp.CurrentTimestamp):
        _require_changing(translator, "strftime(…, 'now')")
        if pattern.this == "%s":
            return Value(sql=f"{_epoch_seconds().sql}::text", kind=Kind.TEXT, now="seconds")
        return Value(
            sql=f"to_char({_UTC_NOW}, {quote_literal(_to_char_pattern(pattern.this))})",
            kind=Kind.TEXT,
            now=_now_of_pattern(pattern.this),
        )
    value = translator.translate(moment.this)
    column = value.column
    if column is None or column.codec not in ("iso-datetime", "iso-date"):
        raise Untranslatable("strftime() of a column that is not a timestamp")
    if translator.rules.immutable:
        raise Untranslatable("strftime(), which PostgreSQL does not take for immutable")
    in_utc = f"{value.operand} AT TIME ZONE 'utc'" if column.type.startswith("timestamptz") else value.sql
    return Value(sql=f"to_char({in_utc}, {quote_literal(_to_char_pattern(pattern.this))})", kind=Kind.TEXT)


def _is_now(node: Node) -> bool:
    if isinstance(node, exp.CurrentTimestamp):
        return True
    return isinstance(node, exp.Literal) and node.is_string and node.this.lower() == "now"


def _now_of_pattern(pattern: str) -> str:
    date_part, time_part = "%Y-%m-%d", pattern.removeprefix("%Y-%m-%d")
    if pattern == date_part:
        return "date"
    clock = time_part.lstrip("T ").removesuffix("Z").removesuffix("+00:00")
    if pattern.startswith(date_part) and clock in ("%H:%M:%S", "%H:%M:%f", "%T"):
        return "datetime"
    return ""


def _to_char_pattern(pattern: str) -> str:
    parts, position = [], 0
    while position < len(pattern):
        character = pattern[position]
        position += 1
        if character != "%":
            # Letters would be read as patterns; a quoted run is copied.
            parts.append(f'"{character}"' if character not in "-/,.;: " else character)
            continue
        directive = pattern[position : position + 1]
        position += 1
        if directive == "%":
            parts.append("%")
        elif directive in _STRFTIME:
            parts.append(_STRFTIME[directive])
        else:
            raise Untranslatable(f"strftime() with %{directive}")
    if '"""' in "".join(parts):
        raise Untranslatable("strftime() with a quote")
    return "".join(parts)


def _unix_epoch(translator: Expressions, node: Node) -> Value:
    if node.expressions and not (len(node.expressions) == 1 and _is_now(node.expressions[0])):
        raise Untranslatable("unixepoch() of anything but now")
    _require_changing(translator, "unixepoch()")
    return _epoch_seconds()


def _julian_day(translator: Expressions, node: Node) -> Value:
    if node.expressions and not (len(node.expressions) == 1 and _is_now(node.expressions[0])):
        raise Untranslatable("julianday() of anything but now")
    _require_changing(translator, "julianday()")
    return composed(
        "(extract(epoch from now()) / 86400.0)::double precision + 2440587.5::double precision", Kind.REAL
    )


def _require_changing(translator: Expressions, what: str) -> None:
    if translator.rules.immutable:
        raise Untranslatable(f"{what}, whose answer changes")


def _aggregate(translator: Expressions, node: Node) -> Value:
    if not translator.rules.aggregates:
        raise Untranslatable(f"{type(node).__name__.lower()}() outside of a query")
    only(node, "this", "big_int")
    if isinstance(node, exp.Count) and isinstance(node.this, exp.Star):
        return Value(sql="count(*)", kind=Kind.INTEGER, wide=True, low=0)
    distinct, argument = "", node.this
    if isinstance(argument, exp.Distinct):
        if len(argument.expressions) != 1:
            raise Untranslatable("DISTINCT over several columns in an aggregate")
        distinct, argument = "DISTINCT ", argument.expressions[0]
    value = translator.translate(argument)
    if isinstance(node, exp.Count):
        counted = fold_for_equality(value) if distinct else value
        return Value(sql=f"count({distinct}{counted.sql})", kind=Kind.INTEGER, wide=True, low=0)
    if isinstance(node, (exp.Max, exp.Min)):
        return _largest(node, value)
    return _total(node, distinct, as_number(value))


def _largest(node: Node, value: Value) -> Value:
    name = "max" if isinstance(node, exp.Max) else "min"
    if value.kind is Kind.TEXT and not value.collation:
        return Value(sql=f'{name}({value.operand} COLLATE "C")', kind=Kind.TEXT)
    if value.kind in NUMBERS or (value.kind is Kind.MOMENT and value.column):
        # The result keeps no column: nothing may be concluded from its affinity.
        return Value(sql=f"{name}({value.sql})", kind=value.kind, wide=value.wide, form=form_of([value]))
    raise Untranslatable(f"{name}() of {value.kind}")


def _total(node: Node, distinct: str, value: Value) -> Value:
    if isinstance(node, exp.Avg):
        return Value(sql=f"avg({distinct}{value.operand}::double precision)", kind=Kind.REAL)
    if value.kind is Kind.INTEGER:
        return Value(sql=f"sum({distinct}{value.sql})::bigint", kind=Kind.INTEGER, wide=True)
    kind = Kind.REAL if value.kind is Kind.REAL else Kind.NUMERIC
    return Value(sql=f"sum({distinct}{value.operand}::double precision)", kind=kind)


def _sum_as_real(translator: Expressions, node: Node) -> Value:
    if not translator.rules.aggregates:
        raise Untranslatable("total() outside of a query")
    (value,) = _arguments(translator, node, 1)
    number = as_number(value)
    return Value(sql=f"coalesce(sum({number.operand}::double precision), 0)", kind=Kind.REAL)


def _group_concat(translator: Expressions, node: Node) -> Value:
    if not translator.rules.aggregates:
        raise Untranslatable("group_concat() outside of a query")
    only(node, "this", "separator")
    argument, distinct = node.this, ""
    if isinstance(argument, exp.Distinct):
        distinct, argument = "DISTINCT ", argument.expressions[0]
    text = as_text(translator.translate(argument))
    separator = node.args.get("separator")
    between = as_text(translator.translate(separator)) if separator is not None else text_value(",")
    return Value(sql=f"string_agg({distinct}{text.sql}, {between.sql})", kind=Kind.TEXT)


_Handler = Callable[[Expressions, Node], Value]

_BY_NODE: dict[type, _Handler] = {
    exp.Coalesce: _coalesce,
    exp.Nullif: _nullif,
    exp.Length: _length,
    exp.Substring: _substring,
    exp.StrPosition: _position,
    exp.Lower: _lower,
    exp.Upper: _upper,
    exp.Trim: _trim,
    exp.Replace: _replace,
    exp.Abs: _absolute,
    exp.Greatest: _extreme,
    exp.Least: _extreme,
    exp.Cast: _cast,
    exp.Hex: _hex,
    exp.LowerHex: _hex,
    exp.Rand: _random,
    exp.CurrentTimestamp: _current("datetime"),
    exp.CurrentDate: _current("date"),
    exp.CurrentTime: _current("time"),
    exp.Date: _moment_call("date"),
    exp.TimeToStr: _strftime,
    exp.Count: _aggregate,
    exp.Sum: _aggregate,
    exp.Avg: _aggregate,
    exp.Max: _aggregate,
    exp.Min: _aggregate,
    exp.GroupConcat: _group_concat,
}

_BY_NAME: dict[str, _Handler] = {
    "randomblob": _random_blob,
    "json_valid": _json_valid,
    "likely": _likely,
    "unlikely": _likely,
    "datetime": _moment_call("datetime"),
    "date": _moment_call("date"),
    "time": _moment_call("time"),
    "unixepoch": _unix_epoch,
    "julianday": _julian_day,
    "total": _sum_as_real,
}
