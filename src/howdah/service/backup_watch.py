"""
The ages of the backups for /health, /metrics and the status page.

Read by a thread every minute and kept: a store that is slow, or away, slows no request. A repository that
cannot be read warns; what was known before stays, and grows older.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from howdah.archive.ages import check_ages
from howdah.errors import HowdahError
from howdah.model.backup_reports import BackupAges
from howdah.model.health import HealthCheck, HealthStatus
from howdah.model.service_status import BackupNews
from howdah.service.backup_settings import BACKUP_VARIABLES
from howdah.service.setting_reader import SettingReader

#: Seconds for which ages count.
_COUNTS_FOR = 60.0

AgesReader = Callable[[], BackupAges]


class BackupWatch:
    """
    Keeps the newest ages that `read` gave; `late` is in seconds.

    `check` is a further check of health, `collect` a collector of metrics, and calling the watch gives the
    news
    for the status page.
    """

    def __init__(self, read: AgesReader, *, late: float) -> None:
        self._read = read
        self._late = late
        self._lock = threading.Lock()
        self._begun_at = float("-inf")
        self._known_at = float("-inf")
        self._ages: BackupAges | None = None
        self._failure = ""

    async def check(self) -> Sequence[HealthCheck]:
        """Return the checks; the first asks begin a reading and do not wait for it."""
        ages = self._now()
        found = list(check_ages(ages, late=self._late)) if ages is not None else []
        if self._failure:
            found.append(
                HealthCheck(
                    name="backup:repository",
                    component_type="system",
                    status=HealthStatus.WARN,
                    output="The backup repository cannot be read.",
                    detail=self._failure,
                )
            )
        return found

    def collect(self) -> Iterable[Metric]:
        """Return the gauges that are known."""
        ages = self._now()
        if ages is None:
            return
        for name, meaning, value in (
            ("howdah_backups", "Backups in the repository.", float(ages.backups)),
            ("howdah_backup_bytes", "Bytes of all backups.", float(ages.size)),
            ("howdah_backup_age_seconds", "Age of the newest backup's data.", ages.newest_age_seconds),
            (
                "howdah_backup_verified_age_seconds",
                "Age of the data of the newest backup that passed a drill.",
                ages.newest_verified_age_seconds,
            ),
            (
                "howdah_drill_passed_age_seconds",
                "Since a drill last passed.",
                ages.last_passed_drill_age_seconds,
            ),
        ):
            if value is not None:
                gauge = GaugeMetricFamily(name, meaning)
                gauge.add_metric([], value)
                yield gauge
        if ages.last_drill:
            gauge = GaugeMetricFamily("howdah_drill_passed", "The newest drill passed: 1; it did not: 0.")
            gauge.add_metric([], 1.0 if ages.last_drill == "pass" else 0.0)
            yield gauge

    def __call__(self) -> BackupNews | None:
        """Return the news for the status page, None while nothing is known."""
        ages = self._now()
        if ages is None:
            return None
        return BackupNews(
            taken_at=ages.newest_taken_at,
            size=ages.newest_size,
            drilled_at=ages.last_drill_at,
            drill_status=ages.last_drill,
            drill_seconds=ages.last_drill_seconds,
        )

    def refresh(self) -> None:
        """Read now and wait for it."""
        try:
            ages, failure = self._read(), ""
        except HowdahError as error:
            ages, failure = None, f"{error.code}: {error.message} {error.detail}".strip()
        with self._lock:
            self._failure = failure
            if ages is not None:
                self._ages, self._known_at = ages, time.monotonic()

    def _now(self) -> BackupAges | None:
        with self._lock:
            due = time.monotonic() - self._begun_at >= _COUNTS_FOR
            if due:
                self._begun_at = time.monotonic()
            ages, passed = self._ages, time.monotonic() - self._known_at
        if due:
            threading.Thread(target=self.refresh, name="howdah-backup-ages", daemon=True).start()
        return _older(ages, passed) if ages is not None else None


def _older(ages: BackupAges, seconds: float) -> BackupAges:
    def add(age: float | None) -> float | None:
        return age + seconds if age is not None else None

    return replace(
        ages,
        newest_age_seconds=add(ages.newest_age_seconds),
        newest_verified_age_seconds=add(ages.newest_verified_age_seconds),
        last_passed_drill_age_seconds=add(ages.last_passed_drill_age_seconds),
    )


def read_late(environ: Mapping[str, str]) -> float:
    """Return from which age in seconds the newest backup is late. Raises UsageError U-320."""
    reader = SettingReader(environ, BACKUP_VARIABLES)
    late = reader.seconds("HOWDAH_BACKUP_LATE")
    reader.raise_problems()
    return late
