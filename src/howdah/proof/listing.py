"""
From row numbers to differences that a person can act on. Pure.

Everything vectorised has happened before: only what is listed is looked at value by value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from howdah.model.quarantine import Cell
from howdah.model.report import Difference
from howdah.proof.big_values import column_of_fingerprint, describe_fingerprint, fingerprint_name
from howdah.proof.job import Outcome
from howdah.proof.render import cut_row, render_cell, render_key, render_pair
from howdah.proof.rows import Rows, cell_at


def key_of(rows: Rows, key: Sequence[str], row: int) -> str:
    """Return the rendered key of one row, "" for a table without a key."""
    return render_key(cells_of(rows, key, row))


def cells_of(rows: Rows, key: Sequence[str], row: int) -> tuple[Cell, ...]:
    """Return the exact values of one row's key, () for a table without a key."""
    return tuple(cell_at(rows.columns[name], row) for name in key)


def list_value_differences(
    outcome: Outcome,
    table: str,
    key: Sequence[str],
    source: Rows,
    target: Rows,
    differing: Mapping[str, np.ndarray],
    listed_max: int,
) -> None:
    """
    Count the values that `differing` names (column → rows, by position in both), list the first ones.

    They are listed in the order of the rows, so that one bad column does not push out the others.
    """
    differing = _merge_fingerprints(differing)
    room = max(0, listed_max - len(outcome.differences))
    order = list(source.columns)
    firsts = sorted((int(row), order.index(name)) for name, rows in differing.items() for row in rows[:room])
    for row, position in firsts[:room]:
        name = order[position]
        left, right, detail = _render_value(source, target, name, row)
        outcome.differences.append(
            Difference(
                kind="value",
                table=table,
                key=key_of(source, key, row),
                key_cells=cells_of(source, key, row),
                column=name,
                source=left,
                target=right,
                detail=detail,
            )
        )
    outcome.difference_count += sum(len(rows) for rows in differing.values())


def _merge_fingerprints(differing: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Give the rows whose fingerprints differ to the column that these stand for."""
    merged: dict[str, np.ndarray] = {}
    for name, rows in differing.items():
        column = column_of_fingerprint(name)
        merged[column] = np.union1d(merged[column], rows) if column in merged else rows
    return merged


def _render_value(source: Rows, target: Rows, name: str, row: int) -> tuple[str, str, str]:
    left, right = _fingerprint_at(source, name, row), _fingerprint_at(target, name, row)
    if left is None and right is None:
        return render_pair(cell_at(source.columns[name], row), cell_at(target.columns[name], row))
    return (
        left if left is not None else render_cell(cell_at(source.columns[name], row)),
        right if right is not None else render_cell(cell_at(target.columns[name], row)),
        "",
    )


def _fingerprint_at(rows: Rows, name: str, row: int) -> str | None:
    fingerprints = rows.columns.get(fingerprint_name(name))
    content = None if fingerprints is None else cell_at(fingerprints, row).content
    return describe_fingerprint(content) if isinstance(content, bytes) else None


def list_missing_rows(
    outcome: Outcome, table: str, key: Sequence[str], source: Rows, listed_max: int, detail: str = ""
) -> None:
    """Count all of `source` as rows that the target has not, list the first ones."""
    for row in range(min(source.length, max(0, listed_max - len(outcome.differences)))):
        outcome.differences.append(
            Difference(
                kind="missing-row",
                table=table,
                key=key_of(source, key, row),
                key_cells=cells_of(source, key, row),
                source=row_of(source, row),
                target="missing",
                detail=detail,
            )
        )
    outcome.difference_count += source.length


def list_extra_rows(
    outcome: Outcome, table: str, key: Sequence[str], target: Rows, listed_max: int, detail: str = ""
) -> None:
    """Count all of `target` as rows that the source has not, list the first ones."""
    for row in range(min(target.length, max(0, listed_max - len(outcome.differences)))):
        outcome.differences.append(
            Difference(
                kind="extra-row",
                table=table,
                key=key_of(target, key, row),
                key_cells=cells_of(target, key, row),
                source="missing",
                target=row_of(target, row),
                detail=detail,
            )
        )
    outcome.difference_count += target.length


def row_of(rows: Rows, row: int) -> str:
    """Return all values of a row for people, cut."""
    names = [name for name in rows.columns if column_of_fingerprint(name) == name]
    values = [
        _fingerprint_at(rows, name, row) or render_cell(cell_at(rows.columns[name], row)) for name in names
    ]
    return cut_row(values)
