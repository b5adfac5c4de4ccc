"""
Runs a command and says what it took: seconds by the wall clock, memory of all its processes.

Memory is the highest sum of proportional set sizes of the command and its
descendants, sampled from /proc ten times a second; where there is no /proc, the
peak of the largest process as the system reports it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SAMPLES_PER_SECOND = 10


@dataclass(frozen=True, kw_only=True)
class Measurement:
    seconds: float
    #: Bytes.
    peak_memory: int
    exit_status: int
    stdout: str
    stderr: str


class CommandFailedError(Exception):
    """A measured command ended with a status that was not expected."""


def measure(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    expected: Sequence[int] = (0,),
    timeout: float = 3600,
) -> Measurement:
    """
    Run `command` to its end and measure it; `environment` is added to this process's own.

    Raises CommandFailedError for an exit status that is not among `expected`.
    """
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env={**os.environ, **(environment or {})},
        )
        sampler = _MemorySampler(process.pid)
        deadline = threading.Timer(timeout, process.kill)
        deadline.start()
        sampler.start()
        try:
            # Not Popen.wait: only wait4 says what the process and the children it waited for used.
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - began
        finally:
            deadline.cancel()
            sampler.finish()
        process.returncode = os.waitstatus_to_exitcode(status)
        stdout.seek(0)
        stderr.seek(0)
        measured = Measurement(
            seconds=seconds,
            # Only where sampling is impossible: Linux counts the parent's own memory before exec into it.
            peak_memory=sampler.peak or usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
            exit_status=process.returncode,
            stdout=stdout.read().decode(errors="replace"),
            stderr=stderr.read().decode(errors="replace"),
        )
    if measured.exit_status not in expected:
        raise CommandFailedError(
            f"{Path(command[0]).name} ended with {measured.exit_status}:\n"
            f"{measured.stdout[-2000:]}\n{measured.stderr[-4000:]}"
        )
    return measured


class _MemorySampler(threading.Thread):
    """Samples the memory of a process and its descendants until told to finish."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self._pid = pid
        self._finished = threading.Event()

    def run(self) -> None:
        while not self._finished.wait(1 / _SAMPLES_PER_SECOND):
            self.peak = max(self.peak, sum(_read_pss(pid) for pid in _list_tree(self._pid)))

    def finish(self) -> None:
        self._finished.set()
        self.join()


def _list_tree(pid: int) -> list[int]:
    """Return a process and its descendants that are alive; only the process where /proc is missing."""
    tree = [pid]
    for parent in tree:
        try:
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text()
        except OSError:  # it ended, or there is no /proc
            continue
        tree.extend(int(child) for child in children.split())
    return tree


def _read_pss(pid: int) -> int:
    """Return the bytes of memory that a process owns, shared pages divided; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
