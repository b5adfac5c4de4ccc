"""
Values on the way home: what PostgreSQL holds, in SQLite's terms, and which have no exact form there. Pure.

A value goes home exactly when the codec that would carry it out again accepts it: that is
asked of `encode`, so that the answer does not rest on `decode` alone. Where it does not, the
nearest value that the old application reads is known for moments and decimals.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from howdah.codecs.registry import get_codec
from howdah.codecs.values import SourceColumn
from howdah.model.plan import ColumnPlan
from howdah.model.source import Affinity, Table

#: How `decode` spells a moment that has no number: a count of microseconds since 1970.
_LABEL = re.compile(r"(-?\d+)us\Z")
_NUMBERLIKE = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*\Z")
_UNITS_US = {"epoch-s": 1_000_000, "epoch-ms": 1_000, "epoch-us": 1}
_JULIAN_EPOCH_MS = 4_881_175 * 43_200_000
_NUMERIC_AFFINITIES = (Affinity.NUMERIC, Affinity.INTEGER, Affinity.REAL)


@dataclass(frozen=True, kw_only=True)
class InexactValue:
    """One value that SQLite cannot hold as PostgreSQL does."""

    #: Row of the batch.
    row: int
    #: Source name.
    column: str
    #: "no-exact-form": rounded or refused; "affinity": SQLite itself makes a number of this text.
    rule: str
    #: As `decode` gave it, for people.
    shown: str


@dataclass(frozen=True, kw_only=True)
class HomeBatch:
    rows: Sequence[tuple[Any, ...]]
    inexact: tuple[InexactValue, ...] = ()


@dataclass
class HomeTally:
    """What was met on the way, by (table, column, rule)."""

    counts: dict[tuple[str, str, str], int] = field(default_factory=dict)
    examples: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def add(self, table: str, value: InexactValue) -> None:
        """Count one value and remember the first of its kind."""
        place = (table, value.column, value.rule)
        self.counts[place] = self.counts.get(place, 0) + 1
        self.examples.setdefault(place, value.shown)


def decode_home(batch: pa.RecordBatch, table: Table, columns: Sequence[ColumnPlan]) -> HomeBatch:
    """Turn what the server sent for `columns` into rows for SQLite, the nearest value where none is exact."""
    values: list[list[Any]] = []
    inexact: list[InexactValue] = []
    for column, array in zip(columns, batch.columns, strict=True):
        codec = get_codec(column.codec)
        decoded = codec.decode(array, column.params)
        found = to_python(decoded)
        encoded = codec.encode(decoded, column.params, column.written_as)
        for mask in encoded.rejected.values():
            for row in np.flatnonzero(mask):
                shown = str(found[row])
                found[row] = nearest_value(column, found[row])
                inexact.append(
                    InexactValue(row=int(row), column=column.name, rule="no-exact-form", shown=shown)
                )
        if decoded.text is not None and table.column(column.name).affinity in _NUMERIC_AFFINITIES:
            inexact += [
                InexactValue(row=row, column=column.name, rule="affinity", shown=value)
                for row, value in enumerate(found)
                if isinstance(value, str) and _NUMBERLIKE.match(value)
            ]
        values.append(found)
    rows = list(zip(*values, strict=True)) if values else [()] * batch.num_rows
    return HomeBatch(rows=rows, inexact=tuple(inexact))


def to_python(column: SourceColumn, *, errors: str = "strict") -> list[Any]:
    """
    Return the values as SQLite's driver takes them: int, float, str, bytes or None.

    `errors` is what becomes of text that is not UTF-8, as in `bytes.decode`.
    """
    found: list[Any] = [None] * column.length
    whole = sum(part is not None for part in (column.integer, column.real, column.text, column.blob)) == 1
    for part in (column.integer, column.real, column.text, column.blob):
        if part is None:
            continue
        values: list[Any] = part.to_pylist()
        if part is column.text:
            values = [None if value is None else value.decode(errors=errors) for value in values]
        if whole:
            return values
        found = [value if value is not None else other for value, other in zip(values, found, strict=True)]
    return found


def nearest_value(column: ColumnPlan, value: Any) -> Any:
    """Return what the old application reads for a value without an exact form; the value itself mostly."""
    label = _LABEL.match(value) if isinstance(value, str) else None
    if label is None:
        return value
    microseconds = int(label[1])
    if abs(microseconds) > 9_000_000_000_000_000_000:
        return "infinity" if microseconds > 0 else "-infinity"
    if column.codec in _UNITS_US:
        return microseconds // _UNITS_US[column.codec]
    if column.codec == "epoch-real":
        return microseconds / 1e6
    if column.codec == "julian-day":
        return (microseconds // 1000 + _JULIAN_EPOCH_MS) / 86_400_000.0
    return value
