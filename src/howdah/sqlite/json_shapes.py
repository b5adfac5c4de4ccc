"""
JSON in texts and blobs: what may be JSON, and whether PostgreSQL's jsonb takes it.

That a text is valid JSON is for SQLite to say: see `json_counts`.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

#: A longer text is not parsed to see whether it may be JSON.
_PARSED_MAX = 1_000

#: What PostgreSQL's numeric holds (NUMERIC_WEIGHT_MAX and NUMERIC_DSCALE_MAX in numeric.c).
_DIGITS_BEFORE_POINT_MAX = 131_072
_DIGITS_AFTER_POINT_MAX = 16_383

#: Only a document with one of these can hold what jsonb refuses, unless it is long.
_SUSPICIOUS = r"\\u(0000|[dD][89a-fA-F])|[0-9][eE][+-]?[0-9]{4}"


def may_be_json(text: str) -> bool:
    """Return whether the text could be a JSON document; most that are none are seen here already."""
    if len(text) > _PARSED_MAX:
        stripped = text.lstrip(" \t\r\n")
        return bool(stripped) and stripped[0] in '{["-0123456789tfn'
    try:
        json.loads(text)
    except ValueError:
        return False
    except RecursionError:
        return True
    return True


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


def are_jsonb_safe(texts: pa.StringArray, content: npt.NDArray[np.uint8], longest: int) -> bool:
    """
    Return whether jsonb takes every one of these documents, those apart that are not valid.

    `content` is the bytes of all of them in a row, `longest` the bytes of the longest.
    """
    # Looking at all of them at once finds nothing nearly always.
    if longest <= _DIGITS_AFTER_POINT_MAX and not _has_escape(content) and not _has_long_exponent(content):
        return True
    suspect = pc.match_substring_regex(texts, _SUSPICIOUS).to_numpy(zero_copy_only=False)
    suspect |= pc.binary_length(texts).to_numpy(zero_copy_only=False) > _DIGITS_AFTER_POINT_MAX
    return all(is_jsonb_safe(texts[row].as_py()) for row in np.flatnonzero(suspect).tolist())


def _has_escape(content: npt.NDArray[np.uint8]) -> bool:
    places = np.flatnonzero(content[:-1] == ord("\\"))
    return bool((content[places + 1] == ord("u")).any())


def _has_long_exponent(content: npt.NDArray[np.uint8]) -> bool:
    """Return whether a digit, an "e" and four more digits stand somewhere (1e-05 is ordinary)."""
    places = np.flatnonzero(_are_digits(content[:-1]) & ((content[1:] | 0x20) == ord("e"))) + 1
    if not len(places):
        return False
    # Behind the end the last character is asked for again: a suspicion too many is looked into.
    last = len(content) - 1
    starts = places + 1
    starts += np.isin(content[np.minimum(starts, last)], (ord("+"), ord("-")))
    digits = content[np.minimum(starts[:, np.newaxis] + np.arange(4), last)]
    return bool(_are_digits(digits).all(axis=1).any())


def _are_digits(characters: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    # Unsigned: what comes before "0" wraps around to something large.
    digits: npt.NDArray[np.bool_] = (characters - ord("0")) <= 9
    return digits


class _RefusedError(Exception):
    """Something in a document that jsonb refuses."""


def is_jsonb_safe(text: str) -> bool:
    """Return whether jsonb takes this document: its strings have characters, its numbers fit."""
    try:
        document = _DECODER.decode(text)
        if "\\u" in text:
            _check_strings(document)
    except (_RefusedError, RecursionError, ValueError):
        # Not JSON at all (ValueError) is not safe either.
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
