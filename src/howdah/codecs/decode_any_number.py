"""Spell numbers and truths as PostgreSQL stores them, for the proof; nothing here comes from the load."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from howdah.codecs.base import Params
from howdah.codecs.decode_each import Spell, Stored, project_each
from howdah.codecs.decode_parts import read_storage, source_column
from howdah.codecs.values import SourceColumn

#: A text of more than this many digits is no number for this module: PostgreSQL's own limit is beyond it.
_DIGITS_MAX = 150_000

_WORDS = {
    "true": ("t", "true", "y", "yes", "on", "1"),
    "false": ("f", "false", "n", "no", "off", "0"),
}
_TRUTHS = {word: truth for truth, words in _WORDS.items() for word in words}


def spell_integer(params: Params) -> Spell:
    """Return the speller for int2, int4, int8, oid."""

    def spell(value: Stored) -> str | None:
        if isinstance(value, bytes):
            return None
        if isinstance(value, float):
            return str(int(value)) if value.is_integer() else None
        return str(int(value))

    return spell


def spell_boolean(params: Params) -> Spell:
    """Return the speller for bool."""

    def spell(value: Stored) -> str | None:
        if isinstance(value, str):
            return _TRUTHS.get(value.casefold())
        if isinstance(value, bytes) or value not in (0, 1):
            return None
        return "true" if value else "false"

    return spell


def spell_numeric(params: Params) -> Spell:
    """Return the speller for numeric and money: plain digits, without zeros at the end of a fraction."""
    told = params.get("scale", params.get("digits"))
    scale = None if told is None else int(told)

    def spell(value: Stored) -> str | None:
        if isinstance(value, bytes):
            return None
        literal = repr(value) if isinstance(value, float) else str(value)
        if literal in ("inf", "-inf"):
            return "-Infinity" if literal.startswith("-") else "Infinity"
        sign, before, after = _digits_of(literal)
        if scale is not None:
            before, after = _half_up(before, after, scale)
        after = after.rstrip("0")
        before = before.lstrip("0") or "0"
        text = f"{before}.{after}" if after else before
        return f"-{text}" if sign and text != "0" else text

    return spell


def _digits_of(literal: str) -> tuple[bool, str, str]:
    """Return sign, digits before and digits after the point, of plain or scientific notation."""
    mantissa, _, exponent = literal.lower().partition("e")
    negative = mantissa.startswith("-")
    before, _, after = mantissa.lstrip("+-").partition(".")
    if not (before + after).isascii() or not (before + after).isdigit():
        raise ValueError(literal)
    power = int(exponent or "0")
    if abs(power) > _DIGITS_MAX:
        raise ValueError(literal)
    if power > 0:
        after = after.ljust(power, "0")
        return negative, before + after[:power], after[power:]
    before = before.rjust(-power, "0")
    cut = len(before) + power
    return negative, before[:cut], before[cut:] + after


def _half_up(before: str, after: str, scale: int) -> tuple[str, str]:
    """Round the digits to `scale` after the point by carrying, digit by digit."""
    if scale < 0:
        padded = before.rjust(-scale + 1, "0")
        kept, first = padded[:scale], padded[scale]
    else:
        kept, first = before + after[:scale].ljust(scale, "0"), after[scale : scale + 1]
    digits = list("0" + kept)
    if first >= "5" and first:
        place = len(digits) - 1
        while digits[place] == "9":
            digits[place] = "0"
            place -= 1
        digits[place] = chr(ord(digits[place]) + 1)
    text = "".join(digits)
    if scale < 0:
        return text + "0" * -scale, ""
    return (text[: len(text) - scale], text[len(text) - scale :]) if scale else (text, "")


def project_integer(column: SourceColumn, params: Params) -> SourceColumn:
    """Spell every value as PostgreSQL prints the integer."""
    return project_each(column, spell_integer(params))


def project_boolean(column: SourceColumn, params: Params) -> SourceColumn:
    """Spell every value as PostgreSQL prints the truth."""
    return project_each(column, spell_boolean(params))


def decode_plain_numeric(array: pa.Array, params: Params) -> SourceColumn:
    """numeric, printed by PostgreSQL → TEXT without zeros at the end of a fraction."""
    shown = read_storage(array, "any-numeric", pa.types.is_string)
    pointed = pc.match_substring(shown, ".")
    trimmed = pc.utf8_rtrim(pc.utf8_rtrim(shown, "0"), ".")
    return source_column(len(shown), text=pc.if_else(pointed, trimmed, shown))


def project_plain_numeric(column: SourceColumn, params: Params) -> SourceColumn:
    """Spell every value as a plain decimal of the scale."""
    return project_each(column, spell_numeric(params))


def project_real(column: SourceColumn, params: Params) -> SourceColumn:
    """Bring INTEGER and TEXT to the double they mean; with parameter width = 4, to the nearest float4."""
    parts = [None if column.real is None else column.real]
    if column.integer is not None:
        parts.append(column.integer.cast(pa.float64(), safe=False))
    text = column.text
    if text is not None:
        read = [_read_double(value) for value in text.to_pylist()]
        parts.append(pa.array(read, pa.float64()))
        unread = pc.is_null(parts[-1])
        text = pc.if_else(unread, text, pa.scalar(None, text.type))
    present = [part for part in parts if part is not None]
    real = None
    if present:
        real = present[0] if len(present) == 1 else pc.coalesce(*present)
        if params.get("width") == "4":
            with np.errstate(over="ignore"):
                narrow = real.fill_null(0.0).to_numpy(zero_copy_only=False).astype(np.float32)
            real = pc.if_else(
                pc.is_valid(real), pa.array(narrow.astype(np.float64)), pa.scalar(None, pa.float64())
            )
    return source_column(column.length, real=real, text=text, blob=column.blob)


def _read_double(content: bytes | None) -> float | None:
    if content is None:
        return None
    try:
        return float(content)
    except ValueError:
        return None
