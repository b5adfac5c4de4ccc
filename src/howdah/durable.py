"""
Files that are either whole and on disk, or not there.

Written beside their place, forced to disk, renamed, and the directory forced too.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

#: Bytes read at a time.
CHUNK = 1024 * 1024
#: How a SQLite database, its write-ahead log and its rollback journal begin.
_OF_SQLITE = (
    b"SQLite format 3\0",
    b"\x37\x7f\x06\x82",
    b"\x37\x7f\x06\x83",
    b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7",
)


def write_durably(path: Path, chunks: Iterable[bytes]) -> None:
    """Replace the file by what `chunks` are together, readable by its owner alone. Raises OSError."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Force a directory's entries to disk. Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(directory: Path) -> None:
    """Force every file and directory below to disk. Raises OSError."""
    for place, _, files in os.walk(directory):
        for name in files:
            descriptor = os.open(os.path.join(place, name), os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        sync_directory(Path(place))


def belongs_to_sqlite(path: Path) -> bool:
    """Return whether a database, or a log or journal of one, is there: nothing may be written over it."""
    try:
        with open_plain(Path(os.path.realpath(path))) as file:
            return file.read(16).startswith(_OF_SQLITE)
    except OSError:
        return False


def open_plain(path: Path) -> BinaryIO:
    """Open a regular file for reading; a link or a device in its place is refused with OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path} is no regular file")
    return open(descriptor, "rb")


def hash_stream(source: BinaryIO, write: Callable[[bytes], object] | None = None) -> tuple[int, str]:
    """Read a stream to its end, passing it on where asked; return its length and SHA-256."""
    digest, length = hashlib.sha256(), 0
    while chunk := source.read(CHUNK):
        digest.update(chunk)
        length += len(chunk)
        if write is not None:
            write(chunk)
    return length, digest.hexdigest()


def hash_plain_file(path: Path) -> tuple[int, str]:
    """Return length and SHA-256 of a regular file. Raises OSError."""
    with open_plain(path) as file:
        return hash_stream(file)
