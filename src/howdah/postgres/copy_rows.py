"""
Build rows in PostgreSQL's binary COPY format from columns in wire format.

Pure, on numpy and Arrow buffers, without a Python loop over rows. Neighbouring
fixed-width fields and length words become one packed record per row; records and
variable values are then joined row by row in one pass. The format is that of the
COPY page of PostgreSQL's documentation: a row is a 16-bit field count, then for
each field a 32-bit length (-1 for NULL) and its bytes, all big-endian.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from howdah.codecs.values import Wire

#: Arrow's binary arrays address this many bytes; a larger block takes 64-bit offsets.
_SMALL_OFFSETS_MAX = 2**31 - 1

#: Element types that numpy copies in one instruction, by width in bytes.
_COPYABLE = {1: "u1", 2: "u2", 4: "u4", 8: "u8", 16: "c16"}


@dataclass(frozen=True)
class _Field:
    """A piece of fixed width in every row's record."""

    #: One element per row, or a single number for all rows.
    values: npt.NDArray[Any] | int
    dtype: str
    #: Rows that do not have this piece.
    absent: npt.NDArray[np.bool_] | None = None


def build_copy_rows(
    wires: Sequence[Wire], row_count: int, keep: npt.NDArray[np.bool_] | None = None
) -> memoryview:
    """
    Return the rows as one block, without COPY's header and trailer.

    `keep` (bool per row) chooses rows; None takes all. The block refers to memory that stays alive with it.
    """
    if keep is not None:
        wires = [_keep_rows(wire, keep) for wire in wires]
        row_count = int(np.count_nonzero(keep))
    if row_count == 0:
        return memoryview(b"")
    small = _size_at_most(wires, row_count) <= _SMALL_OFFSETS_MAX
    parts: list[pa.Array] = []
    record = [_Field(len(wires), ">i2")]
    for wire in wires:
        if wire.fixed is not None:
            record += _fixed_fields(wire.fixed, _some(wire.nulls))
        else:
            values, lengths = _variable_values(wire)
            record.append(_Field(lengths, ">i4"))
            parts.append(_join_records(record, row_count, small=small))
            parts.append(values if small else values.cast(pa.large_binary()))
            record = []
    if record:
        parts.append(_join_records(record, row_count, small=small))
    separator = pa.scalar(b"", pa.binary() if small else pa.large_binary())
    rows = parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, separator)
    offsets = _offsets_of(rows)
    return memoryview(rows.buffers()[2])[int(offsets[0]) : int(offsets[-1])]


def _keep_rows(wire: Wire, keep: npt.NDArray[np.bool_]) -> Wire:
    return Wire(
        fixed=None if wire.fixed is None else wire.fixed[keep],
        variable=None if wire.variable is None else wire.variable.filter(pa.array(keep)),
        nulls=None if wire.nulls is None else wire.nulls[keep],
    )


def _some(nulls: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.bool_] | None:
    return nulls if nulls is not None and nulls.any() else None


def _size_at_most(wires: Sequence[Wire], row_count: int) -> int:
    """Return a bound of the block's size in bytes."""
    size = 2 * row_count
    for wire in wires:
        size += 4 * row_count
        if wire.fixed is not None:
            size += wire.fixed.size
        else:
            assert wire.variable is not None
            offsets = _offsets_of(wire.variable)
            size += int(offsets[-1] - offsets[0])
    return size


def _fixed_fields(values: npt.NDArray[np.uint8], nulls: npt.NDArray[np.bool_] | None) -> list[_Field]:
    width = values.shape[1]
    dtype = _COPYABLE.get(width, f"V{width}")
    # A view of whole elements instead of single bytes; the bytes themselves stay as they are.
    elements = np.ascontiguousarray(values).view(dtype)[:, 0] if width else np.zeros(len(values), "V0")
    if nulls is None:
        return [_Field(width, ">i4"), _Field(elements, dtype)]
    lengths = np.where(nulls, -1, width).astype(">i4")
    return [_Field(lengths, ">i4"), _Field(elements, dtype, absent=nulls)]


def _variable_values(wire: Wire) -> tuple[pa.Array, npt.NDArray[Any]]:
    """Return the values, empty where NULL, and the length words."""
    values = wire.variable
    assert values is not None
    offsets = _offsets_of(values)
    lengths = (offsets[1:] - offsets[:-1]).astype(">i4")
    nulls = _some(wire.nulls)
    if nulls is not None:
        if lengths[nulls].any():
            values = pc.if_else(pa.array(nulls), pa.scalar(b"", values.type), values)
        lengths[nulls] = -1
    return values, lengths


def _offsets_of(array: pa.Array) -> npt.NDArray[Any]:
    dtype = np.int64 if pa.types.is_large_binary(array.type) else np.int32
    buffer = array.buffers()[1]
    if buffer is None:
        return np.zeros(len(array) + 1, dtype)
    return np.frombuffer(buffer, dtype, count=len(array) + 1, offset=array.offset * np.dtype(dtype).itemsize)


def _join_records(fields: Sequence[_Field], row_count: int, *, small: bool) -> pa.Array:
    """Pack the fields of every row side by side; return one binary value per row."""
    layout = np.dtype([(f"f{number}", field.dtype) for number, field in enumerate(fields)])
    records = np.empty(row_count, layout)
    for number, field in enumerate(fields):
        records[f"f{number}"] = field.values
    content = records.view(np.uint8).reshape(row_count, layout.itemsize)
    if all(field.absent is None for field in fields):
        offsets = np.arange(0, (row_count + 1) * layout.itemsize, layout.itemsize)
    else:
        present = np.ones((row_count, layout.itemsize), np.bool_)
        for number, field in enumerate(fields):
            if field.absent is not None:
                start = _offset_in(layout, number)
                present[field.absent, start : start + layout[number].itemsize] = False
        offsets = np.zeros(row_count + 1, np.int64)
        np.cumsum(present.sum(axis=1), out=offsets[1:])
        content = content[present]
    kind, offset_dtype = (pa.binary(), np.int32) if small else (pa.large_binary(), np.int64)
    buffers = [None, pa.py_buffer(offsets.astype(offset_dtype)), pa.py_buffer(content)]
    return pa.Array.from_buffers(kind, row_count, buffers)


def _offset_in(layout: np.dtype[Any], number: int) -> int:
    fields = layout.fields
    assert fields is not None
    return int(fields[f"f{number}"][1])
