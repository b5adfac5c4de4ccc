"""
Which backups stay and which may go, each with its reasons. Pure.

The rules are joined by "or": a backup stays that any of them wants. Whatever they say, the newest stays,
the newest that passed a drill, and all of the last 24 hours; and nothing goes as long as none has passed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from howdah.model.backup_reports import RetentionDecision

#: Younger ones are never removed.
_ALWAYS = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True)
class RetentionPolicy:
    """How many to keep; None of a kind: that rule keeps none, all None: everything is kept."""

    last: int | None = None
    daily: int | None = None
    weekly: int | None = None
    monthly: int | None = None

    @property
    def keeps_all(self) -> bool:
        """No rule was given."""
        return all(count is None for count in (self.last, self.daily, self.weekly, self.monthly))


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One backup as retention sees it."""

    id: str
    taken_at: datetime
    #: It passed a drill.
    verified: bool
    #: Its manifest could be read.
    readable: bool = True


def decide_retention(
    candidates: Sequence[Candidate], policy: RetentionPolicy, now: datetime
) -> tuple[RetentionDecision, ...]:
    """Decide about every backup, the newest first."""
    ordered = sorted(candidates, key=lambda item: (item.taken_at, item.id), reverse=True)
    readable = [item for item in ordered if item.readable]
    reasons: dict[str, list[str]] = {item.id: [] for item in ordered}
    verified = [item for item in readable if item.verified]
    if readable:
        reasons[readable[0].id].append("the newest")
    if verified:
        reasons[verified[0].id].append("the newest that passed a drill")
    for item in ordered:
        if not item.readable:
            reasons[item.id].append("its manifest cannot be read: a person must look")
        if now - item.taken_at < _ALWAYS:
            reasons[item.id].append("younger than 24 hours")
        if policy.keeps_all:
            reasons[item.id].append("no rule removes any")
        elif not verified:
            reasons[item.id].append("no backup has passed a drill yet, so none goes")
    for item in readable[: policy.last or 0]:
        reasons[item.id].append(f"one of the last {policy.last}")
    for rule, count, period in (
        ("day", policy.daily, lambda moment: moment.date()),
        ("week", policy.weekly, lambda moment: moment.isocalendar()[:2]),
        ("month", policy.monthly, lambda moment: (moment.year, moment.month)),
    ):
        for item in _newest_of_each(readable, period, count or 0):
            reasons[item.id].append(f"the last of a {rule} ({count} are kept)")
    return tuple(
        RetentionDecision(
            id=item.id,
            keep=bool(reasons[item.id]),
            reasons=tuple(reasons[item.id]) or ("no rule keeps it",),
        )
        for item in ordered
    )


def _newest_of_each(
    newest_first: Iterable[Candidate], period: Callable[[datetime], object], count: int
) -> list[Candidate]:
    """Return the newest backup of each of the last `count` periods that have one."""
    seen: list[object] = []
    chosen: list[Candidate] = []
    for item in newest_first:
        key = period(item.taken_at)
        if key not in seen and len(seen) < count:
            seen.append(key)
            chosen.append(item)
    return chosen
