"""
What a declared type means to people: its family, its length, its scale.

Pure. SQLite keeps whatever was written after the column's name and derives only
an affinity from it; the family is what the application's author had in mind.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

#: PostgreSQL's numeric(p,s) has at most so many digits (NUMERIC_MAX_PRECISION, src/include/utils/numeric.h).
NUMERIC_PRECISION_MAX = 1000


class Family(StrEnum):
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    TIME = "time"
    JSON = "json"
    UUID = "uuid"
    DECIMAL = "decimal"
    #: CHAR, VARCHAR and their relatives, with a length.
    CHARACTER = "character"
    #: Anything else: the affinity decides.
    OTHER = "other"


@dataclass(frozen=True, kw_only=True)
class DeclaredType:
    family: Family
    #: The words in upper case, without what is in parentheses.
    name: str
    #: The numbers in parentheses.
    arguments: tuple[int, ...] = ()


_FAMILIES: dict[Family, frozenset[str]] = {
    Family.BOOLEAN: frozenset({"BOOLEAN", "BOOL", "LOGICAL"}),
    Family.DATE: frozenset({"DATE"}),
    Family.DATETIME: frozenset(
        {
            "DATETIME",
            "DATETIME2",
            "SMALLDATETIME",
            "DATETIMEOFFSET",
            "TIMESTAMP",
            "TIMESTAMPTZ",
            "TIMESTAMP WITH TIME ZONE",
            "TIMESTAMP WITHOUT TIME ZONE",
            "TIMESTAMP_MS",
        }
    ),
    Family.TIME: frozenset({"TIME", "TIME WITHOUT TIME ZONE"}),
    Family.JSON: frozenset({"JSON", "JSONB", "JSON_TEXT"}),
    Family.UUID: frozenset({"UUID", "GUID", "UNIQUEIDENTIFIER", "UUID_TEXT"}),
    Family.DECIMAL: frozenset({"DECIMAL", "NUMERIC", "DEC", "NUMBER", "MONEY", "FIXED"}),
    Family.CHARACTER: frozenset(
        {
            "CHAR",
            "CHARACTER",
            "NCHAR",
            "NATIVE CHARACTER",
            "NATIONAL CHARACTER",
            "VARCHAR",
            "VARCHAR2",
            "NVARCHAR",
            "NVARCHAR2",
            "CHARACTER VARYING",
            "VARYING CHARACTER",
            "NATIONAL CHARACTER VARYING",
            "NATIONAL VARYING CHARACTER",
        }
    ),
}

_FAMILY_OF = {name: family for family, names in _FAMILIES.items() for name in names}


def read_declared_type(text: str) -> DeclaredType:
    """Read a declared type as written; anything unknown belongs to `Family.OTHER`."""
    before, _, rest = text.upper().partition("(")
    inside, _, after = rest.partition(")")
    name = " ".join((before + " " + after).split())
    arguments = _read_numbers(inside)
    if (name == "TINYINT" and arguments == (1,)) or (name == "BIT" and arguments in ((), (1,))):
        return DeclaredType(family=Family.BOOLEAN, name=name, arguments=arguments)
    return DeclaredType(family=_FAMILY_OF.get(name, Family.OTHER), name=name, arguments=arguments)


def _read_numbers(text: str) -> tuple[int, ...]:
    """Return the numbers between commas, () where any part is something else (as in VARCHAR(MAX))."""
    parts = [part.split() for part in text.split(",")]
    if not all(len(words) >= 1 and words[0].isascii() and words[0].isdigit() for words in parts):
        return ()
    return tuple(int(words[0]) for words in parts)
