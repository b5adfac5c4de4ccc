"""
Constraints that a target does without while it is followed into: away, back NOT VALID, validated.

Of tables that we made these are the foreign keys, and the triggers that were translated; of an
application's its foreign keys, its triggers, and the defaults that fill what the source lacks. Foreign keys
come back NOT VALID at the cutover, so that nobody waits for a scan, and are validated after the release.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import psycopg
from psycopg import sql

from howdah.errors import RefusedError
from howdah.loading.copy_statement import compose_table
from howdah.loading.job import LoadJob
from howdah.loading.owned_prepare import take_interims
from howdah.loading.runner import deferred_steps
from howdah.loading.trial_step import run_trigger_step
from howdah.loading.triggers import drop_trigger_functions
from howdah.model.finding_kinds import make_finding
from howdah.model.findings import Finding
from howdah.model.owned import OwnedForeignKey
from howdah.model.plan import Step, StepKind
from howdah.planning.owned_steps import compose_foreign_key
from howdah.state.ledger import Ledger, StepOutcome
from howdah.state.saved import SavedState
from howdah.state.store import Connection


def put_constraints_up(connection: Connection, job: LoadJob) -> None:
    """
    Give the target what it had to do without while it was followed into, in the caller's transaction.

    Foreign keys come NOT VALID and are recorded, triggers and defaults of an application come as they
    were. Raises RefusedError (L-124) where rows must be looked at and violate a foreign key.
    """
    ledger = Ledger(state=job.state)
    if job.plan.owned is None:
        _make_deferred(connection, job, ledger)
        return
    saved = SavedState(state=job.state, run_id=job.run_id)
    keys = {key.interim_id: key for key in job.plan.owned.foreign_keys}
    for interim in saved.taken(connection):
        key = keys.get(interim.id)
        if key is not None and key.to_validate:
            ledger.record_step(connection, job.run_id, _make_again(connection, key))
        else:
            connection.execute(cast("Any", interim.restore_sql))
        saved.put_back(connection, interim)


def _make_deferred(connection: Connection, job: LoadJob, ledger: Ledger) -> None:
    """Whatever is applied is applied before: no trigger fires for it."""
    done = ledger.outcomes(connection, job.run_id)
    for step in deferred_steps(job.plan):
        if step.id in done:
            continue
        if step.kind is StepKind.TRIGGER:
            outcome = run_trigger_step(connection, job, step)
        else:
            outcome = _add_foreign_key(connection, step)
        ledger.record_step(connection, job.run_id, outcome)


def _add_foreign_key(connection: Connection, step: Step) -> StepOutcome:
    try:
        with connection.transaction():
            connection.execute(cast("Any", step.fallback_sql or step.sql))
    except psycopg.ProgrammingError as error:
        finding = make_finding(
            "F-904", f'foreign key "{step.object}"', str(error.diag.message_primary), detail=step.sql
        )
        return StepOutcome(step_id=step.id, left_out=True, findings=(finding,))
    return StepOutcome(step_id=step.id, fell_back=True)


def _make_again(connection: Connection, key: OwnedForeignKey) -> StepOutcome:
    try:
        with connection.transaction():
            connection.execute(cast("Any", compose_foreign_key(key, not_valid=True)))
        return StepOutcome(step_id=key.interim_id, fell_back=True)
    except psycopg.errors.WrongObjectType:
        # Before PostgreSQL 18 a partitioned table has no foreign key that is NOT VALID.
        pass
    try:
        with connection.transaction():
            connection.execute(cast("Any", compose_foreign_key(key)))
    except psycopg.errors.ForeignKeyViolation as error:
        raise RefusedError(
            "L-124",
            f'Rows violate foreign key "{key.name}" of partitioned table "{key.table}", so it stays away.',
            detail=str(error.diag.message_detail or ""),
            hint="Correct those rows in the SQLite file, then run the same command again.",
        ) from error
    return StepOutcome(step_id=key.interim_id)


@dataclass(frozen=True, kw_only=True)
class _DeferredKey:
    """A foreign key that is away while the target is followed into."""

    #: Of the step, or of the interim.
    id: str
    table: sql.Identifier
    name: str
    #: Source name where there is one.
    of_table: str


def _deferred_keys(job: LoadJob) -> list[_DeferredKey]:
    if job.plan.owned is not None:
        names = {table.target_name: table.name for table in job.plan.tables}
        return [
            _DeferredKey(
                id=key.interim_id,
                table=sql.Identifier(key.schema, key.table),
                name=key.name,
                of_table=names.get(key.table, key.table),
            )
            for key in job.plan.owned.foreign_keys
        ]
    return [
        _DeferredKey(
            id=step.id,
            table=compose_table(job.plan.table(step.table)),
            name=step.object,
            of_table=step.table,
        )
        for step in deferred_steps(job.plan)
        if step.kind is StepKind.FOREIGN_KEY
    ]


def validate_foreign_keys(connection: Connection, job: LoadJob) -> tuple[Finding, ...]:
    """Validate what was added NOT VALID, one by one; return what the rows contradict."""
    ledger = Ledger(state=job.state)
    outcomes = ledger.outcomes(connection, job.run_id)
    connection.rollback()
    findings: list[Finding] = []
    for key in _deferred_keys(job):
        if key.id not in outcomes or not outcomes[key.id].fell_back:
            continue
        try:
            with connection.transaction():
                connection.execute(
                    sql.SQL("ALTER TABLE {} VALIDATE CONSTRAINT {}").format(
                        key.table, sql.Identifier(key.name)
                    )
                )
                ledger.forget_step(connection, job.run_id, key.id)
                ledger.record_step(connection, job.run_id, StepOutcome(step_id=key.id))
        except psycopg.IntegrityError as error:
            findings.append(
                make_finding(
                    "F-902",
                    f'foreign key "{key.name}" of table "{key.of_table}"',
                    "rows that were there before violate it, so it stays NOT VALID",
                    detail=str(error.diag.message_detail or ""),
                )
            )
    return tuple(findings)


def take_constraints_down(connection: Connection, job: LoadJob) -> None:
    """Let the target do without them again, in the caller's transaction; a second call does nothing."""
    ledger = Ledger(state=job.state)
    done = ledger.outcomes(connection, job.run_id)
    if job.plan.owned is not None:
        take_interims(connection, SavedState(state=job.state, run_id=job.run_id), job.plan.owned)
    for step in deferred_steps(job.plan):
        if step.kind is StepKind.TRIGGER and step.id in done:
            drop_trigger_functions(connection, job.plan, [step], done, cascade=True)
            ledger.forget_step(connection, job.run_id, step.id)
    for key in _deferred_keys(job):
        if key.id not in done:
            continue
        if job.plan.owned is None:
            connection.execute(
                sql.SQL("ALTER TABLE {} DROP CONSTRAINT IF EXISTS {}").format(
                    key.table, sql.Identifier(key.name)
                )
            )
        ledger.forget_step(connection, job.run_id, key.id)
