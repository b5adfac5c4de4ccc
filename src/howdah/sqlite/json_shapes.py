"""
JSON in texts and blobs: what is computed by SQLite, and what is looked at here.

Validity by RFC 8259 is SQLite's own json_valid(), which is C and needs no copy of the
value; texts with NUL, at which it would stop, must be kept from it. Whether PostgreSQL's
jsonb takes a valid document is decided here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

#: sqlite.org/json1.html#jvalid: 1 is RFC 8259 text, 8 is strictly checked JSONB.
TEXT_TEST = "json_valid({}, 1)"
BLOB_TEST = "json_valid({}, 8)"

#: What PostgreSQL's numeric holds (NUMERIC_WEIGHT_MAX and NUMERIC_DSCALE_MAX in numeric.c).
_DIGITS_BEFORE_POINT_MAX = 131_072
_DIGITS_AFTER_POINT_MAX = 16_383

#: Only a document with one of these can hold what jsonb refuses, unless it is long.
_SUSPICIOUS = r"\\u(0000|[dD][89a-fA-F])|[0-9][eE][+-]?[0-9]{4}"


def may_be_json(text: str) -> bool:
    """Return whether the first character could begin a JSON document."""
    stripped = text.lstrip(" \t\r\n")
    return bool(stripped) and stripped[0] in '{["-0123456789tfn'


def may_be_jsonb(content: bytes) -> bool:
    """Return whether a blob's first element fills it (sqlite.org/jsonb.html section 3)."""
    if not content or content[0] & 0x0F > 12:
        return False
    code = content[0] >> 4
    if code <= 11:
        return len(content) == 1 + code
    size_bytes = 1 << (code - 12)
    size = int.from_bytes(content[1 : 1 + size_bytes], "big")
    return len(content) == 1 + size_bytes + size


def count_documents(values: Sequence[str], valid: npt.NDArray[np.bool_]) -> int:
    """Return how many of the valid ones are objects or arrays."""
    if valid.all() and set(map(itemgetter(0), values)) <= {"{", "["}:
        return len(values)
    return sum(
        value.lstrip(" \t\r\n")[:1] in ("{", "[")
        for value, is_valid in zip(values, valid.tolist(), strict=True)
        if is_valid
    )


def are_jsonb_safe(values: Sequence[str], joined: str, longest: int) -> bool:
    """
    Return whether jsonb takes every one of these valid documents.

    `joined` is all of them in a row, `longest` the characters of the longest.
    """
    # Looking at all of them at once finds nothing nearly always.
    if "\\u" not in joined and longest <= _DIGITS_AFTER_POINT_MAX and not _has_long_exponent(joined):
        return True
    suspects = pc.match_substring_regex(pa.array(values, pa.utf8()), _SUSPICIOUS).to_pylist()
    return all(
        is_jsonb_safe(value)
        for value, suspect in zip(values, suspects, strict=True)
        if suspect or len(value) > _DIGITS_AFTER_POINT_MAX
    )


def _has_long_exponent(text: str) -> bool:
    """Return whether a digit, an "e" and four more digits stand somewhere (1e-05 is ordinary)."""
    # Five more characters, so that what follows an "e" at the end can be asked for.
    content = np.frombuffer(text.encode() + b"     ", np.uint8)
    places = np.flatnonzero((content[1:-5] | 0x20) == ord("e")) + 1
    places = places[_are_digits(content[places - 1])]
    starts = places + 1 + np.isin(content[places + 1], (ord("+"), ord("-")))
    return bool(_are_digits(content[starts[:, np.newaxis] + np.arange(4)]).all(axis=1).any())


def _are_digits(characters: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    # Unsigned: what comes before "0" wraps around to something large.
    digits: npt.NDArray[np.bool_] = (characters - ord("0")) <= 9
    return digits


class _RefusedError(Exception):
    """Something in a document that jsonb refuses."""


def is_jsonb_safe(text: str) -> bool:
    """Return whether jsonb takes this valid document: its strings have characters, its numbers fit."""
    try:
        document = _DECODER.decode(text)
        if "\\u" in text:
            _check_strings(document)
    except (_RefusedError, RecursionError):
        return False
    return True


def _check_number(literal: str) -> None:
    try:
        number = Decimal(literal).as_tuple()
    except ArithmeticError:
        # Python's own limit of exponents lies far beyond.
        raise _RefusedError from None
    assert isinstance(number.exponent, int)
    before_point = len(number.digits) + number.exponent
    if -number.exponent > _DIGITS_AFTER_POINT_MAX or before_point > _DIGITS_BEFORE_POINT_MAX:
        raise _RefusedError


def _check_strings(value: Any) -> None:
    """Refuse NUL and half surrogate pairs, which valid UTF-8 can only hold as escapes."""
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise _RefusedError
    elif isinstance(value, list):
        for item in value:
            _check_strings(item)
    elif isinstance(value, tuple):
        for key, item in value:
            _check_strings(key)
            _check_strings(item)


#: Objects come as tuples of pairs, so that a key that is there twice hides nothing.
_DECODER = json.JSONDecoder(parse_int=_check_number, parse_float=_check_number, object_pairs_hook=tuple)
