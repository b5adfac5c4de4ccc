"""
Pages of a private snapshot, and the rows that lie on them, without SQLite.

For the census alone, which wants whole columns and no single value: SQLite would hand out
every value by a call of its own. The format is that of sqlite.org/fileformat2.html sections
1.3, 1.5 and 1.6. Whatever is not an ordinary table in an ordinary file raises
UnusualTableError, and the caller reads by SQLite, which knows everything. Read by `pread`, not
mapped, so that the file does not count as our memory.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from howdah.sqlite.header import HEADER_BYTES, parse_header

Bytes = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int64]

#: First byte of a page of a table's tree.
_INTERIOR, _LEAF = 5, 13

#: Bytes of the header of a leaf and of an interior page; the pointers to the cells follow.
_LEAF_HEADER, _INTERIOR_HEADER = 8, 12

#: No tree of 2**32 pages is deeper.
_DEPTH_MAX = 20

#: Bytes of leaf pages that are looked at together; few enough to stay in the processor's cache.
_BLOCK_BYTES = 1024 * 1024

#: Rows and bytes of a run of rows; a longer row is left to SQLite.
_RUN_ROWS = 16_384
_RUN_BYTES = 2 * 1024 * 1024

#: Readable bytes behind the last one, so that a number may be read as a wider one.
PADDING = 16


class UnusualTableError(Exception):
    """Something that only SQLite should read."""


@dataclass(frozen=True, kw_only=True)
class RowRun:
    """Some rows with consecutive rowids, in the order in which they lie in `content`."""

    content: Bytes
    #: Where each record begins in `content`, ascending; and its bytes.
    starts: Numbers
    sizes: Numbers
    rowids: Numbers
    #: The row is too long and is not here: `rowids` has only its rowid.
    left_out: bool = False

    @property
    def first_rowid(self) -> int:
        return int(self.rowids.min())

    @property
    def last_rowid(self) -> int:
        return int(self.rowids.max())


class PageFile:
    """A snapshot that nobody writes. Raises UnusualTableError where a page cannot be read."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_RDONLY)
        first = os.pread(self._descriptor, HEADER_BYTES, 0)
        header = parse_header(first)
        if header is None:
            self.close()
            raise UnusualTableError("no header")
        self.page_size = header.page_size
        #: Bytes of a page that are SQLite's; what is behind them belongs to extensions.
        self.usable = header.page_size - first[20]
        self.page_count = os.fstat(self._descriptor).st_size // header.page_size

    def __enter__(self) -> PageFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        os.close(self._descriptor)

    def read(self, numbers: Numbers) -> Bytes:
        """Return those pages (the first is 1) in a row, with padding behind the last."""
        size = self.page_size
        if len(numbers) and (numbers.min() < 1 or numbers.max() > self.page_count):
            raise UnusualTableError("a page beyond the file")
        content = np.zeros(len(numbers) * size + PADDING, np.uint8)
        view = memoryview(content.data)
        # Neighbours in the tree are mostly neighbours in the file.
        borders = [0, *(np.flatnonzero(np.diff(numbers) != 1) + 1).tolist(), len(numbers)]
        for first, end in pairwise(borders):
            wanted = view[first * size : end * size]
            if os.preadv(self._descriptor, [wanted], (int(numbers[first]) - 1) * size) != len(wanted):
                raise UnusualTableError("a page that cannot be read")
        return content

    def read_overflow(self, number: int, length: int) -> bytes:
        """Return `length` bytes of a chain of overflow pages."""
        pieces = []
        room = self.usable - 4
        while length > 0:
            if not 1 < number <= self.page_count:
                raise UnusualTableError("a chain of pages that ends early")
            page = os.pread(self._descriptor, self.usable, (number - 1) * self.page_size)
            number = int.from_bytes(page[:4], "big")
            pieces.append(page[4 : 4 + min(room, length)])
            length -= room
        return b"".join(pieces)


