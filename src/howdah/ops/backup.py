"""
backup: lease → dump and digests in one snapshot → hash, encrypt → publish → drill → retention.

The backup exists when its manifest has appeared, and not before. Only a backup that was made lets
retention work, and only one that passed a drill counts as verified.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from howdah import __version__
from howdah.archive.disk_store import DiskStore
from howdah.archive.dump import Dump, DumpRequest, dump_database
from howdah.archive.encryption import require_recipients
from howdah.archive.lease import Lease
from howdah.archive.manifest import is_plain_name, new_backup_id, write_moment
from howdah.archive.repository import Repository
from howdah.archive.retention import RetentionPolicy
from howdah.archive.sqlite_copy import SqliteCopy, copy_database
from howdah.archive.store import open_store
from howdah.errors import (
    EnvironmentFailedError,
    ExitStatus,
    HowdahError,
    RefusedError,
    UsageError,
    combine_statuses,
)
from howdah.model.backup import DrillReport, Manifest
from howdah.model.backup_reports import BackupReport
from howdah.ops.drill import DrillRequest, drill_backup, is_quick
from howdah.ops.repositories import RepositoryRequest, read_key, require_location
from howdah.ops.retain import apply_retention
from howdah.ops.target import TargetRequest, announce_nothing, find_target
from howdah.places import state_directory
from howdah.postgres.conninfo import names_postgres
from howdah.process.phases import PhaseLog
from howdah.process.progress import NullProgress, Progress
from howdah.scratch import scratch_directory
from howdah.sqlite.location import source_path

#: Of the last backup's size must be free.
_SPACE_FACTOR = 1.2
_SPACE_RESERVE = 64 * 1024 * 1024
#: A clock this far behind the newest backup is wrong.
_CLOCK_TOLERANCE = timedelta(minutes=5)

DRILL_CHOICES = ("auto", "always", "never")


@dataclass(frozen=True, kw_only=True)
class BackupRequest:
    repository: RepositoryRequest
    #: PostgreSQL, or a SQLite file by its path.
    target: TargetRequest = field(default_factory=TargetRequest)
    #: age recipients.
    recipients: tuple[str, ...] = ()
    #: For the drill of an encrypted backup.
    identity: Path | None = None
    jobs: int | None = None
    compression: str = ""
    retention: RetentionPolicy = field(default_factory=RetentionPolicy)
    #: "auto": when it is quick and can be done here.
    drill: str = "auto"
    smoke: Path | None = None


def backup(request: BackupRequest, progress: Progress | None = None) -> BackupReport:
    """Make a backup, drill it and clear old ones. Raises HowdahError where there is no backup."""
    phases = PhaseLog(progress=progress or NullProgress())
    if request.drill not in DRILL_CHOICES:
        raise UsageError("B-116", f"--drill takes auto, always or never, not {request.drill!r}.")
    if request.recipients:
        require_recipients(request.recipients)
    sqlite_file = find_sqlite_file(request.target.target)
    if sqlite_file is not None:
        request.target.announce(f"source: {sqlite_file} (SQLite)")
        repository = open_or_begin(request.repository, Path(sqlite_file).stem)
        with repository.lease() as lease:
            manifest = _take_sqlite(repository, lease, sqlite_file, request, phases)
            return _finish(repository, lease, manifest, request, phases)
    target = find_target(request.target, None)
    repository = open_or_begin(request.repository, target.dbname or "postgres")
    with repository.lease() as lease:
        manifest = _take_postgres(repository, lease, target.conninfo, target.redacted, request, phases)
        return _finish(repository, lease, manifest, request, phases)


def repository_of(request: BackupRequest) -> Repository:
    """Return the repository that the request's backups go to. Raises what is wrong with either."""
    sqlite_file = find_sqlite_file(request.target.target)
    if sqlite_file is not None:
        return open_or_begin(request.repository, Path(sqlite_file).stem)
    target = find_target(replace(request.target, announce=announce_nothing), None)
    return open_or_begin(request.repository, target.dbname or "postgres")


def open_or_begin(request: RepositoryRequest, database: str) -> Repository:
    """Open the repository for backups of a database, by whose name they go unless another was given."""
    store = open_store(require_location(request))
    return Repository(store, request.name or plain_name(database), key=read_key())


