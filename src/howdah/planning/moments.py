"""
Moments in time, as SQLite applications store them, decoded for people and for constants.

Pure, by Python's datetime alone: what a plan shows beside a conversion must not come
from the codec that it lets a person check.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from howdah.codecs.iso_format import read_datetime_format

#: Codec and shape of integers that count since 1970 → microseconds of one unit.
EPOCH_UNITS = {"epoch-s": 1_000_000, "epoch-ms": 1_000, "epoch-us": 1}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def decode_epoch(value: float, unit: str) -> str:
    """Return the moment that `value` counts in the unit of `EPOCH_UNITS`, ISO 8601 in UTC."""
    try:
        moment = _EPOCH + timedelta(microseconds=round(value * EPOCH_UNITS[unit]))
    except OverflowError:
        return f"{value} (outside the years 1 to 9999)"
    return moment.isoformat(sep=" ")


def describe_epoch_range(smallest: float | None, largest: float | None, unit: str) -> str:
    """Say from when to when the values reach, "" without values."""
    if smallest is None or largest is None:
        return ""
    return f"{decode_epoch(smallest, unit)} to {decode_epoch(largest, unit)}"


def read_iso(text: str, text_format: str) -> datetime | None:
    """
    Read a timestamp of exactly that census format ("T3Z"…), None where it has another.

    The result has a zone (UTC) where the format names one.
    """
    written = read_datetime_format({"format": text_format})
    if not text.endswith(written.zone) or len(text) < 19 or text[10] != written.separator:
        return None
    body = text.removesuffix(written.zone)
    fraction = len(body) - 19
    full = written.digits + 1 if written.digits else 0
    if fraction not in ((0, full) if written.omit_zero else (full,)) or (fraction and body[19] != "."):
        return None
    try:
        moment = datetime.fromisoformat(body)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if written.zone else moment


def is_iso_date(text: str) -> bool:
    """Return whether the text is a real date written YYYY-MM-DD."""
    if len(text) != 10:
        return False
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
