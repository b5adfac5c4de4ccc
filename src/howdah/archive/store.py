"""
Where a repository's files lie: what a disk and an S3-compatible store both offer.

Names are relative, with slashes, and were checked by whoever made them. Every failure of the
medium is an EnvironmentFailedError (B-2xx); what is absent is None or not listed.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from howdah.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Stamped:
    """A small file and what it must still be when it is replaced."""

    content: bytes
    token: str


class Store(Protocol):
    """One repository's medium."""

    @property
    def location(self) -> str:
        """The repository as a person named it; no secrets."""

    def list_names(self, prefix: str) -> list[str]:
        """List every file below `prefix` (ends with a slash), with its whole name, in order."""

    def list_directories(self, prefix: str) -> list[str]:
        """List the directories directly below `prefix` by their last part, in order."""

    def read(self, name: str) -> Stamped | None:
        """Return a small file, None where there is none."""

    def write(self, name: str, content: bytes) -> None:
        """Write a small file, replacing what is there, whole or not at all."""

    def create(self, name: str, content: bytes) -> bool:
        """Write a small file unless there is one; tell whether it was written."""

    def replace(self, name: str, content: bytes, token: str) -> bool:
        """Replace a small file if it still is what it was; tell whether it was."""

    def delete(self, name: str) -> None:
        """Remove a file; one that is not there is no error."""

    def open(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Open a file for reading in order."""

    def local_path(self, name: str) -> Path | None:
        """Return where a program of this machine can read the file, None where it must be fetched."""

    def staging(self, directory: str) -> AbstractContextManager[Path]:
        """Give a private directory of this machine to make a backup in; `publish` or nothing uses it up."""

    def publish(self, staged: Path, directory: str, last: str) -> None:
        """
        Make everything in `staged` appear as `directory`, the file `last` after all others.

        Returns when it is durable and what was stored has been read back as it is here.
        """


def open_store(location: str) -> Store:
    """
    Return the store that a location names: a directory or s3://BUCKET[/PREFIX].

    Raises UsageError (B-101) for anything else, EnvironmentFailedError (B-102) where boto3 is missing.
    """
    if location.startswith("s3://"):
        from howdah.archive.s3_store import S3Store

        return S3Store(location)
    if "://" in location or not location.strip():
        raise UsageError(
            "B-101",
            f"The repository {location.partition('://')[0]!r} is neither a directory nor s3://BUCKET/PREFIX.",
        )
    from howdah.archive.disk_store import DiskStore

    return DiskStore(Path(location).expanduser().absolute())
