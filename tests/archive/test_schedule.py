"""A backup every so often: remembered, spread, made up for once, and told line by line."""

from __future__ import annotations

import json
import signal
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from howdah.archive.schedule import Schedule, first_run, next_run, parse_period, retry_run
from howdah.errors import UsageError
from howdah.model.backup_reports import BackupReport
from howdah.ops.backup import BackupRequest
from howdah.ops.repositories import RepositoryRequest
from howdah.ops.schedule import run_schedule
from howdah.ops.target import TargetRequest
from howdah.process.progress import NullProgress
from support.program import Program

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
SIX = timedelta(hours=6)


def test_periods_are_read_and_nonsense_is_refused() -> None:
    assert [parse_period(text) for text in ("90s", "30m", "6h", "1d")] == [
        timedelta(seconds=90),
        timedelta(minutes=30),
        SIX,
        timedelta(days=1),
    ]
    for text in ("", "6", "h", "0h", "-1h", "6 hours", "1w"):
        with pytest.raises(UsageError):
            parse_period(text)


def test_a_first_start_backs_up_at_once_and_a_restart_goes_on_where_it_was() -> None:
    assert first_run(None, SIX, NOW) == NOW
    due = NOW + timedelta(hours=2)
    assert first_run(Schedule(every=SIX, next_at=due), SIX, NOW) == due


def test_a_missed_run_is_made_up_for_once() -> None:
    missed = NOW - timedelta(days=3)
    assert first_run(Schedule(every=SIX, next_at=missed), SIX, NOW) == NOW
    # Planned at 06:00, three periods missed: the next is 06:00 of the rhythm, not three at once.
    assert next_run(NOW - timedelta(hours=20), SIX, NOW, 0.0) == NOW + timedelta(hours=4)


def test_a_clock_that_was_wrong_does_not_put_the_next_backup_off_for_years() -> None:
    remembered = Schedule(every=SIX, next_at=NOW + timedelta(days=4000))
    assert first_run(remembered, SIX, NOW) <= NOW + SIX + timedelta(minutes=10)


def test_runs_are_spread_by_a_part_of_the_period_and_ten_minutes_at_most() -> None:
    assert next_run(NOW, SIX, NOW, 0.0) == NOW + SIX
    assert next_run(NOW, SIX, NOW, 0.999) < NOW + SIX + timedelta(minutes=10)
    assert next_run(NOW, timedelta(minutes=20), NOW, 0.999) < NOW + timedelta(minutes=21)


def test_what_failed_is_tried_again_soon() -> None:
    assert retry_run(SIX, NOW) == NOW + timedelta(minutes=15)
    assert retry_run(timedelta(minutes=8), NOW) == NOW + timedelta(minutes=2)


@pytest.fixture
def service(tmp_path: Path) -> Program:
    with sqlite3.connect(tmp_path / "app.db") as connection:
        connection.execute("CREATE TABLE item AS SELECT 1 AS one")
    connection.close()
    return Program(directory=tmp_path, home=tmp_path / "home")


def test_the_service_backs_up_again_and_again_remembers_and_ends_in_order(service: Program) -> None:
    process = service.start("backup", "app.db", "--repo", "repo", "--every", "1s", "--json")
    assert process.stdout is not None
    documents = [json.loads(process.stdout.readline()) for _ in range(2)]
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode in (0, 6)
    assert [document["status"] for document in documents] == ["verified", "verified"]
    assert documents[0]["backup"] != documents[1]["backup"]
    remembered = json.loads((service.directory / "repo/app/schedule.json").read_text())
    assert remembered["every_seconds"] == 1.0
    listed = service.run("backups", "list", "--repo", "repo", "--json").document
    assert listed["ages"][0]["next_at"] == remembered["next_at"]


def test_a_service_that_cannot_remember_its_next_backup_says_so_and_goes_on(
    service: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOWDAH_HOME", str(service.home))
    remembered = service.directory / "repo/app/schedule.json"
    told: list[str] = []

    class EnoughError(Exception):
        """Stands for whoever ends the service."""

    def tell(report: BackupReport) -> None:
        told.append(report.status)
        if told.count("verified") == 1:
            # In its place nothing can be written.
            remembered.unlink()
            remembered.mkdir()
        if told.count("verified") == 3:
            raise EnoughError

    request = BackupRequest(
        repository=RepositoryRequest(location=str(service.directory / "repo")),
        target=TargetRequest(target=str(service.directory / "app.db")),
    )
    with pytest.raises(EnoughError):
        run_schedule(
            request,
            "1s",
            tell=tell,
            complain=lambda error: told.append(error.code),
            make_progress=NullProgress,
        )
    assert told == ["verified", "B-202", "verified", "B-202", "verified"]


def test_a_service_that_fails_says_so_and_tries_again(service: Program) -> None:
    source = service.directory / "app.db"
    aside = service.directory / "aside"
    process = service.start("backup", "app.db", "--repo", "repo", "--every", "4s", "--json")
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["status"] == "verified"
    content = source.read_bytes()
    source.rename(aside)
    source.write_bytes(b"SQLite format 3\0" + b"\xff" * (len(content) - 16))
    failed = json.loads(process.stdout.readline())
    while failed["status"] == "verified":
        failed = json.loads(process.stdout.readline())
    assert failed["error"]["code"]
    aside.rename(source)
    assert json.loads(process.stdout.readline())["status"] in ("verified", "damaged", "failed")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode in (0, 6)
