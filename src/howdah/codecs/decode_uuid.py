"""Decode uuid into the one spelling the column had in SQLite."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from howdah.codecs.base import Params
from howdah.codecs.decode_parts import read_storage, source_column
from howdah.codecs.values import SourceColumn

#: Digits between the hyphens.
_GROUPS = (8, 4, 4, 4, 12)
#: Bytes of the groups that some systems (.NET) write from the last byte to the first.
_LITTLE_ENDIAN_GROUPS = (4, 2, 2)


def _read_blobs(array: pa.Array, codec: str) -> pa.Array:
    return read_storage(array, codec, pa.types.is_fixed_size_binary)


def _hex_digits(blobs: pa.Array, params: Params) -> np.ndarray:
    """Return the digits of every uuid as a matrix of 32 characters; under a null they mean nothing."""
    content = blobs.buffers()[1]
    if content is None:
        return np.zeros((len(blobs), 32), dtype="S1")
    start = 16 * blobs.offset
    digits = memoryview(content)[start : start + 16 * len(blobs)].hex()
    if params.get("case") == "upper":
        digits = digits.upper()
    return np.frombuffer(digits.encode(), dtype="S1").reshape(len(blobs), 32)


def _texts(characters: np.ndarray, blobs: pa.Array) -> pa.Array:
    length, width = characters.shape
    content = pa.py_buffer(np.ascontiguousarray(characters))
    texts = pa.Array.from_buffers(pa.binary(width), length, [None, content]).cast(pa.binary())
    return pc.if_else(pc.is_valid(blobs), texts, pa.scalar(None, pa.binary()))


def decode_uuid_text(array: pa.Array, params: Params) -> SourceColumn:
    """uuid → TEXT of 36 characters."""
    blobs = _read_blobs(array, "uuid-text")
    digits = _hex_digits(blobs, params)
    hyphens = np.full((len(digits), 1), b"-", dtype="S1")
    pieces: list[np.ndarray] = []
    start = 0
    for count in _GROUPS:
        pieces += [digits[:, start : start + count], hyphens]
        start += count
    return source_column(len(blobs), text=_texts(np.hstack(pieces[:-1]), blobs))


def decode_uuid_hex32(array: pa.Array, params: Params) -> SourceColumn:
    """uuid → TEXT of 32 digits."""
    blobs = _read_blobs(array, "uuid-hex32")
    return source_column(len(blobs), text=_texts(_hex_digits(blobs, params), blobs))


def decode_uuid_blob(array: pa.Array, params: Params) -> SourceColumn:
    """uuid → BLOB of 16 bytes."""
    blobs = _read_blobs(array, "uuid-blob")
    if params.get("order") != "little-endian" or not len(blobs):
        return source_column(len(blobs), blob=blobs)
    content = np.frombuffer(blobs.buffers()[1], dtype=np.uint8)[16 * blobs.offset :][: 16 * len(blobs)]
    turned = np.empty((len(blobs), 16), dtype=np.uint8)
    start = 0
    for width in _LITTLE_ENDIAN_GROUPS:
        group = content.reshape(-1, 16)[:, start : start + width]
        turned[:, start : start + width] = group[:, ::-1]
        start += width
    turned[:, start:] = content.reshape(-1, 16)[:, start:]
    values = pa.Array.from_buffers(pa.binary(16), len(blobs), [None, pa.py_buffer(turned)])
    return source_column(
        len(blobs), blob=pc.if_else(pc.is_valid(blobs), values, pa.scalar(None, pa.binary(16)))
    )
