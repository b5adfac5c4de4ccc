"""Other processes: one that works on a SQLite file until told to stop, and one without rights."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

#: The user "nobody" of nearly every system; the number need not have a name.
_NOBODY = 65534

_WORKER = """
import sqlite3, sys, threading
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
stop = threading.Event()
def ready():
    print("ready", flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
"""


def run_measured(command: Sequence[str | Path], environment: Mapping[str, str]) -> tuple[int, int]:
    """
    Run a command without its output; return its status and the most memory it had resident, in kB.

    The kernel's word for the process alone: what wait4() tells counts the parent in, where it was forked.
    """
    peak = 0
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        # Gone between the two lines, it has no such file any more, or one without the line.
        with suppress(OSError, StopIteration):
            lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
            line = next(line for line in lines if line.startswith("VmHWM:"))
            # Before exec() it is a copy of this process.
            if Path(f"/proc/{process.pid}/cmdline").read_bytes() != Path("/proc/self/cmdline").read_bytes():
                peak = max(peak, int(line.split()[1]))
        time.sleep(0.01)
    return process.returncode, peak


@contextmanager
def sqlite_process(path: Path, script: str) -> Iterator[subprocess.Popen[str]]:
    """
    Run Python's own sqlite3 on `path` in another process.

    The script has `connection`; it calls `ready()` and goes on until `stop` (an Event) is set, which happens
    when the block ends. A script that fails fails the test.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", _WORKER + script, os.fspath(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.communicate(timeout=60)
    assert process.returncode == 0


def run_sqlite(path: Path, script: str) -> str:
    """Run a script with `connection` in another process to its end and return what it prints."""
    command = [sys.executable, "-c", _WORKER + script, os.fspath(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def die_in_transaction(path: Path, script: str) -> None:
    """Run a script in another process that is killed at its end, as a power cut would."""
    kill = "\nimport os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"
    command = [sys.executable, "-c", _WORKER + script + kill, os.fspath(path)]
    assert subprocess.run(command, check=False, timeout=60).returncode == -9


def run_unprivileged(function: Callable[[], T]) -> T:
    """Run the function in a child process as a user who owns nothing; return or raise what it does."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        outcome: object
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(_NOBODY)
                os.setuid(_NOBODY)
            outcome = function()
        except BaseException as error:
            outcome = error
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(pickle.dumps(outcome))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        outcome = pickle.loads(pipe.read())
    os.waitpid(child, 0)
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome  # type: ignore[return-value]
