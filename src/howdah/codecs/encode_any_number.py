"""
Encode numbers and truths that are stored in another class than the target's type wants.

An integer stays an integer or is refused: no value wraps, no fraction is cut. Decimals
are the shortest that read back as the double, rounded half away from zero to the scale
of the type and counted, as the application's own driver would have sent them.
"""

from __future__ import annotations

import math
import re
import struct
from decimal import ROUND_HALF_UP, Context, Decimal

from howdah.codecs.base import Params
from howdah.codecs.encode_each import Convert, Notes, Stored, Unfit, encode_each
from howdah.codecs.numeric_wire import (
    DIGITS_AFTER_POINT_MAX,
    DIGITS_BEFORE_POINT_MAX,
    write_infinity,
    write_one,
)
from howdah.codecs.params import read_choice, read_integer
from howdah.codecs.pgtypes import PgType, parse_type
from howdah.codecs.values import Encoded, SourceColumn
from howdah.errors import UsageError

WIDTH_CHOICES = ("8", "4")

#: Base name → struct code, smallest, largest.
_INTEGERS = {
    "int2": (">h", -(2**15), 2**15 - 1),
    "int4": (">i", -(2**31), 2**31 - 1),
    "int8": (">q", -(2**63), 2**63 - 1),
    "oid": (">I", 0, 2**32 - 1),
}
_INTEGER = re.compile(r"[+-]?\d{1,20}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
#: From here on a double may stand for several integers.
_EXACT_REAL = 2.0**53

_TRUE = frozenset({"t", "true", "yes", "y", "on", "1"})
_FALSE = frozenset({"f", "false", "no", "n", "off", "0"})

#: Digits enough for every numeric; quantize never rounds but where it is asked to.
_WIDE = Context(prec=DIGITS_BEFORE_POINT_MAX + DIGITS_AFTER_POINT_MAX + 10, Emax=10**6, Emin=-(10**6))


def any_integer(params: Params, pg_type: PgType) -> Convert:
    """Return the converter of one value → int2, int4, int8, oid."""
    layout, low, high = _INTEGERS[pg_type.base]

    def convert(value: Stored, notes: Notes) -> bytes:
        if isinstance(value, float):
            if not value.is_integer():
                raise Unfit("not-integer")
            if abs(value) > _EXACT_REAL:
                raise Unfit("digits-lost-in-source")
            notes.add("real-to-integer")
            value = int(value)
        elif isinstance(value, str):
            if _INTEGER.fullmatch(value) is None:
                raise Unfit("not-integer")
            notes.add("text-to-number")
            value = int(value)
        elif isinstance(value, bytes):
            raise Unfit("not-integer")
        if not low <= value <= high:
            raise Unfit("integer-out-of-range")
        return struct.pack(layout, value)

    return convert


def any_boolean(params: Params, pg_type: PgType) -> Convert:
    """Return the converter of one value → bool."""

    def convert(value: Stored, notes: Notes) -> bytes:
        if isinstance(value, str):
            word = value.lower()
            if word not in _TRUE | _FALSE:
                raise Unfit("not-boolean")
            notes.add("read-as-boolean")
            return b"\x01" if word in _TRUE else b"\x00"
        if isinstance(value, bytes) or value not in (0, 1):
            raise Unfit("not-boolean")
        if isinstance(value, float):
            notes.add("read-as-boolean")
        return b"\x01" if value == 1 else b"\x00"

    return convert


def any_real(params: Params, pg_type: PgType) -> Convert:
    """Return the converter of one value → float8, or the nearest float4."""
    single = pg_type.base == "float4"
    if read_choice(params, "width", WIDTH_CHOICES) != ("4" if single else "8"):
        raise UsageError("C-105", 'parameter "width" of codec "any-real" does not fit the type')

    def convert(value: Stored, notes: Notes) -> bytes:
        if isinstance(value, bytes):
            raise Unfit("not-real")
        if isinstance(value, str):
            if _DECIMAL.fullmatch(value) is None:
                raise Unfit("not-real")
            number = float(value)
            if math.isinf(number):
                raise Unfit("real-overflow")
            notes.add("text-to-number")
        else:
            try:
                number = float(value)
            except OverflowError:
                raise Unfit("real-overflow") from None
            if isinstance(value, int) and int(number) != value:
                # More digits than a double has: the application meant this very integer.
                raise Unfit("real-rounds")
        if not single:
            return struct.pack(">d", number)
        try:
            field = struct.pack(">f", number)
        except OverflowError:
            raise Unfit("real-overflow") from None
        if struct.unpack(">f", field)[0] != number:
            notes.add("nearest-float4")
        return field

    return convert


def any_numeric(params: Params, pg_type: PgType) -> Convert:
    """Return the converter of one value → numeric, numeric(p,s)."""
    precision = pg_type.modifiers[0] if pg_type.modifiers else None
    scale = None if precision is None else (pg_type.modifiers[1] if len(pg_type.modifiers) > 1 else 0)
    if read_integer(params, "scale") != scale:
        raise UsageError(
            "C-105",
            'parameter "scale" of codec "any-numeric" does not fit the type',
            hint=f'Write scale = "{scale}" beside it.' if scale is not None else "The type has no scale.",
        )

    def convert(value: Stored, notes: Notes) -> bytes:
        number = _decimal_of(value, notes)
        if number.is_infinite():
            if precision is not None:
                raise Unfit("numeric-overflow")
            return write_infinity(negative=number < 0)
        if scale is not None:
            rounded = number.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP, _WIDE)
            if rounded != number:
                notes.add("rounded")
            number = rounded
        negative, digits, exponent = number.as_tuple()
        assert isinstance(exponent, int)
        before = len(digits) + exponent if any(digits) else 0
        most = DIGITS_BEFORE_POINT_MAX if precision is None or scale is None else precision - scale
        if before > most or -exponent > DIGITS_AFTER_POINT_MAX:
            raise Unfit("numeric-overflow")
        return write_one(
            negative=bool(negative) and any(digits),
            digits="".join(map(str, digits)),
            exponent=exponent,
            scale=max(-exponent, 0),
        )

    return convert