def find_sqlite_file(target: str | None) -> str | None:
    """
    Return the path where the target is a SQLite file, None where it is PostgreSQL or not named.

    Raises UsageError (B-117) where there is no such file, S-001 for what names none.
    """
    if target is None or names_postgres(target) or "=" in target.partition("/")[0]:
        return None
    if "://" in target and not target.lower().startswith(("sqlite", "file:")):
        return None
    path = source_path(target)
    if not Path(path).exists():
        raise UsageError(
            "B-117",
            f"{target!r} is neither a file nor a connection string of PostgreSQL.",
            hint="Give the SQLite file, or a URI like postgresql://user@host:5432/database.",
        )
    return path


def plain_name(text: str) -> str:
    """Return a name for a directory that is as close to the text as can be."""
    cleaned = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "_" for letter in text
    )
    cleaned = cleaned.lstrip(".-") or "database"
    assert is_plain_name(cleaned[:200])
    return cleaned[:200]


def _take_postgres(
    repository: Repository,
    lease: Lease,
    conninfo: str,
    display: str,
    request: BackupRequest,
    phases: PhaseLog,
) -> Manifest:
    _check_before(repository)
    started = datetime.now(UTC)
    backup_id = new_backup_id(started)
    with _places(repository, backup_id, request) as (staged, plain):
        with phases.phase("dump") as count:
            dump = dump_database(
                DumpRequest(
                    conninfo=conninfo,
                    directory=plain,
                    bindir=request.target.pg_bindir,
                    jobs=request.jobs,
                    compression=request.compression,
                    state_schema=request.target.state_schema,
                ),
                phases.progress,
            )
            count.rows = sum(table.rows for table in dump.tables)
        manifest = _describe_dump(dump, repository.name, backup_id, started, display)
        with phases.phase("hash and publish") as count:
            manifest = repository.publish(
                staged, manifest, plain=plain, recipients=request.recipients, lease=lease
            )
            count.bytes = manifest.size
    return manifest


def _describe_dump(dump: Dump, name: str, backup_id: str, started: datetime, display: str) -> Manifest:
    return Manifest(
        kind="postgresql",
        id=backup_id,
        name=name,
        taken_at=write_moment(dump.taken_at),
        started_at=write_moment(started),
        finished_at=write_moment(started),
        howdah_version=__version__,
        server_version=dump.server_version,
        tool_version=dump.tool_version,
        source=display,
        system_identifier=dump.system_identifier,
        lsn=dump.lsn,
        snapshot=dump.snapshot,
        format=dump.format,
        compression=dump.compression,
        database=dump.database,
        roles=dump.roles,
        tables=dump.tables,
        sequences=dump.sequences,
        objects=dump.objects,
        notes=dump.notes,
    )


def _take_sqlite(
    repository: Repository, lease: Lease, path: str, request: BackupRequest, phases: PhaseLog
) -> Manifest:
    _check_before(repository)
    started = datetime.now(UTC)
    backup_id = new_backup_id(started)
    with _places(repository, backup_id, request) as (staged, plain):
        with phases.phase("copy") as count:
            copy = copy_database(path, plain, phases.progress)
            count.rows = sum(table.rows for table in copy.tables)
        manifest = describe_copy(copy, repository.name, backup_id, started, os.path.abspath(path))
        with phases.phase("hash and publish") as count:
            manifest = repository.publish(
                staged, manifest, plain=plain, recipients=request.recipients, lease=lease
            )
            count.bytes = manifest.size
    return manifest


def describe_copy(copy: SqliteCopy, name: str, backup_id: str, started: datetime, source: str) -> Manifest:
    """Return the manifest of a SQLite copy, without its files. Pure."""
    return Manifest(
        kind="sqlite",
        id=backup_id,
        name=name,
        taken_at=write_moment(copy.taken_at),
        started_at=write_moment(started),
        finished_at=write_moment(started),
        howdah_version=__version__,
        server_version=copy.library_version,
        tool_version="SQLite's backup API",
        source=source,
        format="file",
        compression="zstd",
        journal_mode=copy.journal_mode,
        content_sha256=copy.sha256,
        content_size=copy.size,
        tables=copy.tables,
        objects=copy.objects,
        notes=copy.notes,
    )


