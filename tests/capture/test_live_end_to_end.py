"""An application that never stops writing goes to PostgreSQL, comes home, and goes again: nothing is lost."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from howdah.model.verb_reports import LiveReport
from howdah.ops.cutover import CutoverRequest, cutover
from howdah.ops.follow import FollowRequest, follow
from howdah.ops.go_home import go_home
from howdah.ops.live_run import LiveOptions
from howdah.sqlite import range_copy
from support.runs import target_request
from support.writing_app import longest_gap, prepare, read_log, writing

pytestmark = pytest.mark.long


@contextmanager
def _following(source: Path, database: str) -> Iterator[list[LiveReport]]:
    """Follow in a thread until somebody takes over."""
    ended: list[LiveReport] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            ended.append(
                follow(FollowRequest(source=str(source), target=target_request(database), consent=True))
            )
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield ended
    finally:
        thread.join(60)
    assert failed == []
    assert [report.status for report in ended] == ["yielded"]


def _hook(directory: Path, place: str) -> str:
    return f"printf %s '{place}' > {directory}/where.new && mv {directory}/where.new {directory}/where"


def _cut_over(source: Path, database: str) -> LiveReport:
    return cutover(
        CutoverRequest(
            source=str(source),
            target=target_request(database),
            live=LiveOptions(on_release=_hook(source.parent, database)),
        )
    )


def _tokens_on_postgresql(database: str) -> list[str]:
    with psycopg.connect(database) as connection:
        return [token for (token,) in connection.execute("SELECT token FROM token")]


def _wait_for_writes(directory: Path, place: str, count: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if sum(entry.place == place for entry in read_log(directory)) >= count:
            return
        time.sleep(0.05)
    raise AssertionError(f"fewer than {count} writes on {place}")


@pytest.mark.parametrize(
    "wal",
    [pytest.param(True, id="wal"), pytest.param(False, id="rollback-journal")],
)
def test_there_and_back_and_there_again_under_writes(tmp_path: Path, database: str, wal: bool) -> None:
    source = prepare(tmp_path, wal=wal, filler=2_000)
    with writing(tmp_path) as application:
        _wait_for_writes(tmp_path, "sqlite", 20)
        with _following(source, database):
            _wait_for_writes(tmp_path, "sqlite", 200)
            while not _has_applied(database):
                time.sleep(0.05)
            first = _cut_over(source, database)
        assert (first.status, first.exit_status, first.proof) == ("complete", 0, "proven")
        _wait_for_writes(tmp_path, "postgresql", 150)

        before = len([entry for entry in read_log(tmp_path) if entry.place == "sqlite"])
        home = go_home(target_request(database), LiveOptions(on_release=_hook(tmp_path, "sqlite")))
        assert (home.status, home.exit_status, home.proof) == ("home", 0, "proven"), home.differences
        _wait_for_writes(tmp_path, "sqlite", before + 150)

        second = _cut_over(source, database)
        assert (second.status, second.exit_status, second.proof) == ("complete", 0, "proven")
        written = len([entry for entry in read_log(tmp_path) if entry.place == "postgresql"])
        _wait_for_writes(tmp_path, "postgresql", written + 50)
        assert application.poll() is None

    log = read_log(tmp_path)
    acknowledged = [entry.token for entry in log]
    assert len(acknowledged) == len(set(acknowledged))
    there = _tokens_on_postgresql(database)
    assert len(there) == len(set(there))
    assert set(acknowledged) <= set(there)
    # At the most the one that was on its way when the application was told to stop.
    assert len(set(there) - set(acknowledged)) <= 1
    print(
        f"pause {first.pause_seconds:.3f} s, home {home.pause_seconds:.3f} s,"
        f" again {second.pause_seconds:.3f} s"
    )
    print(f"seen by the application: {longest_gap(log, 'sqlite', 'postgresql'):.3f} s")

    connection = sqlite3.connect(source)
    with pytest.raises(sqlite3.IntegrityError, match="moved to postgresql"):
        connection.execute("INSERT INTO parent (name) VALUES ('late')")
    connection.close()


def _has_applied(database: str) -> bool:
    """Whether somebody follows and holds the target: before its first batch another could take it."""
    with psycopg.connect(database) as connection:
        if connection.execute("SELECT to_regclass('howdah.capture')").fetchone() == (None,):
            return False
        return connection.execute("SELECT rows_applied > 0 FROM howdah.capture").fetchone() == (True,)


def test_copies_by_ranges_let_the_application_write_and_lose_nothing(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("howdah.ops.follow.SNAPSHOT_PATIENCE", 0.0)
    monkeypatch.setattr("howdah.ops.live_proof.HOME_PATIENCE", 0.0)
    monkeypatch.setattr("howdah.sqlite.snapshot._PAGES_PER_STEP", 16)
    monkeypatch.setattr("howdah.sqlite.range_copy._FIRST_ROWS", 50)
    monkeypatch.setattr("howdah.sqlite.range_copy._MOMENT", 0.02)
    made: list[int] = []
    original = range_copy.copy_by_ranges

    def watched(*arguments: Any, **more: Any) -> None:
        before = len(read_log(tmp_path))
        original(*arguments, **more)
        made.append(len(read_log(tmp_path)) - before)

    monkeypatch.setattr("howdah.sqlite.snapshot.copy_by_ranges", watched)
    source = prepare(tmp_path, wal=False, filler=1_000)
    with writing(tmp_path):
        _wait_for_writes(tmp_path, "sqlite", 100)
        with _following(source, database):
            while not _has_applied(database):
                time.sleep(0.05)
            done = _cut_over(source, database)
        _wait_for_writes(tmp_path, "postgresql", 100)
        home = go_home(target_request(database), LiveOptions(on_release=_hook(tmp_path, "sqlite")))
    # It went on while the copies were made.
    assert len(made) == 2
    assert min(made) > 0
    assert (done.status, done.proof, done.difference_count) == ("complete", "proven", 0)
    assert (home.status, home.proof, home.difference_count) == ("home", "proven", 0), home.differences
    acknowledged = {entry.token for entry in read_log(tmp_path)}
    with closing(sqlite3.connect(source)) as connection:
        there = [token for (token,) in connection.execute("SELECT token FROM token")]
    assert len(there) == len(set(there))
    assert acknowledged <= set(there)
