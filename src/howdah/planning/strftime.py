"""
strftime() of SQLite, directive by directive, as SQL over a timestamp in UTC.

Pure. Runs of directives that to_char() knows go into one pattern; weeks, Julian days and seconds are
computed (src/date.c of SQLite). A directive that SQLite does not know makes its answer NULL, and is
refused here.
"""

from __future__ import annotations

from howdah.names import quote_literal
from howdah.planning.sql_values import Untranslatable

#: Directive → pattern of to_char().
_PATTERNS = {
    "Y": "YYYY",
    "m": "MM",
    "d": "DD",
    "H": "HH24",
    "I": "HH12",
    "M": "MI",
    "S": "SS",
    "f": "SS.MS",
    "j": "DDD",
    "F": "YYYY-MM-DD",
    "T": "HH24:MI:SS",
    "R": "HH24:MI",
    "p": "AM",
    "P": "am",
    "u": "ID",
    "V": "IW",
    "G": "IYYY",
    "g": "IY",
}
#: What to_char() copies as it is, between patterns.
_COPIED = frozenset("-/,.;: ")


def julian_day(moment: str) -> str:
    """Return the Julian day number of a timestamp, the very double that SQLite computes."""
    return f"(({milliseconds(moment)} + 210866760000000)::double precision / 86400000.0::double precision)"


def milliseconds(moment: str) -> str:
    """Return the milliseconds since 1970 of a timestamp."""
    return f"floor(extract(epoch from {moment}) * 1000)::bigint"


def seconds(moment: str) -> str:
    """Return the whole seconds since 1970 of a timestamp."""
    return f"floor(extract(epoch from {moment}))::bigint"


def write_moment(moment: str, pattern: str) -> str:
    """Return the SQL of strftime(pattern) over a timestamp. Raises Untranslatable."""
    pieces: list[str] = []
    run = ""
    for directive, literal in _read(pattern):
        if literal:
            if literal in _COPIED:
                run += literal
                continue
            pieces += [*_told(moment, run), quote_literal(literal)]
            run = ""
        elif directive in _PATTERNS:
            # Two patterns beside one another could read as a third.
            if run and run[-1].isalpha():
                pieces += _told(moment, run)
                run = ""
            run += _PATTERNS[directive]
        else:
            pieces += [*_told(moment, run), _computed(moment, directive)]
            run = ""
    pieces += _told(moment, run)
    if not any(not piece.startswith("'") for piece in pieces):
        raise Untranslatable("strftime() with a format that tells nothing of the moment")
    return " || ".join(pieces)


def form_of_pattern(pattern: str) -> str:
    """Return the `Moment.form` of what a pattern writes, "" where it has none."""
    body = pattern.replace("%F", "%Y-%m-%d").replace("%T", "%H:%M:%S")
    if body == "%Y-%m-%d":
        return "date"
    if not body.startswith("%Y-%m-%d") or body[8:9] not in ("T", " "):
        return ""
    clock, zone = body[9:], ""
    for ending in ("Z", " +00:00", "+00:00"):
        if clock.endswith(ending):
            clock, zone = clock.removesuffix(ending), ending
    digits = {"%H:%M:%S": "0", "%H:%M:%f": "3"}.get(clock)
    return f"{body[8]}{digits}{zone}" if digits is not None else ""


def _read(pattern: str) -> list[tuple[str, str]]:
    """Return (directive, "") and ("", one literal character) in order."""
    read: list[tuple[str, str]] = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        if character != "%":
            read.append(("", character))
            position += 1
            continue
        directive = pattern[position + 1 : position + 2]
        read.append(("", "%") if directive == "%" else (directive, ""))
        position += 2
    return read


def _told(moment: str, run: str) -> list[str]:
    if not run:
        return []
    if not any(character.isalpha() for character in run):
        return [quote_literal(run)]
    return [f"to_char({moment}, {quote_literal(run)})"]


def _computed(moment: str, directive: str) -> str:
    day_of_week = f"extract(dow from {moment})::int"
    day_of_year = f"extract(doy from {moment})::int"
    match directive:
        case "s":
            return f"{seconds(moment)}::text"
        case "w":
            return f"{day_of_week}::text"
        case "J":
            # The fraction apart: to_char() prints no more than 15 digits.
            day = julian_day(moment)
            fraction = f"to_char({day} - floor({day}), 'FM0.000000000')"
            return f"floor({day})::bigint::text || rtrim(rtrim(ltrim({fraction}, '0'), '0'), '.')"
        case "U":
            return f"lpad((({day_of_year} + 6 - {day_of_week}) / 7)::text, 2, '0')"
        case "W":
            return f"lpad((({day_of_year} + 6 - ({day_of_week} + 6) % 7) / 7)::text, 2, '0')"
        case "e" | "k" | "l":
            taken = {"e": "DD", "k": "HH24", "l": "HH12"}[directive]
            return f"lpad(to_char({moment}, 'FM{taken}'), 2, ' ')"
        case _:
            raise Untranslatable(f"strftime() with %{directive}")
