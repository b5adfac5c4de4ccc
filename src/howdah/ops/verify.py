"""
verify: the full proof of an earlier run, any time later, and repair of what differs.

The source is copied anew. When that copy is the snapshot the run was made from,
byte for byte, the result is a proof; when the source has changed since, or the
target has no ledger, both sides are still compared in full, and the result is
called a comparison.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from howdah import __version__
from howdah.errors import RefusedError
from howdah.loading.job import LoadJob
from howdah.loading.repair import repair_differences
from howdah.model.plan import Plan, PlanOptions
from howdah.model.report import Difference, RunReport
from howdah.ops.app_rules import find_refusals, read_app_rules
from howdah.ops.proving import prove
from howdah.ops.repeated import count_kept_rows
from howdah.ops.run_report import (
    build_run_report,
    build_table_reports,
    collect_touched,
    count_objects,
    outcome_findings,
)
from howdah.ops.source_facts import KEEP_ORPHANS, SourceFacts, read_source
from howdah.ops.target import OpenTarget, TargetRequest, open_target, read_open_target
from howdah.ops.unrecorded import find_missing_tables, plan_without_ledger
from howdah.ops.workspace import temporary_workspace
from howdah.places import state_directory
from howdah.planning.orphans import recorded_orphans
from howdah.process.phases import PhaseLog
from howdah.process.progress import NullProgress, Progress
from howdah.proof.result import Proof
from howdah.proof.verify import LISTED_MAX
from howdah.report.files import write_report_directory
from howdah.state.ledger import Ledger, Run, StepOutcome
from howdah.state.quarantine import Quarantine
from howdah.state.store import StateSchema, exclusive_run, state_exists

#: Rows of one table that a single repair copies again.
REPAIRED_MAX = 100_000


@dataclass(frozen=True, kw_only=True)
class VerifyRequest:
    source: str
    target: TargetRequest = field(default_factory=TargetRequest)
    repair: bool = False
    jobs: int | None = None
    report_dir: Path | None = None
    #: Compare with what can be read of a damaged source.
    salvage: bool = False
    #: What to compare, and by which rules, where the target has no ledger; else the run's own count.
    options: PlanOptions = field(default_factory=PlanOptions)


@dataclass(frozen=True, kw_only=True)
class _Subject:
    """What is compared with what."""

    run: Run | None
    plan: Plan
    facts: SourceFacts
    outcomes: Mapping[str, StepOutcome]
    quarantined: Mapping[str, frozenset[str]]
    #: Found beside rows and schema: tables without a counterpart, what the application's pack refuses.
    beside: tuple[Difference, ...] = ()

    @property
    def is_proof(self) -> bool:
        return self.run is not None and self.facts.snapshot.sha256 == self.run.snapshot.sha256


def verify_run(request: VerifyRequest, progress: Progress | None = None) -> RunReport:
    """
    Compare every row of both sides and every object of the plan; return the report.

    With `repair`, rows that differ or are missing are copied again, sequences that
    are behind are set, objects that are missing are built, and everything is
    compared once more. Raises RefusedError where the target holds nothing to
    compare with.
    """
    started = datetime.now(UTC)
    phases = PhaseLog(progress=progress or NullProgress())
    state = StateSchema(name=request.target.state_schema)
    with (
        open_target(request.target, source=request.source, salvage=request.salvage) as target,
        temporary_workspace(state_directory()) as workspace,
    ):
        run = _find_run(target, state)
        facts = read_source(
            request.source,
            workspace,
            phases,
            salvage=request.salvage,
            orphans=KEEP_ORPHANS if run is None else recorded_orphans(run.plan),
        )
        subject = _choose_subject(target, state, request, facts, run)
        jobs = request.jobs or subject.plan.options.jobs
        # What is to be mended must be listed, not only counted.
        listed_max = REPAIRED_MAX if request.repair else LISTED_MAX
        proof = _prove(target, subject, jobs, phases, listed_max)
        repaired = 0
        if request.repair and proof.difference_count:
            with exclusive_run(target.connection, state), phases.phase("repair"):
                repaired = _repair(target, state, subject, proof)
            proof = _prove(target, subject, jobs, phases)
        return _report(target, state, request, subject, proof, phases, started, repaired)


def _find_run(target: OpenTarget, state: StateSchema) -> Run | None:
    """Return the finished run of the target, None without a ledger. Raises RefusedError V-101."""
    connection = target.connection
    try:
        for run in Ledger(state=state).runs(connection) if state_exists(connection, state) else []:
            if run.status in ("loaded", "done"):
                return run
            if run.status == "running":
                raise RefusedError(
                    "V-101",
                    f"Run {run.id} is not finished: there is nothing to verify yet.",
                    hint=f'Run "howdah migrate {run.source}" again: it resumes.',
                )
    finally:
        connection.rollback()
    return None


def _choose_subject(
    target: OpenTarget, state: StateSchema, request: VerifyRequest, facts: SourceFacts, run: Run | None
) -> _Subject:
    if run is not None:
        connection = target.connection
        try:
            return _Subject(
                run=run,
                plan=run.plan,
                facts=facts,
                outcomes=Ledger(state=state).outcomes(connection, run.id),
                quarantined=Quarantine(state=state, run_id=run.id).keys(connection),
                beside=_ask_packs(target, run.plan, facts),
            )
        finally:
            connection.rollback()
    plan = plan_without_ledger(target, request.options, facts)
    return _Subject(
        run=None,
        plan=plan,
        facts=facts,
        outcomes={},
        quarantined={},
        beside=(*find_missing_tables(plan, facts.catalog), *find_refusals(plan.findings)),
    )


def _ask_packs(target: OpenTarget, plan: Plan, facts: SourceFacts) -> tuple[Difference, ...]:
    """Ask again what was asked before the run: whether both sides are of one version of the application."""
    if plan.owned is None:
        return ()
    _, owned = read_open_target(target, plan.options)
    return find_refusals(read_app_rules(facts, target.connection, owned).findings)


def _prove(
    target: OpenTarget, subject: _Subject, jobs: int, phases: PhaseLog, listed_max: int = LISTED_MAX
) -> Proof:
    proof = prove(
        target,
        subject.plan,
        subject.facts.catalog,
        subject.facts.snapshot,
        outcomes=subject.outcomes,
        quarantined=subject.quarantined,
        phases=phases,
        jobs=jobs,
        listed_max=listed_max,
    )
    return replace(
        proof,
        differences=(*subject.beside, *proof.differences),
        difference_count=len(subject.beside) + proof.difference_count,
    )


def _repair(target: OpenTarget, state: StateSchema, subject: _Subject, proof: Proof) -> int:
    job = LoadJob(
        conninfo=target.conninfo,
        state=state,
        run_id=subject.run.id if subject.run else "",
        plan=subject.plan,
        catalog=subject.facts.catalog,
        census=subject.facts.census,
        snapshot_path=subject.facts.snapshot.path,
    )
    with target.connection.transaction():
        return repair_differences(target.connection, job, proof)


def _report(
    target: OpenTarget,
    state: StateSchema,
    request: VerifyRequest,
    subject: _Subject,
    proof: Proof,
    phases: PhaseLog,
    started: datetime,
    repaired: int,
) -> RunReport:
    run = subject.run
    report = build_run_report(
        verb="verify",
        run_id=run.id if run else "",
        source=request.source,
        target=target.display,
        rehearsal=target.rehearsal,
        snapshot=subject.facts.snapshot,
        tables=build_table_reports(
            subject.plan,
            subject.facts.catalog,
            subject.outcomes,
            subject.quarantined,
            proof.tables,
            count_kept_rows(target.connection, state, subject.run) if subject.run else {},
        ),
        findings=outcome_findings(subject.plan, subject.outcomes),
        phases=phases.reports,
        differences=proof.differences,
        difference_count=proof.difference_count,
        verification="proof" if subject.is_proof else "comparison",
        objects=count_objects(subject.plan, subject.outcomes),
        started_at=f"{started:%Y-%m-%dT%H:%M:%SZ}",
        finished_at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        howdah_version=__version__,
        server_version=target.server_version,
        report_dir=str(request.report_dir or ""),
        repaired=repaired,
        touched=collect_touched(subject.plan, subject.outcomes, subject.quarantined),
    )
    if request.report_dir is not None:
        write_report_directory(report, request.report_dir)
    if run is not None and subject.is_proof:
        connection = target.connection
        with connection.transaction():
            Ledger(state=state).record_proof(connection, run, str(proof.status), proof.tables)
            if run.status == "loaded" and not proof.difference_count:
                Ledger(state=state).finish_run(connection, run.id, "done", replace(report, verb="migrate"))
    return report
