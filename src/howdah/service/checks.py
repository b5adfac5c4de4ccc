"""
What an answer of the server and the state of the pool mean for health.

Pure: facts in, checks out. The endpoints and `howdah health` use the same functions.
`output` holds our own sentences alone; what the server said is `detail`.
"""

from __future__ import annotations

from howdah.model.health import HealthCheck, HealthStatus
from howdah.service.pool import PoolFacts
from howdah.service.probe import ProbeAnswer

#: Part of its connections from which a pool, or the server, is near its end.
_NEARLY_FULL = 0.9
#: Seconds from which an answer is slow.
_SLOW = 0.5


def check_server(answer: ProbeAnswer) -> tuple[HealthCheck, ...]:
    """Say whether the server answers, takes writes, and has room for sessions."""
    return (_check_connectivity(answer), *(() if answer.failure else _check_state(answer)))


def _check_connectivity(answer: ProbeAnswer) -> HealthCheck:
    failure = answer.failure
    slow = answer.seconds > _SLOW
    if failure is not None:
        status, output, detail = HealthStatus.FAIL, f"{failure.code}: {failure.message}", failure.detail
    elif slow:
        status, output, detail = HealthStatus.WARN, "The server answers slowly.", ""
    else:
        status, output, detail = HealthStatus.PASS, "", ""
    return HealthCheck(
        name="postgresql:connectivity",
        status=status,
        observed_value=round(answer.seconds * 1000, 1),
        observed_unit="ms",
        output=output,
        detail=detail,
    )


def _check_state(answer: ProbeAnswer) -> tuple[HealthCheck, ...]:
    role = "replica" if answer.in_recovery else "primary"
    writable = not (answer.in_recovery or answer.read_only)
    used = answer.sessions / answer.sessions_max if answer.sessions_max else 1.0
    checks = [
        HealthCheck(
            name="postgresql:role",
            status=HealthStatus.PASS if writable else HealthStatus.WARN,
            observed_value=role,
            output="" if writable else "The database takes no writes.",
        ),
        HealthCheck(
            name="postgresql:sessions",
            status=HealthStatus.WARN if used >= _NEARLY_FULL else HealthStatus.PASS,
            observed_value=round(used, 3),
            observed_unit="ratio",
            output="The server has hardly a session left." if used >= _NEARLY_FULL else "",
            detail=f"{answer.sessions} of {answer.sessions_max}.",
        ),
    ]
    if answer.lag_seconds is not None:
        checks.append(
            HealthCheck(
                name="postgresql:lag",
                status=HealthStatus.PASS,
                observed_value=round(answer.lag_seconds, 3),
                observed_unit="s",
            )
        )
    if answer.archive_failing is not None:
        failing = answer.archive_failing
        checks.append(
            HealthCheck(
                name="postgresql:archive",
                # It serves on, until what is kept for the archive has filled the disk.
                status=HealthStatus.WARN if failing else HealthStatus.PASS,
                observed_value=round(answer.archive_age_seconds)
                if answer.archive_age_seconds is not None
                else None,
                observed_unit="s",
                output="WAL cannot be archived, and piles up on the server." if failing else "",
            )
        )
    return tuple(checks)


def check_pool(facts: PoolFacts) -> tuple[HealthCheck, ...]:
    """Say whether the pool can connect, and how full it is. A full pool warns: it still serves."""
    failure = facts.failure if not facts.connected else None
    output = f"{failure.code}: {failure.message}" if failure else ""
    if facts.closed:
        output = "The pool is closed."
    full = facts.utilization >= _NEARLY_FULL
    busy = full and facts.waiting > 0
    return (
        HealthCheck(
            name="pool:connections",
            component_type="component",
            status=HealthStatus.FAIL if output else HealthStatus.PASS,
            observed_value=facts.size,
            observed_unit="connections",
            output=output,
            detail=failure.detail if failure else "",
        ),
        HealthCheck(
            name="pool:utilization",
            component_type="component",
            status=HealthStatus.WARN if busy else HealthStatus.PASS,
            observed_value=round(facts.utilization, 3),
            observed_unit="ratio",
            output="Requests wait for a connection." if busy else "",
            detail=f"{facts.used} of {facts.max_size} in use, {facts.waiting} waiting.",
        ),
    )
