"""
Read the parameter `format` of the ISO codecs: "<sep><fraction><zone>" or "<fraction>".

The vocabulary of `model.census.ColumnCensus.datetime_format` and `.time_format`. Nothing here
converts a value; encode and decode each do that their own way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from howdah.errors import UsageError

#: The longer before what it ends with. Sequelize writes the one with a blank.
_ZONES = (" +00:00", "+00:00", "Z", "")
_FRACTIONS = ("0", "1", "2", "3", "4", "5", "6", "0/6")


@dataclass(frozen=True, kw_only=True)
class IsoFormat:
    #: Between date and time: " " or "T"; "" for times of day.
    separator: str = ""
    #: Digits after the seconds.
    digits: int
    #: No fraction where it is zero, all `digits` otherwise (Python's isoformat).
    omit_zero: bool = False
    #: Written after the time: "", "Z", "+00:00" or " +00:00".
    zone: str = ""


def read_datetime_format(params: Mapping[str, str]) -> IsoFormat:
    """Return the format of timestamps, e.g. "T3Z". Raises UsageError C-103 where it is missing or unknown."""
    text = params.get("format", "")
    if text[:1] in (" ", "T"):
        for zone in _ZONES:
            if text.endswith(zone):
                fraction = text[1 : len(text) - len(zone)]
                if fraction in _FRACTIONS:
                    return _build(text[0], fraction, zone)
    raise UsageError(
        "C-103",
        f'parameter "format" of codec "iso-datetime" cannot be "{text}"',
        hint='Write separator ("T" or a space), digits after the second ("0" to "6" or "0/6") and zone '
        '("", "Z", "+00:00" or " +00:00"), such as "T3Z".',
    )


def read_time_format(params: Mapping[str, str]) -> IsoFormat:
    """Return the format of times of day, e.g. "0". Raises UsageError C-103 where it is unknown."""
    fraction = params.get("format", "0")
    if fraction not in _FRACTIONS:
        raise UsageError(
            "C-103",
            f'parameter "format" of codec "iso-time" cannot be "{fraction}"',
            hint="Possible values: " + ", ".join(_FRACTIONS) + " (digits after the second).",
        )
    return _build("", fraction, "")


def _build(separator: str, fraction: str, zone: str) -> IsoFormat:
    if fraction == "0/6":
        return IsoFormat(separator=separator, digits=6, omit_zero=True, zone=zone)
    return IsoFormat(separator=separator, digits=int(fraction), zone=zone)
