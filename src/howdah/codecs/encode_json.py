"""
Encode JSON TEXT into json (the text as it is) and jsonb.

Validity is RFC 8259's, by Python's parser with what it adds (NaN, Infinity) refused.
For json that is the whole cost, and the plan can spare it with validity = census: the
census has parsed every text of the same snapshot, and the server parses each again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from howdah.codecs.base import Params
from howdah.codecs.encode_text import checked_text
from howdah.codecs.numeric_wire import DIGITS_AFTER_POINT_MAX, DIGITS_BEFORE_POINT_MAX
from howdah.codecs.params import read_choice
from howdah.codecs.pgtypes import PgType
from howdah.codecs.values import Encoded, SourceColumn
from howdah.codecs.wire import Mask, Rejections, encoded, mask_of, no_values, present, without_nulls

VALIDITY_CHOICES = ("check", "census")

#: jsonb_send and jsonb_recv (src/backend/utils/adt/jsonb.c): a version byte, then the text.
_JSONB_VERSION = b"\x01"

#: Only such exponents, or very long documents, can hold a number that numeric cannot.
_LONG_EXPONENT = re.compile(r"[0-9][eE][+-]?[0-9]{4}")
_LONG_DOCUMENT = DIGITS_AFTER_POINT_MAX

#: Neither checks nor policies of text columns apply: JSON is taken as it is or rejected.
_PLAIN_TEXT = PgType(base="text")


def encode_json(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """JSON TEXT → json, byte for byte (json_send: the text)."""
    trusted = read_choice(params, "validity", VALIDITY_CHOICES) == "census"
    rejections = Rejections(column.length)
    rejections.add_other_classes(column, ("text",), "not-json")
    values = present(column.text, column.length)
    if column.text is None:
        return encoded(rejections, values, variable=no_values(column.length))
    part = checked_text(column.text, rejections, {}, {}, _PLAIN_TEXT)
    if not trusted:
        for row, text in _texts(part, values & ~rejections.taken):
            fault = fault_of(text)
            if fault:
                rejections.add_rows(fault, [row])
    return encoded(rejections, values, variable=without_nulls(part))


def encode_jsonb(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """JSON TEXT → jsonb; duplicate keys are dropped by PostgreSQL (the last one stays) and counted here."""
    rejections = Rejections(column.length)
    rejections.add_other_classes(column, ("text",), "not-json")
    values = present(column.text, column.length)
    if column.text is None:
        return encoded(rejections, values, variable=no_values(column.length))
    part = checked_text(column.text, rejections, {}, {}, _PLAIN_TEXT)
    inspector = JsonbInspector()
    with_duplicates: list[int] = []
    for row, text in _texts(part, values & ~rejections.taken):
        fault = inspector.fault_of(text)
        if fault:
            rejections.add_rows(fault, [row])
        elif inspector.duplicates:
            with_duplicates.append(row)
    wire = pc.binary_join_element_wise(_JSONB_VERSION, without_nulls(part), b"")
    changed = {"duplicate-keys-dropped": mask_of(with_duplicates, column.length)}
    return encoded(rejections, values, variable=wire, changed=changed)


def _texts(part: pa.Array, rows: Mask) -> Iterator[tuple[int, str]]:
    """Give the valid UTF-8 texts of the rows, one by one."""
    positions = np.flatnonzero(rows)
    texts = part.take(pa.array(positions)).cast(pa.utf8()).to_pylist()
    return zip(positions.tolist(), texts, strict=True)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


#: Integers are read as floats: Python limits the digits of an int, JSON does not.
_VALIDATOR = json.JSONDecoder(parse_int=float, parse_constant=_refuse)


def fault_of(text: str) -> str:
    """Return why the text is no JSON, as a reason; "" where it is."""
    try:
        _VALIDATOR.decode(text)
    except RecursionError:
        return "json-too-deep"
    except ValueError:
        return "not-json"
    return ""


class _NotInJsonbError(Exception):
    """Valid JSON that jsonb refuses."""


class JsonbInspector:
    """Says what keeps a document out of jsonb, and whether its objects repeat keys."""

    def __init__(self) -> None:
        #: Of the document looked at last.
        self.duplicates = False
        self._quick = json.JSONDecoder(
            parse_int=float, parse_constant=_refuse, object_pairs_hook=self._read_object
        )
        self._careful = json.JSONDecoder(
            parse_int=_check_number,
            parse_float=_check_number,
            parse_constant=_refuse,
            object_pairs_hook=self._read_object,
        )

    def _read_object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) != len(pairs):
            self.duplicates = True
            # What is under the earlier ones still has to be legal: jsonb parses them before it drops them.
            return {f"{position}:{key}": value for position, (key, value) in enumerate(pairs)}
        return members

    def fault_of(self, text: str) -> str:
        """Return why jsonb does not take the text, as a reason; "" where it does."""
        self.duplicates = False
        careful = len(text) > _LONG_DOCUMENT or _LONG_EXPONENT.search(text) is not None
        try:
            document = (self._careful if careful else self._quick).decode(text)
            # A bare NUL or half a surrogate pair can only come from an escape.
            if "\\u" in text:
                _check_strings(document)
        except RecursionError:
            return "json-too-deep"
        except _NotInJsonbError:
            return "json-not-in-jsonb"
        except ValueError:
            return "not-json"
        return ""


def _check_number(literal: str) -> float:
    """Refuse what the type numeric, in which jsonb keeps numbers, would refuse or round."""
    sign_digits_exponent = Decimal(literal).as_tuple()
    exponent = sign_digits_exponent.exponent
    assert isinstance(exponent, int)
    digits_before = len(sign_digits_exponent.digits) + exponent
    if -exponent > DIGITS_AFTER_POINT_MAX or digits_before > DIGITS_BEFORE_POINT_MAX:
        raise _NotInJsonbError(literal)
    return 0.0


def _check_strings(value: Any) -> None:
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise _NotInJsonbError(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_strings(key)
            _check_strings(item)
    elif isinstance(value, list):
        for item in value:
            _check_strings(item)
