"""Decode integers, booleans, reals, bytes and words: what PostgreSQL stores, in SQLite's classes."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from howdah.codecs.base import EXACT, Params
from howdah.codecs.decode_parts import read_storage, source_column
from howdah.codecs.params import read_words
from howdah.codecs.values import SourceColumn


def decode_integer(array: pa.Array, params: Params) -> SourceColumn:
    """int2, int4, int8 → INTEGER."""
    plain = read_storage(array, "integer", pa.types.is_signed_integer)
    return source_column(len(plain), integer=plain.cast(pa.int64()))


def decode_boolean(array: pa.Array, params: Params) -> SourceColumn:
    """bool → INTEGER 0 or 1."""
    plain = read_storage(array, "boolean", pa.types.is_boolean)
    return source_column(len(plain), integer=plain.cast(pa.int64()))


def decode_real(array: pa.Array, params: Params) -> SourceColumn:
    """float4, float8 → REAL; float4 widens exactly."""
    plain = read_storage(array, "real", pa.types.is_floating)
    return source_column(len(plain), real=plain.cast(pa.float64()))


def decode_bytes(array: pa.Array, params: Params) -> SourceColumn:
    """bytea → BLOB."""
    plain = read_storage(array, "bytes", pa.types.is_binary)
    return source_column(len(plain), blob=plain)


def bytes_equality(params: Params) -> str:
    """Return "exact" unless texts are taken too, whose class bytea does not keep."""
    return "by bytes" if params.get("text") == "utf8" else EXACT


def project_bytes(column: SourceColumn, params: Params) -> SourceColumn:
    """With text = utf8: every TEXT as the BLOB of the same bytes."""
    if bytes_equality(params) == EXACT or column.text is None:
        return column
    blob = column.text
    if column.blob is not None:
        blob = pc.if_else(pc.is_valid(column.blob), column.blob, column.text)
    return source_column(column.length, integer=column.integer, real=column.real, blob=blob)


def decode_boolean_word(array: pa.Array, params: Params) -> SourceColumn:
    """bool → TEXT, the word for true or for false."""
    plain = read_storage(array, "boolean-word", pa.types.is_boolean)
    word_for_true, word_for_false = read_words(params)
    return source_column(len(plain), text=pc.if_else(plain, word_for_true, word_for_false))
