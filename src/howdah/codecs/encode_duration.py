"""
Encode lengths of time into interval: counts, and the spellings that frameworks write into SQLite.

Format (interval_send): int64 microseconds, int32 days, int32 months. A length becomes
whole days and the rest of a day, as drivers send Python's timedelta.
"""

from __future__ import annotations

import re
import struct
from datetime import datetime
from fractions import Fraction

from howdah.codecs.base import Params
from howdah.codecs.encode_each import Convert, Notes, Stored, Unfit, encode_each
from howdah.codecs.params import read_choice
from howdah.codecs.pgtypes import PgType, parse_type
from howdah.codecs.values import Encoded, SourceColumn

UNIT_CHOICES = ("us", "ms", "s", "ns", "ticks")
#: Microseconds of one unit, as numerator and denominator.
_UNITS = {"us": (1, 1), "ms": (1_000, 1), "s": (1_000_000, 1), "ns": (1, 1_000), "ticks": (1, 10)}
_DAY_US = 86_400_000_000

#: SQLAlchemy keeps an interval as the moment so long after 1970-01-01.
_SINCE_1970 = re.compile(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}(\.\d{1,6})?", re.ASCII)
#: "3 days, 4:05:06.7" (Python), "3 04:05:06.7" (Django), "3.04:05:06.7" (.NET), "4:05:06".
_CLOCK = re.compile(
    r"(?P<minus>-)?(?:(?P<days>-?\d{1,18})(?: days?,? | |\.))?"
    r"(?P<hours>\d{1,18}):(?P<minutes>\d{2}):(?P<seconds>\d{2})(?:\.(?P<fraction>\d{1,9}))?",
    re.ASCII,
)
_ISO = re.compile(
    r"(?P<minus>-)?P(?:(?P<years>-?\d{1,18})Y)?(?:(?P<months>-?\d{1,18})M)?(?:(?P<weeks>-?\d{1,18})W)?(?:(?P<days>-?\d{1,18})D)?"
    r"(?:T(?:(?P<hours>-?\d{1,18})H)?(?:(?P<minutes>-?\d{1,18})M)?(?:(?P<seconds>-?\d{1,18})(?:\.(?P<fraction>\d{1,9}))?S)?)?",
    re.ASCII,
)


def any_duration(params: Params, pg_type: PgType) -> Convert:
    """Return the converter of one value → interval."""
    numerator, denominator = _UNITS[read_choice(params, "unit", UNIT_CHOICES)]
    grain = 10 ** (6 - (pg_type.modifiers[0] if pg_type.modifiers else 6))

    def convert(value: Stored, notes: Notes) -> bytes:
        if isinstance(value, str):
            microseconds, days, months = _read_text(value, notes)
        elif isinstance(value, bytes) or abs(value) == float("inf"):
            raise Unfit("not-a-duration")
        else:
            exact = Fraction(value) * numerator / denominator
            whole = round(exact)
            if exact != whole and (
                isinstance(value, int) or float(Fraction(whole * denominator, numerator)) != value
            ):
                notes.add("rounded")
            days, microseconds = divmod(whole, _DAY_US)
            months = 0
        if microseconds % grain:
            raise Unfit("interval-rounds")
        try:
            return struct.pack(">qii", microseconds, days, months)
        except struct.error:
            raise Unfit("interval-out-of-range") from None

    return convert


def _read_text(text: str, notes: Notes) -> tuple[int, int, int]:
    """Return microseconds, days and months."""
    if _SINCE_1970.fullmatch(text):
        try:
            since = datetime.fromisoformat(text) - datetime(1970, 1, 1)
        except ValueError:
            raise Unfit("not-a-duration") from None
        return since.seconds * 1_000_000 + since.microseconds, since.days, 0
    match = _CLOCK.fullmatch(text)
    if match is not None:
        minutes, seconds = int(match["minutes"]), int(match["seconds"])
        if minutes > 59 or seconds > 59:
            raise Unfit("not-a-duration")
        clock = (int(match["hours"]) * 60 + minutes) * 60 + seconds
        total = clock * 1_000_000 + _fraction(match["fraction"], notes)
        # A minus before days belongs to the days alone in Python and Django, to all of it in .NET.
        days = int(match["days"] or 0)
        if match["minus"]:
            dotted = match["days"] is None or text[match.end("days")] == "."
            days, total = -days, -total if dotted else total
        more, rest = divmod(total, _DAY_US)
        return rest, days + more, 0
    match = _ISO.fullmatch(text)
    if match is None or text in ("P", "-P") or text.endswith("T"):
        raise Unfit("not-a-duration")
    years, months, weeks, days, hours, minutes, seconds = (
        int(match[name] or 0) for name in ("years", "months", "weeks", "days", "hours", "minutes", "seconds")
    )
    fraction = _fraction(match["fraction"], notes)
    if (match["seconds"] or "").startswith("-"):
        fraction = -fraction
    sign = -1 if match["minus"] else 1
    clock = ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + fraction
    return sign * clock, sign * (weeks * 7 + days), sign * (years * 12 + months)


def _fraction(digits: str | None, notes: Notes) -> int:
    padded = (digits or "").ljust(6, "0")
    if padded[6:].strip("0"):
        notes.add("truncated-to-microseconds")
    return int(padded[:6])


def encode_duration(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """INTEGER, REAL or TEXT → interval."""
    return encode_each(column, any_duration(params, parse_type(pg_type)))
