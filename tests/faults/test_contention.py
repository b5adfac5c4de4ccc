"""Others at the same file, the same target, or the clock: said by name, and nothing is lost."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from howdah.ops.follow import FollowRequest, follow
from support.files import make_database
from support.processes import sqlite_process
from support.program import Program
from support.runs import target_request

pytestmark = pytest.mark.long

SCRIPT = """
CREATE TABLE item (id INTEGER PRIMARY KEY, note TEXT);
WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
INSERT INTO item SELECT i, 'note ' || i FROM n;
"""
#: Keeps the file for itself.
HOLD = """
connection.execute("BEGIN EXCLUSIVE")
ready()
stop.wait({seconds})
connection.execute("ROLLBACK")
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_database(tmp_path / "app.db", SCRIPT)


@pytest.fixture
def howdah(tmp_path: Path, howdah_home: Path) -> Program:
    return Program(directory=tmp_path, home=howdah_home)


def _follow(source: Path, database: str) -> None:
    follow(
        FollowRequest(source=str(source), target=target_request(database), consent=True, until_caught_up=True)
    )


def _words(verb: str, source: Path, database: str) -> list[str]:
    return {
        "migrate": ["migrate", str(source), database],
        "verify": ["verify", str(source), database],
        "follow": ["follow", str(source), database, "--until-caught-up"],
        "cutover": ["cutover", str(source), database],
        "finalize": ["finalize", database, "--yes"],
    }[verb]


def _count(database: str) -> int:
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT count(*) FROM item").fetchone()
    assert row is not None
    return int(row[0])


@contextmanager
def _held(source: Path, seconds: float) -> Iterator[None]:
    with sqlite_process(source, HOLD.format(seconds=seconds)):
        yield


@pytest.mark.parametrize("verb", ["migrate", "cutover"])
def test_a_file_that_is_locked_for_a_moment_is_waited_for(
    howdah: Program, source: Path, database: str, verb: str
) -> None:
    if verb == "cutover":
        _follow(source, database)
    with _held(source, 3.0):
        done = howdah.run(*_words(verb, source, database))
    assert done.status == 0, done.err
    assert _count(database) == 2000


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["migrate", "follow", "cutover", "finalize"])
def test_a_file_that_stays_locked_is_said_and_the_same_command_works_later(
    howdah: Program, source: Path, database: str, verb: str
) -> None:
    if verb != "migrate":
        _follow(source, database)
    if verb == "finalize":
        assert howdah.run(*_words("cutover", source, database)).status == 0
    with _held(source, 600.0):
        refused = howdah.run(*_words(verb, source, database))
    assert refused.status == 7, refused.err
    assert "S-020" in refused.err
    assert "locked" in refused.err
    again = howdah.run(*_words(verb, source, database))
    assert again.status == 0, again.err
    assert _count(database) == 2000


@pytest.mark.parametrize("verb", ["follow", "cutover"])
def test_a_file_that_was_replaced_is_not_gone_on_with(
    howdah: Program, source: Path, database: str, verb: str
) -> None:
    _follow(source, database)
    kept = source.with_name("kept.db")
    os.rename(source, kept)
    make_database(source, SCRIPT + "INSERT INTO item VALUES (5000, 'of another file');")
    refused = howdah.run(*_words(verb, source, database))
    assert refused.status == 4, refused.err
    assert "L-102" in refused.err or "L-110" in refused.err
    assert _count(database) == 2000
    # The other file is as it was, and takes writes.
    connection = sqlite3.connect(source)
    with connection:
        connection.execute("INSERT INTO item VALUES (5001, 'goes on')")
    names = connection.execute("SELECT name FROM sqlite_schema WHERE name LIKE '%howdah%'").fetchall()
    connection.close()
    assert names == []
    os.replace(kept, source)
    assert howdah.run(*_words(verb, source, database)).status == 0


def test_two_at_once_one_does_it_and_the_other_is_told(howdah: Program, source: Path, database: str) -> None:
    first = howdah.start("migrate", source, database)
    second = howdah.start("migrate", source, database)
    said = [process.communicate(timeout=120)[1] for process in (first, second)]
    statuses = [process.returncode for process in (first, second)]
    # The one that comes late finds it done.
    assert sorted(statuses) in ([0, 4], [0, 0]), said
    assert all(status == 0 or "T-303" in text for status, text in zip(statuses, said, strict=True)), said
    assert howdah.run("migrate", source, database).status == 0
    assert _count(database) == 2000


