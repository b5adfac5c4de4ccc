"""
Spell moments, dates and times of day as PostgreSQL prints them, for the proof.

Texts go through Python's datetime, counts through Decimal: neither is what the load
uses. Printed with DateStyle ISO and TimeZone UTC, as the reading session is set.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal
from zoneinfo import ZoneInfo

import numpy as np

from howdah.codecs.base import Params
from howdah.codecs.decode_each import Spell, Stored, project_each
from howdah.codecs.moment_params import AUTO_SECONDS, AUTO_UNITS, read_unit, read_zone
from howdah.codecs.values import SourceColumn

_WIDE = Context(prec=1_200)
_EPOCH = np.datetime64("1970-01-01T00:00:00", "us")
_MILLENNIUM = np.datetime64("2000-01-01T00:00:00", "us")
_MICROSECOND = np.timedelta64(1, "us")

#: The name behind a zone only repeats it.
_NAMED_ZONE = re.compile("(.*(?:[Zz]|UTC|[+-][0-9:]+)) [A-Z]{2,5}")

#: Microseconds of one unit, and the moment that 0 is where it is not 1970 (numpy counts a year 0).
_SIZES = {
    "s": Decimal("1e6"),
    "ms": Decimal("1e3"),
    "us": Decimal(1),
    "ns": Decimal("1e-3"),
    "days": Decimal("86.4e9"),
    "julian": Decimal("86.4e9"),
    "ticks": Decimal("0.1"),
    "apple": Decimal("1e6"),
    "webkit": Decimal(1),
}
_ORIGINS = {
    "julian": np.datetime64("-4713-11-24T12:00:00", "us"),
    "ticks": np.datetime64("0001-01-01T00:00:00", "us"),
    "apple": np.datetime64("2001-01-01T00:00:00", "us"),
    "webkit": np.datetime64("1601-01-01T00:00:00", "us"),
}


def spell_moment(params: Params, *, zoned: bool) -> Spell:
    """Return the speller for timestamp, timestamptz; parameter `digits` is what timestamp(p) keeps."""
    place = _placer(params, zoned=zoned)
    digits = int(params.get("digits", "6"))

    def spell(value: Stored) -> str:
        return _print_moment(_round(place(value), digits)) + ("+00" if zoned else "")

    return lambda value: _with_era(spell(value), zoned=zoned)


def spell_date(params: Params) -> Spell:
    """Return the speller for date."""
    place = _placer(params, zoned=False)
    cut = params.get("time") == "drop"

    def spell(value: Stored) -> str | None:
        if isinstance(value, str) and len(value) == 10:
            return date.fromisoformat(value).isoformat()
        text = _print_moment(place(value))
        day, _, rest = text.partition(" ")
        if rest != "00:00:00" and not cut:
            return None
        return _with_era(day, zoned=False)

    return spell


def spell_time(params: Params, *, zoned: bool) -> Spell:
    """Return the speller for time, timetz."""
    digits = int(params.get("digits", "6"))

    def spell(value: Stored) -> str | None:
        if not isinstance(value, str):
            return None
        body = _plain(value)
        if len(body) > 10 and body[4] == "-":
            body = body[11:]
        read = time.fromisoformat(body)
        of_day = datetime.combine(date(2000, 1, 1), read.replace(tzinfo=None))
        counted = (of_day - datetime(2000, 1, 1)) // timedelta(microseconds=1)
        rounded = _half_away(Decimal(counted), digits)
        seconds, fraction = divmod(rounded, 1_000_000)
        text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
        text += f".{fraction:06d}".rstrip("0") if fraction else ""
        if not zoned:
            return None if read.tzinfo else text
        offset = read.utcoffset() or timedelta(0)
        return text + _print_offset(offset)

    return spell


def project_moment(column: SourceColumn, params: Params, *, zoned: bool) -> SourceColumn:
    """Spell every value as PostgreSQL prints the moment."""
    return project_each(column, spell_moment(params, zoned=zoned))


def project_date(column: SourceColumn, params: Params) -> SourceColumn:
    """Spell every value as PostgreSQL prints the date."""
    return project_each(column, spell_date(params))


def project_time(column: SourceColumn, params: Params, *, zoned: bool) -> SourceColumn:
    """Spell every value as PostgreSQL prints the time of day."""
    return project_each(column, spell_time(params, zoned=zoned))


def _placer(params: Params, *, zoned: bool) -> Callable[[Stored], np.datetime64]:
    """Return what brings a value to the moment (zoned), or to the wall clock of the zone."""
    unit, zone = read_unit(params), read_zone(params)

    def place(value: Stored) -> np.datetime64:
        if isinstance(value, bytes):
            raise ValueError("blob")  # noqa: TRY004 - no spelling, as any other value that is none
        if isinstance(value, str):
            read = datetime.fromisoformat(_plain(value))
            offset = read.utcoffset()
            if offset is not None:
                # Not by Python's own calendar: the moment may lie before the year 1 or behind 9999.
                moment = np.datetime64(read.replace(tzinfo=None), "us") - np.timedelta64(offset, "us")
                return moment if zone is None or zoned else _to_wall(moment.item(), zone)
            if zoned and zone is not None:
                read = read.replace(tzinfo=zone).astimezone(timezone.utc).replace(tzinfo=None)  # noqa: UP017
            return np.datetime64(read, "us")
        moment = _EPOCH + np.timedelta64(_counted(value, unit), "us")
        if zone is None or zoned:
            return moment
        return _to_wall(moment.item(), zone)

    return place


def _to_wall(moment: datetime, zone: ZoneInfo) -> np.datetime64:
    return np.datetime64(zone.fromutc(moment.replace(tzinfo=zone)).replace(tzinfo=None), "us")


def _plain(text: str) -> str:
    """Bring a spelling that PostgreSQL understands to one that Python does."""
    body = text.partition(" m=")[0]
    named = _NAMED_ZONE.fullmatch(body)
    if named is not None:
        body = named[1]
    if body.endswith("UTC"):
        body = body.removesuffix("UTC").rstrip(" ") + "Z"
    body = body.replace("z", "Z").replace("t", "T")
    head, space, zone = body.rpartition(" ")
    if space and zone[:1] in ("+", "-"):
        body = head + zone
    return body


def _counted(value: float, unit: str) -> int:
    if unit == "reject":
        raise ValueError(unit)
    exact = Decimal(value)
    if unit == "auto":
        unit = _by_magnitude(exact)
    size, origin = _SIZES[unit], _ORIGINS.get(unit, _EPOCH)
    # SQLite computes Julian days from milliseconds: a double has no more to say so far from its origin.
    step = Decimal(1000) if unit == "julian" else Decimal(1)
    counted = _WIDE.divide(_WIDE.multiply(exact, size), step).to_integral_value(ROUND_HALF_EVEN)
    return int(counted * step) + int((origin - _EPOCH) // _MICROSECOND)


def _by_magnitude(value: Decimal) -> str:
    low, high = AUTO_SECONDS
    for unit in AUTO_UNITS:
        before_1970 = int((_EPOCH - _ORIGINS.get(unit, _EPOCH)) // _MICROSECOND)
        if low * 10**6 <= _WIDE.multiply(value, _SIZES[unit]) - before_1970 < high * 10**6:
            return unit
    raise ValueError("unclear")


def _half_away(microseconds: Decimal, digits: int) -> int:
    step = Decimal(10) ** (6 - digits)
    return int((microseconds / step).quantize(Decimal(1), rounding=ROUND_HALF_UP, context=_WIDE) * step)


def _round(moment: np.datetime64, digits: int) -> np.datetime64:
    if digits >= 6:
        return moment
    since = int((moment - _MILLENNIUM) // _MICROSECOND)
    return _MILLENNIUM + np.timedelta64(_half_away(Decimal(since), digits), "us")


def _print_moment(moment: np.datetime64) -> str:
    text = str(moment).replace("T", " ")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _with_era(text: str, *, zoned: bool) -> str:
    """PostgreSQL counts years BC where numpy has 0 and negative ones, and pads to four digits."""
    sign = -1 if text.startswith("-") else 1
    year, dash, rest = text.lstrip("+-").partition("-")
    number = sign * int(year)
    if number > 0:
        return f"{number:04d}{dash}{rest}"
    return f"{1 - number:04d}{dash}{rest} BC"


def _print_offset(offset: timedelta) -> str:
    seconds = int(offset.total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("+", seconds)
    text = f"{sign}{seconds // 3600:02d}"
    if seconds % 3600:
        text += f":{seconds // 60 % 60:02d}"
    if seconds % 60:
        text += f":{seconds % 60:02d}"
    return text
