"""
Parameters of the codecs that read moments in any form. Nothing here converts a value.

What a unit means, the load and the proof each know for themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from howdah.codecs.params import read_choice
from howdah.errors import UsageError

#: "auto": by magnitude, where the years 1990 to 2100 leave one unit only; "reject": numbers are refused.
UNIT_CHOICES = ("auto", "s", "ms", "us", "ns", "days", "julian", "ticks", "apple", "webkit", "reject")


#: Units that "auto" tells apart, and the seconds between which it does: 1990-01-01 to 2100-01-01.
AUTO_UNITS = ("s", "ms", "us", "ns", "julian")
AUTO_SECONDS = (631_152_000, 4_102_444_800)


def read_unit(params: Mapping[str, str]) -> str:
    """Return the unit of numbers. Raises UsageError C-103 for an unknown one."""
    return read_choice(params, "unit", UNIT_CHOICES)


def read_zone(params: Mapping[str, str]) -> ZoneInfo | None:
    """Return the zone of times without one, None for UTC. Raises UsageError C-103 for an unknown one."""
    name = params.get("zone", "UTC")
    if name == "UTC":
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            "C-103",
            f'parameter "zone" of the codec cannot be "{name}"',
            hint='Write the name of a zone of the IANA time zone database, such as "Europe/Berlin".',
        ) from None
