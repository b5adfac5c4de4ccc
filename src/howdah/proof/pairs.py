"""
Compare two batches that cover the same interval of an integer key. Pure.

Where the keys of both are the same, which is the rule, columns are compared as
whole arrays; otherwise rows are brought together by key first.
"""

from __future__ import annotations

import numpy as np

from howdah.proof.align import KeyedRows
from howdah.proof.compare import rows_differ
from howdah.proof.job import Outcome, TableJob
from howdah.proof.listing import list_extra_rows, list_missing_rows, list_value_differences
from howdah.proof.rows import Rows


def compare_pair(
    outcome: Outcome, job: TableJob, source: KeyedRows | None, target: KeyedRows | None, listed_max: int
) -> None:
    """Count and list the differences between two slices as `align` yields them."""
    name, key = job.table.name, job.table.key
    if source is None:
        if target is not None:
            _list_extra(outcome, job, target, listed_max)
        return
    if target is None:
        list_missing_rows(outcome, name, key, source.rows, listed_max)
        return
    left, right = source.rows, target.rows
    if not np.array_equal(source.keys, target.keys):
        left, right = _bring_together(outcome, job, source, target, listed_max)
    list_value_differences(outcome, name, key, left, right, rows_differ(left, right), listed_max)


def _bring_together(
    outcome: Outcome, job: TableJob, source: KeyedRows, target: KeyedRows, listed_max: int
) -> tuple[Rows, Rows]:
    """Report what is on one side only and return the rows that both have, in the order of the key."""
    # Keys of the source are unique; the target may repeat one where its primary key is gone.
    target_keys, first_at = np.unique(target.keys, return_index=True)
    in_target = np.isin(source.keys, target_keys, assume_unique=True)
    in_source = np.isin(target_keys, source.keys, assume_unique=True)
    missing = np.flatnonzero(~in_target)
    paired = first_at[in_source]
    extra = np.setdiff1d(np.arange(target.rows.length), paired)
    list_missing_rows(outcome, job.table.name, job.table.key, source.rows.take(missing), listed_max)
    if len(extra):
        _list_extra(
            outcome, job, KeyedRows(keys=target.keys[extra], rows=target.rows.take(extra)), listed_max
        )
    return source.rows.take(np.flatnonzero(in_target)), target.rows.take(paired)


def _list_extra(outcome: Outcome, job: TableJob, extra: KeyedRows, listed_max: int) -> None:
    in_quarantine = np.isin(extra.keys, np.array(sorted(job.quarantined_rowids), np.int64))
    for chosen, detail in (
        (~in_quarantine, ""),
        (in_quarantine, "the row is in quarantine and in the target as well"),
    ):
        rows = extra.rows.take(np.flatnonzero(chosen)) if chosen.any() else None
        if rows is not None:
            list_extra_rows(outcome, job.table.name, job.table.key, rows, listed_max, detail)