def any_money(params: Params, pg_type: PgType) -> Convert:
    """Return the converter of one value → money, of which the server's locale keeps `digits` decimals."""
    decimals = read_integer(params, "digits")
    if decimals is None:
        raise UsageError("C-103", 'codec "money" needs the parameter "digits"')

    def convert(value: Stored, notes: Notes) -> bytes:
        number = _decimal_of(value, notes)
        if number.is_infinite():
            raise Unfit("numeric-overflow")
        units = number.scaleb(decimals, _WIDE).quantize(Decimal(1), ROUND_HALF_UP, _WIDE)
        if units != number.scaleb(decimals, _WIDE):
            notes.add("rounded")
        if not -(2**63) <= units < 2**63:
            raise Unfit("numeric-overflow")
        return struct.pack(">q", int(units))

    return convert


def _decimal_of(value: Stored, notes: Notes) -> Decimal:
    if isinstance(value, bytes):
        raise Unfit("not-numeric")
    if isinstance(value, str):
        if _DECIMAL.fullmatch(value) is None:
            raise Unfit("not-numeric")
        return Decimal(value)
    return Decimal(value) if isinstance(value, int) else Decimal(repr(value))


def encode_any_integer(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """INTEGER, integral REAL or TEXT → int2, int4, int8, oid."""
    return encode_each(column, any_integer(params, parse_type(pg_type)))


def encode_any_boolean(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """0, 1 or a word → bool."""
    return encode_each(column, any_boolean(params, parse_type(pg_type)))


def encode_any_real(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """REAL, INTEGER or TEXT → float4, float8."""
    return encode_each(column, any_real(params, parse_type(pg_type)))


def encode_any_numeric(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """INTEGER, REAL or decimal TEXT → numeric."""
    return encode_each(column, any_numeric(params, parse_type(pg_type)))


def encode_any_money(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """INTEGER, REAL or decimal TEXT → money."""
    return encode_each(column, any_money(params, parse_type(pg_type)))
