"""
Walk two streams of rows, each in ascending order of an integer key, in step.

Pure: what comes out are pairs of slices that cover the same interval of keys, so
that neither side is ever held beyond its current batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from howdah.proof.rows import Rows


@dataclass(frozen=True, kw_only=True)
class KeyedRows:
    """Rows with their keys: int64, ascending; a key may repeat where nothing forbids it."""

    keys: np.ndarray
    rows: Rows

    def slice(self, start: int, stop: int) -> KeyedRows:
        """Return rows `start` up to but without `stop`, sharing memory."""
        return KeyedRows(keys=self.keys[start:stop], rows=self.rows.slice(start, stop))


class OutOfOrderError(Exception):
    """A stream that promised ascending keys broke its promise; `side` is "source" or "target"."""

    def __init__(self, side: str) -> None:
        super().__init__(side)
        self.side = side


def align(
    source: Iterable[KeyedRows], target: Iterable[KeyedRows]
) -> Iterator[tuple[KeyedRows | None, KeyedRows | None]]:
    """
    Yield pairs of slices over the same interval of keys; None where a side has no row in it.

    Raises OutOfOrderError as soon as a stream is not ascending.
    """
    source_batches, target_batches = _ordered(source, "source"), _ordered(target, "target")
    left, right = next(source_batches, None), next(target_batches, None)
    while left is not None and right is not None:
        boundary = min(left.keys[-1], right.keys[-1])
        left_stop = int(np.searchsorted(left.keys, boundary, side="right"))
        right_stop = int(np.searchsorted(right.keys, boundary, side="right"))
        yield (
            left.slice(0, left_stop) if left_stop else None,
            right.slice(0, right_stop) if right_stop else None,
        )
        left = _rest(left, left_stop, source_batches)
        right = _rest(right, right_stop, target_batches)
    while left is not None:
        yield left, None
        left = next(source_batches, None)
    while right is not None:
        yield None, right
        right = next(target_batches, None)


def _rest(batch: KeyedRows, start: int, following: Iterator[KeyedRows]) -> KeyedRows | None:
    return batch.slice(start, batch.rows.length) if start < batch.rows.length else next(following, None)


def _ordered(batches: Iterable[KeyedRows], side: str) -> Iterator[KeyedRows]:
    """Pass on the batches that hold rows, and see that no key is smaller than the one before it."""
    last: int | None = None
    for batch in batches:
        if batch.rows.length == 0:
            continue
        if (last is not None and batch.keys[0] < last) or (batch.keys[1:] < batch.keys[:-1]).any():
            raise OutOfOrderError(side)
        last = int(batch.keys[-1])
        yield batch
