"""
How a stored value looks in an answer: SQL expressions of JSON's types, as Strapi writes each attribute.

Pure. Moments are UTC with milliseconds, big integers and timestamps are text, decimals are numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

from howdah.content.query.schema import Field
from howdah.names import quote, quote_literal


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """What a statement needs to know of its database."""

    #: Schema of the tables.
    schema: str = "public"
    #: Zone whose wall clock the moments show: that of the process that stores them.
    time_zone: str = "UTC"
    #: The server can tell whether text is JSON without failing (16 and later).
    checks_input: bool = True


def column(alias: str, field: Field) -> str:
    """Return a scalar's column."""
    return f"{alias}.{quote(field.column)}"


def compared(alias: str, field: Field) -> str:
    """Return a scalar's column as conditions and orders take it."""
    stored = column(alias, field)
    return _as_jsonb(stored) if field.type in ("json", "blocks") else stored


def shown(alias: str, field: Field, dialect: Dialect) -> str:
    """Return the expression whose JSON form is the answer's."""
    stored = column(alias, field)
    match field.type:
        case "biginteger":
            return f"{stored}::text"
        case "decimal":
            return _finite(f"{stored}::float8")
        case "float":
            return _finite(stored)
        case "datetime":
            return _moment(in_utc(stored, dialect))
        case "timestamp":
            return f"floor(extract(epoch FROM {in_utc(stored, dialect)}) * 1000)::bigint::text"
        case "json" | "blocks":
            return _json(stored, dialect)
    return stored


def _finite(number: str) -> str:
    # JSON has no word for these; Strapi writes null.
    return f"CASE WHEN {number} NOT IN ('NaN', 'Infinity', '-Infinity') THEN {number} END"


def in_utc(stored: str, dialect: Dialect) -> str:
    """Return the moment in UTC of a stored wall clock."""
    if dialect.time_zone.upper() in ("UTC", "ETC/UTC", "Z"):
        return stored
    return f"({stored} AT TIME ZONE {quote_literal(dialect.time_zone)} AT TIME ZONE 'UTC')"


def as_stored(moment: str, dialect: Dialect) -> str:
    """Return the wall clock to store or compare with, of a moment in UTC."""
    if dialect.time_zone.upper() in ("UTC", "ETC/UTC", "Z"):
        return moment
    return f"({moment} AT TIME ZONE 'UTC' AT TIME ZONE {quote_literal(dialect.time_zone)})"


def _moment(moment: str) -> str:
    plain = f"""to_char({moment}, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""
    # Years of other than four digits have a sign and six, and before the year 1 they count from 0.
    rest = f"""to_char({moment}, '-MM-DD"T"HH24:MI:SS.MS"Z"')"""
    later = f"'+' || lpad(extract(year FROM {moment})::text, 6, '0') || {rest}"
    earlier = (
        f"CASE WHEN extract(year FROM {moment}) = -1 THEN '0000' ELSE"
        f" '-' || lpad((-1 - extract(year FROM {moment}))::text, 6, '0') END"
        f" || {rest}"
    )
    return (
        f"CASE WHEN {moment} >= '0001-01-01' AND {moment} < '10000-01-01' THEN {plain}"
        f" WHEN NOT isfinite({moment}) THEN NULL"
        f" WHEN {moment} >= '10000-01-01' THEN {later} ELSE {earlier} END"
    )


#: JSON of one string, number or word, for servers that cannot be asked; whatever else is left as it is.
_ONE_VALUE = (
    r'^\s*("([^"\\[:cntrl:]]|\\["\\/bfnrt]|\\u(?!0000|[dD][89abAB])[0-9a-fA-F]{4})*"'
    r"|-?(0|[1-9][0-9]{0,250})(\.[0-9]{1,250})?([eE][+-]?[0-9]{1,3})?|true|false|null)\s*$"
)


def _as_jsonb(stored: str) -> str:
    """Return JSON where its column is json, as a migration makes it; for one of jsonb it costs nothing."""
    return f"{stored}::jsonb"


def _json(stored: str, dialect: Dialect) -> str:
    """
    Return the value as Strapi reads it: a string that holds JSON is read a second time.

    That is how a bare string is stored at all (as the JSON text of a string).
    """
    value = _as_jsonb(stored)
    text = f"({value} #>> '{{}}')"
    is_json = f"pg_input_is_valid({text}, 'jsonb')"
    if not dialect.checks_input:
        is_json = f"{text} ~ {quote_literal(_ONE_VALUE)}"
    return f"CASE WHEN jsonb_typeof({value}) = 'string' AND {is_json} THEN {text}::jsonb ELSE {value} END"
