"""
migrate: snapshot → plan → copy → constraints → sequences → verify → report.

The last act, the run's status and report in the ledger, is what makes the result
valid. Until then the same command resumes the run, or finds the target untouched.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from howdah import __version__
from howdah.capture.reversibility import find_irreversible
from howdah.capture.way_back import WayBack
from howdah.errors import RefusedError
from howdah.loading.job import LoadJob
from howdah.loading.runner import run_in_one_transaction, run_in_steps
from howdah.model.plan import PlanOptions
from howdah.model.report import RunReport
from howdah.ops.app_rules import read_app_rules
from howdah.ops.keep_snapshot import keep_snapshot
from howdah.ops.plan import read_plan_edits
from howdah.ops.proving import prove
from howdah.ops.repeated import count_kept_rows, require_rows_unchanged
from howdah.ops.rollback import forget_run
from howdah.ops.run_log import copy_log, log_report, run_log
from howdah.ops.run_report import (
    build_run_report,
    build_table_reports,
    collect_touched,
    count_objects,
    outcome_findings,
    render_stubs,
)
from howdah.ops.source_facts import SourceFacts, read_kept_snapshot, read_source
from howdah.ops.target import OpenTarget, TargetRequest, open_target, read_open_target
from howdah.ops.way_back import begin_way_back
from howdah.ops.workspace import Workspace, new_run_id, remove_unrecorded, run_workspace
from howdah.places import state_directory
from howdah.planning.build import build_plan
from howdah.planning.orphans import choose_orphans
from howdah.planning.target_checks import check_empty, check_owned_plan, check_plan, check_target
from howdah.postgres.conninfo import secrets_in
from howdah.process.phases import PhaseLog
from howdah.process.progress import NullProgress, Progress
from howdah.report.files import write_report_directory
from howdah.sqlite.location import source_path
from howdah.sqlite.snapshot import take_snapshot
from howdah.state.ledger import Ledger, Run, StepOutcome, digest_plan
from howdah.state.quarantine import Quarantine, write_quarantine_file
from howdah.state.saved import name_saved_tables
from howdah.state.store import (
    Connection,
    StateSchema,
    exclusive_run,
    install_state,
    require_state_possible,
    state_exists,
)

#: Databases up to this size go over in one transaction on one connection, unless jobs are asked for.
ONE_TRANSACTION_BYTES = 128 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class MigrateRequest:
    source: str
    target: TargetRequest = field(default_factory=TargetRequest)
    options: PlanOptions = field(default_factory=PlanOptions)
    #: An edited plan to follow.
    plan_file: Path | None = None
    #: Processes that copy and build; None chooses by the size of the source.
    jobs: int | None = None
    verify: bool = True
    #: Carry what can be read of a damaged source; the exit status is 8 then.
    salvage: bool = False
    #: Agrees to an application's schema while others are connected to the database.
    allow_connections: bool = False
    #: Where report and log go besides the run's own directory.
    report_dir: Path | None = None
    #: Backup repository that keeps the snapshot, proven before anything is written.
    keep_snapshot: str | None = None
    #: Note the keys of rows that the application changes on PostgreSQL, so that they can go home.
    keep_way_back: bool = False
    #: Seconds that writers of the source may wait for its snapshot, where a journal notes what changes
    #: meanwhile; None: for as long as it takes.
    patience: float | None = None


def migrate(request: MigrateRequest, progress: Progress | None = None) -> RunReport:
    """
    Carry the source into the target and prove it; return the report.

    Raises HowdahError where nothing could be done, or where the run was stopped
    half-way and the same request resumes it.
    """
    phases = PhaseLog(progress=progress or NullProgress())
    state = StateSchema(name=request.target.state_schema)
    # A run that is finished or resumed follows the plan that it was begun with: who names one that cannot be
    # read must not take the report for an answer to it.
    read_plan_edits(request.plan_file)
    with open_target(request.target, source=request.source, salvage=request.salvage) as target:
        connection = target.connection
        with exclusive_run(connection, state):
            earlier = _find_earlier_run(target, state, request)
            connection.rollback()
            if earlier is not None and earlier.report is not None:
                if not request.options.replace_existing:
                    _require_way_back(connection, state, request)
                    require_rows_unchanged(target, state, earlier, phases)
                    return replace(earlier.report, repeated=True)
                # Named tables are loaded again, by a run of their own.
                earlier = None
            run_id = earlier.id if earlier is not None else new_run_id()
            workspace = run_workspace(state_directory(), run_id)
            remove_unrecorded(
                state_directory(), _name_ledger(connection, state), _known_runs(connection, state)
            )
            with (
                workspace.claimed(),
                run_log(workspace.log, secrets_in(target.conninfo)) as phases.log,
            ):
                phases.log.info(
                    "howdah %s, run %s: %s to %s", __version__, run_id, request.source, target.display
                )
                phases.record_beginning("open target")
                if earlier is not None:
                    run, facts = _resume(earlier, request, phases)
                else:
                    run, facts = _prepare(target, state, request, workspace, run_id, phases)
                    _keep_snapshot(run, request, workspace, phases)
                outcomes = _load(target, state, run, facts, phases)
                report = _finish(target, state, run, facts, outcomes, request, phases)
                log_report(phases.log, report)
            if request.report_dir is not None:
                copy_log(workspace.log, request.report_dir)
            return report


def _name_ledger(connection: Connection, state: StateSchema) -> str:
    """Return a name that no other target's ledger has; "" where the server does not tell."""
    try:
        row = connection.execute(
            "SELECT system_identifier || '/' || (SELECT oid FROM pg_catalog.pg_database"
            " WHERE datname = current_database()) FROM pg_catalog.pg_control_system()"
        ).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        row = None
    connection.rollback()
    return f"{row[0]}/{state.name}" if row else ""


