"""
Show a person what a codec makes of values, as PostgreSQL would print them.

Reads the wire that `encode` gives, so that the plan's minimum, maximum and samples
show what will really be stored, wrong units included.
"""

from __future__ import annotations

import ipaddress
import struct
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np

from howdah.codecs.base import Codec, Params
from howdah.codecs.numeric_wire import INFINITY, NEGATIVE, NEGATIVE_INFINITY
from howdah.codecs.pgtypes import PgType, parse_type
from howdah.codecs.values import SourceColumn

#: Longer renderings are cut for people.
_WIDTH_MAX = 80


def sample_text(codec: Codec, params: Params, pg_type: str, column: SourceColumn) -> list[str]:
    """Return one line of text per value: what it becomes, "NULL", or "rejected: <reason>"."""
    result = codec.encode(column, params, pg_type)
    render = _renderer(parse_type(pg_type))
    reasons = {int(row): reason for reason, rows in result.rejected.items() for row in rows.nonzero()[0]}
    lines: list[str] = []
    for row in range(column.length):
        if row in reasons:
            lines.append(f"rejected: {reasons[row]}")
        elif result.wire.nulls is not None and result.wire.nulls[row]:
            lines.append("NULL")
        elif result.wire.fixed is not None:
            lines.append(_shorten(render(result.wire.fixed[row].tobytes())))
        else:
            assert result.wire.variable is not None
            lines.append(_shorten(render(result.wire.variable[row].as_py())))
    return lines


def _renderer(pg_type: PgType) -> Callable[[bytes], str]:
    if pg_type.element is None:
        return _RENDERERS[pg_type.base]
    of_element = _renderer(pg_type.element)
    if pg_type.base == "array":
        return lambda field: _render_array(field, of_element)
    if pg_type.base == "multirange":
        return lambda field: _render_multirange(field, of_element)
    return lambda field: _render_range(field, of_element)


def _shorten(text: str) -> str:
    return text if len(text) <= _WIDTH_MAX else text[: _WIDTH_MAX - 1] + "…"


def _render_numeric(field: bytes) -> str:
    words = struct.unpack(f">Hh{len(field) // 2 - 2}H", field)
    _, weight, sign, scale, *digits = words
    if sign in (INFINITY, NEGATIVE_INFINITY):
        return "Infinity" if sign == INFINITY else "-Infinity"
    written = "".join(f"{digit:04d}" for digit in digits) or "0"
    # From the literal: arithmetic would round to the digits of Python's context.
    value = Decimal(f"{'-' if sign == NEGATIVE else ''}{written}e{4 * (weight + 1 - len(digits))}")
    return f"{value:.{scale}f}"


def _render_timestamp(field: bytes) -> str:
    (microseconds,) = struct.unpack(">q", field)
    # numpy's calendar has every year that PostgreSQL's has; a wrong unit is seen by the year.
    moment = str(np.datetime64("2000-01-01", "us") + np.timedelta64(microseconds, "us"))
    return moment.replace("T", " ").removesuffix(".000000")


def _render_date(field: bytes) -> str:
    (days,) = struct.unpack(">i", field)
    return str(np.datetime64("2000-01-01", "D") + np.timedelta64(days, "D"))


def _render_time(field: bytes) -> str:
    (microseconds,) = struct.unpack(">q", field)
    return (datetime.min + timedelta(microseconds=microseconds)).time().isoformat()


def _render_timetz(field: bytes) -> str:
    (west,) = struct.unpack(">i", field[8:])
    offset = timedelta(seconds=abs(west))
    return f"{_render_time(field[:8])}{'-' if west > 0 else '+'}{offset}"


def _render_interval(field: bytes) -> str:
    microseconds, days, months = struct.unpack(">qii", field)
    try:
        length = str(timedelta(days=days, microseconds=microseconds))
    except OverflowError:  # interval counts twice as many days as Python
        length = f"{days} days, {timedelta(microseconds=microseconds)}"
    return f"{months} months, {length}" if months else length


def _render_address(field: bytes) -> str:
    address = ipaddress.ip_address(field[4:])
    return f"{address}/{field[1]}"


