"""
Turn SQLite's DEFAULT into one that gives PostgreSQL the same value in the planned type.

Pure. A literal takes the form that the column's affinity and codec give it; the
present moment takes the form of the column, cut to the digits that the application
stores. Raises `Untranslatable` for the rest.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from howdah.codecs.pgtypes import parse_type
from howdah.model.plan import ColumnPlan
from howdah.model.source import Affinity
from howdah.names import quote_literal
from howdah.planning.json_calls import is_plain_json
from howdah.planning.moments import EPOCH_UNITS, is_iso_date
from howdah.planning.sql_values import (
    NUMBERS,
    Kind,
    Untranslatable,
    Value,
    as_text,
    integer_value,
    kind_of,
)

_ZERO_ONE = {"0": "FALSE", "1": "TRUE", "false": "FALSE", "true": "TRUE"}

#: A number as SQLite reads one from a text, blanks around it or not (Python's float() reads more: nan, 1_0).
_NUMBER = re.compile(r"[ \t\n\r\v\f]*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)[ \t\n\r\v\f]*")

#: Digits after the second → what to cut the present moment to.
_CUT = {"0": "second", "3": "milliseconds"}


def render_default(value: Value, column: ColumnPlan, affinity: Affinity) -> str | None:
    """
    Return the DEFAULT expression for the planned column, None for NULL.

    `value` is the translated default expression. Raises Untranslatable where it is
    no value of the column's type.
    """
    if value.kind is Kind.NULL:
        return None
    if value.is_literal:
        _require_room(_stored(value.literal, affinity), column)
    match kind_of(column.codec, column.params):
        case Kind.BOOLEAN:
            return _boolean(value)
        case Kind.INTEGER:
            return _integer(value, affinity)
        case Kind.REAL | Kind.NUMERIC:
            return _number(value, affinity)
        case Kind.TEXT:
            return _text(value, affinity)
        case Kind.BYTES:
            return _bytes(value)
        case Kind.MOMENT:
            return _moment(value, column)
        case Kind.JSON:
            return _json(value)
        case _:
            return _converted(value, column, affinity)


def _require_room(stored: object, column: ColumnPlan) -> None:
    """Raise Untranslatable for a constant that PostgreSQL would refuse or round; SQLite takes any."""
    kind = parse_type(column.type)
    if kind.base == "varchar" and kind.modifiers and isinstance(stored, (int, str)):
        fits = len(str(stored)) <= kind.modifiers[0]
    elif kind.base == "numeric" and len(kind.modifiers) == 2 and isinstance(stored, (int, float)):
        precision, scale = kind.modifiers
        number = Decimal(repr(stored))
        # Not by rounding it: with the zeros of a long scale it has more digits than a context of decimal.
        fits = number.is_finite() and abs(number) < 10 ** (precision - scale) and _decimals(number) <= scale
    else:
        return
    if not fits:
        raise Untranslatable(f"{stored!r}, for which {column.type} has no room")


def _decimals(number: Decimal) -> int:
    """Return how many digits behind the point a finite number needs; below 0 for whole tens."""
    exponent = number.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return -exponent


def _boolean(value: Value) -> str:
    if value.kind is Kind.BOOLEAN:
        return value.sql
    truth = _ZERO_ONE.get(str(value.literal).lower()) if value.is_literal else None
    if truth is None:
        raise Untranslatable("a default other than 0 and 1 for a boolean")
    return truth


def _integer(value: Value, affinity: Affinity) -> str:
    number = _as_number_literal(value, affinity)
    if isinstance(number, float) and number.is_integer() and affinity is not Affinity.BLOB:
        number = int(number)
    if isinstance(number, int):
        if not -(2**63) <= number < 2**63:
            # SQLite takes it for a REAL.
            raise Untranslatable("a number of more than 64 bits for an integer column")
        return str(number)
    if value.kind is Kind.BOOLEAN:
        return f"({value.sql})::int"
    if value.kind is Kind.INTEGER:
        return value.operand
    if value.now == "seconds" and affinity in (Affinity.INTEGER, Affinity.NUMERIC):
        return value.sql.removesuffix("::text")
    if value.kind in NUMBERS and affinity is not Affinity.BLOB:
        raise Untranslatable("a default with a fraction for an integer column")
    raise Untranslatable(f"a default of {value.kind} for an integer column")


def _number(value: Value, affinity: Affinity) -> str:
    number = _as_number_literal(value, affinity)
    if number is not None:
        return repr(number)
    if value.kind in NUMBERS:
        return value.operand
    raise Untranslatable(f"a default of {value.kind} for a number")


def _as_number_literal(value: Value, affinity: Affinity) -> int | float | None:
    """Return the literal as a number; a text in the form of one becomes one by the column's affinity."""
    literal = value.literal
    if isinstance(literal, bool):
        return int(literal)
    if isinstance(literal, (int, float)):
        return literal
    if isinstance(literal, str):
        number = _read_number(literal) if affinity is not Affinity.BLOB else None
        if number is None:
            raise Untranslatable(f"the text {literal!r} for a number")
        return number
    return None


