"""
Try translated triggers on both sides before any of them is made, and say which act otherwise than in SQLite.

Each is added on both sides to those that were found right before it, and the same statements are made: on
the snapshot in memory (`sqlite.rehearsal`) and on PostgreSQL in savepoints. Everything is taken back; what
stays is the record of what was found, by which the steps that make triggers go. Sequences, which no savepoint
takes back, are set again as the plan has them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import psycopg

from howdah.loading.job import LoadJob
from howdah.loading.object_step import run_object_step
from howdah.loading.trial_course import TrialCourse
from howdah.loading.trial_target import TrialTarget
from howdah.model.finding_kinds import make_finding
from howdah.model.findings import Finding
from howdah.model.plan import Step, StepKind, TablePlan, TriggerTrial
from howdah.model.source import Table
from howdah.names import quote_sqlite
from howdah.sqlite.answers import NotAnsweredError
from howdah.sqlite.rehearsal import Rehearsal, open_rehearsal
from howdah.state.ledger import Ledger, StepOutcome, ids_left_out
from howdah.state.store import Connection

#: Seconds that one statement may take on either side.
SECONDS_PER_STATEMENT = 10.0
#: Seconds after which no further trigger is tried.
SECONDS_IN_ALL = 180.0


@dataclass
class _Found:
    findings: list[Finding] = field(default_factory=list)
    #: Steps whose trigger is not made.
    removed: list[str] = field(default_factory=list)


def run_trial_step(connection: Connection, job: LoadJob, step: Step) -> StepOutcome:
    """Try every trigger of the step in the caller's transaction, and leave everything as it was."""
    started = time.monotonic()
    found = _Found()
    virtual = {table.name for table in job.plan.tables if job.source_table(table).kind == "virtual"}
    seen = []
    for trigger in step.trials:
        unseen = sorted(virtual.intersection(trigger.writes))
        if unseen:
            # Its module writes to tables of its own, and tells nobody of rows.
            found.findings.append(_not_tried(trigger, f'"{unseen[0]}" is a virtual table'))
        else:
            seen.append(trigger)
    tables = _tables_concerned(job, seen)
    try:
        with _set_up(connection, job, tables) as (lite, target):
            _try_all(lite, target, job, seen, found, ends=started + SECONDS_IN_ALL)
    except (NotAnsweredError, psycopg.errors.InsufficientPrivilege) as reason:
        told = {finding.object for finding in found.findings}
        found.findings += [
            _not_tried(trigger, str(reason)) for trigger in seen if _label(trigger) not in told
        ]
    _set_sequences_again(connection, job, tables)
    return StepOutcome(
        step_id=step.id,
        seconds=time.monotonic() - started,
        findings=tuple(found.findings),
        removed=tuple(found.removed),
    )


def run_trigger_step(connection: Connection, job: LoadJob, step: Step) -> StepOutcome:
    """Make a trigger in the caller's transaction, but for one that the trials found to act otherwise."""
    known = Ledger(state=job.state).outcomes(connection, job.run_id)
    if step.id in ids_left_out(known.values()):
        return StepOutcome(step_id=step.id, left_out=True)
    return run_object_step(connection, job, step)


def _tables_concerned(job: LoadJob, triggers: Sequence[TriggerTrial]) -> list[TablePlan]:
    """Return the tables that the triggers are of or write to, and those that follow them by a foreign key."""
    names = {name for trigger in triggers for name in (trigger.table, *trigger.writes)}
    keys = [item for item in job.plan.steps if item.kind is StepKind.FOREIGN_KEY]
    for _ in keys:
        names |= {key.table for key in keys if key.parent_table in names}
    return [table for table in job.plan.tables if table.name in names]


@contextmanager
def _set_up(
    connection: Connection, job: LoadJob, tables: Sequence[TablePlan]
) -> Iterator[tuple[Rehearsal, TrialTarget]]:
    row = connection.execute("SELECT extract(epoch FROM now())::float8").fetchone()
    assert row is not None
    with (
        open_rehearsal(
            job.snapshot_path,
            job.catalog,
            job.quarantine.keys(connection),
            now=row[0],
            seconds=SECONDS_PER_STATEMENT,
            # A live migration has its foreign keys only at the cutover.
            foreign_keys=not job.plan.options.defer_foreign_keys,
        ) as lite,
        connection.transaction(force_rollback=True),
    ):
        connection.execute(f"SET LOCAL statement_timeout = {int(SECONDS_PER_STATEMENT * 1000)}")
        target = TrialTarget(connection, job.plan, tables)
        target.number_like({table.name: _last_number(lite, job.source_table(table)) for table in tables})
        yield lite, target


def _last_number(lite: Rehearsal, table: Table) -> int:
    """Return the number behind which SQLite goes on."""
    if table.rowid_alias is None:
        return 0
    (row,) = lite.ask(f"SELECT max({quote_sqlite(table.rowid_alias)}) FROM {quote_sqlite(table.name)}")
    given = table.sequence_value if table.autoincrement else None
    return max(row[0] or 0, given or 0, 0)


def _set_sequences_again(connection: Connection, job: LoadJob, tables: Sequence[TablePlan]) -> None:
    names = {table.name for table in tables}
    for step in job.plan.steps:
        if step.kind is StepKind.SEQUENCE and step.table in names:
            connection.execute(cast("Any", step.sql))


def _try_all(
    lite: Rehearsal,
    target: TrialTarget,
    job: LoadJob,
    triggers: Sequence[TriggerTrial],
    found: _Found,
    *,
    ends: float,
) -> None:
    right: list[TriggerTrial] = []
    for trigger in triggers:
        if time.monotonic() > ends:
            found.removed.append(trigger.step_id)
            found.findings.append(_no_time_left(trigger))
            continue
        if not target.make(trigger):
            continue
        lite.add_trigger(trigger.name, trigger.written_sql)
        others = [other for other in right if trigger.table in (other.table, *other.writes)]
        course = TrialCourse(lite=lite, target=target, job=job, trigger=trigger, ends=ends)
        try:
            difference = course.run(others)
        except NotAnsweredError as reason:
            difference, course.unanswered = "", str(reason)
        if difference:
            lite.remove_trigger(trigger.name)
            target.remove(trigger)
            found.removed.append(trigger.step_id)
            found.findings.append(_acts_otherwise(trigger, difference))
            continue
        right.append(trigger)
        if course.untried:
            found.findings.append(_not_tried(trigger, course.untried))


def _label(trigger: TriggerTrial) -> str:
    return f'trigger "{trigger.name}" of "{trigger.table}"'


def _acts_otherwise(trigger: TriggerTrial, difference: str) -> Finding:
    return make_finding(
        "F-907",
        _label(trigger),
        "It acted otherwise than in SQLite and was not made; a stub is in triggers.sql.",
        detail=f"{difference}. In SQLite: {trigger.written_sql}. Translated: {trigger.translated_sql}",
    )


def _no_time_left(trigger: TriggerTrial) -> Finding:
    return make_finding(
        "F-909",
        _label(trigger),
        "There was no time left to try it: it was not made; a stub is in triggers.sql.",
        detail=f"All may take {SECONDS_IN_ALL:.0f} s. In SQLite: {trigger.written_sql}."
        f" Translated: {trigger.translated_sql}",
    )


def _not_tried(trigger: TriggerTrial, reason: str) -> Finding:
    return make_finding(
        "F-908",
        _label(trigger),
        "What it does was not compared with SQLite.",
        detail=f"{reason}. In SQLite: {trigger.written_sql}. Translated: {trigger.translated_sql}",
    )
