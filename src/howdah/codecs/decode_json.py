"""Decode json as the text it is, and jsonb as a value: both sides in one canonical form."""

from __future__ import annotations

import pyarrow as pa

from howdah.codecs.base import Params
from howdah.codecs.canonical_json import canonical_json
from howdah.codecs.decode_parts import read_storage, source_column
from howdah.codecs.values import SourceColumn


def decode_json(array: pa.Array, params: Params) -> SourceColumn:
    """json → TEXT, byte for byte."""
    plain = read_storage(array, "json", pa.types.is_string)
    return source_column(len(plain), text=plain)


def decode_jsonb(array: pa.Array, params: Params) -> SourceColumn:
    """jsonb → TEXT in canonical form."""
    plain = read_storage(array, "jsonb", pa.types.is_string)
    return source_column(len(plain), text=_canonical(plain.cast(pa.binary())))


def project_jsonb(column: SourceColumn, params: Params) -> SourceColumn:
    """Bring the source's JSON to canonical form."""
    if column.text is None:
        return column
    return source_column(
        column.length,
        integer=column.integer,
        real=column.real,
        text=_canonical(column.text),
        blob=column.blob,
    )


def _canonical(texts: pa.Array) -> pa.Array:
    return pa.array(
        [None if text is None else canonical_json(text) for text in texts.to_pylist()], pa.binary()
    )
