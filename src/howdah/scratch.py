"""
Temporary directories that do not outlive their process: what a killed one left is removed by the next.

A directory is locked for as long as it is in use, and the kernel lets go of the lock of whoever dies. So one
of the same name that nobody has locked was left by a process that was killed, and is removed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def scratch_directory(prefix: str, parent: str | os.PathLike[str] | None = None) -> Iterator[Path]:
    """
    Give a private directory below `parent` (made if need be; the system's place without one).

    What processes that were killed left there under the same prefix is removed first. Raises OSError.
    """
    place = Path(parent) if parent is not None else Path(tempfile.gettempdir())
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    remove_abandoned(place, prefix)
    path, lock = _make_locked(place, prefix)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def remove_abandoned(parent: Path, prefix: str) -> None:
    """Remove the directories of that prefix which belong to us and which nobody uses."""
    with suppress(OSError), os.scandir(parent) as entries:
        for entry in list(entries):
            if not entry.name.startswith(prefix) or not entry.is_dir(follow_symlinks=False):
                continue
            with suppress(OSError):
                if entry.stat(follow_symlinks=False).st_uid != os.geteuid():
                    continue
                lock = os.open(entry.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(entry.path, ignore_errors=True)
                finally:
                    os.close(lock)


def lock_directory(path: Path) -> int | None:
    """
    Lock a directory for as long as the returned descriptor is open; None where somebody else has it.

    Where the file system knows no such locks the descriptor is returned all the same. Raises OSError.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        return descriptor
    return descriptor


def _make_locked(parent: Path, prefix: str) -> tuple[Path, int]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        # Another one may take it for abandoned before it is locked, and remove it.
        with suppress(FileNotFoundError):
            lock = lock_directory(path)
            if lock is not None:
                if _is_same(path, lock):
                    return path, lock
                os.close(lock)


def _is_same(path: Path, descriptor: int) -> bool:
    there, ours = os.stat(path), os.fstat(descriptor)
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)
