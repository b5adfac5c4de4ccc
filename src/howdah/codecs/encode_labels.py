"""
Encode what PostgreSQL sends as its own text or digits: labels of enums, bits, uuids of any spelling.

Formats: enum_send gives the label; bit_send the number of bits and then the bits from the
left; uuid_send 16 bytes.
"""

from __future__ import annotations

import json
import re
import struct

from howdah.codecs.base import Params
from howdah.codecs.encode_each import Convert, Notes, Stored, Unfit, encode_each
from howdah.codecs.encode_uuid import ORDER_CHOICES
from howdah.codecs.params import read_choice
from howdah.codecs.pgtypes import PgType, parse_type
from howdah.codecs.values import Encoded, SourceColumn
from howdah.errors import UsageError

_UUID = re.compile(
    r"(?:urn:uuid:)?(?P<open>\{)?(?P<digits>[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?(open)\})",
    re.IGNORECASE,
)


def read_labels(params: Params) -> frozenset[str]:
    """Return the labels of the enum. Raises UsageError C-103 where they are missing or no JSON list."""
    try:
        labels = json.loads(params.get("labels", ""))
    except ValueError:
        labels = None
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise UsageError(
            "C-103",
            'parameter "labels" of codec "enum" is not a JSON list of strings',
            hint='Write the labels of the enum, such as ["open", "done"].',
        )
    return frozenset(labels)


def any_label(params: Params, pg_type: PgType) -> Convert:
    """Return the converter of one value → enum."""
    labels = read_labels(params)

    def convert(value: Stored, notes: Notes) -> bytes:
        if isinstance(value, bytes):
            raise Unfit("no-such-label")
        if not isinstance(value, str):
            notes.add("number-to-label")
        label = value if isinstance(value, str) else str(value)
        if label not in labels:
            raise Unfit("no-such-label")
        return label.encode()

    return convert


def any_bits(params: Params, pg_type: PgType) -> Convert:
    """Return the converter of one value → bit(n), varbit(n)."""
    limit = pg_type.modifiers[0] if pg_type.modifiers else None

    def convert(value: Stored, notes: Notes) -> bytes:
        if isinstance(value, int) and value in (0, 1) and limit == 1:
            # A boolean; of longer ones SQLite may have dropped zeros in front.
            value = str(value)
        if not isinstance(value, str) or value.strip("01"):
            raise Unfit("not-bits")
        if limit is not None and (len(value) > limit or (pg_type.base == "bit" and len(value) != limit)):
            raise Unfit("bits-do-not-fit")
        width = -(-len(value) // 8)
        content = int(value.ljust(width * 8, "0") or "0", 2)
        return struct.pack(">i", len(value)) + content.to_bytes(width, "big")

    return convert


def any_byte(params: Params, pg_type: PgType) -> Convert:
    """Return the converter of one value → "char", which is one byte, zero for an empty text (charin)."""

    def convert(value: Stored, notes: Notes) -> bytes:
        text = str(value) if isinstance(value, int) else value
        if not isinstance(text, str) or len(text) > 1 or not text.isascii() or text == "\0":
            raise Unfit("not-one-byte")
        return text.encode() or b"\0"

    return convert


def any_uuid(params: Params, pg_type: PgType) -> Convert:
    """Return the converter of one value → uuid."""
    little = read_choice(params, "order", ORDER_CHOICES) == "little-endian"

    def convert(value: Stored, notes: Notes) -> bytes:
        if isinstance(value, bytes):
            if len(value) != 16:
                raise Unfit("not-uuid")
            return value[3::-1] + value[5:3:-1] + value[7:5:-1] + value[8:] if little else value
        match = _UUID.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise Unfit("not-uuid")
        return bytes.fromhex(match["digits"].replace("-", ""))

    return convert


def encode_label(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """TEXT → enum."""
    return encode_each(column, any_label(params, parse_type(pg_type)))


def encode_bits(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """TEXT of 0 and 1 → bit, varbit."""
    return encode_each(column, any_bits(params, parse_type(pg_type)))


def encode_byte(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """TEXT of one character → "char"."""
    return encode_each(column, any_byte(params, parse_type(pg_type)))


def encode_any_uuid(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """TEXT of any spelling or BLOB of 16 bytes → uuid."""
    return encode_each(column, any_uuid(params, parse_type(pg_type)))
