"""
Find out row by row what differs between two small sets of rows, in whatever order they are. Pure.

For rows of buckets whose sums differ. Rows that both sides have cancel out, copy by
copy; what is left is paired by key; what has no partner is missing or too many.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from howdah.model.report import Difference
from howdah.proof.canonical import canonical_rows
from howdah.proof.compare import rows_differ
from howdah.proof.job import Outcome
from howdah.proof.listing import list_extra_rows, list_missing_rows, list_value_differences, row_of
from howdah.proof.rows import Rows


@dataclass(frozen=True, kw_only=True)
class Leftover:
    """Positions of rows that did not cancel out, in the order of their side."""

    source: list[int]
    target: list[int]


def match_rows(
    outcome: Outcome, table: str, key: Sequence[str], source: Rows, target: Rows, listed_max: int
) -> None:
    """
    Count and list every difference between two multisets of rows.

    Both hold the same columns, those of `key` among them. Without a key, copies of
    one row are one difference that says how many there are on either side.
    """
    names = list(source.columns)
    source_bytes = canonical_rows(source, names).to_pylist()
    target_bytes = canonical_rows(target, names).to_pylist()
    if not key:
        _list_copies(outcome, table, source, target, source_bytes, target_bytes, listed_max)
        return
    left = _cancel(source_bytes, target_bytes)
    pairs, missing, extra = _pair(
        left, canonical_rows(source, key).to_pylist(), canonical_rows(target, key).to_pylist()
    )
    source_pairs = source.take(np.array([one for one, _ in pairs], np.int64))
    target_pairs = target.take(np.array([other for _, other in pairs], np.int64))
    list_value_differences(
        outcome,
        table,
        key,
        source_pairs,
        target_pairs,
        rows_differ(source_pairs, target_pairs),
        listed_max,
    )
    list_missing_rows(outcome, table, key, source.take(np.array(missing, np.int64)), listed_max)
    list_extra_rows(outcome, table, key, target.take(np.array(extra, np.int64)), listed_max)


def _cancel(source: Sequence[bytes], target: Sequence[bytes]) -> Leftover:
    only_source = Counter(source) - Counter(target)
    only_target = Counter(target) - Counter(source)
    return Leftover(source=_take_copies(source, only_source), target=_take_copies(target, only_target))


def _take_copies(entries: Sequence[bytes], wanted: Counter[bytes]) -> list[int]:
    """Return positions of as many copies of each entry as are wanted."""
    positions = []
    for position, entry in enumerate(entries):
        if wanted.get(entry, 0) > 0:
            wanted[entry] -= 1
            positions.append(position)
    return positions


def _pair(
    left: Leftover, source_keys: Sequence[bytes], target_keys: Sequence[bytes]
) -> tuple[list[tuple[int, int]], list[int], list[int]]:
    """Pair what has the same key; return the pairs and what found no partner on either side."""
    waiting: defaultdict[bytes, list[int]] = defaultdict(list)
    for position in left.target:
        waiting[target_keys[position]].append(position)
    pairs, missing = [], []
    for position in left.source:
        partners = waiting[source_keys[position]]
        if partners:
            pairs.append((position, partners.pop(0)))
        else:
            missing.append(position)
    extra = sorted(position for positions in waiting.values() for position in positions)
    return pairs, missing, extra


def _list_copies(
    outcome: Outcome,
    table: str,
    source: Rows,
    target: Rows,
    source_bytes: Sequence[bytes],
    target_bytes: Sequence[bytes],
    listed_max: int,
) -> None:
    source_copies, target_copies = Counter(source_bytes), Counter(target_bytes)
    for entry in dict.fromkeys([*source_bytes, *target_bytes]):
        here, there = source_copies[entry], target_copies[entry]
        if here == there:
            continue
        # Rendering is for what is listed: there may be many more.
        listed = len(outcome.differences) < listed_max
        shown = ""
        if listed:
            shown = (
                row_of(source, source_bytes.index(entry))
                if here
                else row_of(target, target_bytes.index(entry))
            )
        found = Difference(
            kind="missing-row" if here > there else "extra-row",
            table=table,
            source=shown if here else "missing",
            target=shown if there else "missing",
            detail=f"{_copies(here)} in the source, {_copies(there)} in the target",
        )
        outcome.count(found, listed_max, abs(here - there))


def _copies(count: int) -> str:
    return f"{count:,} {'copy' if count == 1 else 'copies'}"