def read_row_runs(file: PageFile, root: int) -> Iterator[RowRun]:
    """
    Yield all rows of the rowid table whose tree begins at page `root`, in the order of the rowid.

    Raises UnusualTableError, at any time.
    """
    leaves = _find_leaves(file, root)
    at_once = max(1, _BLOCK_BYTES // file.page_size)
    for first in range(0, len(leaves), at_once):
        numbers = leaves[first : first + at_once]
        content = file.read(numbers)
        cells = _find_cells(content, len(numbers), file.page_size)
        sizes, size_lengths = read_varints(content, cells)
        rowids, rowid_lengths = read_varints(content, cells + size_lengths)
        starts = cells + size_lengths + rowid_lengths
        for begin, end in _cut(sizes):
            rows = slice(begin, end)
            yield _make_run(file, content, starts[rows], sizes[rows], rowids[rows])


def read_varints(content: Bytes, positions: Numbers) -> tuple[Numbers, Numbers | int]:
    """Return the variable-length integers at those positions, and the bytes (1 to 9) of each, or of all."""
    first = content[positions]
    values = first.astype(np.int64)
    if not first.max(initial=0) & 0x80:
        return values, 1
    lengths = np.ones(len(positions), np.int64)
    rows = np.flatnonzero(first & 0x80)
    values[rows] &= 0x7F
    for position in range(1, 9):
        if not len(rows):
            break
        byte = content[positions[rows] + position].astype(np.int64)
        lengths[rows] = position + 1
        if position == 8:
            # The ninth byte counts whole.
            values[rows] = (values[rows] << 8) | byte
            break
        values[rows] = (values[rows] << 7) | (byte & 0x7F)
        rows = rows[byte >= 0x80]
    return values, lengths


def view_as(content: Bytes, dtype: str) -> npt.NDArray[Any]:
    """Return a view whose element i is the number that begins at byte i."""
    size = np.dtype(dtype).itemsize
    return np.ndarray((len(content) - size + 1,), dtype, buffer=content.data, strides=(1,))


def _find_leaves(file: PageFile, root: int) -> Numbers:
    level = np.array([root], np.int64)
    for _ in range(_DEPTH_MAX):
        kind = file.read(level[:1])[0]
        if kind == _LEAF:
            return level
        if kind != _INTERIOR:
            break
        level = np.concatenate([_children_of(file, int(number)) for number in level])
        if len(level) > file.page_count:
            break
    raise UnusualTableError("no tree of a table")


def _children_of(file: PageFile, number: int) -> Numbers:
    content = file.read(np.array([number], np.int64))
    if content[0] != _INTERIOR:
        raise UnusualTableError("a tree of uneven depth")
    count = int(view_as(content, ">u2")[3])
    pointers = view_as(content, ">u2")[_INTERIOR_HEADER + 2 * np.arange(count)].astype(np.int64)
    last = view_as(content, ">u4")[_LEAF_HEADER]
    children: Numbers = np.append(view_as(content, ">u4")[pointers], last).astype(np.int64)
    return children


def _find_cells(content: Bytes, page_count: int, page_size: int) -> Numbers:
    """Return where the cells of some leaf pages begin, in their order."""
    pages = np.arange(page_count, dtype=np.int64) * page_size
    if not (content[pages] == _LEAF).all():
        raise UnusualTableError("a tree of uneven depth")
    counts = view_as(content, ">u2")[pages + 3].astype(np.int64)
    total = int(counts.sum())
    if (counts * 2 + _LEAF_HEADER > page_size).any():
        raise UnusualTableError("more cells than fit")
    page_of_cell = np.repeat(pages, counts)
    number_in_page = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
    pointers = view_as(content, ">u2")[page_of_cell + _LEAF_HEADER + 2 * number_in_page].astype(np.int64)
    if total and int(pointers.max()) >= page_size:
        raise UnusualTableError("a cell beyond its page")
    cells: Numbers = page_of_cell + pointers
    return cells


def _cut(sizes: Numbers) -> list[tuple[int, int]]:
    """Cut rows into runs that are bounded in rows and bytes; a row that is too long is alone."""
    if len(sizes) <= _RUN_ROWS and int(sizes.sum()) <= _RUN_BYTES:
        return [(0, len(sizes))] if len(sizes) else []
    ends = np.cumsum(sizes)
    runs = []
    begin = 0
    while begin < len(sizes):
        before = int(ends[begin] - sizes[begin])
        end = int(np.searchsorted(ends, before + _RUN_BYTES, side="right"))
        end = min(max(end, begin + 1), begin + _RUN_ROWS, len(sizes))
        runs.append((begin, end))
        begin = end
    return runs


def _make_run(file: PageFile, content: Bytes, starts: Numbers, sizes: Numbers, rowids: Numbers) -> RowRun:
    if sizes[0] > _RUN_BYTES:
        return RowRun(content=content, starts=starts, sizes=sizes, rowids=rowids, left_out=True)
    # How much of a record stays on its page: section 1.6, "B-tree Cell Format".
    largest = file.usable - 35
    spilled = np.flatnonzero(sizes > largest)
    if len(spilled):
        content, starts = _join_overflow(file, content, starts, sizes, spilled)
    # Within a page the cells mostly lie the other way round.
    order = np.argsort(starts, kind="stable")
    return RowRun(content=content, starts=starts[order], sizes=sizes[order], rowids=rowids[order])


def _join_overflow(
    file: PageFile, content: Bytes, starts: Numbers, sizes: Numbers, spilled: Numbers
) -> tuple[Bytes, Numbers]:
    """Return `content` with the records behind it that are spread over several pages, and the new starts."""
    smallest = (file.usable - 12) * 32 // 255 - 23
    starts = starts.copy()
    joined = bytearray()
    for row in spilled.tolist():
        size, start = int(sizes[row]), int(starts[row])
        local = smallest + (size - smallest) % (file.usable - 4)
        if local > file.usable - 35:
            local = smallest
        record = bytes(content[start : start + local + 4])
        chain = int.from_bytes(record[local:], "big")
        starts[row] = len(content) + len(joined)
        joined += record[:local] + file.read_overflow(chain, size - local)
    joined += bytes(PADDING)
    return np.concatenate([content, np.frombuffer(joined, np.uint8)]), starts
