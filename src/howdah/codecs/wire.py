"""
What every encoder needs around its kernel: numpy views, class checks, putting the result together.

Only the load side uses this module; `decode_*` has none of it, so that a mistake
here is seen by the proof. Views share memory with Arrow's buffers: read, never write.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from howdah.codecs.values import Encoded, SourceColumn, Wire

Mask = npt.NDArray[np.bool_]

#: Microseconds and days from 1970-01-01 to 2000-01-01, PostgreSQL's epoch (src/include/datatype/timestamp.h).
POSTGRES_EPOCH_DAYS = 10_957
POSTGRES_EPOCH_US = POSTGRES_EPOCH_DAYS * 86_400_000_000


def present(part: pa.Array | None, length: int) -> Mask:
    """Return where the part holds a value."""
    if part is None:
        return np.zeros(length, dtype=np.bool_)
    if part.null_count == 0:
        return np.ones(length, dtype=np.bool_)
    mask: Mask = part.is_valid().to_numpy(zero_copy_only=False)
    return mask


def numbers(part: pa.Array | None, length: int, dtype: str) -> npt.NDArray[Any]:
    """View a fixed-width part as numpy without a copy, zeros for none; entries under a null hold anything."""
    data = None if part is None else part.buffers()[1]
    if part is None or data is None:
        return np.zeros(length, dtype=dtype)
    width = np.dtype(dtype).itemsize
    return np.frombuffer(data, dtype=dtype, count=length, offset=part.offset * width)


def offsets_and_bytes(part: pa.Array) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """View a binary part: value i is `content[offsets[i]:offsets[i + 1]]`, without a copy."""
    _, offsets, content = part.buffers()
    if offsets is None or len(part) == 0:
        return np.zeros(len(part) + 1, dtype=np.int32), np.zeros(0, dtype=np.uint8)
    positions = np.frombuffer(offsets, dtype=np.int32, count=len(part) + 1, offset=part.offset * 4)
    if content is None:
        return positions, np.zeros(0, dtype=np.uint8)
    return positions, np.frombuffer(content, dtype=np.uint8)


def without_nulls(part: pa.Array) -> pa.Array:
    """Return the same binary values with the null bitmap taken off, sharing the buffers."""
    if part.null_count == 0:
        return part
    _, offsets, content = part.buffers()
    return pa.Array.from_buffers(
        part.type, len(part), [None, offsets, content], null_count=0, offset=part.offset
    )


def big_endian(values: npt.NDArray[Any], dtype: str) -> npt.NDArray[np.uint8]:
    """Return the values as rows of bytes in network order; `dtype` is e.g. ">i4"."""
    return (
        np.ascontiguousarray(values.astype(dtype))
        .view(np.uint8)
        .reshape(len(values), np.dtype(dtype).itemsize)
    )


def equal_widths(part: pa.Array, width: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """
    Return the positions of the values that are `width` bytes long, and their bytes as a matrix.

    Values that lie next to one another are viewed, others gathered.
    """
    positions, content = offsets_and_bytes(part)
    lengths = np.diff(positions)
    fits = (lengths == width) & present(part, len(part))
    rows = np.flatnonzero(fits)
    if len(rows) == 0:
        return rows, np.zeros((0, width), dtype=np.uint8)
    first, last = int(positions[rows[0]]), int(positions[rows[-1] + 1])
    if last - first == len(rows) * width:
        return rows, content[first:last].reshape(len(rows), width)
    index = positions[rows].astype(np.int64)[:, None] + np.arange(width)
    gathered: npt.NDArray[np.uint8] = content[index]
    return rows, gathered


def replace_values(part: pa.Array, replacements: Mapping[int, bytes]) -> pa.Array:
    """Return the binary part with a few values replaced, nulls kept."""
    if not replacements:
        return part
    positions = np.arange(len(part), dtype=np.int64)
    for extra, row in enumerate(replacements):
        positions[row] = len(part) + extra
    added = pa.array(list(replacements.values()), pa.binary())
    return pa.concat_arrays([part, added]).take(pa.array(positions))


class Rejections:
    """Collects the rows that cannot be carried, each under one reason: the first that was found."""

    def __init__(self, length: int) -> None:
        self._taken: Mask = np.zeros(length, dtype=np.bool_)
        self._by_reason: dict[str, Mask] = {}

    def add(self, reason: str, mask: Mask) -> None:
        """Reject the rows of `mask` that have no reason yet."""
        fresh = mask & ~self._taken
        if not fresh.any():
            return
        known = self._by_reason.get(reason)
        self._by_reason[reason] = fresh if known is None else known | fresh
        self._taken |= fresh

    def add_rows(self, reason: str, rows: npt.ArrayLike) -> None:
        """Reject rows by position."""
        self.add(reason, mask_of(rows, len(self._taken)))

    def add_other_classes(self, column: SourceColumn, accepted: tuple[str, ...], reason: str) -> None:
        """Reject every value of a storage class the codec does not take."""
        for name in ("integer", "real", "text", "blob"):
            part = getattr(column, name)
            if name not in accepted and part is not None and part.null_count < len(part):
                self.add(reason, present(part, column.length))

    @property
    def taken(self) -> Mask:
        """Rows rejected so far."""
        return self._taken

    @property
    def by_reason(self) -> dict[str, Mask]:
        return self._by_reason


def encoded(
    rejections: Rejections,
    values: Mask,
    *,
    fixed: npt.NDArray[np.uint8] | None = None,
    variable: pa.Array | None = None,
    changed: Mapping[str, Mask] | None = None,
) -> Encoded:
    """
    Put the result together: NULL wherever there is no value or it was rejected.

    `changed` tells for each rule the rows it altered; rejected ones do not arrive and are not counted.
    """
    nulls = ~values | rejections.taken
    wire = Wire(fixed=fixed, variable=variable, nulls=nulls if nulls.any() else None)
    arrived = {rule: rows & ~nulls for rule, rows in (changed or {}).items()}
    touched = {rule: rows for rule, rows in arrived.items() if rows.any()}
    return Encoded(wire=wire, rejected=rejections.by_reason, touched=touched)


def mask_of(rows: npt.ArrayLike, length: int) -> Mask:
    """Return the mask that is True at the given positions."""
    mask = np.zeros(length, dtype=np.bool_)
    mask[np.asarray(rows, dtype=np.int64)] = True
    return mask


def no_values(length: int) -> pa.Array:
    """Return the variable wire of a column without a single value."""
    return pa.Array.from_buffers(
        pa.binary(), length, [None, pa.py_buffer(bytes(4 * (length + 1))), pa.py_buffer(b"")], null_count=0
    )


def rows_of_matches(part: pa.Array, found: list[int]) -> npt.NDArray[np.int64]:
    """Turn byte positions in the part's content buffer into the rows that hold them, nulls left out."""
    positions, _ = offsets_and_bytes(part)
    rows = np.unique(np.searchsorted(positions, np.asarray(found, dtype=np.int64), side="right") - 1)
    return rows[present(part, len(part))[rows]]


def map_rows(
    part: pa.Array, rows: npt.NDArray[np.int64], convert: Callable[[bytes], bytes]
) -> dict[int, bytes]:
    """Convert a few values one by one."""
    return {int(row): convert(part[int(row)].as_py()) for row in rows}
