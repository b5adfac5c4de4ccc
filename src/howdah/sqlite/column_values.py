"""Values of one column as the census counts them: whole arrays by storage class, in any order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from howdah.codecs.values import SourceColumn


@dataclass(frozen=True, kw_only=True)
class ColumnValues:
    """The values of some rows. A class is None where there is no value of it."""

    nulls: int = 0
    integers: npt.NDArray[np.int64] | None = None
    reals: npt.NDArray[np.float64] | None = None
    #: Without nulls; UTF-8, or what should be.
    texts: pa.BinaryArray | None = None
    blobs: pa.BinaryArray | None = None


def values_of(column: SourceColumn, big_values: int) -> ColumnValues:
    """Return a column that SQLite has read, in which so many big values stand as NULL."""
    parts = {
        name: part.drop_null()
        for name in ("integer", "real", "text", "blob")
        if (part := getattr(column, name)) is not None and part.null_count < len(part)
    }
    integers, reals = parts.get("integer"), parts.get("real")
    return ColumnValues(
        nulls=column.length - sum(map(len, parts.values())) - big_values,
        integers=None if integers is None else integers.to_numpy(),
        reals=None if reals is None else reals.to_numpy(),
        texts=parts.get("text"),
        blobs=parts.get("blob"),
    )


def offsets_of(array: pa.BinaryArray) -> npt.NDArray[np.int32]:
    """Return where each value begins in the array's buffer of content, and where the last one ends."""
    _, offsets, _ = array.buffers()
    return np.frombuffer(offsets, np.int32, len(array) + 1, array.offset * 4)


def content_of(array: pa.BinaryArray) -> npt.NDArray[np.uint8]:
    """Return the bytes of all values (at least one), one behind the other, without a copy."""
    _, _, content = array.buffers()
    offsets = offsets_of(array)
    if content is None:
        return np.zeros(0, np.uint8)
    return np.frombuffer(content, np.uint8)[offsets[0] : offsets[-1]]


def is_utf8(values: pa.BinaryArray) -> bool:
    """Return whether every value is valid UTF-8."""
    try:
        values.cast(pa.utf8())
    except pa.ArrowInvalid:
        return False
    return True