def _read_number(text: str) -> int | float | None:
    """Return the number that a text is under NUMERIC affinity, None for a text that stays one."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None
    number = float(found[1]) if set(found[1]) & set(".eE") else int(found[1])
    # An infinite one has no literal in PostgreSQL.
    return None if abs(number) == float("inf") else number


def _stored(literal: bool | int | float | str | bytes | None, affinity: Affinity) -> object:
    """Return the literal as a column of that affinity stores it (datatype3.html section 3)."""
    if isinstance(literal, bool):
        literal = int(literal)
    if affinity is Affinity.BLOB or literal is None or isinstance(literal, bytes):
        return literal
    if affinity is Affinity.TEXT:
        return literal
    if isinstance(literal, str):
        number = _read_number(literal)
        if number is None:
            return literal
        literal = number
    if affinity is Affinity.REAL:
        return float(literal)
    if isinstance(literal, float) and literal.is_integer() and abs(literal) < 2**53:
        return int(literal)
    return literal


def _text(value: Value, affinity: Affinity) -> str:
    stored = _stored(value.literal, affinity)
    if isinstance(stored, float):
        raise Untranslatable("a number with a fraction for a text column")
    if isinstance(stored, int):
        return quote_literal(str(stored))
    if affinity is Affinity.REAL and value.kind is not Kind.TEXT:
        # What it comes to is stored as a floating point number, whose text has a point.
        raise Untranslatable("a computed number for a text column")
    if value.kind in (Kind.TEXT, Kind.INTEGER, Kind.BOOLEAN):
        return as_text(value).operand
    raise Untranslatable(f"a default of {value.kind} for a text column")


def _bytes(value: Value) -> str:
    if value.kind is Kind.BYTES:
        return value.operand
    raise Untranslatable(f"a default of {value.kind} for a column of bytes")


def _json(value: Value) -> str:
    if isinstance(value.literal, str):
        if not is_plain_json(value.literal):
            raise Untranslatable(f"{value.literal!r}, which is not JSON")
        return value.sql
    raise Untranslatable("a default that is no JSON text")


def _moment(value: Value, column: ColumnPlan) -> str:
    if value.now:
        return _present(value.now, column)
    if isinstance(value.literal, str):
        return _constant(value.literal, column)
    raise Untranslatable(f"a default of {value.kind} for a {column.type}")


def _present(now: str, column: ColumnPlan) -> str:
    in_utc = "(now() AT TIME ZONE 'utc')"
    if column.type.startswith("date") and now in ("date", "datetime"):
        return f"{in_utc}::date"
    if column.type.startswith("time") and not column.type.startswith("timestamp") and now == "time":
        return f"date_trunc('second', {in_utc})::time"
    if column.type.startswith("timestamp") and now == "datetime":
        moment = "now()" if column.type.startswith("timestamptz") else in_utc
        fraction = column.params.get("format", "")[1:2]
        return f"date_trunc('{_CUT[fraction]}', {moment})" if fraction in _CUT else moment
    raise Untranslatable(f"the present {now} for a {column.type}")


def _constant(text: str, column: ColumnPlan) -> str:
    if column.type.startswith("date"):
        if is_iso_date(text):
            return f"DATE {quote_literal(text)}"
        raise Untranslatable(f"{text!r} for a date")
    if not column.type.startswith("timestamp"):
        raise Untranslatable(f"{text!r} for a {column.type}")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Untranslatable(f"{text!r} for a {column.type}") from None
    # A timestamp without zone drops an offset without a word; all of SQLite's functions mean UTC.
    in_utc = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    if column.type.startswith("timestamptz"):
        return f"TIMESTAMPTZ {quote_literal(in_utc.isoformat(sep=' '))}"
    return f"TIMESTAMP {quote_literal(in_utc.replace(tzinfo=None).isoformat(sep=' '))}"


def _converted(value: Value, column: ColumnPlan, affinity: Affinity) -> str:
    """Defaults of columns whose values take another form: epochs and UUIDs."""
    if column.codec in EPOCH_UNITS:
        return _epoch(value, EPOCH_UNITS[column.codec])
    if column.type == "uuid":
        if "gen_random_uuid()" in value.sql and value.kind is Kind.TEXT:
            return "gen_random_uuid()"
        if isinstance(value.literal, str):
            try:
                return f"UUID {quote_literal(str(UUID(value.literal)))}"
            except ValueError:
                pass
    if column.codec == "any-text" and value.is_literal and not isinstance(value.literal, bytes):
        stored = _stored(value.literal, affinity)
        # The form in which the codec writes a number.
        return quote_literal(stored if isinstance(stored, str) else repr(stored))
    if column.codec == "bytes" and isinstance(value.literal, (str, bytes)):
        content = value.literal if isinstance(value.literal, bytes) else value.literal.encode()
        return f"'\\x{content.hex()}'::bytea"
    if column.codec in ("text", "any-text") and value.kind is Kind.TEXT:
        return value.operand
    raise Untranslatable(f"a default for a {column.type} that is carried by {column.codec}")


def _epoch(value: Value, unit_microseconds: int) -> str:
    if value.now == "seconds":
        value = Value(sql=value.sql.removesuffix("::text"), kind=Kind.INTEGER)
    if isinstance(value.literal, bool):
        # TRUE and FALSE are 1 and 0 (lang_expr.html section 2).
        value = integer_value(int(value.literal))
    if value.kind is not Kind.INTEGER and not isinstance(value.literal, int):
        raise Untranslatable("a default that does not count time as the stored values do")
    per_second = 1_000_000 // unit_microseconds
    seconds = value.operand if per_second == 1 else f"{value.operand} / {per_second}.0"
    return f"to_timestamp({seconds})"
