"""
Who keeps a file locked, for the error message; best effort.

Linux lists all POSIX locks in /proc/locks (proc(5)). Elsewhere, and where the
holder lives in another container, the answer is empty.
"""

from __future__ import annotations

import os
from pathlib import Path

_LOCK_TABLE = Path("/proc/locks")


def read_lock_holders(path: str) -> tuple[str, ...]:
    """Return the processes with a lock on the file, e.g. "process 4711 (node)"."""
    try:
        status = os.stat(path)
        table = _LOCK_TABLE.read_text()
    except OSError:
        return ()
    wanted = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    holders: dict[int, None] = {}
    for line in table.splitlines():
        # "1: POSIX  ADVISORY  WRITE 4711 fe:00:1234 1073741824 1073742335"; waiting locks have "->" first.
        fields = line.replace("->", "").split()
        if len(fields) >= 6 and fields[5] == wanted and fields[4].isdigit() and int(fields[4]) != os.getpid():
            holders[int(fields[4])] = None
    return tuple(_describe_process(process) for process in holders)


def read_openers(path: str) -> tuple[str, ...]:
    """Return the other processes that have the file open, locked or not; best effort (Linux)."""
    found = []
    real = os.path.realpath(path)
    for entry in Path("/proc").glob("[0-9]*"):
        if int(entry.name) == os.getpid():
            continue
        try:
            links = list((entry / "fd").iterdir())
        except OSError:
            # Gone meanwhile, or another user's.
            continue
        for link in links:
            try:
                if os.readlink(link) == real:
                    found.append(_describe_process(int(entry.name)))
                    break
            except OSError:
                continue
    return tuple(found)


def _describe_process(process: int) -> str:
    try:
        name = Path(f"/proc/{process}/comm").read_text().strip()
    except OSError:
        return f"process {process}"
    return f"process {process} ({name})"
