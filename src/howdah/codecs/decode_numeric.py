"""
Decode numeric, read as PostgreSQL's own text, into the class and value SQLite stores.

The class follows from the column's affinity, as SQLite itself would choose it. A
decimal that is not the shortest one of any double (0.1000000000000000055) becomes a
TEXT, which equals nothing: rounding it to the nearest double would hide the damage.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Context, Decimal

import pyarrow as pa
import pyarrow.compute as pc

from howdah.codecs.base import EXACT, Params
from howdah.codecs.decode_parts import read_storage, source_column
from howdah.codecs.values import SourceColumn

#: As PostgreSQL prints them, and as ADBC does where it reads numeric itself.
_INFINITIES = pa.array(["Infinity", "-Infinity", "inf", "-inf"])
_NOT_A_NUMBER = pa.array(["NaN", "nan"])

#: A decimal of so many digits is the shortest of the double it reads as.
_SURE_DIGITS = 15
#: An integer of so many characters, sign included, fits 64 bits.
_SURE_INTEGER_CHARACTERS = 18
_INTEGER_MIN, _INTEGER_MAX = -(2**63), 2**63 - 1

#: Never rounds: a numeric has at most 147,455 digits.
_WIDE = Context(prec=150_000, rounding=ROUND_HALF_UP, Emax=10**6, Emin=-(10**6))


def decode_numeric(array: pa.Array, params: Params) -> SourceColumn:
    """numeric → INTEGER, REAL or decimal TEXT, by parameter `affinity`."""
    shown = read_storage(array, "numeric", pa.types.is_string)
    affinity = params.get("affinity", "numeric")
    if affinity == "text":
        return source_column(len(shown), text=shown)
    has_point = pc.match_substring(shown, ".")
    trimmed = shown
    if pc.any(has_point).as_py():
        trimmed = pc.if_else(has_point, pc.utf8_rtrim(pc.utf8_rtrim(shown, "0"), "."), shown)
    infinite = pc.is_in(shown, _INFINITIES)
    not_a_number = pc.is_in(shown, _NOT_A_NUMBER)
    if affinity == "real":
        whole = pc.and_(has_point, False)
    elif affinity == "blob" and "scale" not in params:
        # Without modifiers the digits shown are those sent: 5 was an integer, 5.0 a real.
        whole = pc.invert(has_point)
    else:
        whole = pc.invert(pc.match_substring(trimmed, "."))
    whole = pc.and_(whole, pc.invert(pc.or_(infinite, not_a_number)))
    integer, whole = _read_integers(trimmed, whole)
    real, foreign = _read_reals(trimmed, pc.and_(pc.invert(whole), pc.invert(not_a_number)), infinite)
    unread = pc.if_else(pc.or_(not_a_number, foreign), shown, None)
    return source_column(len(shown), integer=integer, real=real, text=unread)


def _keep(array: pa.Array, mask: pa.Array) -> pa.Array:
    return pc.if_else(mask, array, pa.scalar(None, array.type))


def _read_integers(literals: pa.Array, whole: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Read the whole numbers that fit 64 bits; return them and where they are."""
    short = pc.and_(whole, pc.less_equal(pc.binary_length(literals), _SURE_INTEGER_CHARACTERS))
    integer = _keep(literals, short).cast(pa.int64())
    long = pc.and_(whole, pc.invert(short))
    if not pc.any(long).as_py():
        return integer, short
    # Of more than 20 characters none fits, and of thousands Python makes no int.
    values = [
        int(literal) if is_long and len(literal) <= 20 else None
        for literal, is_long in zip(literals.to_pylist(), long.to_pylist(), strict=True)
    ]
    fitting = pa.array([None if value is None or not _fits(value) else value for value in values], pa.int64())
    return pc.coalesce(integer, fitting), pc.or_(short, pc.and_(long, pc.is_valid(fitting)))


def _fits(value: int) -> bool:
    return _INTEGER_MIN <= value <= _INTEGER_MAX


def _read_reals(literals: pa.Array, rows: pa.Array, infinite: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Read the rows as doubles; return those whose shortest decimal it is, and where it is not."""
    chosen = _keep(literals, rows)
    real = chosen.cast(pa.float64())
    signs_and_points = pc.add(
        pc.cast(pc.match_substring(chosen, "."), pa.int32()),
        pc.cast(pc.starts_with(chosen, "-"), pa.int32()),
    )
    digits = pc.subtract(pc.binary_length(chosen), signs_and_points)
    doubtful = pc.and_(pc.greater(digits, _SURE_DIGITS), pc.invert(infinite))
    if pc.any(doubtful).as_py():
        # Arrow spells a double with the shortest decimal too, mostly as PostgreSQL does.
        doubtful = pc.and_(doubtful, pc.not_equal(real.cast(pa.utf8()), chosen))
    if not pc.any(doubtful).as_py():
        return real, pc.and_(rows, False)
    foreign = pa.array(
        [
            None if is_doubtful is None else is_doubtful and not _is_shortest(literal)
            for literal, is_doubtful in zip(chosen.to_pylist(), doubtful.to_pylist(), strict=True)
        ],
        pa.bool_(),
    )
    foreign = pc.fill_null(foreign, False)
    return _keep(real, pc.invert(foreign)), foreign


def _is_shortest(literal: str) -> bool:
    nearest = float(literal)
    return math.isfinite(nearest) and Decimal(repr(nearest)) == Decimal(literal)


def numeric_equality(params: Params) -> str:
    """Return which equality holds under these parameters."""
    if params.get("rounding") == "half-away":
        return f"by numeric value, rounded half away from zero to scale {params.get('scale')}"
    if params.get("affinity") == "blob":
        return "by numeric value" if "scale" in params else "exact, except that -0.0 arrives as 0.0"
    return EXACT


def project_numeric(column: SourceColumn, params: Params) -> SourceColumn:
    """Give the source's REALs the value and class that numeric keeps of them, by decimal arithmetic."""
    if column.real is None or numeric_equality(params) == EXACT:
        return column
    integers: list[int | None] = [None] * column.length
    reals: list[float | None] = [None] * column.length
    texts: list[str | None] = [None] * column.length
    for row, value in enumerate(column.real.to_pylist()):
        if value is None:
            continue
        kept = _project_real(value, params)
        if isinstance(kept, int):
            integers[row] = kept
        elif isinstance(kept, float):
            reals[row] = kept
        else:
            texts[row] = kept
    integer = pa.array(integers, pa.int64())
    text = pa.array(texts, pa.utf8()).cast(pa.binary())
    return source_column(
        column.length,
        integer=integer if column.integer is None else pc.coalesce(column.integer, integer),
        real=pa.array(reals, pa.float64()),
        text=text if column.text is None else pc.coalesce(column.text, text),
        blob=column.blob,
    )


def _project_real(value: float, params: Params) -> int | float | str:
    if not math.isfinite(value):
        return value
    decimal = Decimal(repr(value))
    if params.get("rounding") == "half-away":
        decimal = decimal.quantize(Decimal(1).scaleb(-int(params["scale"])), context=_WIDE)
    keeps_class = params.get("affinity") == "real" or (
        params.get("affinity") == "blob" and "scale" not in params
    )
    if not keeps_class and decimal == decimal.to_integral_value() and _fits(int(decimal)):
        return int(decimal)
    nearest = float(decimal)
    if Decimal(repr(nearest)) != decimal:
        return format(decimal, "f")
    return nearest + 0.0  # -0.0 + 0.0 is 0.0: numeric has one zero
