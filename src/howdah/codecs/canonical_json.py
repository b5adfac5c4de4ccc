"""
Bring JSON texts to one form, so that two are equal exactly when they mean the same to jsonb.

Keys sorted, of repeated keys the last, numbers as exact decimals without zeros at
the ends, no space. Used by the proof on both sides; the load has nothing of it.
"""

from __future__ import annotations

import json
from json.encoder import encode_basestring
from typing import Any, NoReturn


class _Number(str):
    """A number in its canonical spelling, told apart from a string."""

    __slots__ = ()


def _read_number(literal: str) -> _Number:
    """Spell ±digits·10^exponent without zeros at either end: 1.50e2 → 15e1, -0 → 0."""
    mantissa, _, exponent = literal.lower().partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    before, _, after = mantissa.removeprefix("-").partition(".")
    digits = (before + after).lstrip("0")
    significant = digits.rstrip("0")
    if not significant:
        return _Number("0")
    power = int(exponent or "0") - len(after) + len(digits) - len(significant)
    return _Number(f"{sign}{significant}e{power}")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


_DECODER = json.JSONDecoder(parse_int=_read_number, parse_float=_read_number, parse_constant=_refuse)


def canonical_json(content: bytes) -> bytes:
    """Return the canonical form; of what is not JSON, the bytes themselves behind a mark that no JSON has."""
    try:
        return _write(_DECODER.decode(content.decode())).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        return b"\xffnot JSON: " + content


def _write(value: Any) -> str:
    if isinstance(value, _Number):
        return value
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, dict):
        # Keys are unique, so the order is that of the keys alone.
        return "{" + ",".join(f"{encode_basestring(key)}:{_write(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_write, value)) + "]"
    return {True: "true", False: "false", None: "null"}[value]
