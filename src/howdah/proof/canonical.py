"""
The canonical bytes of a row, and its keyed 128-bit hash. Pure.

A value is its storage class (one byte) followed by its content: eight bytes for
integer and real, for text and blob eight bytes of length and then the bytes.
Nothing else follows NULL. The length makes a row of values unambiguous without
separators. Built in Arrow for a whole batch; the hash is the only call per row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from howdah.codecs.values import SourceColumn
from howdah.proof.compare import real_bits
from howdah.proof.rows import Rows, normalise

#: Bytes of a row's hash.
HASH_BYTES = 16

_TAGS = {"null": b"\x00", "integer": b"\x01", "real": b"\x02", "text": b"\x03", "blob": b"\x04"}


def canonical_rows(rows: Rows, names: Sequence[str]) -> Any:
    """Return an Arrow large_binary array with the canonical bytes of the named columns of each row."""
    cells = [_canonical_cells(rows.columns[name]) for name in names]
    if not cells:
        return pa.array([b""] * rows.length, pa.large_binary())
    return pc.binary_join_element_wise(*cells, pa.scalar(b"", pa.large_binary()))


def _canonical_cells(column: SourceColumn) -> Any:
    exact = normalise(column)
    parts = [
        _tagged_numbers(exact.integer, _TAGS["integer"]),
        _tagged_numbers(exact.real, _TAGS["real"]),
        _tagged_bytes(exact.text, _TAGS["text"]),
        _tagged_bytes(exact.blob, _TAGS["blob"]),
    ]
    present = [part for part in parts if part is not None]
    if not present:
        return pa.repeat(pa.scalar(_TAGS["null"], pa.large_binary()), column.length)
    merged = present[0] if len(present) == 1 else pc.coalesce(*present)
    return merged.fill_null(_TAGS["null"])


def _tagged_numbers(array: Any, tag: bytes) -> Any:
    """Tag and eight big-endian bytes of each number, null where the part is null."""
    if array is None:
        return None
    bits = (
        real_bits(array) if array.type == pa.float64() else array.fill_null(0).to_numpy(zero_copy_only=False)
    )
    cells = np.empty((len(array), 9), np.uint8)
    cells[:, 0] = tag[0]
    cells[:, 1:] = bits.astype(">i8").view(np.uint8).reshape(len(array), 8)
    return _mask(_fixed_binary(cells), array)


def _tagged_bytes(array: Any, tag: bytes) -> Any:
    """Tag, length and content of each text or blob, null where the part is null."""
    if array is None:
        return None
    lengths = pc.binary_length(array).fill_null(0).to_numpy(zero_copy_only=False)
    heads = np.empty((len(array), 9), np.uint8)
    heads[:, 0] = tag[0]
    heads[:, 1:] = lengths.astype(">i8").view(np.uint8).reshape(len(array), 8)
    # Joining gives null where the content is null.
    return pc.binary_join_element_wise(
        _fixed_binary(heads), array.cast(pa.large_binary()), pa.scalar(b"", pa.large_binary())
    )


def _fixed_binary(cells: np.ndarray) -> Any:
    """A large_binary array whose entries are the rows of a uint8 matrix."""
    count, width = cells.shape
    offsets = np.arange(0, (count + 1) * width, width, dtype=np.int64)
    return pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), count, [None, pa.py_buffer(offsets), pa.py_buffer(cells)]
    )


def _mask(cells: Any, array: Any) -> Any:
    if array.null_count == 0:
        return cells
    return pc.if_else(array.is_valid(), cells, pa.scalar(None, pa.large_binary()))


def hash_rows(canonical: Any, key: bytes) -> np.ndarray:
    """
    Return the keyed BLAKE2b-128 of each entry as uint32, shape (rows, 4).

    `key` (up to 64 bytes) is drawn anew for each run: nobody can prepare rows whose
    hashes sum to those of others.
    """
    blake2b = hashlib.blake2b
    digests = b"".join(
        [blake2b(entry, digest_size=HASH_BYTES, key=key).digest() for entry in canonical.to_pylist()]
    )
    return np.frombuffer(digests, dtype="<u4").reshape(-1, HASH_BYTES // 4)
