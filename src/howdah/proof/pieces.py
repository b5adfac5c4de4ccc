"""
The independent pieces of a proof, and who runs them: this process, or several.

A piece is plain data with a `run` that is given readers, so any process may take it.
Splitting and grouping are pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Protocol

from howdah.errors import EnvironmentFailedError
from howdah.process.children import end_with_parent, worker_context
from howdah.process.interrupts import deaf_children
from howdah.proof.buckets import sum_source, sum_target
from howdah.proof.job import Outcome, ProofJob, TableJob
from howdah.proof.memory import PieceName
from howdah.proof.ranges import compare_range
from howdah.proof.readers import Readers
from howdah.proof.sides import KeyRange
from howdah.proof.sums import BucketSums

#: Bytes of the source in one range: enough to be worth a process's while, few enough to share out evenly.
RANGE_BYTES = 64 * 1024 * 1024

#: Where all pieces together are lighter, starting processes takes longer than the work.
_SPAWN_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class PieceResult:
    #: Source name.
    table: str
    outcome: Outcome
    #: The interval of the key, where it is one.
    keys: KeyRange | None = None
    #: Place of the piece among those of its table.
    place: int = 0
    side: Literal["both", "source", "target"] = "both"
    sums: BucketSums | None = None

    @property
    def name(self) -> PieceName:
        """What it is remembered by."""
        if self.keys is None:
            return PieceName(table=self.table)
        return PieceName(table=self.table, low=self.keys.low, high=self.keys.high)


class Piece(Protocol):
    """Something to be done on its own."""

    @property
    def weight(self) -> int:
        """Estimated bytes, to begin with the heaviest."""

    def run(self, readers: Readers) -> PieceResult:
        """Do it."""


@dataclass(frozen=True, kw_only=True)
class RangePiece:
    """Rows of an interval of an integer key, both sides."""

    job: TableJob
    keys: KeyRange
    place: int
    weight: int

    @property
    def name(self) -> PieceName:
        """What it is remembered by."""
        return PieceName(table=self.job.table.name, low=self.keys.low, high=self.keys.high)

    def run(self, readers: Readers) -> PieceResult:
        return PieceResult(
            table=self.job.table.name,
            outcome=compare_range(readers, self.job, self.keys),
            keys=self.keys,
            place=self.place,
        )


@dataclass(frozen=True, kw_only=True)
class SumPiece:
    """One whole side of a table, summed by buckets."""

    job: TableJob
    side: Literal["source", "target"]
    bucket_count: int
    weight: int

    @property
    def name(self) -> PieceName:
        """What the table is remembered by, as one."""
        return PieceName(table=self.job.table.name)

    def run(self, readers: Readers) -> PieceResult:
        sum_side = sum_source if self.side == "source" else sum_target
        summed = sum_side(readers, self.job, self.bucket_count)
        return PieceResult(
            table=self.job.table.name, outcome=summed.outcome, side=self.side, sums=summed.sums
        )


def split_range(low: int, high: int, parts: int) -> list[KeyRange]:
    """
    Return so many intervals, at the most, that cover every integer without overlap.

    The inner borders divide `low` to `high` evenly; the outer ones are open, because
    the target may hold keys that the source has not.
    """
    width = high - low + 1
    borders = sorted({low + width * part // parts for part in range(1, parts)} - {low})
    lows: list[int | None] = [None, *borders]
    highs: list[int | None] = [*(border - 1 for border in borders), None]
    return [KeyRange(low=first, high=last) for first, last in zip(lows, highs, strict=True)]


def group_pieces(pieces: Sequence[Piece], jobs: int) -> list[list[Piece]]:
    """
    Put light pieces together, so that a process opens its readers once for many; the heaviest first.

    A group is light enough for each of the jobs to get several.
    """
    enough = min(RANGE_BYTES, sum(piece.weight for piece in pieces) // (jobs * 4) + 1)
    groups: list[list[Piece]] = []
    weight = enough
    for piece in sorted(pieces, key=lambda piece: -piece.weight):
        if weight >= enough:
            groups.append([])
            weight = 0
        groups[-1].append(piece)
        weight += piece.weight
    return groups


@contextmanager
def running(readers: Readers, pieces: Sequence[Piece], jobs: int) -> Iterator[Iterator[PieceResult]]:
    """
    Give an iterator over the results, as they come.

    With more than one job, and work for them, from spawned processes; else by `readers` in
    this process. The first error ends it, and nothing is left running. Raises what a piece raises,
    and EnvironmentFailedError (V-301) where a process was killed.
    """
    groups = group_pieces(pieces, jobs)
    if jobs == 1 or len(groups) < 2 or sum(piece.weight for piece in pieces) < _SPAWN_BYTES:
        yield (piece.run(readers) for group in groups for piece in group)
        return
    executor = ProcessPoolExecutor(
        max_workers=min(jobs, len(groups)),
        mp_context=worker_context(),
        initializer=end_with_parent,
    )
    try:
        # Its processes are started by the first submits.
        with deaf_children():
            submitted = {executor.submit(_run, readers.proof, group) for group in groups}
        yield _results(submitted)
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _run(proof: ProofJob, pieces: Sequence[Piece]) -> list[PieceResult]:
    with Readers(proof) as readers:
        return [piece.run(readers) for piece in pieces]


def _results(waiting: set[Future[list[PieceResult]]]) -> Iterator[PieceResult]:
    while waiting:
        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in done:
            try:
                yield from future.result()
            except BrokenProcessPool:
                raise EnvironmentFailedError(
                    "V-301",
                    "A worker process ended while it compared rows.",
                    detail="It was killed from outside, or the machine ran out of memory.",
                    hint="Run the same command again. Use fewer --jobs where memory is short.",
                ) from None
