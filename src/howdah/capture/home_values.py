"""
Values on the way home: what PostgreSQL holds, in SQLite's terms, and which have no exact form there. Pure.

A value goes home exactly when the codec that would carry it out again accepts it: that is
asked of `encode`, so that the answer does not rest on `decode` alone. Where it does not, the
nearest value that the old application reads is known for moments and decimals.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from howdah.codecs.registry import get_codec
from howdah.codecs.values import SourceColumn
from howdah.model.plan import ColumnPlan
from howdah.model.source import Affinity, Table

#: How `decode` spells a moment that has no number: a count of microseconds (of a date: of days) since 1970.
_LABEL = re.compile(r"(-?\d+)us\Z")
_NUMBERLIKE = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*\Z")
_DAY_US = 86_400_000_000
#: PostgreSQL's infinities are the ends of what an integer holds, counted from 2000: from 1970 they wrap.
_INFINITE_MOMENTS = {-9_222_425_352_054_775_809: "infinity", -9_222_425_352_054_775_808: "-infinity"}
_INFINITE_DAYS = {-2_147_472_692: "infinity", -2_147_472_691: "-infinity"}
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
        masks = list(encoded.rejected.values())
        if decoded.real is not None:
            masks.append(pc.is_nan(decoded.real).fill_null(False).to_numpy(zero_copy_only=False))
        for mask in masks:
            for row in np.flatnonzero(mask):
                shown = show_value(column, found[row])
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
    microseconds = _moment(column, value)
    if microseconds is None:
        # SQLite makes NULL of a number that is none.
        return None if isinstance(value, float) and math.isnan(value) else value
    if isinstance(microseconds, str):
        return microseconds
    if column.codec in _UNITS_US:
        return microseconds // _UNITS_US[column.codec]
    if column.codec == "epoch-real":
        return microseconds / 1e6
    if column.codec == "julian-day":
        return (microseconds // 1000 + _JULIAN_EPOCH_MS) / 86_400_000.0
    return _spell(column, microseconds)


def show_value(column: ColumnPlan, value: Any) -> str:
    """Write for people what `decode` gave for a value without an exact form."""
    microseconds = _moment(column, value)
    if microseconds is None:
        return "NaN" if isinstance(value, float) and math.isnan(value) else str(value)
    return microseconds if isinstance(microseconds, str) else _spell(column, microseconds)


def _moment(column: ColumnPlan, value: Any) -> int | str | None:
    """Return the microseconds since 1970 that a label counts, the infinity that it is, None for no label."""
    label = _LABEL.match(value) if isinstance(value, str) else None
    if label is None:
        return None
    counted = int(label[1])
    if column.codec == "iso-date":
        return _INFINITE_DAYS.get(counted, counted * _DAY_US)
    return _INFINITE_MOMENTS.get(counted, counted)


def _spell(column: ColumnPlan, microseconds: int) -> str:
    """Spell a moment before year 1, or after 9999, or at the end of a day, as PostgreSQL does."""
    if column.codec == "iso-time":
        return "24:00:00" if microseconds == _DAY_US else f"{microseconds}us"
    date, time = str(np.datetime64(microseconds, "us")).split("T")
    before = date.startswith("-")
    year, month, day = date.lstrip("+-").split("-")
    if before or int(year) == 0:
        # Astronomers have a year 0, calendars have not.
        year = f"{int(year) + 1:04}"
        before = True
    text = f"{year}-{month}-{day}"
    if column.codec != "iso-date":
        text += " " + time.rstrip("0").rstrip(".")
    return text + " BC" * before
