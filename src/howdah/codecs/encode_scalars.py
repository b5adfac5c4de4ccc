"""Encode INTEGER and REAL into int2, int4, int8, bool, float4 and float8: the value itself or a rejection."""

from __future__ import annotations

import numpy as np

from howdah.codecs.base import Params
from howdah.codecs.pgtypes import parse_type
from howdah.codecs.values import Encoded, SourceColumn
from howdah.codecs.wire import Rejections, big_endian, encoded, numbers, present

_INTEGER_BYTES = {"int2": 2, "int4": 4, "int8": 8}


def encode_integer(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """INTEGER → int2, int4 or int8 (int2send, int4send, int8send: big-endian two's complement)."""
    width = _INTEGER_BYTES[parse_type(pg_type).base]
    rejections = Rejections(column.length)
    rejections.add_other_classes(column, ("integer",), "not-integer")
    values = present(column.integer, column.length)
    integers = numbers(column.integer, column.length, "int64")
    if width < 8:
        limit = 1 << (8 * width - 1)
        rejections.add("integer-out-of-range", ((integers < -limit) | (integers >= limit)) & values)
    return encoded(rejections, values, fixed=big_endian(integers, f">i{width}"))


def encode_boolean(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """INTEGER 0 or 1 → bool (boolsend: one byte)."""
    rejections = Rejections(column.length)
    rejections.add_other_classes(column, ("integer",), "not-boolean")
    values = present(column.integer, column.length)
    integers = numbers(column.integer, column.length, "int64")
    rejections.add("not-boolean", ((integers < 0) | (integers > 1)) & values)
    return encoded(rejections, values, fixed=(integers == 1).astype(np.uint8).reshape(-1, 1))


def encode_real(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """
    REAL → float8 bit for bit, or float4 where that keeps the value.

    float8send and float4send: IEEE 754, big-endian. A value that float4 would round
    is rejected: the same decimal would be printed, another number would be stored.
    """
    single = parse_type(pg_type).base == "float4"
    rejections = Rejections(column.length)
    rejections.add_other_classes(column, ("real",), "not-real")
    values = present(column.real, column.length)
    reals = numbers(column.real, column.length, "float64")
    if not single:
        return encoded(rejections, values, fixed=big_endian(reals, ">f8"))
    with np.errstate(over="ignore", invalid="ignore"):
        narrow = reals.astype(np.float32)
    rejections.add("float4-overflow", np.isinf(narrow) & ~np.isinf(reals) & values)
    rejections.add("float4-rounds", (narrow.astype(np.float64) != reals) & values)
    return encoded(rejections, values, fixed=big_endian(narrow, ">f4"))
