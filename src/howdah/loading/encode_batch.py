"""
Turn a batch of source rows into wire format, and name the rows that cannot go.

Pure: codecs decide value by value, this joins their answers row by row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from howdah.codecs.registry import get_codec
from howdah.codecs.values import SourceColumn, Wire
from howdah.model.plan import TablePlan
from howdah.model.quarantine import Cell, QuarantinedRow, SourceKey
from howdah.model.report import TouchedValue
from howdah.model.source import StorageClass, Table
from howdah.postgres.copy import build_copy_rows
from howdah.sqlite.batches import SourceBatch
from howdah.sqlite.literals import cell_literal


@dataclass(frozen=True, kw_only=True)
class EncodedBatch:
    """A batch on its way: the wires of all rows, and which rows go."""

    batch: SourceBatch
    wires: Sequence[Wire]
    #: bool per row: it can be sent.
    keep: np.ndarray
    quarantined: tuple[QuarantinedRow, ...] = ()
    #: Column, rule, and a bool per row that is True where the rule altered the value.
    touched: tuple[tuple[str, str, np.ndarray], ...] = ()

    @property
    def row_count(self) -> int:
        """Rows that can be sent."""
        return int(self.keep.sum())

    @property
    def changed(self) -> Mapping[str, int]:
        """Number of values that each rule alters in the rows that can be sent."""
        counts: Counter[str] = Counter()
        for _, rule, rows in self.touched:
            counts[rule] += int(np.count_nonzero(rows & self.keep))
        return {rule: count for rule, count in counts.items() if count}

    def copy_rows(self, rows: np.ndarray | None = None) -> memoryview:
        """Return binary COPY rows of the rows that can be sent, or of those given by number."""
        if rows is None:
            keep = None if self.keep.all() else self.keep
        else:
            keep = np.zeros(self.batch.length, dtype=bool)
            keep[rows] = True
        return memoryview(build_copy_rows(self.wires, self.batch.length, keep))


def encode_batch(batch: SourceBatch, plan: TablePlan, table: Table) -> EncodedBatch:
    """Encode every copied column of a batch by its codec."""
    wires: list[Wire] = []
    keep = np.ones(batch.length, dtype=bool)
    touched: list[tuple[str, str, np.ndarray]] = []
    quarantined: list[QuarantinedRow] = []
    for column in plan.copied_columns:
        encoded = get_codec(column.codec).encode(batch.columns[column.name], column.params, column.written_as)
        wires.append(encoded.wire)
        touched += [(column.name, rule, rows) for rule, rows in encoded.touched.items()]
        for reason, mask in encoded.rejected.items():
            # A row is set aside once, for the first column that cannot go.
            for row in np.flatnonzero(mask & keep):
                detail = f"The codec {column.codec} cannot carry this value as {column.type}."
                quarantined.append(
                    quarantined_row(batch, int(row), table, reason=reason, column=column.name, detail=detail)
                )
            keep &= ~mask
    return EncodedBatch(
        batch=batch, wires=wires, keep=keep, quarantined=tuple(quarantined), touched=tuple(touched)
    )


def name_touched(
    batch: EncodedBatch, table: Table, rejected: Collection[str], named_max: int
) -> list[TouchedValue]:
    """Name up to so many of the values that a rule alters, but for rows whose key text is in `rejected`."""
    named: list[TouchedValue] = []
    for column, rule, rows in batch.touched:
        for row in np.flatnonzero(rows & batch.keep)[: max(0, named_max - len(named))]:
            key = source_key(batch.batch, int(row), table).text
            if key not in rejected:
                value = cell_literal(cell_at(batch.batch.columns[column], int(row)))
                named.append(TouchedValue(table=table.name, key=key, column=column, rule=rule, value=value))
    return named


def quarantined_row(
    batch: SourceBatch, row: int, table: Table, *, reason: str, column: str, detail: str
) -> QuarantinedRow:
    """Make the quarantine record of one row of a batch."""
    cells = {name: cell_at(values, row) for name, values in batch.columns.items()}
    return QuarantinedRow(
        table=table.name,
        key=source_key(batch, row, table),
        reason=reason,
        column=column,
        detail=detail,
        cells=cells,
    )


def source_key(batch: SourceBatch, row: int, table: Table) -> SourceKey:
    """Return how the source names a row of the batch."""
    if batch.rowids is not None:
        return SourceKey(rowid=int(batch.rowids[row]))
    return SourceKey(cells=tuple(cell_at(batch.columns[name], row) for name in table.naming_columns))


def cell_at(column: SourceColumn, row: int) -> Cell:
    """Return one value of a column, whatever its storage class."""
    if column.integer is not None and column.integer[row].is_valid:
        return Cell.of(column.integer[row].as_py())
    if column.real is not None and column.real[row].is_valid:
        return Cell.of(column.real[row].as_py())
    if column.text is not None and column.text[row].is_valid:
        return Cell.of_text(column.text[row].as_py())
    if column.blob is not None and column.blob[row].is_valid:
        return Cell.of(column.blob[row].as_py())
    return Cell(storage_class=StorageClass.NULL)
