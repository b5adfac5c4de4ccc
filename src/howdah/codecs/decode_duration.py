"""
Read intervals back as PostgreSQL prints them, and spell the source's lengths of time alike.

Printed with IntervalStyle iso_8601. Lengths go through Python's timedelta, ISO 8601
texts through a reader of characters; the load has neither.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from howdah.codecs.base import Params
from howdah.codecs.decode_each import Spell, Stored, project_each
from howdah.codecs.values import SourceColumn

_MICROSECONDS = {
    "us": Decimal(1),
    "ms": Decimal(1000),
    "s": Decimal(1_000_000),
    "ns": Decimal("0.001"),
    "ticks": Decimal("0.1"),
}
_HOUR, _MINUTE = 3_600_000_000, 60_000_000


def spell_duration(params: Params) -> Spell:
    """Return the speller for interval."""
    unit = _MICROSECONDS[params.get("unit", "us")]

    def spell(value: Stored) -> str | None:
        if isinstance(value, bytes):
            return None
        if not isinstance(value, str):
            counted = (Decimal(value) * unit).to_integral_value(ROUND_HALF_EVEN)
            return _print_length(timedelta(microseconds=int(counted)))
        if "P" in value[:2]:
            return _print(*_read_iso(value))
        return _print_length(_read_length(value))

    return spell


def _read_length(text: str) -> timedelta:
    head, colon, _ = text.partition(":")
    if len(head) >= 13 and head[4] == "-":
        day, clock = text[:10], text[11:]
        return date.fromisoformat(day) - date(1970, 1, 1) + _read_clock(clock)
    before, separator, clock = text.rpartition(" ")
    if separator:
        return timedelta(days=int(before.split(" ")[0])) + _read_clock(clock)
    negative, body = text.startswith("-"), text.removeprefix("-")
    if not colon:
        raise ValueError(text)
    days, dot, rest = body.partition(".")
    has_days = dot and ":" not in days
    length = timedelta(days=int(days)) + _read_clock(rest) if has_days else _read_clock(body)
    return -length if negative else length


def _read_clock(text: str) -> timedelta:
    hours, minutes, seconds = text.split(":")
    whole, _, fraction = seconds.partition(".")
    return timedelta(
        hours=int(hours),
        minutes=int(minutes),
        seconds=int(whole),
        microseconds=int(fraction[:6].ljust(6, "0") or 0),
    )


def _read_iso(text: str) -> tuple[int, int, int]:
    """Return months, days and microseconds of P…Y…M…W…DT…H…M…S."""
    sign, body = (-1, text[2:]) if text.startswith("-") else (1, text[1:])
    months = days = microseconds = 0
    in_time = False
    number = ""
    for character in body:
        if character == "T":
            in_time = True
        elif character.isalpha():
            if in_time:
                size = {"H": _HOUR, "M": _MINUTE, "S": 1_000_000}[character]
                exact = Decimal(number) * size
                microseconds += int(exact)
            elif character in "YM":
                months += int(number) * {"Y": 12, "M": 1}[character]
            else:
                days += int(number) * {"W": 7, "D": 1}[character]
            number = ""
        else:
            number += character
    return sign * months, sign * days, sign * microseconds


def _print_length(length: timedelta) -> str:
    return _print(0, length.days, length.seconds * 1_000_000 + length.microseconds)


def _print(months: int, days: int, microseconds: int) -> str:
    """Print as EncodeInterval does for INTSTYLE_ISO_8601: every part with its own sign, zeros left out."""
    years, months = _truncate(months, 12)
    hours, rest = _truncate(microseconds, _HOUR)
    minutes, rest = _truncate(rest, _MINUTE)
    day = "".join(f"{number}{unit}" for number, unit in ((years, "Y"), (months, "M"), (days, "D")) if number)
    clock = "".join(f"{number}{unit}" for number, unit in ((hours, "H"), (minutes, "M")) if number)
    if rest:
        seconds = f"{abs(rest) // 1_000_000}.{abs(rest) % 1_000_000:06d}".rstrip("0").rstrip(".")
        clock += ("-" if rest < 0 else "") + seconds + "S"
    if not day and not clock:
        return "PT0S"
    return "P" + day + ("T" + clock if clock else "")


def _truncate(number: int, unit: int) -> tuple[int, int]:
    quotient = abs(number) // unit * (1 if number >= 0 else -1)
    return quotient, number - quotient * unit


def project_duration(column: SourceColumn, params: Params) -> SourceColumn:
    """Spell every value as PostgreSQL prints the interval."""
    return project_each(column, spell_duration(params))
