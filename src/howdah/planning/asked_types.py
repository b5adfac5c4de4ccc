"""
Say before the load which values a type that a person asked for cannot hold.

Pure. The storage class fits, the size may not: an int4 for 3000000000, a float4 for
0.1. The census knows extremes, not every value, so this names what is certain or
possible; the codecs decide row by row.
"""

from __future__ import annotations

from howdah.codecs.pgtypes import PgType, parse_type
from howdah.model.census import ColumnCensus

#: Base name → smallest and largest integer (PostgreSQL documentation, table 8.2).
_INTEGER_RANGES = {"int2": (-(2**15), 2**15 - 1), "int4": (-(2**31), 2**31 - 1)}
#: Codec → the shape that the census finds where every text of the column fits, and its name for people.
_SHAPES = {
    "iso-date": ("iso-date", "ISO dates"),
    "iso-time": ("iso-time", "times of day"),
    "iso-datetime": ("iso-datetime", "ISO timestamps of one form"),
    "json": ("json", "JSON"),
    "jsonb": ("jsonb-safe", "JSON that jsonb takes"),
    "uuid-text": ("uuid", "UUIDs of one case"),
    "uuid-hex32": ("uuid-hex32", "UUIDs of 32 digits"),
}
#: Largest finite value of binary32 (IEEE 754).
_FLOAT4_MAX = (2 - 2**-23) * 2.0**127


def describe_misfit(codec: str, type_name: str, census: ColumnCensus) -> str:
    """Return which stored values the type cannot hold, or may not; "" where all fit."""
    asked = parse_type(type_name)
    match codec:
        case "integer":
            return _beyond_integer(asked, census)
        case "boolean" if census.integers and "boolean" not in census.integer_shapes:
            return f"integers from {census.integer_min} to {census.integer_max} are not all 0 or 1"
        case "real" if asked.base == "float4" and census.reals:
            return _beyond_float4(census)
        case "numeric" if asked.modifiers:
            return _beyond_numeric(asked, census)
        case "text" | "any-text" if asked.base in ("varchar", "char") and asked.modifiers:
            return _beyond_length(asked, census)
        case _ if codec in _SHAPES and census.texts:
            shape, name = _SHAPES[codec]
            return "" if shape in census.text_shapes else f"its texts are not all {name}"
        case _:
            return ""


def _beyond_integer(asked: PgType, census: ColumnCensus) -> str:
    low, high = _INTEGER_RANGES.get(asked.base, (-(2**63), 2**63 - 1))
    ends = [value for value in (census.integer_min, census.integer_max) if value is not None]
    beyond = [str(value) for value in ends if not low <= value <= high]
    return f"it holds values as far as {' and '.join(beyond)}" if beyond else ""


def _beyond_float4(census: ColumnCensus) -> str:
    ends = [value for value in (census.real_min, census.real_max) if value is not None]
    beyond = [repr(value) for value in ends if _FLOAT4_MAX < abs(value) < float("inf")]
    if beyond:
        return f"it holds values as far as {' and '.join(beyond)}"
    return "its 24 bits hold no value that needs more, such as 0.1 or 16777217"


def _beyond_numeric(asked: PgType, census: ColumnCensus) -> str:
    precision, scale = asked.modifiers[0], asked.modifiers[1] if len(asked.modifiers) > 1 else 0
    beyond = []
    if census.numeric_digits_max > precision - scale:
        beyond.append(f"{census.numeric_digits_max} digits before the point")
    if (census.real_scale_max or 0) > scale:
        beyond.append(f"{census.real_scale_max} digits after the point")
    if census.real_infinities:
        beyond.append("infinity")
    return f"it holds numbers with {' and '.join(beyond)}" if beyond else ""


def _beyond_length(asked: PgType, census: ColumnCensus) -> str:
    if census.text_chars_max > asked.modifiers[0]:
        return f"it holds a text of {census.text_chars_max} characters"
    if asked.base == "char" and census.texts:
        return "it cannot tell blanks at the end of a text from its filling"
    return ""
