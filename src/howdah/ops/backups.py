"""backups: list what is there and how old it is, show one backup, forget those that may go."""

from __future__ import annotations

from datetime import UTC, datetime

from howdah.archive.ages import read_ages, warnings_of
from howdah.archive.repository import ListedBackup, Repository, list_repository_names
from howdah.archive.retention import RetentionPolicy
from howdah.archive.store import open_store
from howdah.errors import ExitStatus, IntegrityError, RefusedError
from howdah.model.backup_reports import (
    BackupDetails,
    BackupEntry,
    BackupsReport,
    ForgetReport,
    RetentionDecision,
)
from howdah.ops.repositories import (
    RepositoryRequest,
    find_backup,
    open_repository,
    read_key,
    require_location,
)
from howdah.ops.retain import apply_retention


def list_backups(request: RepositoryRequest) -> BackupsReport:
    """List the backups of one database, or of all that share the repository."""
    store = open_store(require_location(request))
    names = [request.name] if request.name else list_repository_names(store)
    repositories = [Repository(store, name, key=read_key()) for name in names]
    ages = tuple(read_ages(repository) for repository in repositories)
    entries = tuple(_describe(item) for repository in repositories for item in repository.list_backups())
    warnings = tuple(line for item in ages for line in warnings_of(item))
    return BackupsReport(
        status="warn" if warnings else "done",
        repository=store.location,
        entries=entries,
        ages=ages,
        warnings=warnings,
    )


def show_backup(request: RepositoryRequest, backup: str, *, check: bool) -> BackupDetails:
    """Show one backup; with `check` every file is read. Raises HowdahError where it cannot be read."""
    repository, backup_id = find_backup(request, backup)
    opened = repository.open(backup_id)
    listed = next(item for item in repository.list_backups() if item.id == backup_id)
    whole: bool | None = None
    problem = ""
    if check:
        try:
            repository.check_files(opened.manifest)
            whole = True
        except IntegrityError as error:
            whole, problem = False, f"{error.code}: {error.message}"
    entry = _describe(listed)
    return BackupDetails(
        status="damaged" if whole is False else "done",
        exit_status=ExitStatus.INTEGRITY if whole is False else ExitStatus.OK,
        repository=repository.store.location,
        entry=entry
        if not problem
        else BackupEntry(id=entry.id, taken_at=entry.taken_at, state="damaged", problem=problem),
        manifest=opened.manifest,
        authenticated=opened.authenticated,
        whole=whole,
        drills=tuple(drill for drill in repository.drills() if drill.backup == backup_id),
    )


def forget_backups(
    request: RepositoryRequest,
    policy: RetentionPolicy,
    *,
    backup: str | None = None,
    dry_run: bool = False,
    purge: bool = False,
) -> ForgetReport:
    """
    Forget one backup, or all that the policy does not keep.

    Raises RefusedError (B-130) for the newest backup and the newest that passed a drill.
    """
    if backup is not None:
        repository, backup_id = find_backup(request, backup)
    else:
        repository, backup_id = open_repository(request), ""
    with repository.lease() as lease:
        if backup_id:
            decisions: tuple[RetentionDecision, ...] = (_require_expendable(repository, backup_id),)
            if not dry_run:
                repository.forget(backup_id, lease)
            forgotten: tuple[str, ...] = (backup_id,)
        else:
            retained = apply_retention(repository, lease, policy, dry_run=dry_run)
            decisions, forgotten = retained.decisions, retained.forgotten
        purged: tuple[str, ...] = ()
        if purge and not dry_run:
            purged = repository.purge(lease, now=datetime.now(UTC), everything=True)
    return ForgetReport(
        repository=repository.store.location,
        dry_run=dry_run,
        decisions=decisions,
        forgotten=forgotten,
        purged=purged,
    )


def bring_back(request: RepositoryRequest, backup_id: str) -> ForgetReport:
    """Undo the forgetting of a backup whose files are still there. Raises RefusedError (B-131)."""
    repository = open_repository(request)
    with repository.lease() as lease:
        if not repository.bring_back(backup_id, lease):
            raise RefusedError(
                "B-131",
                f"Backup {backup_id!r} cannot be brought back.",
                detail="It was not forgotten, or its files are gone.",
            )
    decision = RetentionDecision(id=backup_id, keep=True, reasons=("brought back",))
    return ForgetReport(repository=repository.store.location, dry_run=False, decisions=(decision,))


def _require_expendable(repository: Repository, backup_id: str) -> RetentionDecision:
    repository.open(backup_id)
    listed = repository.list_backups()
    readable = [item for item in listed if item.manifest is not None]
    verified = [item for item in readable if item.verified]
    for protected, why in ((readable[:1], "the newest"), (verified[:1], "the newest that passed a drill")):
        if protected and protected[0].id == backup_id:
            raise RefusedError(
                "B-130",
                f"Backup {backup_id} is {why} and is not removed.",
                hint="Make and drill another one first.",
            )
    return RetentionDecision(id=backup_id, keep=False, reasons=("asked for",))


def _describe(item: ListedBackup) -> BackupEntry:
    manifest = item.manifest
    if manifest is None:
        problem = f"{item.failure.code}: {item.failure.message}" if item.failure is not None else ""
        return BackupEntry(id=item.id, taken_at="", state="unreadable", problem=problem)
    failed = item.drill is not None and item.drill.status == "fail"
    return BackupEntry(
        id=item.id,
        taken_at=manifest.taken_at,
        state="verified" if item.verified else "failed" if failed else "unverified",
        kind=manifest.kind,
        size=manifest.size,
        tables=len(manifest.tables),
        rows=manifest.rows,
        encrypted=bool(manifest.recipients),
        drilled_at=item.drill.finished_at if item.drill is not None else "",
        problem=item.drill.reason if failed and item.drill is not None else "",
    )
