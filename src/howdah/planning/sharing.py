"""
Decide which tables are copied whole and which in ranges, so that all workers end together.

A whole table is the better step: emptied and loaded in one transaction it may skip the
write-ahead log and arrive frozen, which saves PostgreSQL up to a third of the work.
So a table is only cut where the largest one would keep a worker busy long after the
others. Pure.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping

#: How much longer than an even share the busiest worker may take before a table is cut.
_UNEVENNESS_MAX = 1.2


def choose_tables_to_cut(weights: Mapping[str, int], jobs: int) -> frozenset[str]:
    """
    Return the tables to copy in ranges, given what each weighs (bytes).

    The largest ones, as few as leave the work evenly shared.
    """
    cut: set[str] = set()
    if jobs <= 1:
        return frozenset()
    even = sum(weights.values()) / jobs
    for name in sorted(weights, key=lambda table: (-weights[table], table)):
        pieces = [
            piece
            for table, weight in weights.items()
            for piece in ([weight / (jobs * 2)] * (jobs * 2) if table in cut else [weight])
        ]
        if _busiest(pieces, jobs) <= even * _UNEVENNESS_MAX:
            break
        cut.add(name)
    return frozenset(cut)


def _busiest(pieces: Iterable[float], jobs: int) -> float:
    """Return the longest any worker takes when each, once idle, takes the heaviest piece left."""
    loads = [0.0] * jobs
    for piece in sorted(pieces, reverse=True):
        heapq.heapreplace(loads, loads[0] + piece)
    return max(loads)
