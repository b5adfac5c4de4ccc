"""
Build one object after (or before) the data: constraint, index, sequence, view.

What the data contradicts is settled here by the rules of the plan: duplicates and
NULLs that a key will not have go to quarantine, a foreign key or check that old
rows violate is kept as NOT VALID, an optional object that the server will not
take becomes a finding with its SQL. Nothing is dropped in silence, and one
refused object never stops the others.
"""

from __future__ import annotations

import time
from typing import Any, cast

import psycopg
from psycopg import sql

from howdah.loading.job import LoadJob
from howdah.loading.orphans import compose_orphans, referencing_columns
from howdah.loading.set_aside import set_aside_target_rows
from howdah.model.finding_kinds import make_finding
from howdah.model.plan import Step, StepKind
from howdah.names import qualified, quote
from howdah.postgres.errors import is_of_the_moment
from howdah.state.ledger import StepOutcome
from howdah.state.store import Connection
from howdah.units import format_amount

_KEYS = (StepKind.PRIMARY_KEY, StepKind.UNIQUE)
_COMPUTED = (StepKind.UNIQUE, StepKind.INDEX, StepKind.CHECK)


def run_object_step(connection: Connection, job: LoadJob, step: Step) -> StepOutcome:
    """
    Carry out the SQL of `step` in the caller's transaction.

    Raises psycopg.Error where the server refuses an object that is not optional.
    """
    started = time.monotonic()
    outcome = StepOutcome(step_id=step.id)
    try:
        _execute(connection, step.sql)
    except psycopg.IntegrityError as error:
        if step.kind in _KEYS and step.key_sql:
            outcome = _make_room_for_key(connection, job, step, error)
        elif step.fallback_sql:
            outcome = _fall_back(connection, job, step, error)
        else:
            raise
    except psycopg.DataError as error:
        if step.kind not in _COMPUTED:
            raise
        # An expression that SQLite can compute for every row and PostgreSQL cannot: 2**63 - 1 + 1.
        outcome = _fall_back(connection, job, step, error) if step.fallback_sql else _leave_out(step, error)
    except psycopg.Error as error:
        if not step.optional or connection.broken or is_of_the_moment(error):
            raise
        outcome = _leave_out(step, error)
    return StepOutcome(
        step_id=step.id,
        seconds=time.monotonic() - started,
        rows_quarantined=outcome.rows_quarantined,
        findings=outcome.findings,
        fell_back=outcome.fell_back,
        left_out=outcome.left_out,
    )


def _execute(connection: Connection, statement: str) -> None:
    # A savepoint, so that a refused statement leaves the rest of the transaction alone.
    with connection.transaction():
        connection.execute(cast("Any", statement))


def _make_room_for_key(connection: Connection, job: LoadJob, step: Step, error: psycopg.Error) -> StepOutcome:
    plan = job.plan.table(step.table)
    table = sql.SQL(cast("Any", qualified(plan.target_schema, plan.target_name)))
    key = [sql.SQL(cast("Any", expression)) for expression in step.key_sql]
    where = sql.SQL(cast("Any", step.where_sql or "true"))
    numbered = sql.SQL(
        "SELECT s.tableoid, s.ctid FROM (SELECT tableoid, ctid,"
        " row_number() OVER (PARTITION BY {key} ORDER BY ctid) AS copy"
        " FROM ONLY {table} WHERE {where} AND num_nulls({key}) = 0) s WHERE copy > 1"
    ).format(key=sql.SQL(", ").join(key), table=table, where=where)
    reason = "duplicate-key"
    if step.kind is StepKind.PRIMARY_KEY:
        nulls = sql.SQL("SELECT tableoid, ctid FROM ONLY {table} WHERE num_nulls({key}) > 0").format(
            table=table, key=sql.SQL(", ").join(key)
        )
        numbered = sql.SQL("{} UNION ALL {}").format(numbered, nulls)
    detail = f"SQLSTATE {error.sqlstate}: {error.diag.message_primary}"
    count = set_aside_target_rows(connection, job, plan, numbered, reason=reason, detail=detail)
    _execute(connection, step.sql)
    finding = make_finding(
        "F-901",
        f"{step.kind.value} {quote(step.object)} of table {quote(step.table)}",
        f"{count} rows whose key PostgreSQL takes for equal to another's went to quarantine.",
        detail=detail,
    )
    return StepOutcome(step_id=step.id, rows_quarantined=count, findings=(finding,))


def _fall_back(connection: Connection, job: LoadJob, step: Step, error: psycopg.Error) -> StepOutcome:
    _execute(connection, step.fallback_sql)
    violations = _count_violations(connection, job, step)
    noun = "foreign key" if step.kind is StepKind.FOREIGN_KEY else "check"
    finding = make_finding(
        "F-902" if step.kind is StepKind.FOREIGN_KEY else "F-903",
        f"{noun} {quote(step.object)} of table {quote(step.table)}",
        f"Rows that the source holds violate this {noun}: it guards new rows only (NOT VALID).",
        detail=f"{violations} {error.diag.message_primary}".strip(),
        hint=f"Correct the rows, then run: {_validate_statement(job, step)}",
    )
    return StepOutcome(step_id=step.id, findings=(finding,), fell_back=True)


def _validate_statement(job: LoadJob, step: Step) -> str:
    plan = job.plan.table(step.table)
    table = qualified(plan.target_schema, plan.target_name)
    return f"ALTER TABLE {table} VALIDATE CONSTRAINT {quote(step.object)};"


def _count_violations(connection: Connection, job: LoadJob, step: Step) -> str:
    """Say how many rows point nowhere, with some of the values; "" for a check."""
    if step.kind is not StepKind.FOREIGN_KEY or not step.columns:
        return ""
    row = connection.execute(
        sql.SQL(
            "SELECT count(*), (array_agg(DISTINCT concat_ws(', ', {columns})))[1:5] FROM ({orphans}) o"
        ).format(
            columns=sql.SQL(", ").join(sql.Identifier("o", name) for name in referencing_columns(job, step)),
            orphans=compose_orphans(job, step, referencing_columns(job, step)),
        )
    ).fetchone()
    assert row is not None
    count, samples = row
    return f"{format_amount(count, 'row')} without parent, e.g. {', '.join(samples or ())}."


def _leave_out(step: Step, error: psycopg.Error) -> StepOutcome:
    finding = make_finding(
        "F-904",
        f"{step.kind.value} {quote(step.object)}",
        "The server did not take this object; it is missing in the target.",
        detail=f"{error.diag.message_primary}. SQL: {step.sql}",
    )
    return StepOutcome(step_id=step.id, findings=(finding,), left_out=True)
