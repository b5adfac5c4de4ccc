"""A batch of rows of one SQLite table, and how many rows make one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from howdah.codecs.values import SourceColumn
from howdah.model.census import TableCensus
from howdah.model.limits import BATCH_BYTES, BATCH_ROWS, BIG_VALUE_BYTES


@dataclass(frozen=True, kw_only=True)
class SourceBatch:
    length: int
    #: Column name → its values by storage class.
    columns: Mapping[str, SourceColumn]
    #: Rowid of each row (int64), None for a table without rowid.
    rowids: np.ndarray | None = None
    #: Column name → places of the rows in which its value is a big one, which is not here but NULL.
    big: Mapping[str, frozenset[int]] = field(default_factory=dict)

    @property
    def big_columns(self) -> frozenset[str]:
        """Columns with a big value in some row of the batch."""
        return frozenset(self.big)


#: What a batch may hold even where every row is as long as the longest.
_WORST_BYTES = 256 * 1024 * 1024


def rows_per_batch(
    census: TableCensus, *, batch_bytes: int = BATCH_BYTES, batch_rows: int = BATCH_ROWS
) -> int:
    """
    Return how many rows stay near `batch_bytes`, for a table without marks in its census.

    By the average row, an eighth of that where some rows are much longer; and never so many that
    rows as long as the longest values would fill a batch with more than 256 MB (big values
    are not in batches).
    """
    if not census.rows:
        return batch_rows
    average = max(census.bytes_total / census.rows, 1)
    longest = sum(
        min(max(column.text_bytes_max, column.blob_bytes_max, 8), BIG_VALUE_BYTES)
        for column in census.columns
    )
    by_average = int(batch_bytes / average)
    by_longest = batch_bytes * 4 // max(longest, 1)
    # A single long row among many short ones should not make every batch tiny.
    compromise = max(by_longest, min(by_average // 8, _WORST_BYTES // max(longest, 1)))
    return max(1, min(batch_rows, by_average, compromise))
