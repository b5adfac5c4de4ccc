"""Tell where a live migration stands: to a person now and then, and to who scrapes its metrics."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from howdah.capture.record import Capture
from howdah.model.live import Standing
from howdah.ops.target import TargetRequest, announce_nothing, find_target
from howdah.service.admin_server import AdminServer
from howdah.service.admin_settings import AdminSettings
from howdah.service.database_settings import DatabaseSettings
from howdah.service.live_metrics import LiveMetrics
from howdah.sqlite.location import source_path

#: Seconds that the rate is measured over.
_WINDOW = 10.0

Tell = Callable[[Standing], None]


class Rate:
    """Rows per second over the last ten seconds, from a count that only grows."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def at(self, count: int) -> float:
        """Take the count as of now and return the rate."""
        now = time.monotonic()
        self._seen.append((now, count))
        while len(self._seen) > 2 and self._seen[1][0] < now - _WINDOW:
            self._seen.popleft()
        began, first = self._seen[0]
        return (count - first) / (now - began) if now > began else 0.0


def build_standing(capture: Capture, waiting: int, rate: Rate) -> Standing:
    """Put together what is told."""
    return Standing(
        phase=str(capture.phase),
        backlog=waiting,
        behind_seconds=capture.behind_seconds if waiting else 0.0,
        rows_applied=capture.rows_applied,
        rows_per_second=rate.at(capture.rows_applied),
        watermark=capture.watermark,
    )


@contextmanager
def telling(tell: Tell, target: TargetRequest, source: str, metrics_port: int | None) -> Iterator[Tell]:
    """
    Give what is to be told, for the block; with a port also to who asks it, from this machine alone.

    Raises EnvironmentFailedError A-111 where the port is not to be had.
    """
    if metrics_port is None:
        yield tell
        return
    source_path(source)
    # Which target it is has been, or will be, announced by who opens it.
    found = find_target(replace(target, announce=announce_nothing), source)
    metrics = LiveMetrics()
    admin = AdminServer(AdminSettings(port=metrics_port), DatabaseSettings(target=found))
    admin.metrics.add(metrics.collect)

    def tell_both(standing: Standing) -> None:
        metrics.tell(standing)
        tell(standing)

    with admin:
        target.announce(f"metrics: {admin.url}/metrics")
        yield tell_both
