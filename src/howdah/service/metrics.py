"""
`/metrics`: the pool, the process and health in Prometheus' text format.

Gauges are read when somebody asks. Nothing is registered globally, so that several services can
live in one process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.metadata import version

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from howdah.model.health import HealthReport, HealthStatus
from howdah.service.pool import ApplicationPool, PoolFacts

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_AS_NUMBER = {HealthStatus.PASS: 1.0, HealthStatus.WARN: 0.5, HealthStatus.FAIL: 0.0}


class ServiceMetrics:
    """Everything that one admin port tells Prometheus; `add` takes further collectors."""

    def __init__(self, pool: ApplicationPool | None = None) -> None:
        self._registry = CollectorRegistry()
        self._health: HealthReport | None = None
        ProcessCollector(registry=self._registry)
        self.add(_build_info)
        self.add(self._health_metrics)
        if pool is not None:
            self.add(pool.meters.collect)
            self.add(lambda: build_pool_gauges(pool.name, pool.facts()))

    def add(self, collect: Callable[[], Iterable[Metric]]) -> None:
        """Tell also what `collect` returns, each time that somebody asks."""
        self._registry.register(_Collected(collect))

    def render(self, health: HealthReport) -> bytes:
        """Return the page."""
        self._health = health
        return generate_latest(self._registry)

    def _health_metrics(self) -> Iterable[Metric]:
        if self._health is None:
            return
        overall = GaugeMetricFamily("howdah_health", "1: pass, 0.5: warn, 0: fail.")
        overall.add_metric([], _AS_NUMBER[self._health.status])
        yield overall
        each = GaugeMetricFamily("howdah_health_check", "The same for each check.", labels=["check"])
        for check in self._health.checks:
            each.add_metric([check.name], _AS_NUMBER[check.status])
        yield each


class _Collected(Collector):
    def __init__(self, collect: Callable[[], Iterable[Metric]]) -> None:
        self._collect = collect

    def collect(self) -> Iterable[Metric]:
        return self._collect()


def build_pool_gauges(name: str, facts: PoolFacts) -> Iterable[Metric]:
    """Return the pool at one moment by OpenTelemetry's names."""
    count = GaugeMetricFamily(
        "db_client_connection_count", "Connections, by what they do.", labels=["pool", "state"]
    )
    count.add_metric([name, "idle"], facts.idle)
    count.add_metric([name, "used"], facts.used)
    yield count
    for suffix, meaning, value in (
        ("max", "Connections at most.", facts.max_size),
        ("idle_min", "Connections kept open.", facts.min_size),
        ("pending_requests", "Requests that wait for a connection.", facts.waiting),
        ("pending_requests_max", "Requests that may wait.", facts.max_waiting),
    ):
        gauge = GaugeMetricFamily(f"db_client_connection_{suffix}", meaning, labels=["pool"])
        gauge.add_metric([name], value)
        yield gauge


def _build_info() -> Iterable[Metric]:
    yield InfoMetricFamily("howdah_build", "This program.", value={"version": version("howdah")})
