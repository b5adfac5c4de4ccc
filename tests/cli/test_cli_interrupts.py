"""Ctrl-C and SIGTERM: soon, with the status that says "resume", and at once the second time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from support.files import make_database
from support.program import Program, list_objects

pytestmark = pytest.mark.long

#: Large enough for every phase to be met under way; about 45 MB.
BIG = """
CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT, n REAL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500000)
INSERT INTO t SELECT i, 'row number ' || i || ' with some more text to fill its page', i / 7.0 FROM n;
CREATE INDEX t_body ON t (body);
"""


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_database(tmp_path_factory.mktemp("big") / "big.db", BIG)


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Return when the condition holds; fail when the process ends or a minute passes before."""
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, "it ended too early"
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_busy(database: str, words: str) -> Callable[[], bool]:
    """Return a condition: the server is carrying out a statement with these words for Howdah."""

    def ask() -> bool:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'howdah%%'"
            " AND state = 'active' AND query ILIKE %s",
            (f"%{words}%",),
        ).fetchone()
        return row is not None and row[0] > 0

    connection = psycopg.connect(database, autocommit=True)
    return ask


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("words", "jobs"), [("COPY", "1"), ("COPY", "2"), ("CREATE INDEX", "1"), ("COPY (SELECT", "1")]
)
def test_an_interrupted_run_ends_soon_and_resumes(
    howdah: Program, big: Path, database: str, words: str, jobs: str, number: int
) -> None:
    process = howdah.start("migrate", big, database, "--jobs", jobs, "--json")
    wait_until(is_busy(database, words), process)

    if number == signal.SIGINT:
        # A terminal sends it to the whole process group.
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    began = time.monotonic()
    out, err = process.communicate(timeout=30)
    seconds = time.monotonic() - began

    assert process.returncode == 6, err
    assert seconds < 5
    document = json.loads(out)
    assert (document["verb"], document["status"], document["exit_status"]) == ("migrate", "interrupted", 6)
    assert "The same command picks up" in err
    assert "Traceback" not in err

    ended = howdah.run("migrate", big, database, "--jobs", jobs, "--json")
    assert (ended.status, ended.document["tables"][0]["rows_target"]) == (0, 500_000), ended.err


def test_children_that_are_still_starting_do_not_answer(howdah: Program, big: Path, database: str) -> None:
    process = howdah.start("migrate", big, database, "--jobs", "4")
    wait_until(
        lambda: any(
            "phase create tables" in path.read_text() for path in howdah.files() if path.suffix == ".log"
        ),
        process,
    )
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 6, err
    assert "Traceback" not in err
    assert err.count("error ") == 1


def test_before_anything_is_written_nothing_stays(howdah: Program, big: Path, database: str) -> None:
    process = howdah.start("migrate", big, database)
    wait_until(lambda: any(path.name == "snapshot.sqlite" for path in howdah.files()), process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 6, err
    assert list_objects(database) == []
    assert {path.name for path in howdah.files()} <= {"howdah.log"}


#: A verb that hears no Ctrl-C: its main thread waits in C for a lock that nobody releases.
DEAF = """
import sys, _thread
from howdah.cli import upkeep, main
import howdah.ops.doctor as verb
def wait(*arguments, **options):
    lock = _thread.allocate_lock()
    lock.acquire()
    words = "waiting"
    while True:
        try:
            if words:
                print(words, file=sys.stderr, flush=True)
            words = ""
            lock.acquire()
        except KeyboardInterrupt:
            print("heard", file=sys.stderr, flush=True)
verb.examine = wait
main(["doctor", "--json"])
"""


@pytest.mark.parametrize(("signals", "limit"), [(1, 5.0), (2, 1.0)])
def test_what_does_not_stop_is_ended_after_a_while_or_when_asked_twice(
    howdah: Program, signals: int, limit: float
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", DEAF],
        env=howdah.environment(),
        cwd=howdah.directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "waiting\n"
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    for _ in range(signals - 1):
        assert process.stderr.readline() == "heard\n"
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert time.monotonic() - began < limit
    assert process.returncode == 6
    assert json.loads(out)["status"] == "interrupted"
    assert "error M-302: " in err


#: Both signals stand in the watcher's queue before it has its turn; patience alone would take a minute.
BOTH_AT_ONCE = """
import os, signal, time
from howdah.process.interrupts import Interrupts
def give_up():
    print("gave up", flush=True)
    os._exit(6)
interrupts = Interrupts(give_up, patience=60.0)
interrupts._writer.send(bytes([signal.SIGINT, signal.SIGINT]))
with interrupts:
    time.sleep(20)
"""


def test_two_signals_that_come_together_are_two(howdah: Program) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", BOTH_AT_ONCE], env=howdah.environment(), stdout=subprocess.PIPE, text=True
    )
    out, _ = process.communicate(timeout=40)
    assert (process.returncode, out) == (6, "gave up\n")
