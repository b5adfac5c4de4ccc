"""
Compare two values as SQLite would: affinity, collation, booleans as numbers.

Pure. The rules are those of sqlite.org/datatype3.html, section 4.2: a number column
turns a text literal into a number, a text column turns a number literal into text, and
between unlike classes nothing is equal. Where the classes are not certain, `Untranslatable`.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from howdah.model.source import Affinity, fold_name
from howdah.names import quote_literal
from howdah.planning.moments import EPOCH_UNITS, decode_epoch, is_iso_date, read_iso
from howdah.planning.sql_values import (
    NUMBERS,
    Kind,
    ScopeColumn,
    Untranslatable,
    Value,
    as_number,
    as_text,
    boolean_value,
    composed,
    integer_value,
    real_value,
    text_value,
    utc_of,
)

_NUMERIC_AFFINITIES = (Affinity.INTEGER, Affinity.NUMERIC, Affinity.REAL)
_ORDERINGS = ("<", "<=", ">", ">=")
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def compare(left: Value, operator: str, right: Value) -> Value:
    """
    Translate `left operator right`; the operator is one of = <> < <= > >= or the null-safe IS, IS NOT.

    Raises Untranslatable where PostgreSQL's answer could differ.
    """
    if Kind.NULL in (left.kind, right.kind):
        return _compare_with_null(left, operator, right)
    if Kind.ANY in (left.kind, right.kind):
        return _compare_any(left, operator, right)
    left, operator, right = _align(left, operator, right)
    if left.kind is Kind.BOOLEAN and right.kind is Kind.BOOLEAN:
        simple = _compare_booleans(left, operator, right)
        if simple is not None:
            return simple
    left, right = _collate(left, operator, right)
    names = {"IS": "IS NOT DISTINCT FROM", "IS NOT": "IS DISTINCT FROM"}
    return composed(f"{left.operand} {names.get(operator, operator)} {right.operand}", Kind.BOOLEAN)


def align_item(left: Value, item: Value) -> Value:
    """
    Bring one member of an IN list to the form of the left side, whose affinity and collation count alone.

    Raises Untranslatable.
    """
    if item.kind is Kind.NULL:
        return item
    if not item.explicit_collation and item is not left:
        item = replace(item, column=None, collation="")
    aligned, operator, right = _align(left, "=", item)
    if operator != "=" or aligned.sql != left.sql:
        raise Untranslatable("an IN list whose members have other types than the column")
    return _fold(right, _collation_of(left, right))


def fold_for_equality(value: Value) -> Value:
    """Apply the value's own collation, so that plain equality in PostgreSQL does what SQLite does."""
    return _fold(value, value.collation)


def order_key(value: Value) -> str:
    """Return what to sort by for SQLite's order: bytes for text, folded where the collation says so."""
    if value.kind is Kind.TEXT:
        return _order_text(fold_for_equality(value)).operand
    if value.kind in (Kind.JSON, Kind.OPAQUE, Kind.ANY):
        raise Untranslatable(f"sorting by {value.kind}")
    return value.operand


def _compare_with_null(left: Value, operator: str, right: Value) -> Value:
    value = left if right.kind is Kind.NULL else right
    match operator:
        case "IS":
            return composed(f"{value.operand} IS NULL", Kind.BOOLEAN)
        case "IS NOT":
            return composed(f"{value.operand} IS NOT NULL", Kind.BOOLEAN)
        case _:
            return Value(sql="NULL::boolean", kind=Kind.BOOLEAN)


def _compare_any(left: Value, operator: str, right: Value) -> Value:
    """Compare what a path leads to in JSON with a constant: numbers come before texts, null is NULL."""
    if left.kind is not Kind.ANY:
        left, operator, right = right, _TURNED.get(operator, operator), left
    if not left.node or not right.is_literal or operator not in ("=", "<>", *_ORDERINGS):
        raise Untranslatable("a comparison of a value in JSON with anything but a constant")
    node, text = left.node, f"({left.node} #>> '{{}}')"
    if right.kind in NUMBERS or right.kind is Kind.BOOLEAN:
        number = as_number(right).operand
        # Texts, and the texts of arrays and objects, are larger than every number.
        otherwise = "TRUE" if operator in ("<>", ">", ">=") else "FALSE"
        inner = (
            f"CASE json_typeof({node}) WHEN 'number' THEN {text}::numeric {operator} {number}"
            f" WHEN 'boolean' THEN {text}::boolean::int {operator} {number} ELSE {otherwise} END"
        )
    elif isinstance(right.literal, str) and not right.literal.startswith(("[", "{")):
        otherwise = "TRUE" if operator in ("<>", "<", "<=") else "FALSE"
        ordered = f'{text} COLLATE "C"' if operator in _ORDERINGS else text
        inner = (
            f"CASE WHEN json_typeof({node}) IN ('number', 'boolean') THEN {otherwise}"
            f" ELSE {ordered} {operator} {right.operand} END"
        )
    else:
        raise Untranslatable(f"a comparison of a value in JSON with {right.kind}")
    return Value(sql=f"CASE WHEN json_typeof({node}) <> 'null' THEN {inner} END", kind=Kind.BOOLEAN)


