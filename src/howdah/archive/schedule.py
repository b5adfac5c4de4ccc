"""
When the next backup is due. Pure, but for reading and writing the one file that remembers it.

The next run is remembered in the repository, so that a service that was restarted goes on where it was, and
one that was down makes up for a missed run with one run, not with many.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from howdah.archive.manifest import read_moment, write_moment
from howdah.archive.repository import Repository
from howdah.errors import UsageError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_PERIOD = re.compile(r"(\d+)([smhd])")
#: Many machines with one period must not all come at once: so much of the period, and at most this.
_JITTER_PART = 0.05
_JITTER_MAX = timedelta(minutes=10)
#: After a failure, until it is tried again: a quarter of the period, and at most this.
_RETRY_MAX = timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    every: timedelta
    next_at: datetime


def parse_period(text: str) -> timedelta:
    """Read "6h", "30m", "1d". Raises UsageError (B-140)."""
    found = _PERIOD.fullmatch(text.strip().lower())
    if found is None or int(found[1]) == 0:
        raise UsageError(
            "B-140", f"--every takes a number and s, m, h or d, not {text!r}.", hint="As in --every 6h."
        )
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]])


def first_run(remembered: Schedule | None, every: timedelta, now: datetime) -> datetime:
    """Return when a service that has just started backs up: when it was due, or at once."""
    if remembered is None or remembered.every != every:
        return now
    # A clock that was wrong for a while must not put the next backup off by more than a period.
    return min(max(remembered.next_at, now), now + every + _jitter_limit(every))


def next_run(planned: datetime, every: timedelta, now: datetime, dice: float) -> datetime:
    """Return when to back up after a run that had been planned for `planned`; `dice` is in [0, 1)."""
    missed = max(0, (now - planned) // every)
    return planned + every * (missed + 1) + _jitter_limit(every) * dice


def retry_run(every: timedelta, now: datetime) -> datetime:
    """Return when to try again after a failure."""
    return now + min(every / 4, _RETRY_MAX)


def _jitter_limit(every: timedelta) -> timedelta:
    return min(every * _JITTER_PART, _JITTER_MAX)


def read_schedule(repository: Repository) -> Schedule | None:
    """Return what is remembered, None where nothing usable is."""
    found = repository.store.read(_name(repository))
    if found is None:
        return None
    try:
        content = json.loads(found.content)
        return Schedule(
            every=timedelta(seconds=content["every_seconds"]), next_at=read_moment(content["next_at"])
        )
    except (ValueError, KeyError, TypeError):
        return None


def write_schedule(repository: Repository, schedule: Schedule) -> None:
    """Remember the next run."""
    content = {
        "every_seconds": schedule.every.total_seconds(),
        "next_at": write_moment(schedule.next_at.astimezone(UTC)),
    }
    repository.store.write(_name(repository), json.dumps(content).encode())


def _name(repository: Repository) -> str:
    return f"{repository.name}/schedule.json"
