"""
Show a person what a codec makes of values, as PostgreSQL would print them.

Reads the wire that `encode` gives, so that the plan's minimum, maximum and samples
show what will really be stored, wrong units included.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np

from howdah.codecs.base import Codec, Params
from howdah.codecs.numeric_wire import INFINITY, NEGATIVE, NEGATIVE_INFINITY
from howdah.codecs.pgtypes import parse_type
from howdah.codecs.values import SourceColumn

#: Longer renderings are cut for people.
_WIDTH_MAX = 80


def sample_text(codec: Codec, params: Params, pg_type: str, column: SourceColumn) -> list[str]:
    """Return one line of text per value: what it becomes, "NULL", or "rejected: <reason>"."""
    result = codec.encode(column, params, pg_type)
    base = parse_type(pg_type).base
    reasons = {int(row): reason for reason, rows in result.rejected.items() for row in rows.nonzero()[0]}
    lines: list[str] = []
    for row in range(column.length):
        if row in reasons:
            lines.append(f"rejected: {reasons[row]}")
        elif result.wire.nulls is not None and result.wire.nulls[row]:
            lines.append("NULL")
        elif result.wire.fixed is not None:
            lines.append(_shorten(_RENDERERS[base](result.wire.fixed[row].tobytes())))
        else:
            assert result.wire.variable is not None
            lines.append(_shorten(_RENDERERS[base](result.wire.variable[row].as_py())))
    return lines


def _shorten(text: str) -> str:
    return text if len(text) <= _WIDTH_MAX else text[: _WIDTH_MAX - 1] + "…"


def _render_numeric(field: bytes) -> str:
    words = struct.unpack(f">Hh{len(field) // 2 - 2}H", field)
    _, weight, sign, scale, *digits = words
    if sign in (INFINITY, NEGATIVE_INFINITY):
        return "Infinity" if sign == INFINITY else "-Infinity"
    value = sum(
        (Decimal(digit).scaleb(4 * (weight - position)) for position, digit in enumerate(digits)), Decimal(0)
    )
    return f"{-value if sign == NEGATIVE else value:.{scale}f}"


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
    "bytea": lambda field: "\\x" + field[:_WIDTH_MAX].hex(),
    "uuid": lambda field: str(uuid.UUID(bytes=field)),
    "date": _render_date,
    "time": _render_time,
    "timestamp": _render_timestamp,
    "timestamptz": lambda field: _render_timestamp(field) + "+00",
}
