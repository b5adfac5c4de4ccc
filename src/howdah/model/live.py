"""Where a live migration stands at one moment, for lines on a terminal and for metrics."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Standing:
    #: "copying" before anything is followed, then the phases of the state machine.
    phase: str
    #: Entries of the journal that wait, as they were last counted.
    backlog: int = 0
    #: Seconds since the journal was last seen empty; None before anything is followed.
    behind_seconds: float | None = None
    rows_applied: int = 0
    #: Over the last seconds.
    rows_per_second: float = 0.0
    watermark: int = 0