@contextmanager
def _places(repository: Repository, backup_id: str, request: BackupRequest) -> Iterator[tuple[Path, Path]]:
    """Give the staging directory and the one to dump into: never the repository's own disk when encrypted."""
    with repository.staging(backup_id) as staged:
        if not request.recipients:
            yield staged, staged
            return
        with scratch_directory("backup-", state_directory() / "temporary") as plain:
            yield staged, plain


def _check_before(repository: Repository) -> None:
    """Refuse a clock that runs behind and a disk that is too small, before anything is read."""
    listed = repository.list_backups()
    newest = next((item for item in listed if item.manifest is not None), None)
    if newest is None or newest.manifest is None:
        return
    if datetime.now(UTC) < newest.taken_at - _CLOCK_TOLERANCE:
        raise RefusedError(
            "B-112",
            "The clock of this machine is behind the newest backup.",
            detail=f"Backup {newest.id} was taken at {newest.manifest.taken_at}.",
            hint="Set the clock: order and retention of backups go by it.",
        )
    if isinstance(repository.store, DiskStore):
        free = shutil.disk_usage(repository.store.location).free
        wanted = int(newest.manifest.size * _SPACE_FACTOR) + _SPACE_RESERVE
        if free < wanted:
            raise EnvironmentFailedError(
                "B-201",
                "The disk of the backup repository has too little space for another backup.",
                detail=f"{free} bytes are free, {wanted} are wanted after the size of the last one.",
                hint="Make space there, or keep fewer backups: nothing older was removed.",
            )


def _finish(
    repository: Repository, lease: Lease, manifest: Manifest, request: BackupRequest, phases: PhaseLog
) -> BackupReport:
    drilled, skipped = _drill(repository, manifest, request, phases)
    statuses = [ExitStatus.OK]
    status = "done"
    if drilled is not None:
        status = {"pass": "verified", "fail": "failed"}.get(drilled.status, "unverified")
        statuses.append(ExitStatus(drilled.exit_status))
    retention = None
    if status != "failed":
        with phases.phase("retention"):
            retention = apply_retention(repository, lease, request.retention, dry_run=False)
    return BackupReport(
        status=status,
        exit_status=combine_statuses(*statuses),
        backup=manifest.id,
        repository=repository.store.location,
        name=repository.name,
        source=manifest.source,
        taken_at=manifest.taken_at,
        size=manifest.size,
        content_size=sum(file.plain_size for file in manifest.files),
        tables=len(manifest.tables),
        rows=manifest.rows,
        encrypted=bool(manifest.recipients),
        authenticated=read_key() is not None,
        phases=tuple(phases.reports),
        notes=manifest.notes,
        drill=drilled,
        drill_skipped=skipped,
        retention=retention.decisions if retention is not None else (),
        forgotten=retention.forgotten if retention is not None else (),
        purged=retention.purged if retention is not None else (),
    )


def _drill(
    repository: Repository, manifest: Manifest, request: BackupRequest, phases: PhaseLog
) -> tuple[DrillReport | None, str]:
    """Drill the new backup where that is asked for or quick; return the report, or why there is none."""
    if request.drill == "never":
        return None, "--drill never"
    if request.drill == "auto":
        if manifest.recipients and request.identity is None:
            return None, "the backup is encrypted and no identity was named"
        if not is_quick(repository, manifest):
            return None, "it would take long here: run howdah drill on another machine or at another time"
    asked = DrillRequest(
        repository=request.repository,
        identity=request.identity,
        pg_bindir=request.target.pg_bindir,
        smoke=request.smoke,
    )
    try:
        report = drill_backup(repository, manifest.id, asked, phases.progress)
    except HowdahError as error:
        if request.drill == "always":
            raise
        return None, f"it could not be done here: {error.message}"
    if report.status == "environment" and request.drill == "auto":
        # The backup was made; that this machine cannot drill it is said, and is no failure of the backup.
        return replace(report, exit_status=ExitStatus.OK), ""
    return report, ""
