"""
Encode moments, dates and times of day in any ISO 8601 spelling, or counted in any unit.

`timestamp` gets the wall clock of parameter `zone`, `timestamptz` the moment. A text
without a zone is a wall clock of that zone, a number is a moment. What PostgreSQL
would take for something else ('now', '31/12/2024') is refused, never guessed.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from howdah.codecs.base import Params
from howdah.codecs.encode_each import Convert, Notes, Stored, Unfit, encode_each
from howdah.codecs.moment_params import AUTO_SECONDS, AUTO_UNITS, read_unit, read_zone
from howdah.codecs.moment_wire import DAY_US, EARLIEST_US, LATEST_US
from howdah.codecs.params import read_integer
from howdah.codecs.pgtypes import PgType, parse_type
from howdah.codecs.values import Encoded, SourceColumn
from howdah.codecs.wire import POSTGRES_EPOCH_DAYS, POSTGRES_EPOCH_US
from howdah.errors import UsageError

_DATE = r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})"
_TIME = r"(?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
_ZONE = r"(?: ?(?P<zone>[Zz]|UTC|[+-]\d{2}(?::?\d{2}(?::?\d{2})?)?)(?: [A-Z]{2,5})?)"
#: Go prints the zone twice ("+0100 CET") and sometimes the monotonic clock, which means nothing here.
_MOMENT = re.compile(rf"{_DATE}(?:[Tt ]{_TIME}{_ZONE}?(?: m=[+-][0-9.]+)?)?", re.ASCII)
_TIME_OF_DAY = re.compile(rf"(?:{_DATE}[Tt ])?{_TIME}{_ZONE}?", re.ASCII)

_EPOCH = datetime(1970, 1, 1)
_EPOCH_ORDINAL = _EPOCH.toordinal()
#: Dates that frameworks put before a time of day because SQLite has no such type (Rails, Java).
_DATES_OF_TIMES = frozenset({"2000-01-01", "1970-01-01"})


@dataclass(frozen=True, kw_only=True)
class _CountUnit:
    #: One unit is `numerator`/`denominator` microseconds.
    numerator: int
    denominator: int = 1
    #: Microseconds from 1970-01-01 to the origin of the count.
    origin_us: int = 0
    #: Microseconds to which a count is rounded: SQLite keeps Julian days to the millisecond.
    grain: int = 1


#: julian: days since noon of 4713-11-24 BC; ticks: .NET's, 100 ns since year 1; apple: seconds since
#: 2001; webkit: microseconds since 1601.
_COUNT_UNITS: dict[str, _CountUnit] = {
    "s": _CountUnit(numerator=1_000_000),
    "ms": _CountUnit(numerator=1_000),
    "us": _CountUnit(numerator=1),
    "ns": _CountUnit(numerator=1, denominator=1_000),
    "days": _CountUnit(numerator=86_400_000_000),
    "julian": _CountUnit(numerator=86_400_000_000, origin_us=-210_866_760_000_000_000, grain=1_000),
    "ticks": _CountUnit(numerator=1, denominator=10, origin_us=-62_135_596_800_000_000),
    "apple": _CountUnit(numerator=1_000_000, origin_us=978_307_200_000_000),
    "webkit": _CountUnit(numerator=1, origin_us=-11_644_473_600_000_000),
}


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """What a text says."""

    #: Microseconds since 1970, as the clock of the text shows it.
    wall_us: int
    #: Seconds east of UTC, None where the text names no zone.
    offset: int | None


def any_moment(params: Params, pg_type: PgType) -> Convert:
    """Return the converter of one value → timestamp(p), timestamptz(p)."""
    to_microseconds = _moment_reader(params, zoned=pg_type.base == "timestamptz")
    digits = read_digits(params, pg_type)

    def convert(value: Stored, notes: Notes) -> bytes:
        counted = _round(to_microseconds(value, notes) - POSTGRES_EPOCH_US, digits, notes)
        if not EARLIEST_US <= counted + POSTGRES_EPOCH_US <= LATEST_US:
            raise Unfit("timestamp-out-of-range")
        return struct.pack(">q", counted)

    return convert


def any_date(params: Params, pg_type: PgType) -> Convert:
    """Return the converter of one value → date; a time of day is refused unless it is midnight."""
    to_microseconds = _moment_reader(params, zoned=False)
    cut = params.get("time", "reject") == "drop"

    def convert(value: Stored, notes: Notes) -> bytes:
        if isinstance(value, str) and len(value) == 10:
            days = _read_text(value).wall_us // DAY_US
        else:
            days, rest = divmod(to_microseconds(value, notes), DAY_US)
            if rest and not cut:
                raise Unfit("not-midnight")
            if rest:
                notes.add("time-dropped")
        if not EARLIEST_US // DAY_US <= days <= LATEST_US // DAY_US:
            raise Unfit("timestamp-out-of-range")
        return struct.pack(">i", days - POSTGRES_EPOCH_DAYS)

    return convert


def any_time(params: Params, pg_type: PgType) -> Convert:
    """Return the converter of one value → time(p), timetz(p)."""
    digits = read_digits(params, pg_type)
    zone = read_zone(params)
    zoned = pg_type.base == "timetz"

    def convert(value: Stored, notes: Notes) -> bytes:
        match = _TIME_OF_DAY.fullmatch(value) if isinstance(value, str) else None
        if match is None or (match["zone"] and not zoned):
            raise Unfit("not-a-time")
        if match["year"]:
            assert isinstance(value, str)
            if value[:10] not in _DATES_OF_TIMES:
                raise Unfit("not-a-time")
            notes.add("date-dropped")
        microseconds = _round(_read_time(match, notes), digits, notes)
        if not zoned:
            return struct.pack(">q", microseconds)
        if match["zone"] is None and zone is not None:
            # The offset of a zone depends on the day, which a time of day does not have.
            raise Unfit("not-a-time")
        return struct.pack(">qi", microseconds, -(_read_offset(match) or 0))

    return convert


def encode_any_moment(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """INTEGER, REAL or TEXT → timestamp(p), timestamptz(p)."""
    return encode_each(column, any_moment(params, parse_type(pg_type)))


def encode_any_date(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """INTEGER, REAL or TEXT → date."""
    return encode_each(column, any_date(params, parse_type(pg_type)))


def encode_any_time(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """TEXT → time(p), timetz(p)."""
    return encode_each(column, any_time(params, parse_type(pg_type)))


def read_digits(params: Params, pg_type: PgType) -> int:
    """Return what the type keeps after the second; C-105 where the parameter says something else."""
    kept = pg_type.modifiers[0] if pg_type.modifiers else 6
    if (read_integer(params, "digits") or 0) != kept and (kept != 6 or "digits" in params):
        raise UsageError(
            "C-105",
            'parameter "digits" of the codec does not fit the type',
            hint=f'Write digits = "{kept}" beside it: reading back needs to know it.',
        )
    return kept


def _moment_reader(params: Params, *, zoned: bool) -> Callable[[Stored, Notes], int]:
    """Return a reader of microseconds since 1970: of the moment, or of the wall clock of the zone."""
    unit, zone = read_unit(params), read_zone(params)

    def read(value: Stored, notes: Notes) -> int:
        if isinstance(value, bytes):
            raise Unfit("not-a-moment")
        if isinstance(value, int | float):
            moment = _count(value, unit, notes)
            return moment if zoned else _to_wall(moment, zone, notes)
        said = _read_text(value, notes)
        if said.offset is not None:
            moment = said.wall_us - said.offset * 1_000_000
            return moment if zoned else _to_wall(moment, zone, notes)
        return _from_wall(said.wall_us, zone, notes) if zoned else said.wall_us

    return read


def _count(value: float, unit: str, notes: Notes) -> int:
    exact = Fraction(value) if value == value and abs(value) != float("inf") else None
    if unit == "reject" or exact is None:
        raise Unfit("not-a-moment")
    if unit == "auto":
        unit = _unit_by_magnitude(exact)
    scale = _COUNT_UNITS[unit]
    grains = exact * scale.numerator / (scale.denominator * scale.grain)
    whole = round(grains)
    # A double means no more than its neighbours are apart: one that the whole gives back lost nothing.
    given_back = Fraction(whole * scale.denominator * scale.grain, scale.numerator)
    if grains != whole and (isinstance(value, int) or float(given_back) != value):
        notes.add("rounded")
    return whole * scale.grain + scale.origin_us


def _unit_by_magnitude(value: Fraction) -> str:
    first, last = AUTO_SECONDS
    for unit in AUTO_UNITS:
        scale = _COUNT_UNITS[unit]
        since_1970 = value * scale.numerator / scale.denominator + scale.origin_us
        if first * 1_000_000 <= since_1970 < last * 1_000_000:
            return unit
    raise Unfit("unit-unclear")


def _read_text(text: str, notes: Notes | None = None) -> _Reading:
    match = _MOMENT.fullmatch(text)
    if match is None:
        raise Unfit("not-a-moment")
    try:
        day = datetime(int(match["year"]), int(match["month"]), int(match["day"])).toordinal()
    except ValueError:
        raise Unfit("not-a-moment") from None
    wall_us = (day - _EPOCH_ORDINAL) * DAY_US
    if match["hour"] is not None:
        wall_us += _read_time(match, notes)
    return _Reading(wall_us=wall_us, offset=_read_offset(match))


def _read_time(match: re.Match[str], notes: Notes | None) -> int:
    hour, minute, second = (int(match[name] or 0) for name in ("hour", "minute", "second"))
    if hour > 23 or minute > 59 or second > 59:
        raise _misspelt(match)
    fraction = (match["fraction"] or "").ljust(6, "0")
    if fraction[6:].strip("0") and notes is not None:
        notes.add("truncated-to-microseconds")
    return ((hour * 60 + minute) * 60 + second) * 1_000_000 + int(fraction[:6])


def _misspelt(match: re.Match[str]) -> Unfit:
    return Unfit("not-a-moment" if match.re is _MOMENT else "not-a-time")


def _read_offset(match: re.Match[str]) -> int | None:
    """Return the seconds east of UTC, None where no zone is told."""
    zone = match["zone"]
    if zone is None:
        return None
    if zone in ("Z", "z", "UTC"):
        return 0
    digits = zone[1:].replace(":", "").ljust(6, "0")
    hours, minutes, seconds = int(digits[:2]), int(digits[2:4]), int(digits[4:])
    if hours > 15 or minutes > 59 or seconds > 59:
        raise _misspelt(match)
    offset = (hours * 60 + minutes) * 60 + seconds
    return -offset if zone[0] == "-" else offset


def _to_wall(moment_us: int, zone: ZoneInfo | None, notes: Notes) -> int:
    """Return what a clock in the zone shows at the moment."""
    if zone is None:
        return moment_us
    try:
        local = (_EPOCH + timedelta(microseconds=moment_us)).replace(tzinfo=UTC).astimezone(zone)
    except OverflowError:
        raise Unfit("timestamp-out-of-range") from None
    if local.fold or local.replace(fold=1).utcoffset() != local.utcoffset():
        # The hour that a clock put back shows twice: timestamp does not keep which one it was.
        notes.add("repeated-hour")
    return (local.replace(tzinfo=None) - _EPOCH) // timedelta(microseconds=1)


def _from_wall(wall_us: int, zone: ZoneInfo | None, notes: Notes) -> int:
    """Return the moment at which a clock in the zone shows this; of a repeated hour, the first."""
    if zone is None:
        return wall_us
    wall = _EPOCH + timedelta(microseconds=wall_us)
    first, second = (wall.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    try:
        back = first.astimezone(UTC).astimezone(zone)
    except OverflowError:
        raise Unfit("timestamp-out-of-range") from None
    if back.replace(tzinfo=None) != wall:
        raise Unfit("no-such-local-time")
    if first.utcoffset() != second.utcoffset():
        notes.add("repeated-hour")
    offset = first.utcoffset()
    assert offset is not None
    return wall_us - offset // timedelta(microseconds=1)


def _round(counted: int, digits: int, notes: Notes) -> int:
    """Round to `digits` after the second, as AdjustTimestampForTypmod: half away from zero."""
    unit = 10 ** (6 - min(max(digits, 0), 6))
    if counted % unit == 0:
        return counted
    notes.add("rounded")
    magnitude: int = (abs(counted) + unit // 2) // unit * unit
    return magnitude if counted >= 0 else -magnitude
