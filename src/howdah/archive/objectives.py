"""
RPO and RTO as they really are, from what is in the repository. Pure.

The recovery point is the data of the newest backup that passed a drill, not of the newest file; the
recovery time is that of drills that passed.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

_WINDOW = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class Objectives:
    """Seconds; None where nothing has passed yet."""

    rpo: float | None
    rpo_worst: float | None
    rto_median: float | None
    rto_max: float | None


def find_objectives(verified: Sequence[datetime], recoveries: Sequence[float], now: datetime) -> Objectives:
    """`verified` are the instants of the backups that passed, `recoveries` the seconds of drills that did."""
    ordered = sorted(verified)
    recent = [moment for moment in ordered if now - moment <= _WINDOW]
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(recent)]
    if recent:
        gaps.append((now - recent[-1]).total_seconds())
    return Objectives(
        rpo=(now - ordered[-1]).total_seconds() if ordered else None,
        rpo_worst=max(gaps, default=None),
        rto_median=statistics.median(recoveries) if recoveries else None,
        rto_max=max(recoveries, default=None),
    )
