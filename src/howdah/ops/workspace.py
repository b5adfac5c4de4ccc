"""
Where a run keeps its files on this machine: snapshot, report, log, quarantined rows.

One private directory per run below the state directory, or where the person says.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from howdah.errors import EnvironmentFailedError


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """The directory of one run."""

    path: Path

    @property
    def snapshot(self) -> Path:
        """The private copy of the source."""
        return self.path / "snapshot.sqlite"

    @property
    def quarantine(self) -> Path:
        """Rows set aside, as JSON lines."""
        return self.path / "quarantine.jsonl"

    @property
    def log(self) -> Path:
        """What the run did, line by line."""
        return self.path / "howdah.log"

    def create(self) -> None:
        """
        Make the directory, readable by its owner alone.

        Raises EnvironmentFailedError (M-110) where it cannot be made.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise EnvironmentFailedError(
                "M-110",
                f"The directory {self.path} cannot be made: {error.strerror}.",
                hint="Make it writable, or set HOWDAH_HOME to a directory that is.",
            ) from error

    def remove(self) -> None:
        """Remove the directory with everything in it."""
        shutil.rmtree(self.path, ignore_errors=True)


def new_run_id() -> str:
    """Return an identifier that sorts by time and is not used twice."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ-") + secrets.token_hex(3)


def run_workspace(root: Path, run_id: str) -> Workspace:
    """Return the workspace of a run below the state directory."""
    return Workspace(path=root / "runs" / run_id)


@contextmanager
def temporary_workspace(root: Path) -> Iterator[Workspace]:
    """A workspace for a command that only looks; gone at the end."""
    workspace = Workspace(path=root / "temporary" / new_run_id())
    workspace.create()
    try:
        yield workspace
    finally:
        workspace.remove()