def test_two_cutovers_at_once_end_as_one(howdah: Program, source: Path, database: str) -> None:
    _follow(source, database)
    both = [howdah.start("cutover", source, database) for _ in range(2)]
    ended = [process.communicate(timeout=180) for process in both]
    assert [process.returncode for process in both] == [0, 0], ended
    assert _count(database) == 2000
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT phase FROM howdah.capture").fetchone() == ("complete",)


#: The wall clock of a process is off by the seconds that a file holds; what counts time is left alone.
CLOCK = """
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static long off(void) {
    long seconds = 0;
    FILE *file = fopen(getenv("CLOCK_OFF"), "r");
    if (file) { if (fscanf(file, "%ld", &seconds) != 1) seconds = 0; fclose(file); }
    return seconds;
}
int clock_gettime(clockid_t clock, struct timespec *at) {
    int failed = syscall(SYS_clock_gettime, clock, at);
    if (!failed && clock == CLOCK_REALTIME) at->tv_sec += off();
    return failed;
}
int gettimeofday(struct timeval *at, void *zone) {
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
    at->tv_sec = now.tv_sec; at->tv_usec = now.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
"""


@pytest.mark.skipif(
    shutil.which("cc") is None or not sys.platform.startswith("linux"),
    reason="the clock of one process is turned by a library that a C compiler must make",
)
@pytest.mark.parametrize("days", [-3, 400])
def test_a_clock_that_jumps_under_a_live_migration_changes_nothing(
    howdah: Program, source: Path, database: str, tmp_path: Path, days: int
) -> None:
    clock, library = tmp_path / "clock", tmp_path / "clock.so"
    clock.write_text("0")
    (tmp_path / "clock.c").write_text(CLOCK)
    command = ["cc", "-shared", "-fPIC", "-o", str(library), str(tmp_path / "clock.c")]
    subprocess.run(command, check=True, timeout=60)
    wrong = {"LD_PRELOAD": str(library), "CLOCK_OFF": str(clock)}
    _require_wrong_clock(wrong, clock, days)
    process = howdah.start("follow", source, database, "--install-triggers", env=wrong)
    _wait_for_phase(database, process, "following")
    clock.write_text(str(days * 86_400))
    connection = sqlite3.connect(source)
    with connection:
        connection.execute("INSERT INTO item VALUES (3000, 'after the jump')")
    connection.close()
    done = howdah.run("cutover", source, database, env=wrong)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, done.status) == (0, 0), (out, err, done.err)
    assert _count(database) == 2001
    clock.write_text("0")
    assert howdah.run("rollback", database, env=wrong).status == 0


def _require_wrong_clock(wrong: dict[str, str], clock: Path, days: int) -> None:
    """See that a program really has the wrong time, so that the test tests something."""
    clock.write_text(str(days * 86_400))
    ask = [sys.executable, "-c", "import datetime; print(datetime.datetime.now().timestamp())"]
    said = subprocess.run(ask, env=os.environ | wrong, capture_output=True, text=True, check=True).stdout
    assert abs(float(said) - time.time() - days * 86_400) < 60
    clock.write_text("0")


def _wait_for_phase(database: str, process: subprocess.Popen[str], phase: str) -> None:
    deadline = time.monotonic() + 90
    with psycopg.connect(database, autocommit=True) as connection:
        while time.monotonic() < deadline:
            assert process.poll() is None, process.communicate()
            if connection.execute("SELECT to_regclass('howdah.capture')").fetchone() != (None,) and (
                connection.execute("SELECT phase FROM howdah.capture").fetchone() == (phase,)
            ):
                return
            time.sleep(0.05)
    raise AssertionError("it does not follow")


def _namespaces() -> bool:
    if shutil.which("unshare") is None:
        return False
    done = subprocess.run(
        ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False
    )
    return done.returncode == 0


@pytest.mark.skipif(not _namespaces(), reason="no file system may be mounted here, not even for one process")
@pytest.mark.parametrize("verb", ["migrate", "cutover"])
def test_a_state_directory_on_a_disk_that_is_too_small_is_said(
    howdah: Program, source: Path, database: str, verb: str
) -> None:
    """A real file system of one megabyte, seen by that command alone."""
    if verb == "cutover":
        _follow(source, database)
    program = f"{Path(sys.executable).parent}/howdah"
    small = howdah.directory / "small"
    small.mkdir()
    words = " ".join(f"'{word}'" for word in _words(verb, source, database))
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", f"mount -t tmpfs -o size=1m none {small} && exec {program} {words}"],
        env=howdah.environment({"HOWDAH_HOME": str(small)}),
        cwd=howdah.directory,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 7, done.stderr
    assert "S-030" in done.stderr
    again = howdah.run(*_words(verb, source, database))
    assert again.status == 0, again.err
    assert _count(database) == 2000
