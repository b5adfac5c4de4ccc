"""
drill: check and fetch a backup, restore it into a throw-away place, compare all of it, report.

Three verdicts. "pass": what was restored is what the manifest says, row for row. "fail": it is not, or the
backup is damaged. "environment": this place could not judge it, which says nothing about the backup.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from howdah import __version__
from howdah.archive.compare import compare_objects, compare_sequences, compare_tables
from howdah.archive.drill_place import DrillPlace, scratch_database, throw_away_server
from howdah.archive.encryption import read_identities
from howdah.archive.invariants import check_indexes, read_smoke_sql, run_smoke_sql
from howdah.archive.load import Loaded, LoadRequest, archive_path, load_archive
from howdah.archive.manifest import read_moment, write_moment
from howdah.archive.objectives import find_objectives
from howdah.archive.repository import Repository
from howdah.archive.sqlite_copy import unpack_database
from howdah.errors import (
    DifferenceError,
    EnvironmentFailedError,
    ExitStatus,
    HowdahError,
    IntegrityError,
    RefusedError,
    UsageError,
)
from howdah.model.backup import ContentDifference, DrillReport, Manifest
from howdah.ops.repositories import LATEST, RepositoryRequest, fetched, find_backup
from howdah.places import state_directory
from howdah.postgres.connect import connect
from howdah.postgres.conninfo import parse_target
from howdah.process.phases import PhaseLog
from howdah.process.progress import NullProgress, Progress
from howdah.scratch import scratch_directory

#: A drill that takes no longer is done after every backup, seconds.
_QUICK_SECONDS = 300.0
#: Without an earlier drill to go by: bytes of dump that are restored in that time almost anywhere.
_QUICK_BYTES = 500 * 1024 * 1024
#: Differences that a report lists.
_LISTED = 50


@dataclass(frozen=True, kw_only=True)
class DrillRequest:
    repository: RepositoryRequest
    backup: str = LATEST
    identity: Path | None = None
    #: Restore into a database on this server instead of one of our own.
    server: str | None = None
    pg_bindir: Path | None = None
    smoke: Path | None = None
    jobs: int = 1


def drill(request: DrillRequest, progress: Progress | None = None) -> DrillReport:
    """
    Drill a backup and keep the report in the repository. Raises HowdahError where there is nothing to drill.
    """
    repository, backup_id = find_backup(request.repository, request.backup)
    return drill_backup(repository, backup_id, request, progress)


def is_quick(repository: Repository, manifest: Manifest) -> bool:
    """Tell whether a drill of this backup is short enough to follow at once."""
    past = [drill for drill in repository.drills() if drill.rto_seconds is not None and drill.size > 0]
    if past:
        last = past[-1]
        return (last.rto_seconds or 0.0) * manifest.size / last.size <= _QUICK_SECONDS
    return manifest.size <= _QUICK_BYTES


def drill_backup(
    repository: Repository, backup_id: str, request: DrillRequest, progress: Progress | None = None
) -> DrillReport:
    """Drill one backup. What is wrong with it or with this place is in the report, which is kept."""
    phases = PhaseLog(progress=progress or NullProgress())
    identities = read_identities(request.identity)
    smoke = read_smoke_sql(request.smoke) if request.smoke is not None else ""
    started = datetime.now(UTC)
    begun = time.monotonic()
    report = DrillReport(
        status="fail",
        exit_status=ExitStatus.INTEGRITY,
        backup=backup_id,
        repository=repository.store.location,
        name=repository.name,
        started_at=write_moment(started),
        howdah_version=__version__,
    )
    try:
        with phases.phase("manifest"):
            manifest = repository.open(backup_id).manifest
        report = replace(
            report,
            taken_at=manifest.taken_at,
            size=manifest.size,
            tables=len(manifest.tables),
            rows=manifest.rows,
        )
        report = _restore_and_compare(
            repository, manifest, report, request, phases, identities, smoke, begun=begun
        )
    except (RefusedError, UsageError):
        # No such backup, or a wrong option: no drill took place.
        raise
    except IntegrityError as error:
        report = replace(
            report, status="fail", exit_status=error.exit_status, reason=_reason(error), hint=error.hint
        )
    except EnvironmentFailedError as error:
        report = replace(
            report,
            status="environment",
            exit_status=ExitStatus.ENVIRONMENT,
            reason=_reason(error),
            hint=error.hint,
        )
    report = _with_objectives(repository, replace(report, phases=tuple(phases.reports)))
    repository.record_drill(report)
    return report


def _restore_and_compare(
    repository: Repository,
    manifest: Manifest,
    report: DrillReport,
    request: DrillRequest,
    phases: PhaseLog,
    identities: Sequence[object],
    smoke: str,
    *,
    begun: float,
) -> DrillReport:
    with fetched(repository, manifest, phases, identities=identities) as directory:
        if manifest.kind == "sqlite":
            return _drill_sqlite(directory, manifest, report, phases, begun=begun)
        with _place(manifest, request, phases) as place:
            report = replace(report, place=place.display, notes=place.notes)
            loaded = load_archive(
                LoadRequest(
                    conninfo=place.conninfo,
                    archive=archive_path(directory),
                    manifest=manifest,
                    bindir=request.pg_bindir,
                    jobs=request.jobs,
                    keep_owners=place.superuser,
                ),
                phases,
            )
            return _judge(place, loaded, manifest, report, smoke, phases, begun=begun)


def _place(manifest: Manifest, request: DrillRequest, phases: PhaseLog) -> AbstractContextManager[DrillPlace]:
    if request.server is not None:
        return scratch_database(parse_target(request.server), manifest, phases)
    return throw_away_server(manifest, request.pg_bindir, phases)


def _judge(
    place: DrillPlace,
    loaded: Loaded,
    manifest: Manifest,
    report: DrillReport,
    smoke: str,
    phases: PhaseLog,
    *,
    begun: float,
) -> DrillReport:
    differences = compare_loaded(manifest, loaded)
    # The restored database answers, and its answer was right: from here on it could serve.
    recovered = time.monotonic() - begun
    notes = [*report.notes]
    with connect(place.conninfo, application_name="howdah drill", autocommit=True) as connection:
        if smoke:
            with phases.phase("smoke SQL"):
                differences += run_smoke_sql(connection, smoke)
            recovered = time.monotonic() - begun
        if place.superuser:
            with phases.phase("index check"):
                broken, impossible = check_indexes(connection)
            differences += broken
            notes += [impossible] if impossible else []
    return _verdict(replace(report, notes=tuple(notes)), differences, recovered)


def compare_loaded(manifest: Manifest, loaded: Loaded) -> list[ContentDifference]:
    """Return every difference between a restored database and its manifest."""
    return [
        *compare_tables(manifest.tables, loaded.tables),
        *compare_objects(manifest.objects, loaded.objects),
        *compare_sequences(manifest.sequences, loaded.sequences, loaded.largest),
    ]


def _drill_sqlite(
    directory: Path, manifest: Manifest, report: DrillReport, phases: PhaseLog, *, begun: float
) -> DrillReport:
    with scratch_directory("drill-", state_directory() / "temporary") as place:
        with phases.phase("unpack and compare") as count:
            differences = unpack_database(directory, place / "database.sqlite", manifest)
            count.rows = manifest.rows
        return _verdict(replace(report, place="a private file"), list(differences), time.monotonic() - begun)


def _verdict(report: DrillReport, differences: list[ContentDifference], recovered: float) -> DrillReport:
    if not differences:
        return replace(report, status="pass", exit_status=ExitStatus.OK, rto_seconds=recovered)
    return replace(
        report,
        status="fail",
        exit_status=DifferenceError.exit_status,
        reason=f"What was restored is not what the manifest says: {_summary(differences[0])}.",
        differences=tuple(differences[:_LISTED]),
        difference_count=len(differences),
    )


def _summary(difference: ContentDifference) -> str:
    return f"{difference.object}: expected {difference.expected}, found {difference.found}"


def _reason(error: HowdahError) -> str:
    return f"{error.code}: {error.message} {error.detail}".strip()


def _with_objectives(repository: Repository, report: DrillReport) -> DrillReport:
    now = datetime.now(UTC)
    report = replace(report, finished_at=write_moment(now))
    verified = {
        item.id: item.taken_at
        for item in repository.list_backups()
        if item.verified and item.id != report.backup
    }
    recoveries = [
        item.rto_seconds for item in repository.drills() if item.status == "pass" and item.rto_seconds
    ]
    if report.status == "pass":
        verified[report.backup] = read_moment(report.taken_at)
        recoveries.append(report.rto_seconds or 0.0)
    found = find_objectives(list(verified.values()), [seconds for seconds in recoveries if seconds], now)
    return replace(
        report,
        rpo_seconds=found.rpo,
        rpo_worst_seconds=found.rpo_worst,
        rto_median_seconds=found.rto_median,
        rto_max_seconds=found.rto_max,
    )
