"""
The state of health that the endpoints tell: measured once a second at most, whoever asks.

Two measurements in a row must fail before the service is called not ready, one good one makes it ready
again. Further checks (age of backups, lag of a capture) are given as functions; they warn at most,
because a late backup is no reason to take the application out of service.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from howdah.errors import ExitStatus
from howdah.model.health import HealthCheck, HealthReport, HealthStatus, worst_status
from howdah.model.service_status import PoolMoment
from howdah.service.checks import check_pool, check_server
from howdah.service.pool import PoolFacts
from howdah.service.probe import Probe, ProbeAnswer

FurtherCheck = Callable[[], Awaitable[Sequence[HealthCheck]]]

#: Seconds for which a measurement counts, and between those made without anybody asking.
_MEASURED_FOR = 1.0
#: Failed measurements in a row that make the service not ready.
_FAILURES_TOLERATED = 2
#: Measurements of the pool that are kept for the status page: as many seconds.
_HISTORY = 180
#: Seconds that a further check may take.
_FURTHER_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Readiness:
    """Whether requests may come, and why not."""

    ready: bool
    reason: str = ""


class HealthMonitor:
    """Measures health in one event loop, that of the admin port."""

    def __init__(
        self,
        probe: Probe,
        *,
        pool: Callable[[], PoolFacts] | None = None,
        further: Sequence[FurtherCheck] = (),
    ) -> None:
        self._probe = probe
        self._pool = pool
        self._further = tuple(further)
        self._lock = asyncio.Lock()
        self._measured_at = float("-inf")
        self._failures = 0
        self._report: HealthReport | None = None
        self._shutting_down = False
        #: The server's newest answer.
        self.answer: ProbeAnswer | None = None
        #: The pool at the last measurements, the oldest first.
        self.history: deque[PoolMoment] = deque(maxlen=_HISTORY)
        #: Everything was in order once.
        self.started = False

    async def read(self) -> HealthReport:
        """Return the newest measurement, making one where it is older than a second."""
        if self._report is None or time.monotonic() - self._measured_at >= _MEASURED_FOR:
            async with self._lock:
                # Those who waited for the lock take what the first of them measured.
                if self._report is None or time.monotonic() - self._measured_at >= _MEASURED_FOR:
                    await self._measure()
        assert self._report is not None
        return self._report

    async def read_readiness(self) -> Readiness:
        """Tell whether requests may come."""
        report = await self.read()
        if self._shutting_down:
            return Readiness(ready=False, reason="The service is shutting down.")
        if not self.started:
            return Readiness(ready=False, reason=_why(report) or "The service is starting.")
        if self._failures >= _FAILURES_TOLERATED:
            return Readiness(ready=False, reason=_why(report))
        return Readiness(ready=True)

    def begin_shutdown(self) -> None:
        """Say from now on that no request should come."""
        self._shutting_down = True

    async def keep_measuring(self) -> None:
        """Measure once a second until cancelled, so that a change shows whether or not somebody looks."""
        while True:
            await self.read()
            await asyncio.sleep(_MEASURED_FOR)

    async def close(self) -> None:
        """Close the reserved connection."""
        await self._probe.close()

    async def _measure(self) -> None:
        answer, further = await asyncio.gather(
            self._probe.ask(), asyncio.gather(*(self._run_further(check) for check in self._further))
        )
        facts = self._pool() if self._pool is not None else None
        if facts is not None:
            self.history.append(PoolMoment(used=facts.used, waiting=facts.waiting))
        checks = check_server(answer) + (check_pool(facts) if facts is not None else ())
        essential = worst_status(check.status for check in checks)
        checks += tuple(check for found in further for check in found)
        self.answer = answer
        self._report = build_report(checks)
        self._measured_at = time.monotonic()
        self._failures = self._failures + 1 if essential is HealthStatus.FAIL else 0
        filled = facts is None or facts.filled_once
        self.started = self.started or (essential is not HealthStatus.FAIL and filled)

    async def _run_further(self, check: FurtherCheck) -> Sequence[HealthCheck]:
        try:
            async with asyncio.timeout(_FURTHER_SECONDS):
                found = await check()
        except Exception as error:
            # A check that breaks must not take the others with it, and must not look like a success.
            name = getattr(check, "__name__", "check").strip("_")
            output = f"The check could not be made ({type(error).__name__})."
            return [HealthCheck(name=f"howdah:{name}", status=HealthStatus.WARN, output=output)]
        return [
            replace(result, status=HealthStatus.WARN) if result.status is HealthStatus.FAIL else result
            for result in found
        ]


def build_report(checks: Sequence[HealthCheck], *, target: str = "") -> HealthReport:
    """Put checks together: the worst of them is the status of the whole."""
    status = worst_status(check.status for check in checks)
    return HealthReport(
        status=status,
        exit_status=ExitStatus.ENVIRONMENT if status is HealthStatus.FAIL else ExitStatus.OK,
        target=target,
        checks=tuple(checks),
        time=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    )


def _why(report: HealthReport) -> str:
    return " ".join(check.output for check in report.checks if check.status is HealthStatus.FAIL)
