"""
A repository in a directory.

A backup is made in `partial/` of the same file system and appears by one rename. Links are never
followed: whoever can write into the repository must not decide what else is read.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from howdah.archive.store import Stamped
from howdah.durable import open_plain, sync_directory, sync_tree, write_durably
from howdah.errors import EnvironmentFailedError, IntegrityError

_PARTIAL = "partial"
#: A temporary file so old belongs to nobody.
_LEFTOVER_SECONDS = 3600.0
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class DiskStore:
    """See `store.Store`; made on the first write."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def location(self) -> str:
        return str(self._root)

    def list_names(self, prefix: str) -> list[str]:
        top = self._path(prefix)
        found: list[str] = []
        with _explained(top):
            # A directory that cannot be read is not an empty one: what is not listed may be purged.
            for place, _, files in os.walk(top, onerror=_raise_unless_gone):
                found += [str((Path(place) / name).relative_to(self._root)) for name in files]
        return sorted(found)

    def list_directories(self, prefix: str) -> list[str]:
        with _explained(self._path(prefix)):
            try:
                with os.scandir(self._path(prefix)) as entries:
                    return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
            except FileNotFoundError:
                return []

    def read(self, name: str) -> Stamped | None:
        path = self._path(name)
        with _explained(path):
            self._require_no_links(path)
            try:
                with open_plain(path) as file:
                    content = file.read()
            except (FileNotFoundError, NotADirectoryError):
                return None
        return Stamped(content=content, token=hashlib.sha256(content).hexdigest())

    def write(self, name: str, content: bytes) -> None:
        path = self._path(name)
        with _explained(path):
            self._make_parents(path)
            write_durably(path, [content])

    def create(self, name: str, content: bytes) -> bool:
        return self._write_if(name, content, None)

    def replace(self, name: str, content: bytes, token: str) -> bool:
        return self._write_if(name, content, token)

    def delete(self, name: str) -> None:
        path = self._path(name)
        with _explained(path):
            path.unlink(missing_ok=True)
            parent = path.parent
            while parent != self._root and self._root in parent.parents:
                try:
                    parent.rmdir()
                except OSError:
                    # Not empty: others are still there.
                    break
                parent = parent.parent

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        path = self._path(name)
        with _explained(path):
            self._require_no_links(path)
            file = open_plain(path)
        with file:
            yield file

    def local_path(self, name: str) -> Path | None:
        path = self._path(name)
        with _explained(path):
            self._require_no_links(path)
            open_plain(path).close()
        return path

    @contextmanager
    def staging(self, directory: str) -> Iterator[Path]:
        path = self._path(f"{directory.split('/', 1)[0]}/{_PARTIAL}/{Path(directory).name}")
        with _explained(path):
            # Whoever has the lease is alone: what is in here was left by somebody who was killed.
            shutil.rmtree(path.parent, ignore_errors=True)
            self._sweep(path.parent.parent)
            self._make_parents(path)
            path.mkdir(mode=0o700)
        try:
            yield path
        finally:
            shutil.rmtree(path.parent, ignore_errors=True)

    def publish(self, staged: Path, directory: str, last: str) -> None:
        place = self._path(directory)
        with _explained(place):
            if not (staged / last).is_file():
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), last)
            sync_tree(staged)
            self._make_parents(place)
            os.rename(staged, place)
            sync_directory(place.parent)

    def _path(self, name: str) -> Path:
        parts = [part for part in name.split("/") if part]
        assert all(part not in (".", "..") for part in parts), name
        return self._root.joinpath(*parts)

    def _require_no_links(self, path: Path) -> None:
        """Refuse a path that leaves the repository by a link in its middle."""
        step = self._root
        for part in path.relative_to(self._root).parts:
            step = step / part
            if step.is_symlink():
                raise IntegrityError(
                    "B-307",
                    f"{step} is a link, and a repository holds none.",
                    detail="Somebody put it there: what it leads to is not read.",
                    hint="Remove it. Do not restore this backup.",
                )

    def _sweep(self, directory: Path) -> None:
        """Remove what writers that were killed left half-written; a lease may be renewed at this moment."""
        for leftover in directory.rglob(".*.tmp"):
            # The file of a lease that is being renewed has its own name by now.
            with suppress(FileNotFoundError):
                if time.time() - leftover.stat().st_mtime > _LEFTOVER_SECONDS:
                    leftover.unlink()

    def _make_parents(self, path: Path) -> None:
        for parent in [*reversed(path.parent.parents), path.parent]:
            if not parent.exists():
                # Another who begins the same repository at this moment may make it first.
                parent.mkdir(mode=0o700, exist_ok=True)
                sync_directory(parent.parent)

    def _write_if(self, name: str, content: bytes, token: str | None) -> bool:
        path = self._path(name)
        with _explained(path):
            self._make_parents(path)
            # Between reading and writing nobody of this machine may do the same.
            with open(os.open(path.with_name(f".{path.name}.guard"), os.O_RDWR | os.O_CREAT, 0o600)) as guard:
                fcntl.flock(guard, fcntl.LOCK_EX)
                found = self.read(name)
                if (found.token if found is not None else None) != token:
                    return False
                write_durably(path, [content])
                return True


def _raise_unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in _NO_SPACE
        raise EnvironmentFailedError(
            "B-201" if full else "B-202",
            "The disk of the backup repository is full." if full else "The backup repository failed.",
            detail=f"{path}: {error.strerror or error}.",
            hint="Make space there: nothing older was removed."
            if full
            else "Look after the directory and its permissions, and run the same command again.",
        ) from None
