"""Restore a SQLite file: unpacked and compared beside its place, then renamed into it."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from howdah.archive.repository import Repository
from howdah.archive.sqlite_copy import unpack_database
from howdah.durable import sync_directory
from howdah.errors import DifferenceError, ExitStatus, RefusedError, UsageError
from howdah.model.backup import Manifest
from howdah.model.backup_reports import RestoreReport
from howdah.ops.repositories import fetched
from howdah.process.phases import PhaseLog
from howdah.sqlite.location import side_files
from howdah.sqlite.lockholders import read_lock_holders, read_openers
from howdah.sqlite.snapshot import set_wal_mode


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
    Restore into the file `target`. What is there is kept beside it, and so are side files without a file.

    Raises UsageError (B-123), RefusedError (B-122 without consent, B-124 where a program has the file open).
    """
    if not target:
        raise UsageError("B-123", "Say which file the SQLite database is to be restored to.")
    # A link stays one: what it leads to is replaced, with the side files that lie there.
    path = Path(os.path.realpath(target))
    if not path.parent.is_dir() or path.is_dir():
        raise UsageError(
            "B-123", f"{path} cannot be a file: its directory does not exist, or it is one itself."
        )
    occupied = _look_at_target(path, consent=consent)
    beside = path.with_name(f".{path.name}.{manifest.id}.restore")
    beside.unlink(missing_ok=True)
    kept = _find_free(path.with_name(f"{path.name}.before-{manifest.id}"))
    in_the_way: list[str] = []
    try:
        with fetched(repository, manifest, phases, identities=identities) as directory:
            with phases.phase("unpack and compare") as count:
                differences = unpack_database(directory, beside, manifest)
                count.rows = manifest.rows
            if not differences:
                if manifest.journal_mode == "wal":
                    set_wal_mode(str(beside))
                if occupied:
                    _dress_like(path, beside)
                in_the_way = _find_in_the_way(path)
                undo = _describe_undo(path, kept, in_the_way)
                for line in undo:
                    announce(f"undo: {line}")
                with phases.phase("swap"):
                    if occupied:
                        _look_at_target(path, consent=consent)
                    for name in in_the_way:
                        os.rename(name, _name_kept(name, path, kept))
                    os.rename(beside, path)
                    sync_directory(path.parent)
    finally:
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
        kept_as=_name_kept(in_the_way[-1], path, kept) if in_the_way and not differences else "",
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


def _find_in_the_way(path: Path) -> list[str]:
    """
    Return the side files and the file that are there, in the order in which they go out of the way.

    A -wal or -journal that stayed behind, with its file or without, would be read into the restored one.
    """
    return [name for name in (*side_files(str(path)).all, str(path)) if os.path.exists(name)]


def _name_kept(name: str, path: Path, kept: Path) -> str:
    """Return how a file in the way is called afterwards."""
    return str(kept) + name.removeprefix(str(path))


def _find_free(path: Path) -> Path:
    """Return the path, or it with a number behind where an earlier restore kept something under it."""
    number, free = 1, path
    while any(os.path.lexists(name) for name in (str(free), *side_files(str(free)).all)):
        number += 1
        free = path.with_name(f"{path.name}.{number}")
    return free


def _dress_like(path: Path, beside: Path) -> None:
    """Give the restored file the mode and, where this process may, the owner of the one that it replaces."""
    there = os.stat(path)
    with suppress(PermissionError):
        os.chown(beside, there.st_uid, there.st_gid)
    os.chmod(beside, stat.S_IMODE(there.st_mode))


def _describe_undo(path: Path, kept: Path, in_the_way: Sequence[str]) -> tuple[str, ...]:
    if str(path) in in_the_way:
        away = f"mv {shlex.quote(str(path))} {shlex.quote(str(_find_free(Path(f'{path}.restored'))))}"
    else:
        away = f"rm {shlex.quote(str(path))}"
    back = [
        f"mv {shlex.quote(_name_kept(name, path, kept))} {shlex.quote(name)}" for name in reversed(in_the_way)
    ]
    return (" && ".join([away, *back]),)
