"""
Keys that stand on the readable pages of a damaged table WITHOUT ROWID: places to begin reading at.

The tree is walked below SQLite, which stops at the first page that it does not understand. Nothing here
is trusted: a key only says where SQLite itself may look. The format is that of
sqlite.org/fileformat2.html sections 1.5, 1.6 and 2.1.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from howdah.sqlite.header import HEADER_BYTES, parse_header

_INTERIOR, _LEAF = 2, 10
_DEPTH_MAX = 20
_INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}


@dataclass(frozen=True)
class KeyValue:
    """One stored value: "integer", "real", "text" (its bytes in the file's encoding), "blob" or "null"."""

    kind: str
    content: int | float | bytes | None


Key = tuple[KeyValue, ...]


def read_tree_keys(path: str, root: int, width: int) -> Iterator[Key]:
    """
    Yield keys of `width` columns in the tree at page `root`, from left to right, those that can be read.

    Of an interior page every key, of a leaf the first and the last.
    """
    with open(path, "rb") as file:
        head = file.read(HEADER_BYTES)
        header = parse_header(head)
        if header is None:
            return
        pages = _Pages(
            descriptor=file.fileno(), size=header.page_size, usable=header.page_size - head[20], seen=set()
        )
        yield from _walk(pages, root, width, 0)


@dataclass(frozen=True, kw_only=True)
class _Pages:
    descriptor: int
    #: Bytes of a page, and those of it that are SQLite's.
    size: int
    usable: int
    #: A damaged tree may lead back to where it came from.
    seen: set[int]

    def read(self, number: int) -> bytes:
        """Return a page, b"" where it is not there or was read already."""
        if number < 1 or number in self.seen:
            return b""
        self.seen.add(number)
        content = os.pread(self.descriptor, self.size, (number - 1) * self.size)
        return content if len(content) == self.size else b""


def _walk(pages: _Pages, number: int, width: int, depth: int) -> Iterator[Key]:
    page = pages.read(number)
    # The first page of the file begins with the file's own header; no table WITHOUT ROWID lives there.
    if not page or page[0] not in (_INTERIOR, _LEAF) or depth > _DEPTH_MAX:
        return
    interior = page[0] == _INTERIOR
    count, begin = int.from_bytes(page[3:5], "big"), 12 if interior else 8
    if begin + 2 * count > pages.usable:
        return
    cells = [int.from_bytes(page[begin + 2 * i : begin + 2 * i + 2], "big") for i in range(count)]
    if not interior:
        cells = cells[:1] + cells[1:][-1:]
    for cell in cells:
        if interior:
            yield from _walk(pages, int.from_bytes(page[cell : cell + 4], "big"), width, depth + 1)
        key = _read_key(page, cell + 4 if interior else cell, pages.usable, width)
        if key is not None:
            yield key
    if interior:
        yield from _walk(pages, int.from_bytes(page[8:12], "big"), width, depth + 1)


def _read_key(page: bytes, position: int, usable: int, width: int) -> Key | None:
    """Return the first columns of the record of a cell, None where it is none or they are on other pages."""
    try:
        length, position = read_varint(page, position)
        largest, smallest = (usable - 12) * 64 // 255 - 23, (usable - 12) * 32 // 255 - 23
        if length > largest:
            length = smallest + (length - smallest) % (usable - 4)
            length = length if length <= largest else smallest
        record = page[position : min(position + length, usable)]
        header_length, place = read_varint(record, 0)
        body = header_length
        values = []
        for _ in range(width):
            if place >= header_length:
                return None
            kind, place = read_varint(record, place)
            value, size = _read_value(record, body, kind)
            values.append(value)
            body += size
    except (IndexError, struct.error, ValueError):
        return None
    return tuple(values)


def _read_value(record: bytes, position: int, kind: int) -> tuple[KeyValue, int]:
    size = _INTEGER_BYTES.get(kind, 8 if kind == 7 else max(0, kind - 12) // 2)
    content = record[position : position + size]
    if len(content) < size or kind in (10, 11):
        raise ValueError("not on this page")
    if kind in _INTEGER_BYTES:
        return KeyValue("integer", int.from_bytes(content, "big", signed=True)), size
    if kind == 7:
        return KeyValue("real", struct.unpack(">d", content)[0]), size
    if kind in (8, 9):
        return KeyValue("integer", kind - 8), 0
    if kind == 0:
        return KeyValue("null", None), 0
    return KeyValue("text" if kind % 2 else "blob", content), size


def read_varint(content: bytes, position: int) -> tuple[int, int]:
    """Return the number at a position and where it ends. Raises IndexError."""
    value = 0
    for step in range(9):
        byte = content[position + step]
        if step == 8:
            return value << 8 | byte, position + 9
        value = value << 7 | byte & 127
        if byte < 128:
            return value, position + step + 1
    raise AssertionError
