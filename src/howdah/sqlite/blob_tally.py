"""What the blobs of one column have in common: lengths, shapes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from howdah.sqlite.column_values import is_utf8, offsets_of
from howdah.sqlite.json_shapes import may_be_jsonb

#: Values that are looked at before a batch is.
_SAMPLE = 16


class BlobTally:
    def __init__(self) -> None:
        self.count = 0
        self.bytes_total = 0
        self.bytes_max = 0
        self._candidates = {"uuid16", "jsonb", "utf8", "without-nul"}

    @property
    def asks_jsonb(self) -> bool:
        """Whether `jsonb_count` is wanted, in the end: of how many values SQLite says that they are JSONB."""
        return self.count > 0 and "jsonb" in self._candidates

    def settle_jsonb(self, jsonb_count: int) -> None:
        """Say of how many values SQLite says that they are JSONB."""
        if jsonb_count < self.count:
            self._candidates.discard("jsonb")

    @property
    def found_shapes(self) -> frozenset[str]:
        return frozenset(self._candidates) if self.count else frozenset()

    def add(self, blobs: pa.BinaryArray) -> int:
        """Take more blobs in, at least one, and return their bytes."""
        self._look_at(blobs[:_SAMPLE].to_pylist())
        lengths = np.diff(offsets_of(blobs))
        byte_count = int(lengths.sum(dtype=np.int64))
        self.count += len(blobs)
        self.bytes_total += byte_count
        self.bytes_max = max(self.bytes_max, int(lengths.max()))
        if "uuid16" in self._candidates and not (lengths == 16).all():
            self._candidates.discard("uuid16")
        if "utf8" in self._candidates and not is_utf8(blobs):
            self._candidates.discard("utf8")
        if "without-nul" in self._candidates and pc.any(pc.match_substring(blobs, b"\0")).as_py():
            self._candidates.discard("without-nul")
        return byte_count

    def add_big(self, length: int) -> None:
        """Take a blob in that is too long for a batch; it has no shape."""
        self.count += 1
        self.bytes_total += length
        self.bytes_max = max(self.bytes_max, length)
        self._candidates.clear()

    def _look_at(self, values: Sequence[bytes]) -> None:
        """Drop the candidates that a few of the values refute."""
        if not self._candidates:
            return
        if not all(map(may_be_jsonb, values)):
            self._candidates.discard("jsonb")
        if any(len(value) != 16 for value in values):
            self._candidates.discard("uuid16")