def _known_runs(connection: Connection, state: StateSchema) -> frozenset[str]:
    runs = Ledger(state=state).runs(connection) if state_exists(connection, state) else []
    connection.rollback()
    return frozenset(run.id for run in runs)


def _require_way_back(connection: Connection, state: StateSchema, request: MigrateRequest) -> None:
    if not request.keep_way_back or WayBack(state=state).exists(connection):
        return
    raise RefusedError(
        "M-111",
        "This migration was finished without a journal of the way back, and one cannot begin in its middle.",
        hint='"howdah rollback --carry-back" works without it: it reads every row.',
    )


def _find_earlier_run(target: OpenTarget, state: StateSchema, request: MigrateRequest) -> Run | None:
    """Return the run that this request repeats or resumes. Raises RefusedError for another's."""
    if not state_exists(target.connection, state):
        return None
    source = os.path.abspath(source_path(request.source))
    for run in Ledger(state=state).runs(target.connection):
        if run.status == "undone" or run.target_schema != request.options.schema:
            continue
        if run.source == source:
            return run
        raise RefusedError(
            "M-101",
            f'Schema "{run.target_schema}" of the target holds a migration of another source.',
            detail=f"It came from {run.source} (run {run.id}, {run.status}).",
            hint='Use another --schema, or undo that run with "howdah rollback".',
        )
    return None


