"""
Where two batches of as many rows differ. Pure, vectorised.

Equal means: the same storage class and the same value. Texts and blobs are the
same bytes; reals are the same 64 bits, except that -0.0 equals 0.0, as it does in
the SQL of either database.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from howdah.codecs.values import SourceColumn
from howdah.proof.rows import PARTS, Rows, normalise


def real_bits(array: Any) -> np.ndarray:
    """Return the 64 bits of each double as int64, 0 for null, -0.0 as 0.0."""
    values = array.fill_null(0.0).to_numpy(zero_copy_only=False)
    # Adding 0.0 turns -0.0 into 0.0 and leaves every other double as it is (IEEE 754, 6.3).
    bits: np.ndarray = (values + 0.0).view(np.int64)
    return bits


def columns_differ(source: SourceColumn, target: SourceColumn) -> np.ndarray | None:
    """
    Return a bool array, True where the two columns differ, or None where they do not at all.

    Raises ValueError when they are not of one length.
    """
    if source.length != target.length:
        raise ValueError(f"columns of {source.length} and {target.length} rows cannot be compared")
    left_column, right_column = normalise(source), normalise(target)
    differing: np.ndarray | None = None
    for part in PARTS:
        found = _parts_differ(getattr(left_column, part), getattr(right_column, part))
        if found is not None:
            differing = found if differing is None else differing | found
    return differing


def _parts_differ(left: Any, right: Any) -> np.ndarray | None:
    if left is None and right is None:
        return None
    if left is None or right is None:
        present: np.ndarray = (right if left is None else left).is_valid().to_numpy(zero_copy_only=False)
        return present
    # Arrow's own comparison first: one pass over the buffers. Its doubles compare by value (-0.0 equals
    # 0.0), and a NaN never equals, so what it calls equal is equal here too.
    if left.equals(right):
        return None
    left_valid = left.is_valid().to_numpy(zero_copy_only=False)
    right_valid = right.is_valid().to_numpy(zero_copy_only=False)
    if left.type == pa.float64():
        unequal = real_bits(left) != real_bits(right)
    else:
        unequal = pc.fill_null(pc.not_equal(left, right), False).to_numpy(zero_copy_only=False)
    differing = (left_valid != right_valid) | (left_valid & right_valid & unequal)
    return differing if differing.any() else None


def rows_differ(source: Rows, target: Rows) -> dict[str, np.ndarray]:
    """
    Return, for each column that differs anywhere, the sorted indexes of the rows where it does.

    Both must have the same length and columns: rows are compared by position.
    Raises ValueError or KeyError otherwise.
    """
    found: dict[str, np.ndarray] = {}
    for name, column in source.columns.items():
        differing = columns_differ(column, target.columns[name])
        if differing is not None:
            found[name] = np.flatnonzero(differing)
    return found
