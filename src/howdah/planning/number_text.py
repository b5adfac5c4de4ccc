"""
Numbers written as SQLite writes them, as SQL for PostgreSQL.

Pure, and without knowledge of where a number comes from. SQLite prints a floating point number with the
digits that tell it from every other, always with a point, and with an exponent from 1e17 on; which digits
these are depends on its version: 15 of them before 3.52 ("%!.15g"), since then 17 where fewer are not enough
("%!.17g": 2.0/3 is 0.66666666666666663), where PostgreSQL takes as few as tell the number from others. It
rounds ties away from zero where C rounds them to even (src/printf.c).
"""

from __future__ import annotations

import re

from howdah.model.source import Affinity

#: Digits that a double has for certain.
_DIGITS = 15
#: So many decimals are written without an exponent, however small the number.
_PLAIN_DECIMALS = 4
#: What real_text() puts around the number whose digits it takes from PostgreSQL.
_MARK = r"'^(-?[0-9]+)(e.*)?$', '\1.0\2'"
_NUMERIC = re.compile(r"numeric\((\d+), ?(\d+)\)")


def real_text(sql: str) -> str:
    """Return the text of a floating point number: 3.0, 1.0e+300, 0.1."""
    number = f"({sql})::double precision"
    pointed = f"replace(regexp_replace({number}::text, {_MARK}), 'Infinity', 'Inf')"
    return (
        f"CASE WHEN abs({number}) >= 1e15 AND abs({number}) < 1e17"
        f" THEN {number}::text::numeric::text || '.0' ELSE {pointed} END"
    )


def depends_on_version(sql: str) -> bool:
    """Return whether texts in translated SQL have digits that versions of SQLite write differently."""
    return _MARK in sql


def numeric_text(sql: str, type_name: str) -> str:
    """Return the text of a column of NUMERIC affinity, which holds an integer wherever one is exact."""
    limits = _NUMERIC.fullmatch(type_name)
    if limits and int(limits[1]) <= _DIGITS and int(limits[2]) <= _PLAIN_DECIMALS:
        # So few digits are written alike by every version.
        return f"trim_scale({sql})::text"
    return f"CASE WHEN {is_stored_integer(sql)} THEN trunc({sql})::text ELSE {real_text(sql)} END"


def is_stored_integer(sql: str) -> str:
    """
    Return whether SQLite holds the value of a column of NUMERIC affinity as an integer.

    The smallest integer may be stored as either; as an integer it is what applications write.
    """
    return f"{sql} = trunc({sql}) AND {sql} >= -9223372036854775808 AND {sql} < 9223372036854775808"


def double_as_numeric(sql: str, affinity: Affinity | str) -> str:
    """
    Return a floating point number (an operand) as the numeric that a column of that affinity has for it.

    The shortest decimal that tells it from its neighbours; a direct cast rounds to 15 digits. NUMERIC and
    INTEGER affinity make an integer of what is one in 64 bits, with all its digits (src/vdbemem.c,
    sqlite3VdbeIntegerAffinity: the smallest integer stays a REAL).
    """
    printed = f"{sql}::text::numeric"
    if affinity not in (Affinity.NUMERIC, Affinity.INTEGER):
        return printed
    whole = f"{sql} = trunc({sql}) AND abs({sql}) < 9223372036854775808"
    return f"CASE WHEN {whole} THEN {sql}::bigint::numeric ELSE {printed} END"


def fixed_text(sql: str, decimals: int) -> str:
    """Return a number (any type) with so many decimals, as printf("%.Nf") of SQLite writes it."""
    number = f"({sql})::double precision"
    pattern = "FM" + "9" * (_DIGITS + 2) + "0" + ("." + "0" * decimals if decimals else "")
    # A tie has at most decimals + 1 binary places; only there C and SQLite round differently.
    tie = 2 ** (decimals + 1)
    return (
        f"CASE WHEN {number} * {tie} = trunc({number} * {tie}) OR abs({number}) >= 1e{_DIGITS - decimals}"
        f" THEN round({number}::text::numeric, {decimals})::text"
        f" ELSE to_char({number}, '{pattern}') END"
    )


def rounded(sql: str, decimals: int) -> str:
    """Return round(x, N) of SQLite as a double."""
    number = f"({sql})::double precision"
    if decimals == 0:
        half = f"CASE WHEN {number} < 0 THEN -0.5::double precision ELSE 0.5::double precision END"
        whole = f"trunc({number} + {half}) + 0.0"
        return f"CASE WHEN abs({number}) >= 4503599627370496 THEN {number} ELSE {whole} END"
    # Beyond 15 digits there is nothing left to round.
    fixed = f"({fixed_text(sql, decimals)})::double precision"
    return f"CASE WHEN abs({number}) >= 1e{_DIGITS} THEN {number} ELSE {fixed} END"


def whole_number(sql: str) -> str:
    """Return CAST(x AS INTEGER) of a floating point number: cut, and held within 64 bits."""
    return (
        f"CASE WHEN {sql} >= 9223372036854775807::double precision THEN 9223372036854775807"
        f" WHEN {sql} <= -9223372036854775808::double precision THEN (-9223372036854775808)::bigint"
        f" ELSE trunc({sql})::bigint END"
    )
