"""
Compare an interval of an integer key: both sides in the order of the key, in step.

Each side is read in a thread of its own; what is held is a few batches of either.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import numpy as np

from howdah.errors import IntegrityError
from howdah.process.overlap import run_ahead
from howdah.proof.align import KeyedRows, OutOfOrderError, align
from howdah.proof.job import Outcome, TableJob
from howdah.proof.listing import list_extra_rows
from howdah.proof.pairs import compare_pair
from howdah.proof.readers import Readers
from howdah.proof.rows import Rows
from howdah.proof.sides import KeyRange, read_source, read_target


def compare_range(readers: Readers, job: TableJob, keys: KeyRange) -> Outcome:
    """
    Return what differs between the rows whose key lies in `keys`.

    Raises IntegrityError (V-201) where a side's rows do not come in the order of their key.
    """
    listed_max = readers.proof.listed_max
    outcome = Outcome()
    # Each thread counts in an outcome of its own: they are added up when both have ended.
    from_source, from_target = Outcome(), Outcome()
    with (
        closing(run_ahead(_keyed_source(readers, job, keys, from_source))) as source,
        closing(run_ahead(_keyed_target(readers, job, keys, from_target))) as target,
    ):
        try:
            for left, right in align(source, target):
                compare_pair(outcome, job, left, right, listed_max)
        except OutOfOrderError as error:
            raise _out_of_order(job, error.side) from error
    outcome.add(from_source, listed_max)
    outcome.add(from_target, listed_max)
    return outcome


def _keyed_source(readers: Readers, job: TableJob, keys: KeyRange, counted: Outcome) -> Iterator[KeyedRows]:
    for rows, quarantined in read_source(readers, job, keys, counted):
        kept = rows if quarantined is None else rows.take(np.flatnonzero(~quarantined))
        yield KeyedRows(keys=_integer_keys(job, kept), rows=kept)


def _keyed_target(readers: Readers, job: TableJob, keys: KeyRange, counted: Outcome) -> Iterator[KeyedRows]:
    for rows in read_target(readers, job, keys):
        counted.rows_target += rows.length
        keyed, keyless = _apart(job, rows)
        if keyless is not None:
            list_extra_rows(
                counted, job.table.name, job.table.key, keyless, readers.proof.listed_max, "the key is NULL"
            )
        yield KeyedRows(keys=_integer_keys(job, keyed), rows=keyed)


def _apart(job: TableJob, rows: Rows) -> tuple[Rows, Rows | None]:
    """Return the rows with a key and those whose key is NULL, None where there are none."""
    integers = rows.columns[job.table.key[0]].integer
    if integers is not None and integers.null_count == 0:
        return rows, None
    if rows.length == 0:
        return rows, None
    has_key = (
        np.zeros(rows.length, np.bool_)
        if integers is None
        else integers.is_valid().to_numpy(zero_copy_only=False)
    )
    return rows.take(np.flatnonzero(has_key)), rows.take(np.flatnonzero(~has_key))


def _integer_keys(job: TableJob, rows: Rows) -> np.ndarray:
    integers = rows.columns[job.table.key[0]].integer
    if integers is None:
        return np.empty(0, np.int64)
    keys: np.ndarray = integers.to_numpy(zero_copy_only=False)
    return keys


def _out_of_order(job: TableJob, side: str) -> IntegrityError:
    place = "source" if side == "source" else "target"
    return IntegrityError(
        "V-201",
        f"the {place} did not return rows in the order of their key",
        detail=f'Table "{job.table.name}" was read ordered by "{job.table.key[0]}".',
        hint=(
            "Check the source file with PRAGMA integrity_check."
            if side == "source"
            else "The index of the primary key is damaged; REINDEX it, then verify again."
        ),
    )
