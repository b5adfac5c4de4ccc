"""
How large pools should be, and why.

Pure: facts of the server in, advice out. Work runs best with about twice as many sessions at work
as the server has processors (PostgreSQL wiki, "Number Of Database Connections", for data in
memory or on SSD); more sessions wait for each other inside the server instead of in the pool, where
waiting is cheap. All pools together must leave room for superusers, backups and a psql.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from howdah.model.health import PoolAdviceReport
from howdah.service.database_settings import PoolSettings

#: Sessions kept free for backups, change capture and psql.
_KEPT_FREE = 5
#: Each process of the service has one for its health checks.
_PROBES_PER_PROCESS = 1
_SESSIONS_PER_CORE = 2
#: Sessions at work for each processor from which the server is overloaded.
_OVERLOADED_PER_CORE = 3


@dataclass(frozen=True, kw_only=True)
class ServerFacts:
    """What the server said."""

    max_connections: int
    superuser_reserved: int
    #: reserved_connections, from PostgreSQL 16 on.
    reserved: int
    #: CONNECTION LIMIT of role and database; -1: none.
    role_limit: int
    database_limit: int
    #: Client sessions that are not Howdah's, and how many of them are at work.
    sessions: int
    active: int
    #: Milliseconds; 0: none. Ends sessions that a pool keeps on purpose.
    idle_session_timeout: int
    #: Processors of the server; 0: not known.
    cores: int


def advise(facts: ServerFacts, current: PoolSettings, *, processes: int, target: str) -> PoolAdviceReport:
    """Return sizes for each of `processes` processes of the service."""
    reserved = facts.superuser_reserved + facts.reserved
    room = facts.max_connections - reserved
    reasons = [f"max_connections is {facts.max_connections}, {reserved} of them reserved: {room} are left."]
    for limit, whose in ((facts.role_limit, "role"), (facts.database_limit, "database")):
        if 0 <= limit < room:
            room = limit
            reasons.append(f"The {whose} has a CONNECTION LIMIT of {limit}.")
    budget = room - _KEPT_FREE - facts.sessions
    reasons.append(
        f"{facts.sessions} sessions belong to others, {_KEPT_FREE} stay free for backups, capture and psql:"
        f" {max(0, budget)} for the service."
    )
    ceiling = max(0, budget // processes - _PROBES_PER_PROCESS)
    reasons.append(
        f"Shared by {processes} process{'es' if processes > 1 else ''}, each with one more for its health"
        f" checks: at most {ceiling} in each pool."
    )
    best = _best_size(facts.cores, processes, reasons)
    pool_max = max(1, min(best, ceiling))
    pool_min = min(2, pool_max)
    warnings = _warnings(facts, current, processes=processes, ceiling=ceiling, best=best)
    return PoolAdviceReport(
        status="warn" if warnings else "done",
        target=target,
        pool_min=pool_min,
        pool_max=pool_max,
        ceiling=ceiling,
        processes=processes,
        cores=facts.cores,
        max_connections=facts.max_connections,
        reserved=reserved,
        sessions=facts.sessions,
        active=facts.active,
        reasons=tuple(reasons),
        warnings=tuple(warnings),
    )


def _best_size(cores: int, processes: int, reasons: list[str]) -> int:
    if not cores:
        reasons.append(
            "How many processors the server has is not known from here: 10, as in Strapi, until --cores says."
        )
        return 10
    at_work = cores * _SESSIONS_PER_CORE + 1
    best = max(2, math.ceil(at_work / processes))
    reasons.append(
        f"{cores} processors work best with about {at_work} sessions ({_SESSIONS_PER_CORE} each, and one"
        f" that waits for the disk): {best} in each pool. More wait in the pool, where it costs nothing."
    )
    return best


def _warnings(
    facts: ServerFacts, current: PoolSettings, *, processes: int, ceiling: int, best: int
) -> list[str]:
    warnings = []
    if ceiling < 1:
        warnings.append("The server has no room for the pool: raise max_connections or use fewer processes.")
    elif current.max_size > ceiling:
        warnings.append(
            f"DATABASE_POOL_MAX={current.max_size} is more than the server has room for ({ceiling})."
        )
    elif ceiling < best:
        warnings.append(
            "The server's connections, not its processors, limit the pool: raise max_connections"
            + (", or put PgBouncer in front." if processes > 4 else ".")
        )
    if facts.cores and facts.active > facts.cores * _OVERLOADED_PER_CORE:
        warnings.append(
            f"{facts.active} sessions are at work on {facts.cores} processors: smaller pools would be faster."
        )
    if facts.idle_session_timeout:
        warnings.append(
            "idle_session_timeout ends sessions that the pool keeps open:"
            " ALTER ROLE … SET idle_session_timeout = 0."
        )
    return warnings
