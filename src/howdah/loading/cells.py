"""Rows from quarantine as a batch, so that they go the way every other row goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from howdah.codecs.values import SourceColumn
from howdah.model.quarantine import Cell, QuarantinedRow, SourceKey
from howdah.model.source import StorageClass
from howdah.sqlite.batches import SourceBatch

_TYPES = {
    StorageClass.INTEGER: pa.int64(),
    StorageClass.REAL: pa.float64(),
    StorageClass.TEXT: pa.binary(),
    StorageClass.BLOB: pa.binary(),
}


def batch_of_quarantined(rows: Sequence[QuarantinedRow]) -> SourceBatch:
    """Build a batch of rows of one table from what quarantine holds of them."""
    names = list(rows[0].cells)
    rowids = [row.key.rowid for row in rows]
    return SourceBatch(
        length=len(rows),
        columns={name: column_of_cells([row.cells[name] for row in rows]) for name in names},
        rowids=None if any(rowid is None for rowid in rowids) else np.array(rowids, np.int64),
    )


def batch_of_cells(cells: Mapping[str, Cell], key: SourceKey) -> SourceBatch:
    """Build a batch of one row."""
    return SourceBatch(
        length=1,
        columns={name: column_of_cells([cell]) for name, cell in cells.items()},
        rowids=None if key.rowid is None else np.array([key.rowid], np.int64),
    )


def column_of_cells(cells: Sequence[Cell]) -> SourceColumn:
    """Build a column of such cells, split by storage class."""
    parts = {
        storage_class: pa.array(
            [cell.content if cell.storage_class is storage_class else None for cell in cells], kind
        )
        for storage_class, kind in _TYPES.items()
        if any(cell.storage_class is storage_class for cell in cells)
    }
    return SourceColumn(
        length=len(cells),
        integer=parts.get(StorageClass.INTEGER),
        real=parts.get(StorageClass.REAL),
        text=parts.get(StorageClass.TEXT),
        blob=parts.get(StorageClass.BLOB),
    )
