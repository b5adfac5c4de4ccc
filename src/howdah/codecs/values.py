"""
How a column of values travels between the rooms, as Arrow arrays.

On SQLite's side a column is split by storage class (`SourceColumn`), because one
column may hold several. On the way to PostgreSQL it is in the binary wire format
(`Wire`). On the way back the proof receives what the server sent, as an Arrow
array, and the codec's `decode` gives a `SourceColumn` again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa


@dataclass(frozen=True, kw_only=True)
class SourceColumn:
    """
    `length` values of one SQLite column, split by storage class.

    Each part is None (no value of that class) or an Arrow array of `length`
    entries that is null wherever the value has another class. A value that is
    null in every part is NULL. Text is UTF-8 *bytes* (Arrow binary), unchecked:
    it may hold NUL and invalid sequences.
    """

    length: int
    integer: pa.Int64Array | None = None
    real: pa.DoubleArray | None = None
    text: pa.BinaryArray | None = None
    blob: pa.BinaryArray | None = None


@dataclass(frozen=True, kw_only=True)
class Wire:
    """
    One column in PostgreSQL's binary COPY field format, without the length words.

    Exactly one of `fixed` (uint8, shape (rows, width)) and `variable` (Arrow binary
    without nulls) is set. `nulls` is a bool array, True where the field is NULL, or
    None when there is none; what `fixed`/`variable` hold there is ignored.
    """

    fixed: np.ndarray | None = None
    variable: pa.BinaryArray | None = None
    nulls: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """
    Result of `encode`: the wire, what could not be carried, and what a rule changed.

    `rejected` maps a stable reason ("integer-out-of-range", "nul-in-text"…) to a
    bool array over the rows; the wire holds NULL there and the caller must set
    those rows aside. `touched` maps the name of a rule to a bool array, True for the
    values that arrive altered by it, and `changed` to their number.
    """

    wire: Wire
    rejected: Mapping[str, np.ndarray] = field(default_factory=dict)
    touched: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def changed(self) -> Mapping[str, int]:
        """Values altered by each rule."""
        return {rule: int(np.count_nonzero(rows)) for rule, rows in self.touched.items()}
