"""
What a setting is, and how its text becomes a value.

Pure. The tables of settings are data of this form; the reference page is written from them, so
that what is documented and what is read cannot differ. A value that cannot be read raises
ValueError with a predicate ("is not a whole number") that never quotes the value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|h|)")
_SECONDS = {"": 0.001, "ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}


class Kind(StrEnum):
    """How a setting is written."""

    TEXT = "text"
    SECRET = "secret"  # noqa: S105
    NUMBER = "number"
    FLAG = "true or false"
    #: Bare numbers are milliseconds, as in Strapi's settings.
    DURATION = "milliseconds"
    PEM = "file or PEM text"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One variable of the environment."""

    name: str
    kind: Kind
    #: As somebody would write it; "" where there is none.
    default: str = ""
    meaning: str
    #: The parameter of libpq or psycopg_pool that it becomes.
    becomes: str = ""
    #: Its name in knex' pool settings, where it has one.
    knex: str = ""
    #: Why it has no effect; "" for one that has.
    no_effect: str = ""
    minimum: float = 0
    maximum: float | None = None
    #: Other spellings that are read too.
    aliases: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()


def parse_flag(text: str) -> bool:
    """Read true or false. Raises ValueError."""
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError("is neither true nor false")
    return word in _TRUE


def parse_number(text: str, setting: Setting) -> int:
    """Read a whole number within the setting's bounds. Raises ValueError."""
    word = text.strip()
    if not (word.isascii() and word.isdigit()):
        raise ValueError("is not a whole number")
    number = int(word)
    _require_within(number, setting, "")
    return number


def parse_duration(text: str, setting: Setting) -> float:
    """
    Read a length of time and return seconds; a bare number is milliseconds, "30s", "5min", "1h" say more.

    Raises ValueError; the setting's bounds are in milliseconds.
    """
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError('is not a length of time such as 30000 (milliseconds), "30s" or "5min"')
    seconds = float(match[1]) * _SECONDS[match[2]]
    _require_within(seconds * 1000, setting, " milliseconds")
    return seconds


def _require_within(number: float, setting: Setting, unit: str) -> None:
    if number < setting.minimum:
        raise ValueError(f"is below {setting.minimum:g}{unit}")
    if setting.maximum is not None and number > setting.maximum:
        raise ValueError(f"is above {setting.maximum:g}{unit}")
