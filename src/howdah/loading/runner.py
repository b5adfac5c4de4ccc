"""
Carry out the steps of a run, in order, by one transaction or by many processes.

`run_in_one_transaction` leaves nothing behind unless the caller commits.
`run_in_steps` commits every step together with its record, here or in worker
processes, and skips what the ledger says is done: so it also resumes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from howdah.loading.dependants import set_dependants_aside
from howdah.loading.job import LoadJob
from howdah.loading.step import run_step
from howdah.loading.workers import WorkerPool
from howdah.model.plan import Plan, Step, StepKind
from howdah.process.phases import PhaseLog
from howdah.state.ledger import Ledger, StepOutcome
from howdah.state.store import Connection

#: Set aside what the children of quarantined rows are, between keys and foreign keys.
DEPENDANTS_STEP = "dependants"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Steps without order among them; a stage begins when the one before has ended."""

    name: str
    steps: tuple[Step, ...]
    #: May be shared out to workers.
    parallel: bool = True
    #: Quarantined rows' children are looked for before this stage.
    after_dependants: bool = False


def build_stages(steps: Iterable[Step]) -> tuple[Stage, ...]:
    """Group the steps of a plan into stages (pure)."""
    steps = tuple(steps)

    def of(*kinds: StepKind) -> tuple[Step, ...]:
        chosen = [step for step in steps if step.kind in kinds]
        # The heaviest first, so that no worker is left with the longest job at the end. Stable otherwise.
        return tuple(sorted(chosen, key=lambda step: -step.weight))

    return tuple(
        stage
        for stage in (
            Stage(name="create tables", steps=of(StepKind.SCHEMA) + of(StepKind.TABLE), parallel=False),
            Stage(name="keep rows, put constraints aside", steps=of(StepKind.PREPARE), parallel=False),
            Stage(name="copy rows", steps=of(StepKind.COPY)),
            Stage(name="bring rows back", steps=of(StepKind.MERGE)),
            Stage(
                name="build keys and indexes",
                steps=of(StepKind.PRIMARY_KEY)
                + of(StepKind.UNIQUE)
                + of(StepKind.INDEX)
                + of(StepKind.CHECK),
            ),
            Stage(name="put constraints back", steps=of(StepKind.RESTORE), parallel=False),
            Stage(name="build foreign keys", steps=of(StepKind.FOREIGN_KEY), after_dependants=True),
            Stage(
                name="set sequences, views",
                steps=of(StepKind.SEQUENCE) + tuple(step for step in steps if step.kind is StepKind.VIEW),
                parallel=False,
            ),
            Stage(name="compare answers", steps=of(StepKind.COMPARISON), parallel=False),
            Stage(name="analyze", steps=of(StepKind.ANALYZE)),
            # Last of all, so that no trigger fires for a row that is loaded.
            Stage(
                name="try and make triggers",
                steps=tuple(step for step in steps if step.kind in (StepKind.TRIAL, StepKind.TRIGGER)),
                parallel=False,
            ),
        )
        if stage.steps
    )


def steps_of_load(plan: Plan) -> tuple[Step, ...]:
    """Return the steps that a load carries out: all, or all but those that are deferred (pure)."""
    deferred = deferred_steps(plan)
    return tuple(step for step in plan.steps if step not in deferred)


def deferred_steps(plan: Plan) -> tuple[Step, ...]:
    """Return the steps that a live migration carries out at its cutover (pure)."""
    if not plan.options.defer_foreign_keys:
        return ()
    deferred = (StepKind.FOREIGN_KEY, StepKind.TRIGGER, StepKind.RESTORE)
    return tuple(step for step in plan.steps if step.kind in deferred)


def run_in_one_transaction(connection: Connection, job: LoadJob, phases: PhaseLog) -> dict[str, StepOutcome]:
    """Do every step on one connection, without committing; return the outcome of each by its id."""
    ledger = Ledger(state=job.state)
    outcomes: dict[str, StepOutcome] = {}

    def record(outcome: StepOutcome) -> None:
        ledger.record_step(connection, job.run_id, outcome)
        outcomes[outcome.step_id] = outcome
        _log_step(phases, outcome)

    for stage in build_stages(steps_of_load(job.plan)):
        with _stage_phase(phases, stage, outcomes):
            if stage.after_dependants:
                record(_set_dependants_aside(connection, job))
            for step in stage.steps:
                record(run_step(connection, job, step, phases.progress.advance))
    return outcomes


def run_in_steps(
    connection: Connection, job: LoadJob, phases: PhaseLog, *, jobs: int
) -> dict[str, StepOutcome]:
    """
    Do every step that the ledger does not have yet, each in a transaction of its own.

    Returns the outcome of every step by its id, those of an interrupted run before included.
    """
    ledger = Ledger(state=job.state)
    outcomes = ledger.outcomes(connection, job.run_id)
    connection.rollback()

    def commit(step_id: str, work: Callable[[], StepOutcome]) -> None:
        if step_id in outcomes:
            return
        with connection.transaction():
            outcome = work()
            ledger.record_step(connection, job.run_id, outcome)
        outcomes[step_id] = outcome
        _log_step(phases, outcome)

    with WorkerPool(job, jobs) as pool:
        for stage in build_stages(steps_of_load(job.plan)):
            with _stage_phase(phases, stage, outcomes):
                if stage.after_dependants:
                    commit(DEPENDANTS_STEP, partial(_set_dependants_aside, connection, job))
                if stage.parallel and jobs > 1:
                    left = [step for step in stage.steps if step.id not in outcomes]
                    for outcome in pool.run(left, phases.progress.advance):
                        outcomes[outcome.step_id] = outcome
                        _log_step(phases, outcome)
                    continue
                for step in stage.steps:
                    commit(step.id, partial(run_step, connection, job, step, phases.progress.advance))
    return outcomes


def _log_step(phases: PhaseLog, outcome: StepOutcome) -> None:
    phases.log.info(
        "step %s: %.3f s, %d rows, %d bytes, %d to quarantine",
        outcome.step_id,
        outcome.seconds,
        outcome.rows,
        outcome.bytes,
        outcome.rows_quarantined,
    )
    for finding in outcome.findings:
        phases.log.warning("step %s: %s %s", outcome.step_id, finding.message, finding.detail)


def _set_dependants_aside(connection: Connection, job: LoadJob) -> StepOutcome:
    moved = set_dependants_aside(connection, job)
    return StepOutcome(step_id=DEPENDANTS_STEP, rows_quarantined=sum(moved.values()))


@contextmanager
def _stage_phase(phases: PhaseLog, stage: Stage, outcomes: dict[str, StepOutcome]) -> Iterator[None]:
    with phases.phase(stage.name, byte_count=sum(step.weight for step in stage.steps)) as count:
        yield
        done = [outcomes[step.id] for step in stage.steps]
        count.rows = sum(outcome.rows for outcome in done)
        count.bytes = sum(outcome.bytes for outcome in done)
