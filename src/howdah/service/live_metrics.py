"""Lag, rate and backlog of a live migration in Prometheus' format."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from howdah.model.live import Standing


class LiveMetrics:
    """Told where it stands by whoever follows; read by another thread whenever somebody asks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._standing = Standing(phase="copying")
        self._told_at = time.monotonic()

    def tell(self, standing: Standing) -> None:
        """Remember the newest."""
        with self._lock:
            self._standing, self._told_at = standing, time.monotonic()

    def collect(self) -> Iterable[Metric]:
        """Return the metrics as of now: a batch that takes long makes the lag grow meanwhile."""
        with self._lock:
            standing, age = self._standing, time.monotonic() - self._told_at
        phase = GaugeMetricFamily("howdah_live_phase", "1 for the phase it is in.", labels=["phase"])
        phase.add_metric([standing.phase], 1.0)
        yield phase
        lag = standing.behind_seconds
        for name, meaning, value in (
            (
                "howdah_live_lag_seconds",
                "Since the journal was last seen empty: how far behind the target can be.",
                None if lag is None else lag + age,
            ),
            ("howdah_live_backlog_entries", "Entries of the journal that wait.", float(standing.backlog)),
            ("howdah_live_rows_per_second", "Rows applied, over ten seconds.", standing.rows_per_second),
        ):
            if value is not None:
                gauge = GaugeMetricFamily(name, meaning)
                gauge.add_metric([], value)
                yield gauge
        applied = CounterMetricFamily("howdah_live_rows_applied", "Rows applied since following began.")
        applied.add_metric([], float(standing.rows_applied))
        yield applied
