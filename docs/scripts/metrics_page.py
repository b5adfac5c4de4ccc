"""
Write docs/reference/metrics.md from what /metrics answers.

    .venv/bin/python docs/scripts/metrics_page.py > docs/reference/metrics.md

The page is made of a real answer, in which everything has happened once; no server is needed for it.
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from howdah.errors import EnvironmentFailedError
from howdah.model.backup_reports import BackupAges
from howdah.model.health import HealthCheck, HealthReport, HealthStatus
from howdah.service.backup_watch import BackupWatch
from howdah.service.metrics import ServiceMetrics, build_pool_gauges
from howdah.service.pool import PoolFacts
from howdah.service.pool_meters import PoolMeters

HEAD = """\
# Metrics

<!-- Written by `python docs/scripts/metrics_page.py`; do not edit. -->

What `/metrics` on the admin port answers, in Prometheus' text format. The pool's names are OpenTelemetry's
`db.client.connection.*` in Prometheus' spelling. A histogram has the three usual series: `_bucket`,
`_sum` and `_count`. Backups are told where `HOWDAH_REPO` names their repository, the process where the
system has /proc.
[Health and pool](../how-to/health-and-pool.md) says which to look at.

| metric | kind | labels | meaning |
|---|---|---|---|
"""


def render() -> str:
    """Return the page."""
    return HEAD + "".join(f"{_row(family)}\n" for family in _families())


def _families() -> list[Metric]:
    metrics = ServiceMetrics()
    metrics.add(_pool)
    watch = BackupWatch(lambda: _AGES, late=1.0)
    watch.refresh()
    metrics.add(watch.collect)
    page = metrics.render(
        HealthReport(status=HealthStatus.PASS, checks=(HealthCheck(name="a:b", status=HealthStatus.PASS),))
    )
    families = text_string_to_metric_families(page.decode())
    # When a series began is the library's own addition, one for each.
    return sorted(
        (family for family in families if not family.name.endswith("_created")),
        key=lambda family: family.name,
    )


def _pool() -> Iterable[Metric]:
    meters = PoolMeters("app")
    meters.connection_failed(EnvironmentFailedError("T-111", ""))
    meters.drained()
    yield from meters.collect()
    facts = PoolFacts(
        min_size=1,
        max_size=2,
        max_waiting=8,
        size=1,
        idle=1,
        waiting=0,
        filled_once=True,
        closed=False,
        failure=None,
        connected=True,
    )
    yield from build_pool_gauges("app", facts)


_AGES = BackupAges(
    repository="backups",
    name="app",
    backups=1,
    newest_age_seconds=1.0,
    newest_verified_age_seconds=1.0,
    last_passed_drill_age_seconds=1.0,
    last_drill="pass",
)


def _row(family: Metric) -> str:
    labels = sorted({label for sample in family.samples for label in sample.labels} - {"le"})
    name = f"{family.name}_total" if family.type == "counter" else family.name
    return (
        f"| `{name}` | {family.type} | {', '.join(f'`{label}`' for label in labels)} |"
        f" {family.documentation} |"
    )


if __name__ == "__main__":
    print(render(), end="")
