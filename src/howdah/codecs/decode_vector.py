"""Decode vectors into the float4, little-endian, that a BLOB of SQLite holds; for the proof."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from howdah.codecs.base import Params
from howdah.codecs.decode_parts import read_storage, source_column
from howdah.codecs.values import SourceColumn


def decode_vector(array: pa.Array, params: Params) -> SourceColumn:
    """vector, printed by PostgreSQL → BLOB."""
    shown = read_storage(array, "vector", pa.types.is_string).to_pylist()
    blobs = [None if text is None else _floats(text) for text in shown]
    return source_column(len(array), blob=pa.array(blobs, pa.binary()))


def project_vector(column: SourceColumn, params: Params) -> SourceColumn:
    """Bring lists in TEXT to the BLOB of the same numbers."""
    if column.text is None:
        return column
    read: list[bytes | None] = []
    for content in column.text.to_pylist():
        try:
            read.append(None if content is None else _floats(content.decode()))
        except ValueError:
            read.append(None)
    texts = [
        None if blob is not None else text for blob, text in zip(read, column.text.to_pylist(), strict=True)
    ]
    if column.blob is not None:
        read = [
            blob if blob is not None else other
            for blob, other in zip(read, column.blob.to_pylist(), strict=True)
        ]
    return source_column(
        column.length,
        integer=column.integer,
        real=column.real,
        text=pa.array(texts, pa.binary()),
        blob=pa.array(read, pa.binary()),
    )


def _floats(text: str) -> bytes:
    body = text.strip().removeprefix("[").removesuffix("]")
    # By float64, as the load: a decimal rounded to float4 directly may differ in the last bit.
    return np.array([float(part) for part in body.split(",")], dtype="<f8").astype("<f4").tobytes()
