"""
Health as facts: what was checked, how it went, and what that makes of the whole.

The words are those of the draft `application/health+json` (draft-inadarei-api-health-check-06).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class HealthStatus(StrEnum):
    """How a check went; warn works, and wants somebody's attention."""

    PASS = "pass"  # noqa: S105
    WARN = "warn"
    FAIL = "fail"


_WORST_FIRST = (HealthStatus.FAIL, HealthStatus.WARN)


def worst_status(statuses: Iterable[HealthStatus]) -> HealthStatus:
    """Return the worst of several, pass for none."""
    found = set(statuses)
    return next((status for status in _WORST_FIRST if status in found), HealthStatus.PASS)


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """One thing that was looked at."""

    #: "component:measurement", as "postgresql:connectivity".
    name: str
    status: HealthStatus
    #: "datastore", "component" or "system".
    component_type: str = "datastore"
    observed_value: float | str | None = None
    #: "ms", "s", "ratio", "connections"…
    observed_unit: str = ""
    #: What is wrong, in words that anybody may read: no host, role or SQL.
    output: str = ""
    #: What the operator should know besides; never sent to somebody who did not authenticate.
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class HealthReport:
    """All checks at one moment."""

    verb: str = "health"
    status: HealthStatus
    exit_status: int = 0
    #: For people, without secrets; "" where it is not to be told.
    target: str = ""
    checks: tuple[HealthCheck, ...]
    notes: tuple[str, ...] = ()
    #: When, ISO 8601 in UTC.
    time: str = ""


@dataclass(frozen=True, kw_only=True)
class PoolAdviceReport:
    """Sizes for the pools of a deployment, and where they come from."""

    verb: str = "pool advise"
    #: done, or warn where something should be changed.
    status: str = "done"
    exit_status: int = 0
    target: str
    #: DATABASE_POOL_MIN and _MAX for each process.
    pool_min: int
    pool_max: int
    #: Largest pool that the server has room for, for each process.
    ceiling: int
    processes: int
    #: 0: not known.
    cores: int
    max_connections: int
    #: Kept for superusers and by reserved_connections.
    reserved: int
    #: Sessions of others: connected now, and at work.
    sessions: int
    active: int
    #: One sentence for each step of the calculation.
    reasons: tuple[str, ...]
    warnings: tuple[str, ...] = ()
