"""
Bytes and locks of a database file through SQLite's own file layer.

A plain `open()` and `close()` of a live file drops every POSIX lock that this
process holds on it, those of SQLite's connections included, and a writer then
changes pages under a running SELECT (sqlite.org/howtocorrupt.html section 2.2).
SQLite's layer knows of all its descriptors in the process and closes none too
early, so it is the only way in which a live main file is ever opened here.
"""

from __future__ import annotations

import os
import time
from types import TracebackType

import apsw

from howdah.sqlite.header import HEADER_BYTES, FileHeader, parse_header

#: Pause between two attempts at a lock, seconds; SQLite's own busy handler waits about as long.
_LOCK_PAUSE = 0.025


class RawFile:
    """One main database file, opened below SQLite's pager. Raises apsw.CantOpenError."""

    def __init__(self, path: str, *, writable: bool = False) -> None:
        access = apsw.SQLITE_OPEN_READWRITE if writable else apsw.SQLITE_OPEN_READONLY
        flags = [access | apsw.SQLITE_OPEN_MAIN_DB, 0]
        self._file = apsw.VFSFile("", os.path.realpath(path), flags)
        #: SQLite falls back to reading where the file may not be written.
        self.writable = bool(flags[1] & apsw.SQLITE_OPEN_READWRITE)

    def __enter__(self) -> RawFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.xUnlock(apsw.SQLITE_LOCK_NONE)
        self._file.xClose()

    @property
    def size(self) -> int:
        """Bytes."""
        return self._file.xFileSize()

    def read(self, amount: int, offset: int) -> bytes:
        """Return up to `amount` bytes from `offset`, fewer at the end of the file."""
        return self._file.xRead(min(amount, max(0, self.size - offset)), offset)

    def lock_shared(self, timeout: float) -> None:
        """
        Take SQLite's SHARED lock, so that nobody writes the main file of a rollback-journal database.

        `timeout` in seconds. Raises apsw.BusyError when a writer keeps it longer.
        """
        deadline = time.monotonic() + timeout
        while True:
            try:
                self._file.xLock(apsw.SQLITE_LOCK_SHARED)
            except apsw.BusyError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(_LOCK_PAUSE)
            else:
                return

    def try_lock_exclusive(self) -> bool:
        """Take the EXCLUSIVE lock if nobody at all uses the database; return whether it was got."""
        try:
            self._file.xLock(apsw.SQLITE_LOCK_SHARED)
            self._file.xLock(apsw.SQLITE_LOCK_EXCLUSIVE)
        except apsw.Error:
            # Busy, or a file system without locks: either way it is not known to be unused.
            self._file.xUnlock(apsw.SQLITE_LOCK_NONE)
            return False
        return True


def read_live_header(path: str) -> FileHeader | None:
    """Read the header of a file that others may be using; None where it is not a SQLite database."""
    with RawFile(path) as file:
        return parse_header(file.read(HEADER_BYTES, 0))
