"""Pieces cover everything once, end with their parent, and notice what a reader leaves out."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from howdah.errors import EnvironmentFailedError, IntegrityError, RefusedError
from howdah.model.report import ProofStatus
from howdah.process.progress import NullProgress
from howdah.proof.job import Outcome, ProofJob
from howdah.proof.pieces import RANGE_BYTES, Piece, PieceResult, group_pieces, running, split_range
from howdah.proof.readers import Readers
from support.lending_library import BOOKS, Library, build_library

int64 = st.integers(-(2**63), 2**63 - 1)


@given(st.tuples(int64, int64).map(sorted), st.integers(1, 50), st.lists(int64, max_size=20))
def test_ranges_hold_every_integer_exactly_once(bounds: list[int], parts: int, keys: list[int]) -> None:
    ranges = split_range(bounds[0], bounds[1], parts)
    assert 1 <= len(ranges) <= parts
    for key in [*bounds, *keys]:
        holding = [
            item
            for item in ranges
            if (item.low is None or item.low <= key) and (item.high is None or key <= item.high)
        ]
        assert len(holding) == 1


@pytest.fixture
def library(tmp_path: Path, database: str) -> Library:
    return build_library(tmp_path / "library.db", database)


def in_many_ranges(library: Library, parts: int) -> None:
    tables = tuple(
        replace(table, bytes=RANGE_BYTES * parts) if table.integer_key else table
        for table in library.plan.tables
    )
    library.plan = replace(library.plan, tables=tables)


def test_damage_is_found_whatever_the_ranges(library: Library) -> None:
    in_many_ranges(library, 40)
    proof = library.verify()
    assert proof.status is ProofStatus.PROVEN
    assert proof.tables["books"].rows_target == len(BOOKS)
    library.on_target(
        "INSERT INTO public.books (id, title) VALUES (-1, 'a'), (4, 'b'), (125, 'c'), (99999, 'd')"
    )
    library.on_target("UPDATE public.books SET pages = 5 WHERE id = 5000")
    found = sorted((item.kind, item.key, item.column) for item in library.verify().differences)
    assert found == [
        ("extra-row", "-1", ""),
        ("extra-row", "125", ""),
        ("extra-row", "4", ""),
        ("extra-row", "99999", ""),
        ("sequence", "", "id"),
        ("value", "5000", "double_pages"),
        ("value", "5000", "pages"),
    ]


def test_rows_that_reading_leaves_out_are_noticed(library: Library) -> None:
    # A plan that takes an ordinary column for the rowid: by its ranges a row without one is never met.
    library.on_source("CREATE TABLE stray (id INTEGER, label TEXT)")
    library.on_source("INSERT INTO stray VALUES (1, 'a'), (NULL, 'b'), (900, 'c')")
    library.on_target("CREATE TABLE public.stray (id bigint NOT NULL, label text)")
    library.on_target("INSERT INTO public.stray VALUES (1, 'a'), (900, 'c')")
    books = library.plan.table("books")
    columns = (
        replace(books.column("id"), identity=False),
        replace(books.column("summary"), name="label", target_name="label"),
    )
    stray = replace(
        books, name="stray", target_name="stray", columns=columns, rowid_name="id", bytes=RANGE_BYTES * 2
    )
    library.plan = replace(library.plan, tables=(stray,), steps=())
    library.catalog = replace(
        library.catalog, tables=(replace(library.catalog.tables[0], name="stray", sequence_value=None),)
    )
    with pytest.raises(IntegrityError, match="does not give all of its rows") as caught:
        library.verify()
    assert caught.value.detail == "SQLite counts 3 rows, reading gave 2."


def test_progress_counts_every_source_row_once(library: Library) -> None:
    class Counting(NullProgress):
        def __init__(self) -> None:
            self.rows: dict[str, int] = {}

        def advance(self, table: str, rows: int, byte_count: int = 0, /) -> None:
            self.rows[table] = self.rows.get(table, 0) + rows

    progress = Counting()
    proof = library.verify(progress=progress)
    assert progress.rows == {name: found.rows_source for name, found in proof.tables.items()}


@dataclass(frozen=True, kw_only=True)
class Failing:
    """A piece that is refused, or whose process dies."""

    dies: bool
    weight: int = RANGE_BYTES

    def run(self, readers: Readers) -> PieceResult:
        if self.dies:
            os.kill(os.getpid(), signal.SIGKILL)
        raise RefusedError("V-999", "refused", detail="in a worker", hint="none")


@dataclass(frozen=True, kw_only=True)
class Naming:
    """A piece that tells which process ran it."""

    weight: int = RANGE_BYTES

    def run(self, readers: Readers) -> PieceResult:
        return PieceResult(table=str(os.getpid()), outcome=Outcome())


#: For pieces that read nothing: readers are opened when first asked for.
NOWHERE = ProofJob(source_path="", conninfo="", snapshot_id="", hash_key=b"")


def results(pieces: list[Piece], jobs: int) -> Iterator[PieceResult]:
    with running(Readers(NOWHERE), pieces, jobs) as found:
        yield from found


@given(st.lists(st.integers(0, 3 * RANGE_BYTES), max_size=60), st.integers(1, 8))
def test_groups_hold_every_piece_once_the_heaviest_first(weights: list[int], jobs: int) -> None:
    pieces: list[Piece] = [Naming(weight=weight) for weight in weights]
    groups = group_pieces(pieces, jobs)
    assert [piece.weight for group in groups for piece in group] == sorted(weights, reverse=True)
    assert all(groups)
    # However many tables there are, a process opens its readers a handful of times.
    assert len(groups) <= 4 * jobs + 1 + sum(weights) // RANGE_BYTES


def test_work_that_is_done_sooner_than_a_process_starts_stays_here() -> None:
    light: list[Piece] = [Naming(weight=100), Naming(weight=100)]
    assert {result.table for result in results(light, 2)} == {str(os.getpid())}


def test_an_error_of_a_worker_arrives_whole() -> None:
    with pytest.raises(RefusedError) as caught:
        list(results([Failing(dies=False), Failing(dies=False)], 2))
    assert (caught.value.code, caught.value.detail, caught.value.hint) == ("V-999", "in a worker", "none")


def test_a_killed_worker_is_an_error_and_not_a_proof() -> None:
    with pytest.raises(EnvironmentFailedError, match="worker process ended"):
        list(results([Failing(dies=True), Failing(dies=True)], 2))


def test_one_job_stays_in_this_process_and_none_is_left_behind() -> None:
    pieces: list[Piece] = [Naming(), Naming()]
    assert {result.table for result in results(pieces, 1)} == {str(os.getpid())}
    assert str(os.getpid()) not in {result.table for result in results(pieces, 2)}
    assert multiprocessing.active_children() == []


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, signal, sys\n"
        f"sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(Path(__file__).parents[1])!r}]\n"
        "from test_proof_pieces import Naming, results\n"
        "if __name__ == '__main__':\n"
        "    found = results([Naming(), Naming(), Naming()], 2)\n"
        "    for result in [next(found), next(found), next(found)]:\n"
        "        print(result.table, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    # The pipe closes when the last process that holds it is gone: waiting for its end is the test.
    ended = subprocess.run([sys.executable, script], stdout=subprocess.PIPE, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    assert len(ended.stdout.split()) == 3
