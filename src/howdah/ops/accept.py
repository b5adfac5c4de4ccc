"""accept: the migration's acceptance criteria, each with its evidence and a tick or a cross."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from howdah.errors import EnvironmentFailedError, ExitStatus, HowdahError
from howdah.model.acceptance import AcceptanceReport, Criterion
from howdah.model.audit import AuditState
from howdah.model.backup_reports import BackupAges
from howdah.ops.acceptance import (
    failed,
    judge_audit,
    judge_backups,
    judge_entities,
    judge_health,
    judge_migration,
    judge_pool,
    not_seen,
)
from howdah.ops.admin_port import fetch_document
from howdah.ops.audit import AuditRequest, audit
from howdah.ops.backups import list_backups
from howdah.ops.content import ContentRequest
from howdah.ops.content import verify as verify_content
from howdah.ops.health import check_health
from howdah.ops.repositories import RepositoryRequest
from howdah.ops.status import status as read_status
from howdah.ops.target import TargetRequest, announce_nothing, open_target
from howdah.service.database_settings import read_database_settings
from howdah.settings import read_variable
from howdah.state.ledger import Ledger
from howdah.state.store import StateSchema, state_exists
from howdah.units import format_amount

#: Directories that hold other people's documents.
_NOT_OURS = frozenset({"node_modules", "site-packages", "vendor", "dist", "build"})
_DOCUMENTS = frozenset({".md", ".rst", ".txt", ".adoc"})


@dataclass(frozen=True, kw_only=True)
class AcceptRequest:
    #: The project's directory: its code is audited, its documents are looked at.
    path: Path
    target: TargetRequest = field(default_factory=TargetRequest)
    #: The Strapi project, or its `src`; None: `path`.
    content: Path | None = None
    schema: str = "public"
    repository: RepositoryRequest = field(default_factory=RepositoryRequest)
    #: Audit findings that are accepted.
    baseline: Path | None = None
    #: URL of the admin port of the running service.
    service: str | None = None


def accept(request: AcceptRequest, *, environ: Mapping[str, str] = os.environ) -> AcceptanceReport:
    """
    Look at every criterion; one that cannot be looked at is a cross with the reason, and the next is tried.

    Nothing is changed: the probes of the content types are rolled back.
    """
    target = _describe_target(request)
    # Said once is enough: each criterion opens the target for itself.
    request = replace(request, target=replace(request.target, announce=announce_nothing))
    steps: tuple[tuple[str, Callable[[], Criterion]], ...] = (
        ("entities", lambda: _look_at_entities(request)),
        ("no-loss", lambda: _look_at_migration(request)),
        ("sqlite-gone", lambda: _look_at_code(request)),
        ("pool", lambda: _look_at_pool(request, environ)),
        ("backup", lambda: _look_at_backups(request)),
        ("health", lambda: _look_at_health(request, environ)),
    )
    criteria = tuple(_try(name, look) for name, look in steps)
    accepted = all(criterion.met for criterion in criteria)
    return AcceptanceReport(
        status="accepted" if accepted else "not accepted",
        exit_status=ExitStatus.OK if accepted else ExitStatus.DIFFERENT,
        target=target,
        criteria=criteria,
        time=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        howdah_version=version("howdah"),
    )


def _try(name: str, look: Callable[[], Criterion]) -> Criterion:
    try:
        return look()
    except HowdahError as error:
        return failed(name, error)


def _describe_target(request: AcceptRequest) -> str:
    try:
        with open_target(request.target) as target:
            return target.display
    except HowdahError as error:
        return f"{error.code}: {error.message}"


def _look_at_entities(request: AcceptRequest) -> Criterion:
    directory = request.content or request.path
    content = ContentRequest(directory=directory, target=request.target, schema=request.schema)
    return judge_entities(verify_content(content))


def _look_at_migration(request: AcceptRequest) -> Criterion:
    report = read_status(request.target)
    named = report.target if request.target.target is not None else ""
    return judge_migration(report.runs, _read_left_out(request.target), named)


def _read_left_out(request: TargetRequest) -> tuple[str, ...]:
    """Return what the newest standing run was asked to leave out."""
    state = StateSchema(name=request.state_schema)
    with open_target(request) as target:
        if not state_exists(target.connection, state):
            return ()
        runs = [run for run in Ledger(state=state).runs(target.connection) if run.status != "undone"]
        if not runs:
            return ()
        plan = runs[0].plan
        return (
            *plan.options.exclude,
            *(
                f'{format_amount(made.rows, "orphan")} of table "{made.table}"'
                f"{' (NULL instead)' if made.choice == 'null' else ''}"
                for made in plan.corrections
            ),
        )


def _look_at_code(request: AcceptRequest) -> Criterion:
    report = audit(AuditRequest(path=request.path, baseline=request.baseline))
    counts = {state: len(report.in_state(state)) for state in AuditState}
    return judge_audit(counts, report.exit_status, report.path)


def _look_at_pool(request: AcceptRequest, environ: Mapping[str, str]) -> Criterion:
    pool = read_database_settings(environ, target=request.target.target).pool
    live = None
    if request.service is not None:
        live = _ask(request.service, "/status.json", environ)
    return judge_pool(pool.min_size, pool.max_size, live)


def _ask(service: str, path: str, environ: Mapping[str, str]) -> dict[str, object]:
    try:
        return fetch_document(service, path, read_variable(environ, "HOWDAH_ADMIN_TOKEN"))
    except (OSError, ValueError) as error:
        raise EnvironmentFailedError(
            "A-131",
            "The service does not answer.",
            detail=f"{getattr(error, 'reason', error)}.",
            hint='Start it with "howdah serve", or name its admin port with --service.',
        ) from None


def _look_at_backups(request: AcceptRequest) -> Criterion:
    if not request.repository.location:
        return not_seen(
            "backup",
            "No repository of backups was named.",
            "Name it with --repo or HOWDAH_REPO; howdah backup makes the first.",
        )
    report = list_backups(request.repository)
    if not report.ages:
        return not_seen("backup", f"There are no backups in {report.repository}.", "howdah backup")
    newest = min(report.ages, key=_age_of_newest)
    return judge_backups(newest, list(_find_documents(request.path)))


def _age_of_newest(ages: BackupAges) -> float:
    return float("inf") if ages.newest_age_seconds is None else ages.newest_age_seconds


def _find_documents(path: Path) -> Iterator[str]:
    """Name the documents of the project that speak of both backing up and restoring."""
    for directory, names, files in os.walk(path):
        names[:] = sorted(name for name in names if name not in _NOT_OURS and not name.startswith("."))
        for name in sorted(files):
            file = Path(directory) / name
            # A link may lead nowhere, or out of the project.
            if file.suffix.lower() in _DOCUMENTS and file.is_file() and not file.is_symlink():
                text = file.read_text(encoding="utf-8", errors="replace").lower()
                if "backup" in text and "restore" in text:
                    yield str(file.relative_to(path))


def _look_at_health(request: AcceptRequest, environ: Mapping[str, str]) -> Criterion:
    if request.service is None:
        return not_seen(
            "health", "No running service was named.", "Start it with howdah serve, and name it: --service."
        )
    return judge_health(check_health(request.service, environ=environ))
