"""
Encode sets of ranges into multiranges.

Format (multirange_send): how many ranges, then each as range_send gives it, with its length. The
server puts them in order and joins those that touch.
"""

from __future__ import annotations

import json
import re
import struct

from howdah.codecs.base import Params
from howdah.codecs.encode_array import any_range, read_json, with_length
from howdah.codecs.encode_each import Convert, Notes, Stored, Unfit, encode_each
from howdah.codecs.pgtypes import PgType, parse_type
from howdah.codecs.values import Encoded, SourceColumn

_RANGE = re.compile(
    r'\s*(empty|[\[(](?:"(?:[^"\\]|""|\\.)*"|\\.|[^"\\\])])*[\])])\s*', re.DOTALL | re.IGNORECASE
)


def any_multirange(params: Params, pg_type: PgType) -> Convert:
    """Return the converter of one value → multirange."""
    convert_range = any_range(params, pg_type)

    def convert(value: Stored, notes: Notes) -> bytes:
        if not isinstance(value, str):
            raise Unfit("not-a-multirange")
        fields = [convert_range(text, notes) for text in _split(value.strip(), pg_type.element)]
        return struct.pack(">i", len(fields)) + b"".join(map(with_length, fields))

    return convert


def _split(text: str, element: PgType | None) -> list[str]:
    """Return the ranges of PostgreSQL's {…}, or of a JSON list of ranges."""
    if text.startswith("["):
        return [_as_text(item) for item in read_json(text, element, "not-a-multirange")]
    if not (text.startswith("{") and text.endswith("}")):
        raise Unfit("not-a-multirange")
    ranges: list[str] = []
    end = len(text) - 1
    position = 1
    while text[position:end].strip():
        match = _RANGE.match(text, position, end)
        if match is None:
            raise Unfit("not-a-multirange")
        ranges.append(match[1])
        position = match.end()
        if position == end:
            break
        if text[position] != "," or not text[position + 1 : end].strip():
            raise Unfit("not-a-multirange")
        position += 1
    return ranges


def _as_text(item: object) -> str:
    if isinstance(item, str):
        return item
    if isinstance(item, dict):
        return json.dumps(item)
    raise Unfit("not-a-multirange")


def encode_multirange(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """TEXT → multirange."""
    return encode_each(column, any_multirange(params, parse_type(pg_type)))
