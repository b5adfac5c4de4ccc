"""
Encode vectors of float4 into pgvector's type, from a BLOB or a JSON list.

Format (vector_send): int16 dimensions, int16 zero, float4 each. A BLOB is what
sqlite-vec, sqlite-vss and numpy write: float4, little-endian, one after the other.
"""

from __future__ import annotations

import json
import math
import struct

from howdah.codecs.base import Params
from howdah.codecs.encode_each import Convert, Notes, Stored, Unfit, encode_each
from howdah.codecs.pgtypes import PgType, parse_type
from howdah.codecs.values import Encoded, SourceColumn

_DIMENSIONS_MAX = 16_000


def any_vector(params: Params, pg_type: PgType) -> Convert:
    """Return the converter of one value → vector(n)."""
    wanted = pg_type.modifiers[0] if pg_type.modifiers else None

    def convert(value: Stored, notes: Notes) -> bytes:
        numbers = _read(value)
        if not 1 <= len(numbers) <= _DIMENSIONS_MAX or (wanted is not None and len(numbers) != wanted):
            raise Unfit("vector-of-another-length")
        if not all(math.isfinite(number) for number in numbers):
            raise Unfit("not-a-vector")
        try:
            field = struct.pack(f">hh{len(numbers)}f", len(numbers), 0, *numbers)
        except OverflowError:
            raise Unfit("not-a-vector") from None
        if isinstance(value, str) and struct.unpack_from(f">{len(numbers)}f", field, 4) != tuple(numbers):
            notes.add("nearest-float4")
        return field

    return convert


def _read(value: Stored) -> list[float]:
    if isinstance(value, bytes) and value and len(value) % 4 == 0:
        return list(struct.unpack(f"<{len(value) // 4}f", value))
    if isinstance(value, str):
        try:
            numbers = json.loads(value)
        except (ValueError, RecursionError):
            numbers = None
        if isinstance(numbers, list) and all(type(number) in (int, float) for number in numbers):
            try:
                return [float(number) for number in numbers]
            except OverflowError:
                pass
    raise Unfit("not-a-vector")


def encode_vector(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """BLOB or TEXT → vector."""
    return encode_each(column, any_vector(params, parse_type(pg_type)))
