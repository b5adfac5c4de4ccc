"""
Take, and later check, the private copy that a whole run refers to.

The copy is made by SQLite's backup API inside one read transaction, so it is what
the database held at one moment, un-checkpointed WAL content included, and no writer
waits longer than the copy takes. It appears under its name only when it is complete
and on disk. It is in rollback-journal mode whatever the source was, so that any
library can read it without writing beside it.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import apsw

from howdah.errors import EnvironmentFailedError, HowdahError, IntegrityError, RefusedError
from howdah.model.finding_kinds import make_finding
from howdah.model.findings import Finding
from howdah.model.source import LiveIdentity, Snapshot
from howdah.sqlite.connect import BUSY_TIMEOUT, reading_source
from howdah.sqlite.failures import WRITE_FAILURES, NeedsRecoveryError, check_file, explain_failure
from howdah.sqlite.filefacts import FileFacts, find_file_findings, read_file_facts, read_live_identity
from howdah.sqlite.header import parse_header
from howdah.sqlite.location import side_files, source_path
from howdah.sqlite.range_copy import SchemaMovedError, copy_by_ranges
from howdah.sqlite.recovery import Progress, copy_recovered, remove_if_there

#: Pages copied between two calls of the progress function.
_PAGES_PER_STEP = 4096
#: Left free on the disk of the snapshot, bytes.
_DISK_RESERVE = 16 * 1024 * 1024
_ELSEWHERE = "Make space there, or set HOWDAH_HOME to a directory on another disk."


def take_snapshot(
    source: str,
    destination: str,
    *,
    progress: Progress | None = None,
    busy_timeout: float = BUSY_TIMEOUT,
    digest: bool = True,
    patience: float | None = None,
) -> Snapshot:
    """
    Copy the database to the file `destination` (mode 0600), replacing what is there.

    `progress(done, total)` is called with bytes; what it raises stops the copy. Without
    `digest` the result's `sha256` is "", for a caller that runs `hash_file` beside
    other work. Where writers would have to wait for longer than `patience` (seconds), the copy is made
    by ranges: the caller knows of every row that changes meanwhile. The source is not modified. Raises
    what `open_source` raises except NeedsRecoveryError, and EnvironmentFailedError (S-030 no space, S-031
    cannot write, S-033) or RefusedError (S-034, `destination` is the source).
    """
    path = source_path(source)
    check_file(path)
    _refuse_same_file(path, destination)
    facts = _read_facts(path)
    findings = find_file_findings(facts)
    with appearing_whole(destination) as partial:
        try:
            # In WAL mode nobody waits for a reader.
            hurried = None if facts.journal_mode == "wal" else patience
            identity = _copy(source, path, partial, busy_timeout, progress, hurried)
        except NeedsRecoveryError as reason:
            _require_space(destination, facts.size + (facts.wal_size or 0) + (facts.journal_size or 0))
            identity = _identify(path)
            copy_recovered(path, partial, busy_timeout=busy_timeout, progress=progress)
            findings += (_recovery_finding(path, reason),)
        _leave_wal_mode(partial)
    return Snapshot(
        path=destination,
        sha256=hash_file(destination) if digest else "",
        size=os.stat(destination).st_size,
        taken_at=datetime.now(UTC).isoformat(timespec="seconds"),
        journal_mode=facts.journal_mode,
        identity=identity,
        findings=findings,
    )


def hash_file(path: str) -> str:
    """Return the SHA-256 of a private file, hex. Raises OSError."""
    # A plain open() of a live database would drop this process's locks on it; this one is ours alone.
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify_snapshot(path: str, sha256: str) -> None:
    """Raise IntegrityError (S-032) where the copy is not what was taken, S-035 where it is gone."""
    try:
        found = hash_file(path)
    except OSError as error:
        raise IntegrityError(
            "S-035",
            f'the snapshot "{path}" could not be read',
            detail=str(error),
            hint="Without it this run can neither resume nor prove anything: start a new one.",
        ) from error
    if found != sha256:
        raise IntegrityError(
            "S-032",
            f'the snapshot "{path}" was changed after it was taken',
            detail=f"SHA-256 {found}, recorded {sha256}.",
            hint="What was loaded from it cannot be proven with it: start a new run.",
        )


def require_readable(source: str) -> None:
    """Raise what `take_snapshot` would for a file that is no readable SQLite database; copy nothing."""
    try:
        with reading_source(source):
            return
    except NeedsRecoveryError:
        # In the copy it can be read.
        return


def live_identity(source: str) -> LiveIdentity:
    """
    Return by what to notice later that the live file was replaced or written to.

    Raises what `open_source` raises for files that cannot be opened.
    """
    path = source_path(source)
    check_file(path)
    return _identify(path)


def _identify(path: str) -> LiveIdentity:
    try:
        return read_live_identity(path)
    except apsw.Error as error:
        raise explain_failure(error, path) from error


def _read_facts(path: str) -> FileFacts:
    try:
        return read_file_facts(path)
    except apsw.Error as error:
        raise explain_failure(error, path) from error


def _refuse_same_file(path: str, destination: str) -> None:
    if os.path.exists(destination) and os.path.samefile(path, destination):
        raise RefusedError("S-034", f'the snapshot cannot replace the source itself, "{path}"')


@contextmanager
def appearing_whole(destination: str) -> Iterator[str]:
    """Give a name to write to; move it to `destination` when the block ends well, remove it otherwise."""
    directory, name = os.path.split(os.path.abspath(destination))
    partial = os.path.join(directory, f".{name}.{os.getpid()}.partial")
    try:
        _remove_abandoned(directory, name)
        remove_if_there(partial)
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        yield partial
        _sync(partial)
        os.replace(partial, destination)
        _sync(directory)
    except OSError as error:
        raise _cannot_write(destination, error) from error
    finally:
        for leftover in (partial, *side_files(partial).all):
            remove_if_there(leftover)


def _remove_abandoned(directory: str, name: str) -> None:
    """Remove what a process that was killed had begun to write under this name, side files included."""
    pattern = re.compile(re.escape(f".{name}.") + r"(\d+)\.partial(-journal|-wal|-shm)?")
    for found in os.listdir(directory):
        match = pattern.fullmatch(found)
        if match is not None and not _is_running(int(match[1])):
            remove_if_there(os.path.join(directory, found))


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _TooSlowError(Exception):
    """The copy in one step takes longer than writers are to wait."""


def _copy(
    source: str,
    path: str,
    partial: str,
    busy_timeout: float,
    progress: Progress | None,
    patience: float | None,
) -> LiveIdentity:
    if patience is None:
        return _back_up(source, path, partial, busy_timeout, progress)
    until = time.monotonic() + patience

    def hurry(done: int, total: int) -> None:
        if time.monotonic() > until and done < total:
            raise _TooSlowError
        if progress is not None:
            progress(done, total)

    try:
        return _back_up(source, path, partial, busy_timeout, hurry)
    except _TooSlowError:
        os.truncate(partial, 0)
    identity = _identify(path)
    try:
        copy_by_ranges(path, partial, busy_timeout=busy_timeout)
    except (apsw.Error, UnicodeDecodeError, SchemaMovedError):
        # What cannot be copied so is copied as it lies; writers wait for it.
        os.truncate(partial, 0)
        return _back_up(source, path, partial, busy_timeout, progress)
    return identity


def _back_up(
    source: str, path: str, partial: str, busy_timeout: float, progress: Progress | None
) -> LiveIdentity:
    with reading_source(source, busy_timeout=busy_timeout) as live:
        try:
            # The transaction stays open over all steps: the backup then never starts over.
            live.execute("BEGIN")
            live.execute("SELECT count(*) FROM sqlite_schema").fetchall()
            page_size, page_count = live.pragma("page_size"), live.pragma("page_count")
            identity = _identify(path)
        except apsw.Error as error:
            raise explain_failure(error, path) from error
        _require_space(partial, page_size * page_count)
        private = apsw.Connection(partial, flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            # Durability comes from one fsync at the end; until then the file is nobody's.
            private.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF").fetchall()
            _copy_pages(private, live, page_size, progress)
        except apsw.Error as error:
            raise _explain_copy(error, path, partial) from error
        finally:
            private.close()
    return identity


def _copy_pages(
    private: apsw.Connection, live: apsw.Connection, page_size: int, progress: Progress | None
) -> None:
    with private.backup("main", live, "main") as backup:
        while not backup.done:
            backup.step(_PAGES_PER_STEP)
            if progress is not None:
                progress((backup.page_count - backup.remaining) * page_size, backup.page_count * page_size)


def _leave_wal_mode(partial: str) -> None:
    try:
        private = apsw.Connection(partial, flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            header = parse_header(private.read("main", 0, 0, 100)[1])
            if header is not None and header.wal_mode:
                private.execute("PRAGMA synchronous = OFF; PRAGMA journal_mode = DELETE").fetchall()
        finally:
            private.close()
    except apsw.Error as error:
        raise _explain_copy(error, partial, partial) from error


def set_wal_mode(path: str) -> None:
    """Give a private file, which nobody has open, write-ahead logging. Raises HowdahError."""
    try:
        connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
        finally:
            connection.close()
    except apsw.Error as error:
        raise explain_failure(error, path) from error


def _require_space(destination: str, needed: int) -> None:
    """Raise EnvironmentFailedError (S-030) where `needed` bytes do not fit beside the reserve."""
    directory = os.path.dirname(os.path.abspath(destination))
    free = shutil.disk_usage(directory).free
    if free < needed + _DISK_RESERVE:
        raise EnvironmentFailedError(
            "S-030",
            f'not enough disk space for the snapshot in "{directory}"',
            detail=f"{needed + _DISK_RESERVE} bytes are needed, {free} are free.",
            hint=_ELSEWHERE,
        )


def _explain_copy(error: apsw.Error, path: str, partial: str) -> HowdahError:
    if isinstance(error, apsw.FullError):
        return EnvironmentFailedError(
            "S-030",
            f'the disk became full while the snapshot was written to "{os.path.dirname(partial)}"',
            hint=_ELSEWHERE,
        )
    if getattr(error, "extendedresult", 0) in WRITE_FAILURES:
        # Only the copy is written to.
        return _cannot_write(partial, error)
    return explain_failure(error, path)


def _cannot_write(destination: str, error: Exception) -> EnvironmentFailedError:
    return EnvironmentFailedError(
        "S-031",
        f'the snapshot could not be written to "{destination}"',
        detail=str(error),
        hint=_ELSEWHERE,
    )


def _recovery_finding(path: str, reason: NeedsRecoveryError) -> Finding:
    return make_finding(
        "F-004",
        f'file "{path}"',
        "The database was recovered in the snapshot: what an interrupted writer "
        "had not committed is not in it.",
        detail=reason.message,
        hint="The source itself is as it was; the application recovers it when it opens it.",
    )
