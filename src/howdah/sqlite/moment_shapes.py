"""
Whether texts are dates, times of day and timestamps in ISO 8601, and in which one format.

Exact: every value is read to the last digit, and 30 February is no date. Texts come as
matrices of bytes, one for each length. Offsets other than UTC keep the shape but leave
no format to name, because PostgreSQL would not give them back.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

#: Days of each month in a leap year; February is looked at again.
_DAYS = np.array([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])

_DATE_WIDTH, _TIME_WIDTH = 10, 8

#: PostgreSQL counts microseconds.
_FRACTION_KEPT = 6
_FRACTION_MAX = 9

_OTHER_ZONE = "other"


@dataclass
class MomentForms:
    """The forms that times or timestamps were seen in."""

    separators: set[str] = field(default_factory=set)
    zones: set[str] = field(default_factory=set)
    #: Digits after the second.
    fractions: set[int] = field(default_factory=set)
    #: Some text spells out six digits that are all zero.
    zeros_spelled: bool = False

    @property
    def fraction(self) -> str:
        """The one form of the fraction: "0" to "6", "0/6"; "" where there is none."""
        if self.fractions == {0, _FRACTION_KEPT} and not self.zeros_spelled:
            return "0/6"
        if len(self.fractions) == 1 and max(self.fractions) <= _FRACTION_KEPT:
            return str(next(iter(self.fractions)))
        return ""

    @property
    def datetime_format(self) -> str:
        """As `ColumnCensus.datetime_format`."""
        if len(self.separators) != 1 or len(self.zones) != 1 or _OTHER_ZONE in self.zones:
            return ""
        return (
            f"{next(iter(self.separators))}{self.fraction}{next(iter(self.zones))}" if self.fraction else ""
        )


def are_dates(matrix: np.ndarray) -> bool:
    """Return whether every row is YYYY-MM-DD, a day of the years 0001 to 9999."""
    if matrix.shape[1] != _DATE_WIDTH:
        return False
    if not ((matrix[:, 4] == ord("-")) & (matrix[:, 7] == ord("-"))).all():
        return False
    year, month, day = (_number(matrix, first, end) for first, end in ((0, 4), (5, 7), (8, 10)))
    if year is None or month is None or day is None:
        return False
    if not ((year >= 1) & (month >= 1) & (month <= 12) & (day >= 1)).all():
        return False
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    last = _DAYS[month] - ((month == 2) & ~leap)
    return bool((day <= last).all())


def are_times(matrix: np.ndarray, forms: MomentForms) -> bool:
    """Return whether every row is HH:MM:SS with or without a fraction, and note the form."""
    width = matrix.shape[1]
    if width < _TIME_WIDTH or not ((matrix[:, 2] == ord(":")) & (matrix[:, 5] == ord(":"))).all():
        return False
    for first, limit in ((0, 23), (3, 59), (6, 59)):
        number = _number(matrix, first, first + 2)
        if number is None or not (number <= limit).all():
            return False
    if width == _TIME_WIDTH:
        forms.fractions.add(0)
        return True
    digits = width - _TIME_WIDTH - 1
    if not 1 <= digits <= _FRACTION_MAX or not (matrix[:, _TIME_WIDTH] == ord(".")).all():
        return False
    fraction = matrix[:, _TIME_WIDTH + 1 :]
    if not _are_digits(fraction):
        return False
    forms.fractions.add(digits)
    if digits == _FRACTION_KEPT and (fraction == ord("0")).all(axis=1).any():
        forms.zeros_spelled = True
    return True


def are_timestamps(matrix: np.ndarray, forms: MomentForms) -> bool:
    """Return whether every row is a date, "T" or a space, a time, and perhaps a zone; note the forms."""
    width = matrix.shape[1]
    if width < _DATE_WIDTH + 1 + _TIME_WIDTH:
        return False
    separators = np.unique(matrix[:, _DATE_WIDTH])
    if not set(separators.tolist()) <= {ord("T"), ord(" ")}:
        return False
    if not are_dates(matrix[:, :_DATE_WIDTH]):
        return False
    forms.separators |= {chr(separator) for separator in separators}
    ends_in_z = matrix[:, -1] == ord("Z")
    has_offset = np.isin(matrix[:, -6], (ord("+"), ord("-")))
    # Sequelize writes "2024-01-02 03:04:05.678 +00:00".
    is_apart = has_offset & (matrix[:, -7] == ord(" "))
    for rows, zone_width in (
        (ends_in_z, 1),
        (has_offset & ~is_apart, 6),
        (is_apart, 7),
        (~ends_in_z & ~has_offset, 0),
    ):
        part = matrix[rows]
        if not len(part):
            continue
        if not are_times(part[:, _DATE_WIDTH + 1 : width - zone_width], forms):
            return False
        if not _are_zones(part[:, width - zone_width :], forms):
            return False
    return True


def _are_zones(matrix: np.ndarray, forms: MomentForms) -> bool:
    if matrix.shape[1] == 0:
        forms.zones.add("")
        return True
    if matrix.shape[1] == 1:
        forms.zones.add("Z")
        return True
    offsets = matrix[:, -6:]
    hours, minutes = _number(offsets, 1, 3), _number(offsets, 4, 6)
    if hours is None or minutes is None or not (offsets[:, 3] == ord(":")).all():
        return False
    if not ((hours <= 23) & (minutes <= 59)).all():
        return False
    is_utc = (offsets[:, 0] == ord("+")) & (hours == 0) & (minutes == 0)
    if is_utc.any():
        forms.zones.add("+00:00" if matrix.shape[1] == offsets.shape[1] else " +00:00")
    if not is_utc.all():
        forms.zones.add(_OTHER_ZONE)
    return True


def _are_digits(matrix: np.ndarray) -> bool:
    # Unsigned: what comes before "0" wraps around to something large.
    return bool(((matrix - ord("0")) <= 9).all())


def _number(matrix: np.ndarray, first: int, end: int) -> np.ndarray | None:
    """Return the decimal numbers in some of the columns, None where there are other characters."""
    digits = matrix[:, first:end]
    if not _are_digits(digits):
        return None
    number = np.zeros(len(matrix), np.int32)
    for position in range(end - first):
        number = number * 10 + (digits[:, position] - ord("0"))
    return number
