"""
Read the postmaster's pid file, and tell a live server from what a dead one left behind.

The file's lines are those of `src/include/utils/pidfile.h`: pid, data directory, start time,
port, socket directory, listen address, shared memory key, status. Nothing is
believed of it until the process is seen to be a server on that very directory,
because process ids are used again.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Postmaster:
    """A live server process."""

    pid: int
    port: int
    socket_directory: str
    #: "" where it listens on no TCP address.
    listen_address: str
    is_ready: bool


def read_postmaster(data: Path) -> Postmaster | None:
    """Return the server that runs on this data directory, None where the file is absent or stale."""
    lines = _read_lines(data)
    if not lines:
        return None
    pid = _parse_pid(lines[0])
    if pid is None or not _serves(pid, data):
        return None
    fields = [line.strip() for line in lines] + [""] * 8
    return Postmaster(
        pid=pid,
        port=int(fields[3] or 0),
        socket_directory=fields[4],
        listen_address=fields[5],
        is_ready=fields[7] == "ready",
    )


def forget_dead_postmaster(data: Path) -> None:
    """
    Put a pid that is certainly dead into a stale pid file, so that the server starts over it; one that was
    not written to its end is removed.

    PostgreSQL refuses to start while the pid in the file belongs to any live process. The
    file is kept, because its shared memory key lets PostgreSQL see whether children of the
    dead server are still at work. Call it only under the lock, when no server runs.
    """
    if read_postmaster(data) is not None:
        return
    path, lines = data / "postmaster.pid", _read_lines(data)
    if len(lines) < 2:
        # Killed before it had written the file. PostgreSQL takes it for that of a server that is starting.
        path.unlink(missing_ok=True)
        return
    ended = subprocess.Popen([sys.executable, "-I", "-S", "-c", ""])
    ended.wait()
    lines[0] = str(ended.pid)
    with open(path, "r+") as file:  # in place: the owner and the mode stay
        file.write("\n".join(lines) + "\n")
        file.truncate()


def forget_dead_sockets(directory: Path) -> None:
    """
    Remove sockets, and the lock files beside them, that a killed server left in a private directory.

    As with the pid file: PostgreSQL refuses to start while the pid in the lock file belongs to any live
    process. Call it only under the lock, when no server runs.
    """
    for left in directory.glob(".s.PGSQL.*"):
        left.unlink(missing_ok=True)


def _read_lines(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return []


def _parse_pid(line: str) -> int | None:
    try:
        # A server started by hand in single-user mode writes its pid negated.
        pid = abs(int(line))
    except ValueError:
        return None
    return pid or None


def _serves(pid: int, data: Path) -> bool:
    """Tell whether the process is alive and is a server on this data directory."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # alive, another user's: look closer
    proc = Path("/proc") / str(pid)
    if proc.exists():
        try:
            # The postmaster changes into its data directory.
            return os.path.samefile(proc / "cwd", data)
        except OSError:
            return False
    question = ["/bin/ps", "-o", "stat=", "-o", "command=", "-p", str(pid)]  # macOS has no /proc
    answer = subprocess.run(question, capture_output=True, text=True, check=False)
    return str(data) in answer.stdout and not answer.stdout.lstrip().startswith("Z")