def _render_bits(field: bytes) -> str:
    (count,) = struct.unpack_from(">i", field)
    return "".join(f"{byte:08b}" for byte in field[4:])[:count]


def _render_money(field: bytes) -> str:
    (units,) = struct.unpack(">q", field)
    return f"{units} of the smallest unit"


def _render_vector(field: bytes) -> str:
    (count,) = struct.unpack_from(">h", field)
    return "[" + ", ".join(f"{number:g}" for number in struct.unpack_from(f">{count}f", field, 4)) + "]"


def _render_tsvector(field: bytes) -> str:
    (count,) = struct.unpack_from(">i", field)
    return f"{count} lexemes"


def _render_hstore(field: bytes) -> str:
    (count,) = struct.unpack_from(">i", field)
    return f"{count} pairs"


def _render_array(field: bytes, of_element: Callable[[bytes], str]) -> str:
    dimensions, _, _ = struct.unpack_from(">iiI", field)
    lengths = [struct.unpack_from(">i", field, 12 + 8 * place)[0] for place in range(dimensions)]
    shown = [
        "NULL" if element is None else of_element(element)
        for element in _read_fields(field, 12 + 8 * dimensions)
    ]
    shape = "" if dimensions < 2 else " of " + " by ".join(map(str, lengths))
    return "{" + ", ".join(shown) + "}" + shape


def _render_range(field: bytes, of_bound: Callable[[bytes], str]) -> str:
    flags = field[0]
    if flags & 1:
        return "empty"
    bounds = iter([of_bound(bound) for bound in _read_fields(field, 1) if bound is not None])
    lower = "" if flags & 8 else next(bounds)
    upper = "" if flags & 16 else next(bounds)
    return f"{'[' if flags & 2 else '('}{lower}, {upper}{']' if flags & 4 else ')'}"


def _render_multirange(field: bytes, of_bound: Callable[[bytes], str]) -> str:
    ranges = [_render_range(part, of_bound) for part in _read_fields(field, 4) if part is not None]
    return "{" + ", ".join(ranges) + "}"


def _read_fields(field: bytes, position: int) -> Iterator[bytes | None]:
    """Give the fields that stand behind their lengths; None for NULL."""
    while position < len(field):
        (length,) = struct.unpack_from(">i", field, position)
        position += 4
        if length < 0:
            yield None
            continue
        yield field[position : position + length]
        position += length


def _render_text(field: bytes) -> str:
    return field.decode("utf-8", "backslashreplace")


def _render_unpacked(layout: str) -> Callable[[bytes], str]:
    return lambda field: str(struct.unpack(layout, field)[0])


_RENDERERS: dict[str, Callable[[bytes], str]] = {
    "int2": _render_unpacked(">h"),
    "int4": _render_unpacked(">i"),
    "int8": _render_unpacked(">q"),
    "float4": _render_unpacked(">f"),
    "float8": _render_unpacked(">d"),
    "bool": lambda field: "true" if field == b"\x01" else "false",
    "numeric": _render_numeric,
    "text": _render_text,
    "varchar": _render_text,
    "char": _render_text,
    "bpchar": _render_text,
    "json": _render_text,
    "jsonb": lambda field: _render_text(field[1:]),
    "citext": _render_text,
    "name": _render_text,
    "byte-char": lambda field: _render_text(field.rstrip(b"\0")),
    "xml": _render_text,
    "enum": _render_text,
    "oid": _render_unpacked(">I"),
    "money": _render_money,
    "timetz": _render_timetz,
    "interval": _render_interval,
    "inet": _render_address,
    "cidr": _render_address,
    "macaddr": lambda field: field.hex(":"),
    "macaddr8": lambda field: field.hex(":"),
    "bit": _render_bits,
    "varbit": _render_bits,
    "vector": _render_vector,
    "tsvector": _render_tsvector,
    "hstore": _render_hstore,
    "bytea": lambda field: "\\x" + field[:_WIDTH_MAX].hex(),
    "uuid": lambda field: str(uuid.UUID(bytes=field)),
    "date": _render_date,
    "time": _render_time,
    "timestamp": _render_timestamp,
    "timestamptz": lambda field: _render_timestamp(field) + "+00",
}
