"""Ranges of big tables, the order of things, estimates, and how findings are folded."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from howdah.model.census import Census
from howdah.model.finding_kinds import fold_findings, make_finding
from howdah.model.plan import PlanOptions, StepKind
from howdah.planning.order import order_by_needs
from support.plans import Facts, facts_of, steps_of


def with_size(facts: Facts, size: int, smallest: int, largest: int, marks: tuple[int, ...] = ()) -> Facts:
    (table,) = facts.census.tables
    sized = replace(
        table, rows=1000, bytes_total=size, rowid_min=smallest, rowid_max=largest, rowid_marks=marks
    )
    return replace(facts, census=Census(tables=(sized,)))


@pytest.mark.parametrize("marks", [(), (10, 500, 600, 700, 900), tuple(range(100, 10_000, 7)), (5,)])
@pytest.mark.parametrize("smallest", [-(2**63), -5, 1])
def test_ranges_cover_every_row_once(tmp_path: Path, marks: tuple[int, ...], smallest: int) -> None:
    facts = facts_of(tmp_path, "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)")
    plan = with_size(facts, 500_000_000, smallest, 2**63 - 1, marks).plan(PlanOptions(jobs=4))
    ranges = [step.rowid_range for step in steps_of(plan, StepKind.COPY)]
    assert len(ranges) > 1
    bounds = [row_range for row_range in ranges if row_range is not None]
    assert len(bounds) == len(ranges)
    assert bounds[0][0] == -(2**63)
    assert bounds[-1][1] == 2**63 - 1
    assert all(after[0] == before[1] + 1 for before, after in itertools.pairwise(bounds))
    assert all(low <= high for low, high in bounds)


@pytest.mark.parametrize(
    ("size", "jobs", "script"),
    [
        (500_000_000, 1, "CREATE TABLE t (a)"),
        (1_000_000, 4, "CREATE TABLE t (a)"),
        (500_000_000, 4, "CREATE TABLE t (a TEXT PRIMARY KEY) WITHOUT ROWID"),
    ],
)
def test_small_tables_and_tables_without_row_numbers_are_copied_whole(
    tmp_path: Path, size: int, jobs: int, script: str
) -> None:
    plan = with_size(facts_of(tmp_path, script), size, 1, 1000).plan(PlanOptions(jobs=jobs))
    (step,) = steps_of(plan, StepKind.COPY)
    assert step.rowid_range is None
    assert step.id == "copy:t:1"


@given(
    st.dictionaries(
        st.sampled_from("abcdefgh"), st.lists(st.sampled_from("abcdefghxyz"), max_size=4), max_size=8
    )
)
def test_everything_comes_once_and_after_what_it_needs_unless_in_a_cycle(needs: dict[str, list[str]]) -> None:
    names = list("abcdefgh")
    ordered = order_by_needs(names, needs)
    assert sorted(ordered) == names

    def reaches(start: str, goal: str) -> bool:
        found, pending = set(), [start]
        while pending:
            for need in needs.get(pending.pop(), []):
                if need not in found:
                    found.add(need)
                    pending.append(need)
        return goal in found

    for name, wanted in needs.items():
        for need in wanted:
            if need in names and need != name and not reaches(need, name):
                assert ordered.index(need) < ordered.index(name)


def test_a_chain_longer_than_the_stack_is_ordered() -> None:
    names = [str(number) for number in range(20_000)]
    needs = {str(number): [str(number + 1)] for number in range(20_000)}
    assert order_by_needs(names, needs)[0] == "19999"


def test_many_findings_that_say_the_same_become_one() -> None:
    many = [
        make_finding("F-309", f'column "t"."c{number}"', "declared COLLATE NOCASE") for number in range(9)
    ]
    (folded,) = fold_findings(many)
    assert folded.object == "9 columns"
    assert 'column "t"."c8"' in folded.detail


def test_findings_with_their_own_sql_are_never_folded() -> None:
    triggers = [
        make_finding("F-103", f'trigger "{n}"', "it is not carried", detail=f"SQL {n}") for n in range(9)
    ]
    assert fold_findings(triggers) == tuple(triggers)


def test_the_estimate_grows_with_the_database(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, "CREATE TABLE t (a TEXT); CREATE INDEX i ON t (a)")
    small, large = (with_size(facts, size, 1, 1000).plan().estimate for size in (10**6, 10**9))
    assert small is not None
    assert large is not None
    assert small.seconds < large.seconds < 600
    assert large.target_bytes > 10**9
