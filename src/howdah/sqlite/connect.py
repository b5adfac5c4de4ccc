"""
Open SQLite files: the user's own, and our private copy of it.

Nothing here writes to a database; `open_for_writing` serves those who do. Every reason why
a file cannot be read is raised as a HowdahError before the caller sees a connection. A live
file is opened by APSW and by nothing else in this process (see `rawfile`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import apsw

from howdah.sqlite.failures import check_file, explain_failure
from howdah.sqlite.location import SideFiles, side_files, source_path
from howdah.sqlite.rawfile import RawFile

#: What `open_source` and `open_snapshot` return, for rooms that only pass it on.
Connection = apsw.Connection

#: How long to wait for a writer, seconds.
BUSY_TIMEOUT = 5.0

#: Collations that SQLite brings along (sqlite.org/datatype3.html section 7).
BUILT_IN_COLLATIONS = frozenset({"BINARY", "NOCASE", "RTRIM"})


def open_source(source: str, *, busy_timeout: float = BUSY_TIMEOUT) -> apsw.Connection:
    """
    Open the user's file for reading, with SQLite's own locks; its schema has been read when this returns.

    `busy_timeout` in seconds. In WAL mode SQLite may create -wal and -shm; use
    `reading_source` to have them gone afterwards. Raises UsageError (S-001 to S-004),
    EnvironmentFailedError (S-005, S-020 to S-023), RefusedError (S-010 to S-012; S-021,
    a NeedsRecoveryError, where only a copy can be read) or IntegrityError (S-013 to S-015).
    """
    path = source_path(source)
    check_file(path)
    try:
        connection = _connect(path, "mode=ro")
    except apsw.Error as error:
        raise explain_failure(error, path) from error
    try:
        connection.set_busy_timeout(int(busy_timeout * 1000))
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    except apsw.Error as error:
        connection.close()
        raise explain_failure(error, path) from error
    return connection


@contextmanager
def reading_source(source: str, *, busy_timeout: float = BUSY_TIMEOUT) -> Iterator[apsw.Connection]:
    """
    Open the user's file, and leave nothing beside it that was not there before.

    Raises what `open_source` raises.
    """
    path = source_path(source)
    beside = side_files(path)
    before = frozenset(name for name in beside.all if os.path.exists(name))
    try:
        connection = open_source(source, busy_timeout=busy_timeout)
        try:
            yield connection
        finally:
            connection.close()
    finally:
        _remove_new_side_files(path, beside, before)


def open_snapshot(path: str) -> apsw.Connection:
    """
    Open a private copy that nobody writes: no locks, nothing created beside it.

    Any number of processes may do so at once. Raises what `open_source` raises,
    the locks apart.
    """
    check_file(path)
    try:
        connection = _connect(path, "mode=ro&immutable=1")
    except apsw.Error as error:
        raise explain_failure(error, path) from error
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    except apsw.Error as error:
        connection.close()
        raise explain_failure(error, path) from error
    return connection


def open_for_writing(path: str, *, busy_timeout: float = BUSY_TIMEOUT) -> apsw.Connection:
    """
    Open a file that is there to write to it; its schema has been read when this returns.

    `busy_timeout` in seconds. SQLite opens a file that may not be written to for reading alone, and refuses
    at the first statement that writes. No collation is stood in for (`register_stand_in`): an index in
    another order than the application's would be damaged by writing to it. Raises HowdahError.
    """
    try:
        connection = apsw.Connection(os.path.abspath(path), flags=apsw.SQLITE_OPEN_READWRITE)
    except apsw.Error as error:
        raise explain_failure(error, path) from error
    try:
        connection.set_busy_timeout(int(busy_timeout * 1000))
        apply_safety(connection)
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    except apsw.Error as error:
        connection.close()
        raise explain_failure(error, path) from error
    return connection


def _connect(path: str, parameters: str) -> apsw.Connection:
    # The characters that end a URI's path, and those that do not survive it, are escaped by quote().
    uri = f"file:{quote(os.path.abspath(path))}?{parameters}"
    connection = apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    apply_safety(connection)
    connection.collation_needed(register_stand_in)
    return connection


def apply_safety(connection: apsw.Connection) -> None:
    """
    Treat the schema as input: it must not call functions with side effects.

    Not SQLITE_DBCONFIG_DEFENSIVE: SQLite then takes a file for damaged in which a table with a trigger is
    called like one behind a virtual table, as the texts that full text searches often are.
    """
    connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)


def register_stand_in(connection: apsw.Connection, name: str) -> None:
    """
    Stand in for a collation that only the application has.

    SQLite refuses even a full scan of a WITHOUT ROWID table whose key has an unknown
    collation. A scan compares nothing, so any order serves it. Searching or sorting by
    such an index would be wrong: rows are read by rowid, or whole.
    """
    if name.upper() in BUILT_IN_COLLATIONS:
        # SQLite asks for its own in UTF-16 databases too, and makes them from those for UTF-8 afterwards.
        return
    connection.create_collation(name, _compare_code_points)


def _compare_code_points(first: str, second: str) -> int:
    return (first > second) - (first < second)


def _remove_new_side_files(path: str, beside: SideFiles, before: frozenset[str]) -> None:
    """
    Remove -wal and -shm that came with our reading, if nobody else uses the database now.

    SQLite's own protocol (sqlite3WalClose): whoever gets the EXCLUSIVE lock is alone
    and may unlink them. A reader cannot get it, so SQLite leaves them behind. A -wal with
    content stays whatever happens.
    """
    created = [name for name in (beside.wal, beside.shm) if name not in before and os.path.exists(name)]
    if not created:
        return
    try:
        with RawFile(path, writable=True) as file:
            if not file.writable or not file.try_lock_exclusive():
                return
            if os.path.exists(beside.wal) and os.stat(beside.wal).st_size > 0 and beside.wal in created:
                return
            for name in created:
                os.unlink(name)
    except (apsw.Error, OSError):
        # Leaving an empty -wal behind harms nobody; failing a finished read for it would.
        return
