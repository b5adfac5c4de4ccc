"""From columns of Python values to Arrow arrays split by storage class. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from howdah.codecs.values import SourceColumn
from howdah.sqlite.batches import SourceBatch
from howdah.sqlite.row_select import Chunk, ColumnChunk

#: Python type → part of a `SourceColumn` and its Arrow type.
_PARTS: dict[type, tuple[str, pa.DataType]] = {
    int: ("integer", pa.int64()),
    float: ("real", pa.float64()),
    str: ("text", pa.binary()),
    bytes: ("blob", pa.binary()),
}


def batch_of(chunk: Chunk, columns: Sequence[str]) -> SourceBatch:
    """Return the chunk as a batch; big values are NULL in it."""
    return SourceBatch(
        length=chunk.length,
        columns={
            name: column_of(column, chunk.length) for name, column in zip(columns, chunk.columns, strict=True)
        },
        rowids=None if chunk.rowids is None else np.fromiter(chunk.rowids, np.int64, chunk.length),
        big={
            name: frozenset(column.big)
            for name, column in zip(columns, chunk.columns, strict=True)
            if column.big
        },
    )


def column_of(column: ColumnChunk, length: int) -> SourceColumn:
    """Split one column by storage class."""
    values = column.values
    # The classes are decided by type, because Arrow takes 2.0 for an integer and True for 1.
    kinds = set(map(type, values))
    kinds.discard(type(None))
    parts: dict[str, pa.Array] = {}
    for kind in kinds:
        name, arrow_type = _PARTS[kind]
        present: Sequence[Any] = values
        if len(kinds) > 1:
            present = [value if type(value) is kind else None for value in values]
        parts[name] = pa.array(present, arrow_type)
    if column.texts is not None:
        parts["text"] = pa.array(column.texts, pa.binary())
    return SourceColumn(length=length, **parts)
