"""
Set the application's sequences behind every number in use: before, in the source's own book, and in the rows.

A sequence may serve several columns, and steps by its own increment from its own
start: the next number is the first on its way that is behind all of them.
"""

from __future__ import annotations

from dataclasses import replace

from psycopg import sql

from howdah.loading.job import LoadJob
from howdah.loading.owned_prepare import owned_plan
from howdah.model.finding_kinds import make_finding
from howdah.model.findings import Finding
from howdah.model.owned import OwnedSequence, SequenceUse
from howdah.model.plan import Step
from howdah.names import quote
from howdah.state.ledger import StepOutcome
from howdah.state.store import Connection

_WHOLE_NUMBERS = frozenset({"smallint", "integer", "bigint", "numeric"})


def run_sequences_step(connection: Connection, job: LoadJob, step: Step) -> StepOutcome:
    """Move each sequence on where it has to be; none goes back."""
    findings = [
        finding for sequence in owned_plan(job).sequences for finding in move_on(connection, job, sequence)
    ]
    return StepOutcome(step_id=step.id, findings=tuple(findings))


def move_on(connection: Connection, job: LoadJob, recorded: OwnedSequence) -> list[Finding]:
    """Set one sequence from where it is now."""
    sequence = _read_current(connection, recorded)
    used = _furthest(connection, job, sequence)
    coming = sequence.behind(used)
    if coming == sequence.coming:
        return []
    within = sequence.minimum <= coming <= sequence.maximum
    name = sql.Identifier(sequence.schema, sequence.name)
    if within and sequence.may_alter:
        # Unlike setval() it vanishes with the transaction.
        connection.execute(sql.SQL("ALTER SEQUENCE {} RESTART WITH {}").format(name, sql.Literal(coming)))
        return []
    end = sequence.maximum if sequence.increment > 0 else sequence.minimum
    value, called = (coming, False) if within else (end, True)
    connection.execute(
        sql.SQL("SELECT setval({}, {}, {})").format(
            sql.Literal(name.as_string(connection)), sql.Literal(value), sql.Literal(called)
        )
    )
    if within or sequence.cycles:
        return []
    return [
        make_finding(
            "F-913",
            f"sequence {quote(sequence.name)}",
            "The data has used it up: the next insert that takes a number from it fails.",
            detail=f"{used} is in use, and it ends at {end}.",
        )
    ]


def _read_current(connection: Connection, sequence: OwnedSequence) -> OwnedSequence:
    row = connection.execute(
        sql.SQL("SELECT last_value, is_called FROM {}").format(sql.Identifier(sequence.schema, sequence.name))
    ).fetchone()
    assert row is not None
    return replace(sequence, last_value=row[0], is_called=row[1])


def _furthest(connection: Connection, job: LoadJob, sequence: OwnedSequence) -> int | None:
    """Return the furthest number in use in the direction of the sequence, None where there is none."""
    furthest = max if sequence.increment > 0 else min
    numbers = [
        number
        for use in sequence.uses
        for number in (_furthest_stored(connection, job, sequence, use), _remembered(job, sequence, use))
        if number is not None
    ]
    return furthest(numbers) if numbers else None


def _furthest_stored(
    connection: Connection, job: LoadJob, sequence: OwnedSequence, use: SequenceUse
) -> int | None:
    owned = owned_plan(job)
    facts = next((item for item in owned.tables if (item.schema, item.name) == (use.schema, use.table)), None)
    if facts is None:
        # A table that takes no rows has not used more of the sequence than before.
        return None
    kind = next(column.type for column in facts.columns if column.name == use.column)
    if kind.partition("(")[0] not in _WHOLE_NUMBERS:
        return None
    row = connection.execute(
        sql.SQL("SELECT {}({}) FROM {}").format(
            sql.SQL("max" if sequence.increment > 0 else "min"),
            sql.Identifier(use.column),
            sql.Identifier(use.schema, use.table),
        )
    ).fetchone()
    assert row is not None
    return None if row[0] is None else int(row[0])


def _remembered(job: LoadJob, sequence: OwnedSequence, use: SequenceUse) -> int | None:
    """Return the last number that AUTOINCREMENT gave, also to rows that are deleted."""
    if sequence.increment < 0:
        return None
    for table in job.plan.tables:
        if (table.target_schema, table.target_name) != (use.schema, use.table) or not table.loaded:
            continue
        source = job.source_table(table)
        numbered = next((c for c in table.columns if c.name == source.rowid_alias), None)
        if numbered is not None and numbered.target_name == use.column:
            return source.sequence_value
    return None
