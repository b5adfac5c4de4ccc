"""
Where a run keeps its files on this machine: snapshot, report, log, quarantined rows.

One private directory per run below the state directory, or where the person says.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from howdah.errors import EnvironmentFailedError
from howdah.scratch import lock_directory, scratch_directory


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

    @property
    def unrecorded(self) -> Path:
        """There while no ledger knows of the run; names the target whose ledger is about to."""
        return self.path / "unrecorded"

    def remove(self) -> None:
        """Remove the directory with everything in it."""
        shutil.rmtree(self.path, ignore_errors=True)

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Make the directory, as that of a run which no ledger knows of, and hold it while the block runs."""
        self.create()
        lock = lock_directory(self.path)
        try:
            yield
        finally:
            if lock is not None:
                os.close(lock)

    def announce(self, target: str) -> None:
        """Note that no ledger knows of the run yet; `target` is "" until one is about to. Raises OSError."""
        self.unrecorded.write_text(target, encoding="utf-8")

    def recorded(self) -> None:
        """Note that the ledger knows of the run, or that nothing is left which it would have to know of."""
        self.unrecorded.unlink(missing_ok=True)


def new_run_id() -> str:
    """Return an identifier that sorts by time and is not used twice."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ-") + secrets.token_hex(3)


def run_workspace(root: Path, run_id: str) -> Workspace:
    """Return the workspace of a run below the state directory."""
    return Workspace(path=root / "runs" / run_id)


def remove_unrecorded(root: Path, target: str, known: Collection[str]) -> None:
    """
    Remove what runs left that were killed before any ledger knew of them: a whole copy of the source.

    `known` are the runs in the ledger of `target`. A run that was killed while another target's ledger was
    about to know of it stays: only that ledger can tell.
    """
    for marker in (root / "runs").glob("*/unrecorded"):
        workspace = Workspace(path=marker.parent)
        with suppress(OSError):
            lock = lock_directory(workspace.path)
            if lock is None:
                continue
            try:
                meant = marker.read_text(encoding="utf-8")
                if meant == target and workspace.path.name in known:
                    workspace.recorded()
                elif meant in ("", target):
                    # Where the ledger has no name, "target" is "" as well, and "meant" says "unknown".
                    workspace.remove()
            finally:
                os.close(lock)


@contextmanager
def temporary_workspace(root: Path) -> Iterator[Workspace]:
    """A workspace for a command that only looks; gone at the end."""
    Workspace(path=root / "temporary").create()
    with scratch_directory("looking-", root / "temporary") as path:
        yield Workspace(path=path)
