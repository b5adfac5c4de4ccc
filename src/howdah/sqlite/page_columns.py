"""
Take the records of a run of rows apart, column by column, by kernels over all rows at once.

Pure. The format of records is that of sqlite.org/fileformat2.html section 2.1. Raises
UnusualTableError for everything that SQLite reads in a way of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from howdah.model.source import Affinity, Table
from howdah.sqlite.column_values import ColumnValues
from howdah.sqlite.page_file import Bytes, Numbers, RowRun, UnusualTableError, read_varints, view_as

#: Bytes of the value by serial type, -1 for the two that are reserved; from 12 on it says its own length.
_SIZES = np.array([0, 1, 2, 3, 4, 6, 8, 8, 0, 0, -1, -1, 0], np.int64)
_ZERO, _ONE, _FIRST_SIZED = 8, 9, 12
_REAL = 7

#: Serial type → how an integer is read: as a number that is wide enough, then shifted down.
_INTEGERS = {1: (">i1", 0), 2: (">i2", 0), 3: (">i4", 8), 4: (">i4", 0), 5: (">i8", 16), 6: (">i8", 0)}


def is_usual(table: Table) -> bool:
    """Return whether every column of the table is stored in its records as it is read."""
    return table.rowid_name is not None and not any(column.generated for column in table.columns)


def split_columns(run: RowRun, table: Table) -> Iterator[ColumnValues]:
    """Yield the columns of the table, in order."""
    header_sizes, lengths = read_varints(run.content, run.starts)
    positions = run.starts + lengths
    header_ends = run.starts + header_sizes
    bodies = header_ends
    places: list[tuple[Numbers, Numbers, Numbers]] = []
    for _ in table.columns:
        # A column that was added later is not in the records of before.
        if (positions >= header_ends).any():
            raise UnusualTableError("a record of fewer columns")
        kinds, lengths = read_varints(run.content, positions)
        positions = positions + lengths
        sizes = _sizes_of(kinds)
        places.append((kinds, bodies, sizes))
        bodies = bodies + sizes
    if (positions != header_ends).any() or (bodies != run.starts + run.sizes).any():
        raise UnusualTableError("a record of another length")
    for column, (kinds, starts, sizes) in zip(table.columns, places, strict=True):
        if column.name == table.rowid_alias:
            # What is stored is NULL; the rowid is the value.
            yield ColumnValues(integers=run.rowids)
        else:
            yield _split(run.content, kinds, starts, sizes, is_real=column.affinity is Affinity.REAL)


def _sizes_of(kinds: Numbers) -> Numbers:
    smallest = int(kinds.min())
    if smallest < 0:
        raise UnusualTableError("a reserved serial type")
    if smallest >= _FIRST_SIZED:
        return (kinds - _FIRST_SIZED) >> 1
    sizes = _SIZES[np.minimum(kinds, _FIRST_SIZED)]
    if int(sizes.min()) < 0:
        raise UnusualTableError("a reserved serial type")
    long = np.flatnonzero(kinds >= _FIRST_SIZED)
    sizes[long] = (kinds[long] - _FIRST_SIZED) >> 1
    return sizes


def _split(content: Bytes, kinds: Numbers, starts: Numbers, sizes: Numbers, *, is_real: bool) -> ColumnValues:
    counts = np.bincount(np.minimum(kinds, _FIRST_SIZED), minlength=_FIRST_SIZED + 1)
    integers = _read_integers(content, kinds, starts, counts)
    reals = None
    if counts[_REAL]:
        reals = view_as(content, ">f8")[starts[kinds == _REAL]].astype(np.float64)
        if np.isnan(reals).any():
            raise UnusualTableError("NaN, which SQLite reads as NULL")
    if is_real and integers is not None:
        # A column of REAL affinity keeps whole numbers as integers, and gives them as reals.
        whole = integers.astype(np.float64)
        integers, reals = None, whole if reals is None else np.concatenate([reals, whole])
    texts = blobs = None
    if counts[_FIRST_SIZED]:
        is_sized, is_odd = kinds >= _FIRST_SIZED, (kinds & 1).astype(np.bool_)
        texts = _gather(content, starts, sizes, is_sized & is_odd)
        if texts is None or len(texts) < counts[_FIRST_SIZED]:
            blobs = _gather(content, starts, sizes, is_sized & ~is_odd)
    return ColumnValues(nulls=int(counts[0]), integers=integers, reals=reals, texts=texts, blobs=blobs)


def _read_integers(
    content: Bytes, kinds: Numbers, starts: Numbers, counts: npt.NDArray[np.intp]
) -> Numbers | None:
    parts = [
        np.full(counts[kind], value, np.int64) for kind, value in ((_ZERO, 0), (_ONE, 1)) if counts[kind]
    ]
    for kind, (dtype, shift) in _INTEGERS.items():
        if counts[kind]:
            chosen = starts if counts[kind] == len(starts) else starts[kinds == kind]
            parts.append(view_as(content, dtype)[chosen].astype(np.int64) >> shift)
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _gather(
    content: Bytes, starts: Numbers, sizes: Numbers, wanted: npt.NDArray[np.bool_]
) -> pa.BinaryArray | None:
    """Return the values in those rows, which lie in ascending order, as one array."""
    count = int(np.count_nonzero(wanted))
    if not count:
        return None
    if count < len(starts):
        starts, sizes = starts[wanted], sizes[wanted]
    # As if everything, the gaps too, were one array: the values are every second of its elements.
    borders = np.empty(2 * count, np.int32)
    borders[0::2] = starts
    borders[1::2] = starts + sizes
    if int(borders[-1]) > len(content):
        raise UnusualTableError("a value beyond its page")
    everything = pa.Array.from_buffers(
        pa.binary(), 2 * count - 1, [None, pa.py_buffer(borders), pa.py_buffer(content)], null_count=0
    )
    return everything.take(pa.array(np.arange(0, 2 * count, 2, dtype=np.int32)))
