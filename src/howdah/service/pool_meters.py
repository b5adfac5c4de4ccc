"""
What the pool measures of itself for `/metrics`: times as histograms, events as counters.

Names follow OpenTelemetry's `db.client.connection.*` in Prometheus' spelling (base units, `_total`).
Each pool has its own; nothing is registered globally. Safe from any thread.
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Counter, Histogram
from prometheus_client.metrics_core import Metric

from howdah.errors import HowdahError

#: Seconds: a connection from the pool takes microseconds, one after an outage half a minute.
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class PoolMeters:
    """Histograms and counters of the pool of that name."""

    def __init__(self, pool: str) -> None:
        self._pool = pool
        waits = _histogram("wait_time", "Time until a request had its connection, or none.")
        uses = _histogram("use_time", "Time for which a connection was lent.")
        creations = _histogram("create_time", "Time to open a connection.")
        drains = _counter("drains", "Times that all idle connections were thrown away as dead.")
        self._refusals = _counter("refusals", "Requests that got no connection.", "reason")
        self._errors = _counter("errors", "Connections that did not come about.", "code")
        self._all = (waits, uses, creations, drains, self._refusals, self._errors)
        self._waits, self._uses = waits.labels(pool), uses.labels(pool)
        self._creations, self._drains = creations.labels(pool), drains.labels(pool)
        for reason in ("queue_full", "timeout", "refused_by_server"):
            # A counter that is not there yet hides its first event from rate().
            self._refusals.labels(pool, reason)

    def waited(self, seconds: float) -> None:
        """Count a request for a connection."""
        self._waits.observe(seconds)

    def used(self, seconds: float) -> None:
        """Count a connection that came back."""
        self._uses.observe(seconds)

    def connection_created(self, seconds: float) -> None:
        """Count a connection that came about."""
        self._creations.observe(seconds)

    def connection_failed(self, error: HowdahError) -> None:
        """Count one that did not."""
        self._errors.labels(self._pool, error.code).inc()

    def refused(self, reason: str) -> None:
        """Count a request that got no connection."""
        self._refusals.labels(self._pool, reason).inc()

    def drained(self) -> None:
        """Count that idle connections were thrown away."""
        self._drains.inc()

    def collect(self) -> Iterable[Metric]:
        """Return everything, in Prometheus' model."""
        for meter in self._all:
            yield from meter.collect()


def _histogram(name: str, meaning: str) -> Histogram:
    return Histogram(
        f"db_client_connection_{name}_seconds", meaning, ("pool",), registry=None, buckets=_BUCKETS
    )


def _counter(name: str, meaning: str, *labels: str) -> Counter:
    return Counter(f"db_client_connection_{name}", meaning, ("pool", *labels), registry=None)