def _compare_booleans(left: Value, operator: str, right: Value) -> Value | None:
    """Write `active = 1` as `active`; None where an ordinary comparison is needed."""
    if left.is_literal and not right.is_literal and operator in ("=", "<>", "IS", "IS NOT"):
        left, right = right, left
    if left.is_literal or not right.is_literal:
        return None
    truth = bool(right.literal)
    match operator:
        case "=" | "<>":
            wanted = truth if operator == "=" else not truth
            return left if wanted else composed(f"NOT {left.operand}", Kind.BOOLEAN)
        case "IS" | "IS NOT":
            return composed(f"{left.operand} {operator} {'TRUE' if truth else 'FALSE'}", Kind.BOOLEAN)
        case _:
            return None


def _align(left: Value, operator: str, right: Value) -> tuple[Value, str, Value]:
    """Bring both sides to comparable kinds."""
    kinds = (left.kind, right.kind)
    if set(kinds) <= NUMBERS or kinds == (Kind.TEXT, Kind.TEXT) or kinds == (Kind.BYTES, Kind.BYTES):
        return left, operator, right
    if Kind.BOOLEAN in kinds and set(kinds) <= NUMBERS | {Kind.BOOLEAN}:
        return _align_booleans(left, operator, right)
    if Kind.MOMENT in kinds or Kind.OPAQUE in kinds:
        return _align_stored_otherwise(left, operator, right)
    if kinds[0] is Kind.TEXT and kinds[1] in NUMBERS:
        number, text = _align_text_and_number(left, right)
        return text, operator, number
    if kinds[1] is Kind.TEXT and kinds[0] in NUMBERS:
        number, text = _align_text_and_number(right, left)
        return number, operator, text
    raise Untranslatable(f"a comparison of {kinds[0]} with {kinds[1]}")


def _align_booleans(left: Value, operator: str, right: Value) -> tuple[Value, str, Value]:
    def as_truth(value: Value) -> Value | None:
        if value.kind is Kind.BOOLEAN:
            return value
        return boolean_value(bool(value.literal)) if value.literal in (0, 1) else None

    truths = as_truth(left), as_truth(right)
    if truths[0] is not None and truths[1] is not None:
        return truths[0], operator, truths[1]
    return as_number(left), operator, as_number(right)


def _align_text_and_number(text: Value, number: Value) -> tuple[Value, Value]:
    """Return (number, text) after one of them took the form of the other, by the column's affinity."""
    if text.column and text.column.affinity is Affinity.TEXT and isinstance(number.literal, int):
        return text_value(str(number.literal)), text
    if number.column and number.column.affinity in _NUMERIC_AFFINITIES and isinstance(text.literal, str):
        return number, _read_number(text.literal)
    raise Untranslatable("a comparison of text with a number")


def _read_number(text: str) -> Value:
    body = text.strip(" ")
    if body.removeprefix("-").isascii() and body.removeprefix("-").isdigit():
        return integer_value(int(body))
    whole, point, fraction = body.removeprefix("-").partition(".")
    if point and (whole + fraction).isascii() and (whole + fraction).isdigit():
        return real_value(float(body))
    raise Untranslatable(f"a comparison of a number with the text {text!r}")


def _align_stored_otherwise(left: Value, operator: str, right: Value) -> tuple[Value, str, Value]:
    if left.column is None:
        if right.column is None:
            raise Untranslatable(f"a comparison of {left.kind} with {right.kind}")
        aligned, back, other = _align_stored_otherwise(right, _TURNED.get(operator, operator), left)
        return other, _TURNED.get(back, back), aligned
    column = left.column
    if right.column is not None:
        same = (column.type, column.codec, column.format) == (
            right.column.type,
            right.column.codec,
            right.column.format,
        )
        # Sorting converted values is sorting what was stored only where the conversion is monotone.
        monotone = column.kind is Kind.MOMENT or column.codec.startswith("epoch")
        if same and column.codec != "numeric" and (operator not in _ORDERINGS or monotone):
            return left, operator, right
        if column.kind is right.column.kind is Kind.MOMENT:
            return _align_computed_moment(left, column, operator, as_text(right))
        raise Untranslatable("a comparison of columns that are stored in different forms")
    if column.kind is Kind.MOMENT and isinstance(right.literal, str):
        return _align_moment(left, operator, right.literal)
    if column.kind is Kind.MOMENT and right.moment is not None:
        return _align_computed_moment(left, column, operator, right)
    if column.codec in EPOCH_UNITS and isinstance(right.literal, int):
        written = decode_epoch(right.literal, column.codec)
        if written[0].isdigit() and "(" not in written:
            return left, operator, _typed(written, "TIMESTAMPTZ", Kind.OPAQUE)
    if column.codec in EPOCH_UNITS and right.kind in (Kind.INTEGER, Kind.REAL):
        return as_number(left), operator, right
    if column.codec == "uuid-text" and _is_uuid(right.literal) and operator not in _ORDERINGS:
        return left, operator, _typed(str(right.literal), "UUID", Kind.OPAQUE)
    raise Untranslatable(f'a comparison with column "{column.name}", which is converted')


