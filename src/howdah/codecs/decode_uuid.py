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


def _blobs(array: pa.Array, codec: str) -> pa.Array:
    plain = read_storage(array, codec, pa.types.is_fixed_size_binary)
    return plain.cast(pa.binary())


def _hex_digits(array: pa.Array, params: Params, codec: str) -> tuple[np.ndarray, pa.Array]:
    """Return the digits of every uuid as a matrix of 32 characters, and where there is one."""
    blobs = _blobs(array, codec)
    present = pc.is_valid(blobs)
    digits = b"".join(pc.fill_null(blobs, bytes(16)).to_pylist()).hex()
    if params.get("case") == "upper":
        digits = digits.upper()
    return np.frombuffer(digits.encode(), dtype="S1").reshape(len(blobs), 32), present


def _texts(characters: np.ndarray, present: pa.Array) -> pa.Array:
    length, width = characters.shape
    texts = np.ascontiguousarray(characters).view(f"S{width}").reshape(length)
    return pc.if_else(
        present, pa.array(texts, pa.binary(width)).cast(pa.binary()), pa.scalar(None, pa.binary())
    )


def decode_uuid_text(array: pa.Array, params: Params) -> SourceColumn:
    """uuid → TEXT of 36 characters."""
    digits, present = _hex_digits(array, params, "uuid-text")
    hyphens = np.full((len(digits), 1), b"-", dtype="S1")
    pieces: list[np.ndarray] = []
    start = 0
    for count in _GROUPS:
        pieces += [digits[:, start : start + count], hyphens]
        start += count
    return source_column(len(digits), text=_texts(np.hstack(pieces[:-1]), present))


def decode_uuid_hex32(array: pa.Array, params: Params) -> SourceColumn:
    """uuid → TEXT of 32 digits."""
    digits, present = _hex_digits(array, params, "uuid-hex32")
    return source_column(len(digits), text=_texts(digits, present))


def decode_uuid_blob(array: pa.Array, params: Params) -> SourceColumn:
    """uuid → BLOB of 16 bytes."""
    blobs = _blobs(array, "uuid-blob")
    return source_column(len(blobs), blob=blobs)
