"""Keep the snapshot of a run as a backup of the SQLite file: proven, before anything is written elsewhere."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from howdah.archive.manifest import new_backup_id
from howdah.archive.sqlite_copy import keep_copy
from howdah.errors import IntegrityError
from howdah.model.source import Snapshot
from howdah.ops.backup import BackupRequest, describe_copy, open_or_begin
from howdah.ops.drill import DrillRequest, drill_backup
from howdah.ops.repositories import RepositoryRequest
from howdah.process.phases import PhaseLog
from howdah.sqlite.location import source_path


def keep_snapshot(location: str, source: str, snapshot: Snapshot, phases: PhaseLog) -> str:
    """
    Put a copy of the snapshot into the repository and drill it; return where the backup is.

    Raises HowdahError where there is then no proven backup.
    """
    path = os.path.abspath(source_path(source))
    request = BackupRequest(repository=RepositoryRequest(location=location))
    repository = open_or_begin(request.repository, Path(path).stem)
    taken_at = datetime.fromisoformat(snapshot.taken_at)
    with phases.phase("keep snapshot") as count, repository.lease() as lease:
        backup_id = new_backup_id(taken_at)
        with repository.staging(backup_id) as staged:
            copy = keep_copy(
                Path(snapshot.path), staged, taken_at=taken_at, journal_mode=snapshot.journal_mode
            )
            manifest = describe_copy(copy, repository.name, backup_id, taken_at, path)
            manifest = repository.publish(staged, manifest, plain=staged, recipients=(), lease=lease)
            count.bytes = manifest.size
        report = drill_backup(repository, backup_id, DrillRequest(repository=request.repository))
        if report.status != "pass":
            raise IntegrityError(
                "B-407",
                "The snapshot was kept, but what was kept is not the snapshot.",
                detail=report.reason,
                hint="Look after the repository's disk. Nothing was migrated.",
            )
    return f"{repository.title}/backups/{backup_id}"
