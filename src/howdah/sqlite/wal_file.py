"""
Changes in a -wal file that SQLite passes over in silence.

SQLite takes the frames of a -wal as far as their checksums go on from one another, and what comes after for
a rest of before or of a write that was cut off. That is right after a crash; where a byte was damaged,
transactions that had been committed are gone without a word. The format is that of
sqlite.org/fileformat2.html section 4.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

_HEADER, _FRAME_HEADER = 32, 24
#: The last bit says in which byte order the checksums were made.
_MAGICS = {0x377F0682: "<u4", 0x377F0683: ">u4"}
_BLOCK_BYTES = 8 * 1024 * 1024
#: A writer writes a frame in two steps; seconds until it has done so.
_MOMENT = 0.2


@dataclass(frozen=True, kw_only=True)
class PassedOver:
    """What of a -wal is not read."""

    #: Frames that are read; -1 where the header of the file is none.
    read: int
    #: Bytes from the first frame on that is not, to the last one that ends a transaction of the same time.
    byte_count: int


def find_passed_over(path: str) -> PassedOver | None:
    """
    Return what of the -wal file at `path` was committed and is not read, None where that is nothing.

    The file may be written to meanwhile. Raises OSError.
    """
    found = _look(path)
    if found is None:
        return None
    time.sleep(_MOMENT)
    return found if _look(path) == found else None


def _look(path: str) -> PassedOver | None:
    with open(path, "rb") as file:
        header = file.read(_HEADER)
        size = os.fstat(file.fileno()).st_size
        if size <= _HEADER:
            return None
        order, page_size = _MAGICS.get(_number(header[:4])), _number(header[8:12])
        unread = PassedOver(read=-1, byte_count=size)
        if order is None or page_size % 512 or not 512 <= page_size <= 65536:
            return unread
        state = _Sums(order, 24).of(np.frombuffer(header[:24], np.uint8)[None, :])[0].joined((0, 0))
        if state != _pair(header[24:]):
            return unread
        return _look_through(file, header, _Sums(order, 8 + page_size), _FRAME_HEADER + page_size)


def _look_through(file: BinaryIO, header: bytes, sums: _Sums, frame_size: int) -> PassedOver | None:
    state = _pair(header[24:])
    read, behind, committed = 0, 0, 0
    at_once = max(1, _BLOCK_BYTES // frame_size)
    while block := file.read(at_once * frame_size):
        whole = len(block) // frame_size
        frames = np.frombuffer(block, np.uint8, whole * frame_size).reshape(whole, frame_size)
        summed = np.concatenate([frames[:, :8], frames[:, _FRAME_HEADER:]], axis=1)
        for frame, part in zip(frames, sums.of(summed), strict=True):
            head = frame[:_FRAME_HEADER].tobytes()
            if head[8:16] != header[16:24]:
                # Of an earlier time, as are all behind it.
                return PassedOver(read=read, byte_count=committed * frame_size) if committed else None
            state = part.joined(state)
            if not behind and state == _pair(head[16:]):
                read += 1
                continue
            behind += 1
            if _number(head[4:8]):
                # The last frame of a transaction.
                committed = behind
    return PassedOver(read=read, byte_count=committed * frame_size) if committed else None


@dataclass(frozen=True, slots=True)
class _Sum:
    """What some bytes make of the checksum of those before them."""

    matrix: tuple[int, int, int]
    own: tuple[int, int]

    def joined(self, before: tuple[int, int]) -> tuple[int, int]:
        (a, b, c), (first, second) = self.matrix, before
        return (
            (a * first + b * second + self.own[0]) % 2**32,
            (b * first + c * second + self.own[1]) % 2**32,
        )


class _Sums:
    """
    Checksums of many pieces of the same length at once.

    SQLite goes on by two words: s1 += x0 + s2; s2 += x1 + s1. That is a matrix, whose powers say how much
    each word counts in the end.
    """

    def __init__(self, order: str, length: int) -> None:
        self._order = order
        powers = [(1, 0, 1)]
        for _ in range(length // 8):
            a, b, c = powers[-1]
            powers.append(((a + b) % 2**32, (b + c) % 2**32, (b + 2 * c) % 2**32))
        self._matrix = powers.pop()
        weights = np.array(powers[::-1], np.uint32).T
        # In s1 and s2: of the even words, and of the odd ones.
        self._even = (weights[0] + weights[1], weights[1] + weights[2])
        self._odd = (weights[1], weights[2])

    def of(self, pieces: npt.NDArray[np.uint8]) -> list[_Sum]:
        words = np.ascontiguousarray(pieces).view(self._order).astype(np.uint32)
        sums = [
            (words[:, 0::2] @ even + words[:, 1::2] @ odd).tolist()
            for even, odd in zip(self._even, self._odd, strict=True)
        ]
        return [_Sum(self._matrix, own) for own in zip(*sums, strict=True)]


def _number(content: bytes) -> int:
    return int.from_bytes(content, "big")


def _pair(content: bytes) -> tuple[int, int]:
    return _number(content[:4]), _number(content[4:8])
