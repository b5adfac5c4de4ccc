"""Tables are copied whole where that keeps all workers busy, and cut only where it does not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from howdah.planning.sharing import choose_tables_to_cut


def test_tables_that_share_out_evenly_stay_whole() -> None:
    assert choose_tables_to_cut({"a": 48, "b": 23, "c": 23, "d": 3, "e": 3}, 2) == frozenset()


def test_the_one_large_table_is_cut() -> None:
    assert choose_tables_to_cut({"log": 95, "a": 3, "b": 2}, 2) == {"log"}


def test_one_of_three_equal_tables_is_cut_for_two_workers() -> None:
    assert choose_tables_to_cut({"a": 30, "b": 30, "c": 30}, 2) == {"a"}


def test_one_worker_cuts_nothing() -> None:
    assert choose_tables_to_cut({"log": 100}, 1) == frozenset()


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 10**9), max_size=12), st.integers(1, 8))
def test_what_is_cut_is_always_the_largest(weights: dict[str, int], jobs: int) -> None:
    cut = choose_tables_to_cut(weights, jobs)
    whole = [weight for name, weight in weights.items() if name not in cut]
    assert all(weights[name] >= max(whole, default=0) for name in cut)
