"""The ages of the backups in health, metrics and on the status page."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping
from pathlib import Path

import pytest

from howdah.errors import UsageError
from howdah.model.health import HealthCheck, HealthStatus
from howdah.ops.backup import BackupRequest, backup
from howdah.ops.repositories import RepositoryRequest
from howdah.ops.target import TargetRequest
from howdah.ops.watch_backups import watch_backups
from howdah.service.backup_watch import BackupWatch


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "home"))
    with sqlite3.connect(tmp_path / "app.db") as connection:
        connection.execute("CREATE TABLE item AS SELECT 1 AS one")
    connection.close()
    return {"HOWDAH_REPO": str(tmp_path / "repo")}


def watch(environ: Mapping[str, str]) -> BackupWatch:
    found = watch_backups(environ)
    assert found is not None
    found.refresh()
    return found


def checks(found: BackupWatch) -> dict[str, tuple[HealthStatus, str]]:
    return {check.name: (check.status, check.output) for check in asyncio.run(_check(found))}


async def _check(found: BackupWatch) -> list[HealthCheck]:
    return list(await found.check())


def back_up(tmp_path: Path, drill: str = "auto") -> None:
    backup(
        BackupRequest(
            repository=RepositoryRequest(location=str(tmp_path / "repo")),
            target=TargetRequest(target=str(tmp_path / "app.db")),
            drill=drill,
        )
    )


def test_without_a_repository_nothing_is_watched() -> None:
    assert watch_backups({}) is None


def test_the_repository_may_be_named_by_a_file_as_every_setting(tmp_path: Path) -> None:
    (tmp_path / "where").write_text(f"{tmp_path / 'repo'}\n")
    assert watch_backups({"HOWDAH_REPO_FILE": str(tmp_path / "where")}) is not None


def test_a_verified_backup_passes_and_is_measured(environ: Mapping[str, str], tmp_path: Path) -> None:
    back_up(tmp_path)
    found = watch(environ)
    assert {status for status, _ in checks(found).values()} == {HealthStatus.PASS}
    gauges = {metric.name: metric.samples[0].value for metric in found.collect()}
    assert gauges["howdah_backups"] == 1
    assert gauges["howdah_drill_passed"] == 1
    assert 0 <= gauges["howdah_backup_verified_age_seconds"] < 600
    news = found()
    assert news is not None
    assert news.drill_status == "pass"
    assert news.size > 0


def test_what_was_never_drilled_warns(environ: Mapping[str, str], tmp_path: Path) -> None:
    back_up(tmp_path, drill="never")
    found = checks(watch(environ))
    assert found["backup:age"][0] is HealthStatus.PASS
    assert found["backup:verified-age"] == (HealthStatus.WARN, "No backup has passed a drill.")


def test_a_late_backup_warns(environ: Mapping[str, str], tmp_path: Path) -> None:
    back_up(tmp_path)
    found = watch_backups({**environ, "HOWDAH_BACKUP_LATE": "1s"})
    assert found is not None
    found.refresh()
    import time

    time.sleep(1.1)
    assert checks(found)["backup:age"] == (HealthStatus.WARN, "The newest backup is late.")


def test_a_repository_that_cannot_be_read_warns_and_tells_no_path(environ: Mapping[str, str]) -> None:
    found = checks(watch({"HOWDAH_REPO": environ["HOWDAH_REPO"], "HOWDAH_NAME": "../x"}))
    assert found["backup:repository"] == (HealthStatus.WARN, "The backup repository cannot be read.")


def test_a_setting_that_is_nonsense_is_refused(environ: Mapping[str, str]) -> None:
    with pytest.raises(UsageError):
        watch_backups({**environ, "HOWDAH_BACKUP_LATE": "soon"})
