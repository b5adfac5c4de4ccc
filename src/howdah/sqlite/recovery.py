"""
Recover a database in a private copy, where SQLite cannot do it in place.

Two cases: a hot rollback journal (a writer died; the file holds half a
transaction), and a WAL database in a directory that may not be written. Main
file and journal are copied as bytes and opened there.

The main file is read through `rawfile`. For a rollback journal the SHARED lock is
held while copying: nobody can then recover or write the original, so the pair is
consistent. In WAL mode that lock does not stop a checkpoint, so the files are
compared before and after instead.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import apsw

from howdah.errors import EnvironmentFailedError
from howdah.sqlite.failures import explain_failure, explain_lock
from howdah.sqlite.location import side_files
from howdah.sqlite.rawfile import RawFile

#: Bytes copied at a time.
_CHUNK = 4 * 1024 * 1024
_ATTEMPTS = 3

Progress = Callable[[int, int], None]


def copy_recovered(path: str, copy: str, *, busy_timeout: float, progress: Progress | None) -> None:
    """
    Write what the database at `path` holds once recovered to the existing empty file `copy`.

    `progress(done, total)` in bytes. Raises EnvironmentFailedError (S-020 locked,
    S-033 changed meanwhile), and what `failures.explain_failure` makes of damage.
    """
    copy_files(path, copy, busy_timeout, progress)
    private = apsw.Connection(os.path.abspath(copy), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        # The first read is what makes SQLite play the journal back.
        private.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    except apsw.Error as error:
        raise explain_failure(error, path) from error
    finally:
        private.close()


def copy_files(path: str, copy: str, busy_timeout: float, progress: Progress | None = None) -> None:
    """
    Copy the database file and what lies beside it as bytes, to the existing file `copy`.

    Raises EnvironmentFailedError (S-020 locked, S-033 changed meanwhile).
    """
    for _ in range(_ATTEMPTS):
        before = _fingerprint(path)
        with RawFile(path) as file:
            try:
                file.lock_shared(busy_timeout)
            except apsw.BusyError as error:
                raise explain_lock(path) from error
            _copy_side_files(path, copy)
            _copy_main(file, copy, progress)
        if _fingerprint(path) == before:
            return
    raise EnvironmentFailedError(
        "S-033",
        f'file "{path}" kept changing while it was copied',
        hint="Stop the application while the snapshot is taken, or let this user write the directory.",
    )


def _fingerprint(path: str) -> tuple[object, ...]:
    beside = side_files(path)
    return tuple(_file_state(name) for name in (path, beside.wal, beside.journal))


def _file_state(path: str) -> tuple[int, int, int, int] | None:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _copy_side_files(path: str, copy: str) -> None:
    # SQLite takes no locks on these two, so plain reading is safe.
    ours, theirs = side_files(copy), side_files(path)
    for source, target in ((theirs.journal, ours.journal), (theirs.wal, ours.wal)):
        remove_if_there(target)
        try:
            shutil.copyfile(source, target)
        except FileNotFoundError:
            continue
        os.chmod(target, 0o600)


def _copy_main(file: RawFile, copy: str, progress: Progress | None) -> None:
    total = file.size
    done = 0
    with open(copy, "r+b") as target:
        target.truncate(0)
        while chunk := file.read(_CHUNK, done):
            target.write(chunk)
            done += len(chunk)
            if progress is not None:
                progress(done, total)


def remove_if_there(path: str) -> None:
    """Remove a file of ours, which may be gone already."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
