"""
Encode ISO 8601 text into timestamp, timestamptz, date and time.

The bytes are read as a matrix, one column per character position, so a batch costs
a few passes of numpy. Only texts that are exactly of the given format and a real
moment of the years 1 to 9999 are taken; the server's own parser, which knows 'now'
and drops offsets, never sees them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from howdah.codecs.base import Params
from howdah.codecs.iso_format import IsoFormat, read_datetime_format, read_time_format
from howdah.codecs.moment_wire import DAY_US, reject_rounding, write_moments
from howdah.codecs.pgtypes import parse_type
from howdah.codecs.values import Encoded, SourceColumn
from howdah.codecs.wire import Rejections, big_endian, encoded, equal_widths, present

_DATE_WIDTH = len("2024-01-02")
_TIME_WIDTH = len("03:04:05")

#: Days from 0001-01-01 to 1970-01-01 in the proleptic Gregorian calendar.
_EPOCH_DAYS = 719_162

_DAYS_IN_MONTH = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], dtype=np.int32)
_DAYS_BEFORE_MONTH = np.concatenate([[0, 0], np.cumsum(_DAYS_IN_MONTH[1:-1])]).astype(np.int32)


class _Characters:
    """Texts of one width, column by column; `right` is False where a character is not what it must be."""

    def __init__(self, matrix: npt.NDArray[np.uint8]) -> None:
        # Columns next to one another in memory make every later pass several times faster.
        self._columns = np.ascontiguousarray(matrix.T)
        self.right = np.ones(len(matrix), dtype=np.bool_)

    def expect(self, position: int, text: str) -> None:
        for offset, byte in enumerate(text.encode()):
            self.right &= self._columns[position + offset] == byte

    def number(self, position: int, digits: int) -> npt.NDArray[np.int32]:
        total = np.zeros(len(self.right), dtype=np.int32)
        for column in self._columns[position : position + digits]:
            digit = column - np.uint8(ord("0"))  # wraps around below "0", so one comparison does
            self.right &= digit <= 9
            total *= 10
            total += digit
        return total


def encode_iso_datetime(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """TEXT of the one format `params` names → timestamp, timestamptz (without a zone taken as UTC)."""
    parsed = parse_type(pg_type)
    written = read_datetime_format(params)
    rejections = Rejections(column.length)
    rejections.add_other_classes(column, ("text",), "not-iso-datetime")
    values = present(column.text, column.length)
    microseconds = np.zeros(column.length, dtype=np.int64)
    if column.text is not None:
        taken = np.zeros(column.length, dtype=np.bool_)
        for digits in _fraction_widths(written):
            width = _DATE_WIDTH + 1 + _TIME_WIDTH + _fraction_width(digits) + len(written.zone)
            rows, matrix = equal_widths(column.text, width)
            characters = _Characters(matrix)
            days = _read_days(characters)
            characters.expect(_DATE_WIDTH, written.separator)
            time = _read_time(characters, _DATE_WIDTH + 1, digits, written)
            characters.expect(width - len(written.zone), written.zone)
            microseconds[rows] = days.astype(np.int64) * DAY_US + time
            taken[rows] = characters.right
        rejections.add("not-iso-datetime", values & ~taken)
        microseconds[~taken] = 0
    fixed = write_moments(microseconds, values, parsed, rejections)
    return encoded(rejections, values, fixed=fixed)


def encode_iso_date(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """TEXT YYYY-MM-DD → date."""
    parsed = parse_type(pg_type)
    rejections = Rejections(column.length)
    rejections.add_other_classes(column, ("text",), "not-iso-date")
    values = present(column.text, column.length)
    days = np.zeros(column.length, dtype=np.int64)
    taken = np.zeros(column.length, dtype=np.bool_)
    if column.text is not None:
        rows, matrix = equal_widths(column.text, _DATE_WIDTH)
        characters = _Characters(matrix)
        days[rows] = _read_days(characters)
        taken[rows] = characters.right
    rejections.add("not-iso-date", values & ~taken)
    days[~taken] = 0
    return encoded(rejections, values, fixed=write_moments(days * DAY_US, values, parsed, rejections))


def encode_iso_time(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """TEXT HH:MM:SS with the fraction `params` name → time (time_send: int64 microseconds)."""
    parsed = parse_type(pg_type)
    written = read_time_format(params)
    rejections = Rejections(column.length)
    rejections.add_other_classes(column, ("text",), "not-iso-time")
    values = present(column.text, column.length)
    microseconds = np.zeros(column.length, dtype=np.int64)
    if column.text is not None:
        taken = np.zeros(column.length, dtype=np.bool_)
        for digits in _fraction_widths(written):
            rows, matrix = equal_widths(column.text, _TIME_WIDTH + _fraction_width(digits))
            characters = _Characters(matrix)
            microseconds[rows] = _read_time(characters, 0, digits, written)
            taken[rows] = characters.right
        rejections.add("not-iso-time", values & ~taken)
        microseconds[~taken] = 0
        reject_rounding(microseconds, values, parsed, rejections, "time-rounds")
    return encoded(rejections, values, fixed=big_endian(microseconds, ">i8"))


def _fraction_widths(written: IsoFormat) -> tuple[int, ...]:
    return (0, written.digits) if written.omit_zero else (written.digits,)


def _fraction_width(digits: int) -> int:
    return digits + 1 if digits else 0


def _read_days(characters: _Characters) -> npt.NDArray[np.int32]:
    """Read YYYY-MM-DD at position 0 as days since 1970-01-01."""
    year = characters.number(0, 4)
    characters.expect(4, "-")
    month = characters.number(5, 2)
    characters.expect(7, "-")
    day = characters.number(8, 2)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    known_month = np.where((month >= 1) & (month <= 12), month, 0)  # 0 has no days, so it is refused below
    days_in_month = _DAYS_IN_MONTH[known_month] + (leap & (known_month == 2))
    characters.right &= (year >= 1) & (day >= 1) & (day <= days_in_month)
    before = year - 1
    days: npt.NDArray[np.int32] = (
        before * 365
        + before // 4
        - before // 100
        + before // 400
        + _DAYS_BEFORE_MONTH[known_month]
        + (leap & (known_month > 2))
        + (day - 1 - _EPOCH_DAYS)
    )
    return days


def _read_time(
    characters: _Characters, position: int, digits: int, written: IsoFormat
) -> npt.NDArray[np.int64]:
    """Read HH:MM:SS and `digits` of fraction as microseconds of the day."""
    hour = characters.number(position, 2)
    characters.expect(position + 2, ":")
    minute = characters.number(position + 3, 2)
    characters.expect(position + 5, ":")
    second = characters.number(position + 6, 2)
    characters.right &= (hour <= 23) & (minute <= 59) & (second <= 59)
    microseconds = ((hour * 60 + minute) * 60 + second).astype(np.int64) * 1_000_000
    if digits:
        characters.expect(position + _TIME_WIDTH, ".")
        fraction = characters.number(position + _TIME_WIDTH + 1, digits)
        if written.omit_zero:
            characters.right &= fraction != 0
        microseconds += fraction.astype(np.int64) * 10 ** (6 - digits)
    return microseconds
