"""
A batch of rows of either side, in SQLite's terms, as the comparison wants it.

Pure: slices and selections of Arrow arrays. What a column's arrays may hold is
`codecs.values.SourceColumn`'s contract; here they are brought to the four exact
Arrow types, so that two sides can be compared without asking.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from howdah.codecs.values import SourceColumn
from howdah.model.quarantine import Cell
from howdah.model.source import StorageClass

#: The parts of a column and the Arrow type that each has here.
PARTS: Mapping[str, pa.DataType] = {
    "integer": pa.int64(),
    "real": pa.float64(),
    "text": pa.binary(),
    "blob": pa.binary(),
}


@dataclass(frozen=True, kw_only=True)
class Rows:
    """`length` rows; columns by source name, each of that length."""

    length: int
    columns: Mapping[str, SourceColumn]

    def slice(self, start: int, stop: int) -> Rows:
        """Return rows `start` up to but without `stop`, sharing memory."""
        if start == 0 and stop == self.length:
            return self
        length = stop - start
        columns = {
            name: map_parts(column, length, lambda array: array.slice(start, length))
            for name, column in self.columns.items()
        }
        return Rows(length=length, columns=columns)

    def take(self, indexes: np.ndarray) -> Rows:
        """Return the rows at `indexes`, in that order."""
        columns = {name: take_column(column, indexes) for name, column in self.columns.items()}
        return Rows(length=len(indexes), columns=columns)


def map_parts(column: SourceColumn, length: int, change: Callable[[Any], Any]) -> SourceColumn:
    """Return a column of that length whose parts are those of `column` after `change`."""
    parts = {name: getattr(column, name) for name in PARTS}
    return SourceColumn(
        length=length,
        **{name: None if array is None else change(array) for name, array in parts.items()},
    )


def take_column(column: SourceColumn, indexes: np.ndarray) -> SourceColumn:
    """Return the values at `indexes`, in that order."""
    chosen = pa.array(indexes, pa.int64())
    return map_parts(column, len(indexes), lambda array: array.take(chosen))


def normalise(column: SourceColumn) -> SourceColumn:
    """Return the column with exact Arrow types and without parts that are null everywhere."""
    parts: dict[str, Any] = {}
    for name, kind in PARTS.items():
        array = getattr(column, name)
        if array is None or array.null_count == len(array):
            continue
        parts[name] = array if array.type == kind else array.cast(kind)
    return SourceColumn(length=column.length, **parts)


def concat_rows(batches: Sequence[Rows]) -> Rows:
    """Return the rows of all batches, one after the other. Raises IndexError without a batch."""
    if len(batches) == 1:
        return batches[0]
    return Rows(
        length=sum(batch.length for batch in batches),
        columns={
            name: concat_columns([batch.columns[name] for batch in batches]) for name in batches[0].columns
        },
    )


def concat_columns(columns: Sequence[SourceColumn]) -> SourceColumn:
    """Return the values of all columns, one after the other; parts must have their exact types."""
    parts: dict[str, Any] = {}
    for name, kind in PARTS.items():
        arrays = [getattr(column, name) for column in columns]
        if all(array is None for array in arrays):
            continue
        filled = [
            pa.nulls(column.length, kind) if array is None else array
            for column, array in zip(columns, arrays, strict=True)
        ]
        parts[name] = pa.concat_arrays(filled)
    return SourceColumn(length=sum(column.length for column in columns), **parts)


def cell_at(column: SourceColumn, row: int) -> Cell:
    """Return one value with its storage class."""
    for name in PARTS:
        array = getattr(column, name)
        if array is None or not array[row].is_valid:
            continue
        value = array[row].as_py()
        return Cell.of_text(value) if name == "text" else Cell.of(value)
    return Cell(storage_class=StorageClass.NULL)
