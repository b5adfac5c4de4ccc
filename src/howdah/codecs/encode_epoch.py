"""
Encode numbers that count time (Unix epochs, Julian days) into timestamp, timestamptz and date.

A number is taken only when the moment it becomes gives back exactly that number.
"""

from __future__ import annotations

import numpy as np

from howdah.codecs.base import Params
from howdah.codecs.moment_wire import EARLIEST_US, LATEST_US, write_moments
from howdah.codecs.pgtypes import parse_type
from howdah.codecs.values import Encoded, SourceColumn
from howdah.codecs.wire import Rejections, encoded, numbers, present

#: From here on neighbouring doubles are more than a microsecond apart (2242-03-16).
_REAL_SECONDS_MAX = 2.0**33

#: Milliseconds of Julian day 2440587.5, that is 1970-01-01 (SQLite counts iJD in milliseconds too).
_JULIAN_EPOCH_MS = 210_866_760_000_000

#: SQLite's own range of Julian days: 0000-01-01 to 9999-12-31 (sqlite3 date.c, validJulianDay).
_JULIAN_DAYS = (1_721_059.5, 5_373_484.5)


def encode_epoch(column: SourceColumn, params: Params, pg_type: str, *, unit_us: int) -> Encoded:
    """INTEGER counted in units of `unit_us` microseconds since 1970 → timestamp, timestamptz, date."""
    parsed = parse_type(pg_type)
    rejections = Rejections(column.length)
    rejections.add_other_classes(column, ("integer",), "not-epoch")
    values = present(column.integer, column.length)
    counted = numbers(column.integer, column.length, "int64")
    # Before the multiplication, which would wrap around.
    outside = (counted < -(-EARLIEST_US // unit_us)) | (counted > LATEST_US // unit_us)
    if outside.any():
        rejections.add("timestamp-out-of-range", outside & values)
        counted = np.where(outside, 0, counted)
    microseconds = counted * unit_us
    return encoded(rejections, values, fixed=write_moments(microseconds, values, parsed, rejections))


def encode_epoch_real(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """REAL seconds since 1970 → timestamp, timestamptz, where whole microseconds give it back."""
    parsed = parse_type(pg_type)
    rejections = Rejections(column.length)
    rejections.add_other_classes(column, ("real",), "not-epoch")
    values = present(column.real, column.length)
    seconds = numbers(column.real, column.length, "float64")
    with np.errstate(invalid="ignore"):
        outside = ~(np.abs(seconds) < _REAL_SECONDS_MAX)
    rejections.add("timestamp-out-of-range", outside & values)
    seconds = np.where(outside, 0.0, seconds)
    microseconds = np.rint(seconds * 1e6).astype(np.int64)
    rejections.add("not-a-microsecond", values & ~_same_double(microseconds / 1e6, seconds))
    return encoded(rejections, values, fixed=write_moments(microseconds, values, parsed, rejections))


def encode_julian_day(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """REAL Julian day → timestamp, timestamptz, where a whole millisecond gives the same double back."""
    parsed = parse_type(pg_type)
    rejections = Rejections(column.length)
    rejections.add_other_classes(column, ("real",), "not-julian-day")
    values = present(column.real, column.length)
    days = numbers(column.real, column.length, "float64")
    first, end = _JULIAN_DAYS
    with np.errstate(invalid="ignore"):
        outside = ~((days >= first) & (days < end))
    rejections.add("timestamp-out-of-range", outside & values)
    days = np.where(outside, first, days)
    julian_ms = np.rint(days * 86_400_000.0)
    rejections.add("not-a-millisecond", values & (julian_ms / 86_400_000.0 != days))
    microseconds = (julian_ms.astype(np.int64) - _JULIAN_EPOCH_MS) * 1000
    return encoded(rejections, values, fixed=write_moments(microseconds, values, parsed, rejections))


def _same_double(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return where two arrays hold the same bits, so that -0.0 is not 0.0."""
    same: np.ndarray = left.view(np.int64) == right.view(np.int64)
    return same
