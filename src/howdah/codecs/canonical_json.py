"""
Bring JSON texts to one form, so that two are equal exactly when they mean the same to jsonb.

Keys sorted, of repeated keys the last, numbers as exact decimals without zeros at
the ends, no space. Used by the proof on both sides; the load has nothing of it.
"""

from __future__ import annotations

import json
from typing import NoReturn

#: Begins a number that is written as a string: one that Python's int cannot stand for. jsonb holds
#: no NUL, so no string of the target can be taken for such a number.
_MARK = "\0number:"

#: From so many digits on, every number is written as a string: Python limits the digits of an int.
_LONG = 1_000


def _read_number(literal: str) -> int | str:
    """
    Read ±digits·10^exponent without zeros at either end, whichever way it was spelled.

    What is whole (1.0, 1e2, -0) is an int, so that it equals the same number spelled without a point.
    """
    mantissa, _, exponent = literal.lower().partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    before, _, after = mantissa.removeprefix("-").partition(".")
    digits = (before + after).lstrip("0")
    significant = digits.rstrip("0")
    if not significant:
        return 0
    power = int(exponent or "0") - len(after) + len(digits) - len(significant)
    if power >= 0 and len(significant) + power < _LONG:
        whole: int = int(sign + significant) * 10**power
        return whole
    return f"{_MARK}{sign}{significant}e{power}"


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


#: Reads integers with Python's own int, which is fast: only where none can be long.
_SHORT_DOCUMENTS = json.JSONDecoder(parse_float=_read_number, parse_constant=_refuse)
_LONG_DOCUMENTS = json.JSONDecoder(parse_int=_read_number, parse_float=_read_number, parse_constant=_refuse)

_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), check_circular=False)


def canonical_json(content: bytes) -> bytes:
    """Return the canonical form; of what is not JSON, the bytes themselves behind a mark that no JSON has."""
    decoder = _SHORT_DOCUMENTS if len(content) < _LONG else _LONG_DOCUMENTS
    try:
        return _ENCODER.encode(decoder.decode(content.decode())).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        return b"\xffnot JSON: " + content
