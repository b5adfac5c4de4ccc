"""A batch of rows of one SQLite table, and how many rows make one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
    #: Columns of the table in which a big value has been met so far (it comes as NULL).
    big_columns: frozenset[str] = frozenset()


def rows_per_batch(
    census: TableCensus, *, batch_bytes: int = BATCH_BYTES, batch_rows: int = BATCH_ROWS
) -> int:
    """
    Return how many rows stay near `batch_bytes`.

    By the average row, but so that even rows of the longest values seen in the census
    make no batch of more than four times the aim (big values are not in batches).
    """
    if not census.rows:
        return batch_rows
    average = max(census.bytes_total / census.rows, 1)
    longest = sum(
        min(max(column.text_bytes_max, column.blob_bytes_max, 8), BIG_VALUE_BYTES)
        for column in census.columns
    )
    by_average = int(batch_bytes / average)
    by_longest = int(batch_bytes * 4 / max(longest, 1))
    # A single long row among many short ones should not make every batch tiny: the worst case assumes
    # that all rows are as long as the longest, so it only counts where rows really vary little.
    return max(1, min(batch_rows, by_average, max(by_longest, by_average // 8)))
