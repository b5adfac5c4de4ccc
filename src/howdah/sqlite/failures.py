"""
From SQLite's terse errors to a first sentence that says what is wrong with the file.

Everything that keeps a source from being read is explained here. SQLite says
"file is not a database" for a PNG, for an encrypted database and for one of a
future version alike; the file's first bytes tell them apart.
"""

from __future__ import annotations

import difflib
import os
import stat

import apsw

from howdah.errors import (
    EnvironmentFailedError,
    HowdahError,
    IntegrityError,
    RefusedError,
    UsageError,
)
from howdah.sqlite.filefacts import FileFacts, read_file_facts
from howdah.sqlite.header import (
    FORMAT_VERSION_MAX,
    SAMPLE_BYTES,
    SCHEMA_FORMAT_MAX,
    describe_content,
    looks_encrypted,
)
from howdah.sqlite.location import side_files
from howdah.sqlite.lockholders import read_lock_holders
from howdah.sqlite.rawfile import RawFile

#: Extended results of SQLite where the disk did not take what was written.
WRITE_FAILURES = frozenset(
    {
        apsw.SQLITE_IOERR_WRITE,
        apsw.SQLITE_IOERR_TRUNCATE,
        apsw.SQLITE_IOERR_FSYNC,
        apsw.SQLITE_IOERR_DIR_FSYNC,
    }
)


class NeedsRecoveryError(RefusedError):
    """
    The file cannot be read as it stands without writing to it (S-021).

    A hot rollback journal must be played back, or a -wal cannot be used because the
    directory may not be written. `snapshot.take_snapshot` does it in a copy.
    """


def check_file(path: str) -> None:
    """Raise UsageError or EnvironmentFailedError where `path` is no file that may be read."""
    try:
        os.path.realpath(path).encode()
    except UnicodeEncodeError:
        raise UsageError(
            "S-006",
            f"the path of the source is not UTF-8: {os.fsencode(os.path.realpath(path))!r}",
            hint="Rename the file or its directory: SQLite is given names in UTF-8 alone.",
        ) from None
    try:
        status = os.stat(path)
    except FileNotFoundError:
        raise _missing(path) from None
    except PermissionError as error:
        raise _forbidden(path) from error
    except OSError as error:
        raise UsageError("S-002", f'file "{path}" cannot be found', detail=str(error.strerror)) from error
    if stat.S_ISDIR(status.st_mode):
        raise UsageError(
            "S-003",
            f'"{path}" is a directory; give the SQLite file in it',
            hint=_databases_in(path) or "No file in it has the name of a SQLite database.",
        )
    if not stat.S_ISREG(status.st_mode):
        raise UsageError("S-004", f'"{path}" is not a regular file but a device, pipe or socket')
    if not os.access(path, os.R_OK):
        raise _forbidden(path)
    _check_empty_file(path, status.st_size)


def _check_empty_file(path: str, size: int) -> None:
    # Given an empty file, SQLite deletes a -wal beside it, which may be all that is left of the data.
    wal = side_files(path).wal
    if size == 0 and os.path.exists(wal) and os.stat(wal).st_size > 0:
        raise IntegrityError(
            "S-015",
            f'file "{path}" is empty, but the -wal file beside it is not',
            detail=f'"{wal}" holds {os.stat(wal).st_size} bytes; opening the pair would delete them.',
            hint="Something cut the file. Restore file and -wal together from a backup.",
        )


def _missing(path: str) -> UsageError:
    directory, name = os.path.split(path)
    try:
        neighbours = os.listdir(directory or ".")
    except OSError:
        return UsageError(
            "S-002",
            f'file "{path}" does not exist, nor does its directory',
            hint=f"The path was looked up from {os.getcwd()}.",
        )
    if os.path.islink(path):
        return UsageError(
            "S-002",
            f'file "{path}" is a link to a file that does not exist',
            detail=f'It leads to "{os.path.realpath(path)}".',
        )
    similar = difflib.get_close_matches(name, neighbours, n=3)
    hint = f"The path was looked up from {os.getcwd()}."
    if similar:
        hint = f"There is {', '.join(os.path.join(directory, neighbour) for neighbour in similar)}."
    elif not os.path.isabs(path):
        hint += " Prisma resolves file: from the directory of schema.prisma."
    return UsageError("S-002", f'file "{path}" does not exist', hint=hint)


def _databases_in(directory: str) -> str:
    endings = (".db", ".db3", ".sqlite", ".sqlite3", ".sqlite3.db")
    try:
        names = sorted(name for name in os.listdir(directory) if name.lower().endswith(endings))
    except OSError:
        return ""
    return f"It holds {', '.join(names[:3])}." if names else ""


def _forbidden(path: str) -> EnvironmentFailedError:
    return EnvironmentFailedError(
        "S-005",
        f'no permission to read file "{path}"',
        detail=f"Running as user {os.geteuid()}.",
        hint="Run as the application's user, or let this one read the file and enter its directory.",
    )


