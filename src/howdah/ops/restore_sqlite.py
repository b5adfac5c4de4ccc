"""Restore a SQLite file: unpacked and compared beside its place, then renamed into it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from howdah.archive.durable import sync_directory
from howdah.archive.repository import Repository
from howdah.archive.sqlite_copy import unpack_database
from howdah.errors import DifferenceError, ExitStatus, RefusedError, UsageError
from howdah.model.backup import Manifest
from howdah.model.backup_reports import RestoreReport
from howdah.places import state_directory
from howdah.process.phases import PhaseLog
from howdah.sqlite.contents import set_wal_mode
from howdah.sqlite.location import side_files
from howdah.sqlite.lockholders import read_lock_holders, read_openers


def restore_sqlite(
    repository: Repository,
    manifest: Manifest,
    target: str | None,
    *,
    consent: bool,
    identities: Sequence[object],
    phases: PhaseLog,
    announce: Callable[[str], None],
) -> RestoreReport:
    """
    Restore into the file `target`. What is there is kept beside it.

    Raises UsageError (B-123), RefusedError (B-122 without consent, B-124 where a program has the file open).
    """
    if not target:
        raise UsageError("B-123", "Say which file the SQLite database is to be restored to.")
    path = Path(target).absolute()
    if not path.parent.is_dir() or path.is_dir():
        raise UsageError(
            "B-123", f"{path} cannot be a file: its directory does not exist, or it is one itself."
        )
    occupied = _look_at_target(path, consent=consent)
    beside = path.with_name(f".{path.name}.{manifest.id}.restore")
    beside.unlink(missing_ok=True)
    with phases.phase("check and fetch") as count:
        fetching = repository.fetched(manifest, state_directory() / "temporary", identities=identities)
        directory = fetching.__enter__()
        count.bytes = manifest.size
    kept = path.with_name(f"{path.name}.before-{manifest.id}")
    try:
        with phases.phase("unpack and compare") as count:
            differences = unpack_database(directory, beside, manifest)
            count.rows = manifest.rows
        if not differences:
            if manifest.journal_mode == "wal":
                set_wal_mode(str(beside))
            undo = _describe_undo(path, kept, occupied)
            for line in undo:
                announce(f"undo: {line}")
            with phases.phase("swap"):
                if occupied:
                    _look_at_target(path, consent=consent)
                    _move_aside(path, kept)
                os.rename(beside, path)
                sync_directory(path.parent)
    finally:
        fetching.__exit__(None, None, None)
        beside.unlink(missing_ok=True)
    return RestoreReport(
        status="different" if differences else "done",
        exit_status=DifferenceError.exit_status if differences else ExitStatus.OK,
        backup=manifest.id,
        repository=repository.store.location,
        name=repository.name,
        target=str(path),
        taken_at=manifest.taken_at,
        tables=len(manifest.tables),
        rows=manifest.rows,
        kept_as=str(kept) if occupied and not differences else "",
        undo=undo if not differences else (),
        differences=differences,
        difference_count=len(differences),
        notes=manifest.notes,
        phases=tuple(phases.reports),
    )


def _look_at_target(path: Path, *, consent: bool) -> bool:
    if not path.exists():
        return False
    if not consent:
        raise RefusedError(
            "B-122",
            f"The file {path} exists, and a restore would take its place.",
            detail="Nothing was done.",
            hint="Name a file that does not exist to look at the backup beside it; or say --replace:"
            " what is there is then kept under another name.",
        )
    users = {
        user for name in (path, Path(side_files(str(path)).shm)) for user in read_lock_holders(str(name))
    } | set(read_openers(str(path)))
    if users:
        raise RefusedError(
            "B-124",
            f"The file {path} is open in another program, which would go on writing into the old one.",
            detail=f"In {', '.join(sorted(users))}. Nothing was done.",
            hint="Stop the application, then run the same command again.",
        )
    return True


def _move_aside(path: Path, kept: Path) -> None:
    """Move a database with its side files: a -wal that stays behind would be read into the other file."""
    for name in side_files(str(path)).all:
        if os.path.exists(name):
            os.rename(name, str(kept) + name.removeprefix(str(path)))
    os.rename(path, kept)


def _describe_undo(path: Path, kept: Path, occupied: bool) -> tuple[str, ...]:
    if not occupied:
        return (f"rm {shlex.quote(str(path))}",)
    commands = [f"mv {shlex.quote(str(path))} {shlex.quote(str(path) + '.restored')}"]
    commands.append(f"mv {shlex.quote(str(kept))} {shlex.quote(str(path))}")
    commands += [
        f"mv {shlex.quote(str(kept) + name.removeprefix(str(path)))} {shlex.quote(name)}"
        for name in side_files(str(path)).all
        if os.path.exists(name)
    ]
    return (" && ".join(commands),)