def _prepare(
    target: OpenTarget,
    state: StateSchema,
    request: MigrateRequest,
    workspace: Workspace,
    run_id: str,
    phases: PhaseLog,
) -> tuple[Run, SourceFacts]:
    workspace.announce("")
    try:
        facts_of_target, owned = read_open_target(target, request.options)
        # Before the source is read, so that a long census is not for nothing.
        check_target(facts_of_target, request.options, ignored_schemas=(state.name,))
        require_state_possible(target.connection, state)
        target.connection.rollback()
        edits = read_plan_edits(request.plan_file)
        facts = read_source(
            request.source,
            workspace,
            phases,
            salvage=request.salvage,
            patience=request.patience,
            orphans=choose_orphans(request.options, edits),
        )
        jobs = choose_jobs(request.jobs, facts.snapshot.size, owned=owned is not None)
        with phases.phase("plan"):
            plan = build_plan(
                facts.catalog,
                facts.census,
                replace(
                    request.options,
                    jobs=jobs,
                    # What is changed in their place on PostgreSQL cannot go home to them.
                    virtual_tables=request.options.virtual_tables and not request.keep_way_back,
                ),
                facts_of_target,
                edits,
                owned,
                read_app_rules(facts, target.connection, owned),
            )
            check_plan(plan)
            if plan.owned is not None:
                check_owned_plan(plan, allow_connections=request.allow_connections)
                plan = replace(plan, owned=name_saved_tables(plan.owned, state, run_id))
            else:
                check_empty(facts_of_target, plan.options, ignored_schemas=(state.name,))
    except BaseException:
        # Nothing has been written to the target yet: leave nothing here either.
        workspace.remove()
        raise
    plan = replace(plan, findings=(*facts.findings, *plan.findings))
    run = Run(
        id=run_id,
        status="running",
        source=os.path.abspath(source_path(request.source)),
        target_schema=plan.options.schema,
        schema_created=not facts_of_target.schema_exists,
        snapshot=facts.snapshot,
        plan=plan,
        plan_digest=digest_plan(plan),
        started_at=datetime.now(UTC),
    )
    return run, facts


def _keep_snapshot(run: Run, request: MigrateRequest, workspace: Workspace, phases: PhaseLog) -> None:
    if request.keep_snapshot is None:
        return
    try:
        snapshot = run.snapshot
        if run.plan.corrections:
            # What is kept is the source as it is, with what was altered in the copy.
            snapshot = take_snapshot(request.source, str(workspace.path / "as-it-was.sqlite"))
        place = keep_snapshot(request.keep_snapshot, request.source, snapshot, phases)
        if snapshot is not run.snapshot:
            os.unlink(snapshot.path)
    except BaseException:
        # As in _prepare: nothing has been written to the target yet.
        workspace.remove()
        raise
    request.target.announce(f"snapshot kept: {place}")
    phases.log.info("snapshot kept and proven: %s", place)


def _resume(run: Run, request: MigrateRequest, phases: PhaseLog) -> tuple[Run, SourceFacts]:
    require_same_options(run, request.options)
    phases.log.info("resuming what was begun at %s", f"{run.started_at:%Y-%m-%dT%H:%M:%SZ}")
    phases.progress.note(f"Resuming run {run.id}, begun {run.started_at:%Y-%m-%d %H:%M} UTC.")
    return run, read_kept_snapshot(run, phases)


def require_same_options(run: Run, asked: PlanOptions) -> None:
    """
    Raise RefusedError (M-102) where a run is to go on by other decisions than it was begun with.

    What is not asked for may differ.
    """
    begun = run.plan.options
    differing = [
        item.name
        for item in fields(PlanOptions)
        # How many processes take part decides nothing about the result.
        if item.name != "jobs"
        and getattr(asked, item.name) not in (getattr(begun, item.name), getattr(PlanOptions(), item.name))
    ]
    if differing:
        raise RefusedError(
            "M-102",
            f"Run {run.id} was begun with other options and is not finished.",
            detail="; ".join(
                f"{name}: begun with {getattr(begun, name)!s}, now {getattr(asked, name)!s}"
                for name in differing
            ),
            hint='Finish it without those options, or undo it with "howdah rollback" and begin again.',
        )


def choose_jobs(asked: int | None, size: int, *, owned: bool = False) -> int:
    """Return how many processes copy a snapshot of `size` bytes."""
    if asked is not None:
        return asked
    # An application's tables change in one transaction unless somebody wants it otherwise.
    return 1 if owned or size <= ONE_TRANSACTION_BYTES else min(os.cpu_count() or 1, 4)


def goes_in_one_transaction(run: Run, jobs: int) -> bool:
    """Whether the target changes in one act; an application's does, unless jobs are asked for."""
    return jobs == 1 and (run.plan.owned is not None or run.snapshot.size <= ONE_TRANSACTION_BYTES)