def _align_moment(left: Value, operator: str, text: str) -> tuple[Value, str, Value]:
    column = left.column
    assert column is not None
    if column.codec == "iso-date":
        if is_iso_date(text):
            return left, operator, _moment(text, "DATE")
        raise Untranslatable(f"a comparison of dates with the text {text!r}")
    if column.codec != "iso-datetime":
        raise Untranslatable(f"a comparison of times with the text {text!r}")
    moment = read_iso(text, column.format)
    type_name = "TIMESTAMPTZ" if column.type.startswith("timestamptz") else "TIMESTAMP"
    if moment is not None:
        return left, operator, _moment(moment.isoformat(sep=" "), type_name)
    start = f"{text} 00:00:00" if is_iso_date(text) else ""
    if read_iso(text, column.format[:1] + "0") is not None:
        start = text.replace("T", " ")
    if start and operator in _ORDERINGS:
        # '2024-01-01' sorts before every text that begins with it and goes on.
        zone = "+00:00" if type_name == "TIMESTAMPTZ" else ""
        return left, ">=" if operator in (">", ">=") else "<", _moment(start + zone, type_name)
    raise Untranslatable(f"a comparison of timestamps with the text {text!r}")


def _align_computed_moment(
    left: Value, column: ScopeColumn, operator: str, right: Value
) -> tuple[Value, str, Value]:
    """
    Compare stored moments with a computed text as moments, where the order of the texts is that of time.

    Of two texts one of which begins with the other, the longer is the larger.
    """
    told = right.moment
    assert told is not None
    day = replace(right, sql=f"{told.sql}::date", atomic=True, kind=Kind.MOMENT, moment=None)
    if column.codec == "iso-date" and told.form == "date":
        return left, operator, day
    if column.codec == "iso-date" and told.form[:1] in ("T", " ") and operator in _ORDERINGS:
        return left, "<=" if operator in ("<", "<=") else ">", day
    if column.codec != "iso-datetime" or told.form == "time":
        raise Untranslatable("a comparison of a moment with a text of another form")
    stored = replace(left, sql=utc_of(left, column), kind=Kind.MOMENT)
    exact = replace(right, sql=told.sql, atomic=False, kind=Kind.MOMENT, moment=None)
    if column.format == told.form:
        return stored, operator, exact
    if operator not in _ORDERINGS:
        raise Untranslatable("moments of different forms that are compared for equality")
    beginning = ">=" if operator in (">", ">=") else "<"
    if told.form == "date" or (column.format[:1], told.form[:1]) == ("T", " "):
        return stored, beginning, replace(exact, sql=f"date_trunc('day', {told.sql})", atomic=True)
    if (column.format[:1], told.form[:1]) == (" ", "T"):
        next_day = replace(exact, sql=f"date_trunc('day', {told.sql}) + INTERVAL '1 day'")
        return stored, beginning, next_day
    if column.format[:1] == told.form[:1] and told.form[1:] == "0":
        if column.format[1:] == "0/6":
            return stored, operator, exact
        return stored, beginning, exact
    raise Untranslatable("a comparison of moments whose forms differ")


def _is_uuid(text: object) -> bool:
    try:
        return isinstance(text, str) and str(UUID(text)) == text
    except ValueError:
        return False


def _moment(text: str, type_name: str) -> Value:
    return _typed(text, type_name, Kind.MOMENT)


def _typed(text: str, type_name: str, kind: Kind) -> Value:
    return Value(sql=f"{type_name} {quote_literal(text)}", kind=kind)


def _collation_of(left: Value, right: Value) -> str:
    for value in (left, right):
        if value.explicit_collation:
            return value.collation
    return left.collation if left.column else right.collation


def _collate(left: Value, operator: str, right: Value) -> tuple[Value, Value]:
    if left.kind is not Kind.TEXT:
        return left, right
    collation = _collation_of(left, right)
    left, right = _fold(left, collation), _fold(right, collation)
    if operator in _ORDERINGS:
        return _order_text(left), right
    return left, right


def _fold(value: Value, collation: str) -> Value:
    if value.kind is not Kind.TEXT:
        return value
    match collation:
        case "" | "BINARY":
            return value
        case "NOCASE":
            return lower_ascii(value)
        case "RTRIM":
            return Value(sql=f"rtrim({value.sql}, ' ')", kind=Kind.TEXT)
        case _:
            raise Untranslatable(f"the collation {collation}")


def lower_ascii(value: Value) -> Value:
    """Lower A to Z and nothing else, as SQLite does: PostgreSQL does so under the collation "C"."""
    if isinstance(value.literal, str):
        return text_value(fold_name(value.literal))
    return Value(sql=f'lower({value.operand} COLLATE "C")', kind=Kind.TEXT)


def _order_text(value: Value) -> Value:
    if value.sql.endswith('COLLATE "C")'):
        return value
    return composed(f'{value.operand} COLLATE "C"', Kind.TEXT)
