"""What the blobs of one column have in common: lengths, shapes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from howdah.sqlite.json_shapes import may_be_jsonb

#: Values that are looked at before a batch is.
_SAMPLE = 16


class BlobTally:
    def __init__(self) -> None:
        self.count = 0
        self.bytes_total = 0
        self.bytes_max = 0
        self._candidates = {"uuid16", "jsonb", "utf8"}

    @property
    def wants_jsonb(self) -> bool:
        """Whether `add` must be told which blobs are valid JSONB."""
        return self.count > 0 and "jsonb" in self._candidates

    @property
    def found_shapes(self) -> frozenset[str]:
        return frozenset(self._candidates) if self.count else frozenset()

    def look_at(self, values: Sequence[bytes]) -> bool:
        """Look at a few of the values that `add` will get; return whether it must be told of JSONB."""
        for value in values[:_SAMPLE]:
            if not self._candidates:
                break
            if not may_be_jsonb(value):
                self._candidates.discard("jsonb")
            if len(value) != 16:
                self._candidates.discard("uuid16")
            if not _is_utf8(value):
                self._candidates.discard("utf8")
        return "jsonb" in self._candidates

    def add(self, values: Sequence[bytes], valid_jsonb: npt.NDArray[np.bool_] | None) -> int:
        """Take more blobs in, at least one, and return their bytes; `look_at` has been called."""
        lengths = np.fromiter(map(len, values), np.int64, len(values))
        byte_count = int(lengths.sum())
        self.count += len(values)
        self.bytes_total += byte_count
        self.bytes_max = max(self.bytes_max, int(lengths.max()))
        if "uuid16" in self._candidates and not (lengths == 16).all():
            self._candidates.discard("uuid16")
        if "jsonb" in self._candidates:
            assert valid_jsonb is not None
            if not valid_jsonb.all():
                self._candidates.discard("jsonb")
        if "utf8" in self._candidates and not _are_utf8(values):
            self._candidates.discard("utf8")
        return byte_count

    def add_big(self, length: int) -> None:
        """Take a blob in that is too long for a batch; it has no shape."""
        self.count += 1
        self.bytes_total += length
        self.bytes_max = max(self.bytes_max, length)
        self._candidates.clear()


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _are_utf8(values: Sequence[bytes]) -> bool:
    try:
        pa.array(values, pa.binary()).cast(pa.utf8())
    except pa.ArrowInvalid:
        return False
    return True
