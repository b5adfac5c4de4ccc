"""
Compare a table whose rows have no integer key, in whatever order either side gives them.

First each side is summed by itself (`sum_source`, `sum_target`: independent pieces).
Buckets whose sums differ are read again on both sides and matched row by row
(`list_buckets`), as many of them as fit into memory at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from howdah.codecs.values import SourceColumn
from howdah.errors import BugError
from howdah.process.overlap import run_ahead
from howdah.proof.big_values import fingerprint_name
from howdah.proof.canonical import canonical_rows, hash_rows
from howdah.proof.job import Outcome, TableJob
from howdah.proof.matching import match_rows
from howdah.proof.readers import Readers
from howdah.proof.rows import Rows, concat_rows
from howdah.proof.sides import read_source, read_target
from howdah.proof.sums import BucketSums, buckets_of_hashes, buckets_of_keys

#: Bytes of rows (by the plan's estimate) that are read again and held for matching.
_LISTING_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class SideSums:
    """One side of a table, read to the end."""

    outcome: Outcome
    sums: BucketSums


def sum_source(readers: Readers, job: TableJob, bucket_count: int) -> SideSums:
    """Read the source and return its sums; rows in quarantine are counted and left out."""
    outcome, sums = Outcome(), BucketSums.empty(bucket_count)
    for rows, buckets, hashes in _hashed(readers, job, _source_rows(readers, job, outcome), bucket_count):
        assert rows.length == len(buckets)
        sums.add(buckets, hashes)
    return SideSums(outcome=outcome, sums=sums)


def sum_target(readers: Readers, job: TableJob, bucket_count: int) -> SideSums:
    """Read the target and return its sums."""
    outcome, sums = Outcome(), BucketSums.empty(bucket_count)
    for _, buckets, hashes in _hashed(readers, job, read_target(readers, job, None), bucket_count):
        outcome.rows_target += len(buckets)
        sums.add(buckets, hashes)
    return SideSums(outcome=outcome, sums=sums)


def list_buckets(readers: Readers, job: TableJob, source: BucketSums, target: BucketSums) -> Outcome:
    """
    Read the buckets whose sums differ again and return the differences in them.

    At most `_LISTING_BYTES` of rows are held. Where there is more that differs, the
    differences of the buckets that fit are listed, and each further bucket counts as one.
    """
    outcome = Outcome()
    differing = source.differing(target)
    if len(differing) == 0:
        return outcome
    chosen = _choose(job, differing, source.counts + target.counts)
    left = _collect(readers, job, _source_rows(readers, job, Outcome()), chosen, len(source.counts))
    right = _collect(readers, job, read_target(readers, job, None), chosen, len(source.counts))
    match_rows(outcome, job.table.name, job.table.key, left, right, readers.proof.listed_max)
    if outcome.difference_count == 0:
        raise BugError(
            "V-902",
            "sums of rows differ, but the rows do not",
            detail=f'Table "{job.table.name}", {len(chosen)} buckets read a second time.',
        )
    outcome.difference_count += len(differing) - len(chosen)
    return outcome


def _choose(job: TableJob, differing: np.ndarray, counts: np.ndarray) -> np.ndarray:
    row_bytes = max(64, job.table.bytes // max(1, job.table.rows))
    held = np.cumsum(counts[differing]) * row_bytes
    return differing[: max(1, int(np.searchsorted(held, _LISTING_BYTES)))]


def _source_rows(readers: Readers, job: TableJob, counted: Outcome) -> Iterator[Rows]:
    for rows, quarantined in read_source(readers, job, None, counted):
        yield rows if quarantined is None else rows.take(np.flatnonzero(~quarantined))


def _hashed(
    readers: Readers, job: TableJob, batches: Iterator[Rows], bucket_count: int
) -> Iterator[tuple[Rows, np.ndarray, np.ndarray]]:
    for rows in run_ahead(batches):
        if rows.length == 0:
            continue
        hashes = hash_rows(canonical_rows(rows, list(rows.columns)), readers.proof.hash_key)
        if job.table.key:
            buckets = buckets_of_keys(canonical_rows(rows, job.table.key), bucket_count)
        else:
            buckets = buckets_of_hashes(hashes, bucket_count)
        yield rows, buckets, hashes


def _collect(
    readers: Readers, job: TableJob, batches: Iterator[Rows], buckets: np.ndarray, bucket_count: int
) -> Rows:
    """Return the rows that fall into one of `buckets`."""
    names = [*job.columns, *map(fingerprint_name, job.big_columns)]
    found: list[Rows] = [_no_rows(names)]
    for rows, of_rows, _ in _hashed(readers, job, batches, bucket_count):
        wanted = np.flatnonzero(np.isin(of_rows, buckets))
        if len(wanted):
            found.append(rows.take(wanted))
    return concat_rows(found)


def _no_rows(names: Sequence[str]) -> Rows:
    return Rows(length=0, columns={name: SourceColumn(length=0) for name in names})
