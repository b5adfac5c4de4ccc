"""
Decode timestamps and dates into the numbers SQLite kept.

A moment between two of the source's units (1.5 s where whole seconds were stored)
has no number; it becomes a TEXT that equals nothing, never the number beside it.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from howdah.codecs.base import Params
from howdah.codecs.decode_parts import label_moments, read_storage, source_column
from howdah.codecs.values import SourceColumn

_DAY_US = 24 * 60 * 60 * 1_000_000

#: Beyond 2**33 seconds neighbouring microseconds become the same double.
_REAL_LIMIT_US = 2**33 * 1_000_000

#: 4713-11-24 BC, 12:00 (Julian day 0) to 1970, in milliseconds: 2440587.5 days.
_JULIAN_EPOCH_MS = 4_881_175 * 43_200_000


def _microseconds(array: pa.Array, codec: str) -> pa.Array:
    plain = read_storage(array, codec, pa.types.is_timestamp, pa.types.is_date32)
    if pa.types.is_date32(plain.type):
        return pc.multiply(plain.cast(pa.int32()).cast(pa.int64()), _DAY_US)
    return plain.cast(pa.int64())


def _where(condition: pa.Array, values: pa.Array) -> pa.Array:
    return pc.if_else(condition, values, pa.scalar(None, values.type))


def decode_epoch(array: pa.Array, params: Params, *, unit_us: int) -> SourceColumn:
    """timestamp, timestamptz, date → INTEGER, counted in units of `unit_us` microseconds since 1970."""
    moments = _microseconds(array, "epoch")
    if unit_us == 1:
        return source_column(len(moments), integer=moments)
    counted = pc.divide(moments, unit_us)
    even = pc.equal(pc.multiply(counted, unit_us), moments)
    if pc.all(even).as_py() is not False:
        return source_column(len(moments), integer=counted)
    between = label_moments(_where(pc.invert(even), moments))
    return source_column(len(moments), integer=_where(even, counted), text=between)


def decode_epoch_real(array: pa.Array, params: Params) -> SourceColumn:
    """timestamp, timestamptz → REAL seconds since 1970."""
    moments = _microseconds(array, "epoch-real")
    distinct = pc.and_(pc.less(moments, _REAL_LIMIT_US), pc.greater(moments, -_REAL_LIMIT_US))
    # Both operands are whole numbers that a double holds, so the quotient is the nearest double there is.
    seconds = pc.divide(_where(distinct, moments).cast(pa.float64()), 1e6)
    return source_column(len(moments), real=seconds, text=label_moments(_where(pc.invert(distinct), moments)))


def decode_julian_day(array: pa.Array, params: Params) -> SourceColumn:
    """timestamp, timestamptz → REAL Julian day, computed as SQLite does: milliseconds over 86400000.0."""
    moments = _microseconds(array, "julian-day")
    milliseconds = pc.divide(moments, 1000)
    whole = pc.equal(pc.multiply(milliseconds, 1000), moments)
    counted = pc.add(milliseconds, _JULIAN_EPOCH_MS)
    # Far from today a double cannot count milliseconds any more, and the conversion below would refuse.
    whole = pc.and_(whole, pc.less(pc.abs(counted), 2**53))
    days = pc.divide(_where(whole, counted).cast(pa.float64()), 86_400_000.0)
    return source_column(len(moments), real=days, text=label_moments(_where(pc.invert(whole), moments)))