def _load(
    target: OpenTarget,
    state: StateSchema,
    run: Run,
    facts: SourceFacts,
    phases: PhaseLog,
) -> dict[str, StepOutcome]:
    connection = target.connection
    ledger = Ledger(state=state)
    job = LoadJob(
        conninfo=target.conninfo,
        state=state,
        run_id=run.id,
        plan=run.plan,
        catalog=facts.catalog,
        census=facts.census,
        snapshot_path=run.snapshot.path,
    )
    begun = state_exists(connection, state) and any(known.id == run.id for known in ledger.runs(connection))
    connection.rollback()
    jobs = run.plan.options.jobs
    workspace = run_workspace(state_directory(), run.id)
    if not begun:
        workspace.announce(_name_ledger(connection, state) or "unknown")
    if not begun and goes_in_one_transaction(run, jobs):
        with connection.transaction():
            try:
                install_state(connection, state)
                ledger.begin_run(connection, run, __version__)
                outcomes = run_in_one_transaction(connection, job, phases)
                ledger.set_status(connection, run.id, "loaded")
            except BaseException:
                # The target will not know of this run, so nobody can resume it; its log stays.
                Path(run.snapshot.path).unlink(missing_ok=True)
                workspace.recorded()
                raise
        workspace.recorded()
        return outcomes
    if not begun:
        with connection.transaction():
            install_state(connection, state)
            ledger.begin_run(connection, run, __version__)
    workspace.recorded()
    try:
        outcomes = run_in_steps(connection, job, phases, jobs=jobs)
    except RefusedError:
        # Told to stop at the first row that cannot go: what the steps before it made goes too.
        with connection.transaction():
            forget_run(connection, state, run)
        Path(run.snapshot.path).unlink(missing_ok=True)
        raise
    with connection.transaction():
        ledger.set_status(connection, run.id, "loaded")
    return outcomes


def _finish(
    target: OpenTarget,
    state: StateSchema,
    run: Run,
    facts: SourceFacts,
    outcomes: dict[str, StepOutcome],
    request: MigrateRequest,
    phases: PhaseLog,
) -> RunReport:
    ledger = Ledger(state=state)
    quarantine = Quarantine(state=state, run_id=run.id)
    keys = quarantine.keys(target.connection)
    target.connection.rollback()
    if request.keep_way_back:
        # Before the proof: what is written from here on is in the journal or a difference.
        begin_way_back(target.connection, state, run)
    proof = None
    if request.verify:
        proof = prove(
            target,
            run.plan,
            facts.catalog,
            run.snapshot,
            outcomes=outcomes,
            quarantined=keys,
            phases=phases,
            jobs=run.plan.options.jobs,
        )
    workspace = run_workspace(state_directory(), run.id)
    report_dir = request.report_dir or workspace.path
    report = build_run_report(
        verb="migrate",
        run_id=run.id,
        source=request.source,
        target=target.display,
        rehearsal=target.rehearsal,
        snapshot=run.snapshot,
        tables=build_table_reports(
            run.plan,
            facts.catalog,
            outcomes,
            keys,
            proof.tables if proof else {},
            count_kept_rows(target.connection, state, run),
        ),
        findings=(
            *outcome_findings(run.plan, outcomes),
            *(find_irreversible(run.plan, facts.catalog) if request.keep_way_back else ()),
        ),
        phases=phases.reports,
        differences=proof.differences if proof else (),
        difference_count=proof.difference_count if proof else 0,
        verification="proof" if proof else "",
        objects=count_objects(run.plan, outcomes),
        touched=collect_touched(run.plan, outcomes, keys),
        started_at=f"{run.started_at:%Y-%m-%dT%H:%M:%SZ}",
        finished_at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        howdah_version=__version__,
        server_version=target.server_version,
        report_dir=str(report_dir),
    )
    connection = target.connection
    if keys:
        write_quarantine_file(quarantine.rows(connection), workspace.quarantine)
        connection.rollback()
    write_report_directory(report, report_dir, trigger_stubs=render_stubs(run.plan, outcomes))
    with connection.transaction():
        # The state of everything before must be durable before the run is called finished.
        connection.execute("SET LOCAL synchronous_commit = on")
        if proof:
            ledger.record_proof(connection, run, str(proof.status), proof.tables)
        ledger.finish_run(connection, run.id, "done" if proof else "loaded", report)
    return report