def explain_failure(error: apsw.Error, path: str) -> HowdahError:
    """Turn what SQLite raised when it read the source at `path` into an error that says what to do."""
    code = getattr(error, "extendedresult", 0)
    if isinstance(error, (apsw.BusyError, apsw.LockedError)):
        return explain_lock(path)
    if code == apsw.SQLITE_READONLY_ROLLBACK:
        return _needs_recovery(path, "a writer died and left a hot rollback journal beside it")
    try:
        facts = read_file_facts(path)
    except (apsw.Error, OSError):
        return EnvironmentFailedError("S-023", f'file "{path}" could not be opened', detail=str(error))
    if isinstance(error, (apsw.CantOpenError, apsw.ReadOnlyError)):
        if facts.journal_mode == "wal" or facts.wal_size:
            return _needs_recovery(path, "it is in WAL mode and its directory may not be written")
        return EnvironmentFailedError("S-023", f'file "{path}" could not be opened', detail=str(error))
    if isinstance(error, apsw.NotADBError):
        return _not_a_database(path, facts)
    if isinstance(error, apsw.CorruptError):
        return _damaged(path, facts, error)
    if isinstance(error, apsw.SQLError):
        return _unreadable_schema(path, facts, error)
    if isinstance(error, apsw.FullError):
        return EnvironmentFailedError(
            "S-024",
            f'the disk of file "{path}" is full',
            detail="What was under way there has been undone.",
            hint="Make space there, then run the same command again.",
        )
    if code in WRITE_FAILURES:
        return EnvironmentFailedError(
            "S-025",
            f'file "{path}" could not be written',
            detail=f"{error} ({apsw.mapping_extended_result_codes.get(code, code)})",
            hint="Look after the disk it lies on, then run the same command again.",
        )
    return EnvironmentFailedError(
        "S-022",
        f'file "{path}" could not be read',
        detail=f"{error} ({apsw.mapping_extended_result_codes.get(code, code)})",
        hint="Network file systems often lack the locks that SQLite needs; copy it to a local disk first.",
    )


def explain_lock(path: str) -> EnvironmentFailedError:
    """Build the error for a file that a writer kept locked longer than the busy timeout."""
    holders = read_lock_holders(path)
    return EnvironmentFailedError(
        "S-020",
        f'file "{path}" was locked by another process for too long',
        detail=f"Locked by {', '.join(holders)}." if holders else "",
        hint="Try again when the write is done, or stop the application.",
    )


def _needs_recovery(path: str, reason: str) -> NeedsRecoveryError:
    return NeedsRecoveryError(
        "S-021",
        f'file "{path}" cannot be read in place: {reason}',
        detail="SQLite would have to write beside it, and the source is never modified.",
        hint="Use a snapshot (the default), in which it is recovered, or let the application open it once.",
    )


def _not_a_database(path: str, facts: FileFacts) -> HowdahError:
    header = facts.header
    if header is not None and header.read_version > FORMAT_VERSION_MAX:
        return _newer_format(path, f"read version {header.read_version}, supported {FORMAT_VERSION_MAX}")
    with RawFile(path) as file:
        first = file.read(SAMPLE_BYTES, 0)
    if header is not None:
        return _damaged_header(path)
    if looks_encrypted(first, facts.size):
        return RefusedError(
            "S-011",
            f'file "{path}" is encrypted or not a SQLite database',
            detail="It begins with noise, as files of SQLCipher and SEE do.",
            hint="Decrypt it with its application's key first, e.g. SQLCipher's sqlcipher_export().",
        )
    return RefusedError(
        "S-010",
        f'file "{path}" is not a SQLite database',
        detail=f"It looks like {describe_content(first)}.",
        hint="Give the file that the application itself opens; nothing was written.",
    )


def _damaged_header(path: str) -> IntegrityError:
    return IntegrityError(
        "S-014",
        f'file "{path}" begins like a SQLite database, but its header is damaged or encrypted',
        hint="If the application uses SQLCipher or SEE, export it decrypted first; "
        "otherwise restore a backup.",
    )


def _newer_format(path: str, detail: str) -> RefusedError:
    return RefusedError(
        "S-012",
        f'file "{path}" has a newer format than SQLite {apsw.sqlite_lib_version()} can read',
        detail=detail,
        hint="Upgrade the Python package apsw, which brings SQLite with it.",
    )


def _damaged(path: str, facts: FileFacts, error: apsw.Error) -> IntegrityError:
    if facts.truncated and facts.header is not None and not facts.wal_size:
        missing = facts.header.declared_bytes - facts.size
        return IntegrityError(
            "S-013",
            f'file "{path}" is truncated: {missing} of {facts.header.declared_bytes} bytes are missing',
            detail=f"The header counts {facts.header.page_count} pages of {facts.header.page_size} bytes; "
            f"the file has {facts.size} bytes.",
            hint="Copy it again from where it came, or say --salvage to carry what can be read.",
        )
    return IntegrityError(
        "S-014",
        f'file "{path}" is damaged',
        detail=str(error),
        hint="Restore a backup, or say --salvage to carry what can be read.",
    )


def _unreadable_schema(path: str, facts: FileFacts, error: apsw.Error) -> HowdahError:
    if facts.header is not None and not facts.header.plausible:
        # Not one of a later version: SQLCipher can leave the beginning of the header readable.
        return _damaged_header(path)
    if facts.header is not None and facts.header.schema_format > SCHEMA_FORMAT_MAX:
        return _newer_format(
            path, f"schema format {facts.header.schema_format}, supported {SCHEMA_FORMAT_MAX}"
        )
    return _damaged(path, facts, error)
