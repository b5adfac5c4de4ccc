"""
What changes on PostgreSQL when writes begin or end there: foreign keys, triggers, sequences, the fence.

Foreign keys come at the cutover, NOT VALID so that nobody waits for a scan, and are validated after
the release; the application's own triggers come with them, so that none fires for what is applied. The fence
is a trigger per table that refuses every write but those of the apply.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import psycopg
from psycopg import sql

from howdah.loading.copy_statement import compose_table
from howdah.loading.job import LoadJob
from howdah.loading.runner import deferred_steps
from howdah.loading.trial_step import run_trigger_step
from howdah.loading.triggers import drop_trigger_functions
from howdah.model.findings import Finding
from howdah.model.plan import Plan, Step, StepKind
from howdah.model.source import fold_name
from howdah.names import qualified
from howdah.planning.findings import make_finding
from howdah.sqlite.live_file import LiveFile
from howdah.state.ledger import Ledger, StepOutcome
from howdah.state.store import Connection, StateSchema

FENCE = "_howdah_fence"

_REFUSE = """
BEGIN
    IF coalesce(current_setting('howdah.applying', true), '') <> 'on' THEN
        RAISE EXCEPTION USING MESSAGE = {message}, ERRCODE = 'read_only_sql_transaction';
    END IF;
    RETURN NULL;
END
"""


def set_sequences(connection: Connection, plan: Plan, live: LiveFile) -> None:
    """Set every sequence behind what the file holds or has given out, in the caller's transaction."""
    given_out = {fold_name(name): last for name, last in live.read_sequences().items()}
    for table in plan.tables:
        identity = next((column for column in table.columns if column.identity), None)
        if identity is None:
            continue
        used = [given_out.get(fold_name(table.name)), live.largest(table.name, identity.name)]
        last = max((value for value in used if value is not None), default=0)
        connection.execute(
            "SELECT setval(pg_get_serial_sequence(%s, %s), %s, %s)",
            (
                qualified(table.target_schema, table.target_name),
                identity.target_name,
                max(last, 1),
                last >= 1,
            ),
        )


def make_deferred(connection: Connection, job: LoadJob) -> None:
    """
    Add the deferred foreign keys NOT VALID, then the triggers, and record them, in the caller's transaction.

    Whatever is applied is applied before: no trigger fires for it.
    """
    ledger = Ledger(state=job.state)
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


def validate_foreign_keys(connection: Connection, job: LoadJob) -> tuple[Finding, ...]:
    """Validate what was added NOT VALID, one by one; return what the rows contradict."""
    ledger = Ledger(state=job.state)
    outcomes = ledger.outcomes(connection, job.run_id)
    connection.rollback()
    findings: list[Finding] = []
    for step in deferred_steps(job.plan):
        if step.id not in outcomes or not outcomes[step.id].fell_back:
            continue
        table = job.plan.table(step.table)
        try:
            with connection.transaction():
                connection.execute(
                    sql.SQL("ALTER TABLE {} VALIDATE CONSTRAINT {}").format(
                        compose_table(table), sql.Identifier(step.object)
                    )
                )
                ledger.forget_step(connection, job.run_id, step.id)
                ledger.record_step(connection, job.run_id, StepOutcome(step_id=step.id))
        except psycopg.IntegrityError as error:
            findings.append(
                make_finding(
                    "F-902",
                    f'foreign key "{step.object}" of table "{step.table}"',
                    "rows that were there before violate it, so it stays NOT VALID",
                    detail=str(error.diag.message_detail or ""),
                )
            )
    return tuple(findings)


def drop_deferred(connection: Connection, job: LoadJob) -> None:
    """Take foreign keys and triggers off again, in the caller's transaction."""
    ledger = Ledger(state=job.state)
    done = ledger.outcomes(connection, job.run_id)
    for step in deferred_steps(job.plan):
        if step.id not in done:
            continue
        if step.kind is StepKind.TRIGGER:
            drop_trigger_functions(connection, job.plan, [step], done, cascade=True)
        else:
            connection.execute(
                sql.SQL("ALTER TABLE {} DROP CONSTRAINT IF EXISTS {}").format(
                    compose_table(job.plan.table(step.table)), sql.Identifier(step.object)
                )
            )
        ledger.forget_step(connection, job.run_id, step.id)


def fence_target(connection: Connection, state: StateSchema, plan: Plan, address: str) -> None:
    """Refuse writes of everybody but the apply, in the caller's transaction; a second call does nothing."""
    function = sql.Identifier(state.name, "refuse_writes")
    message = f"moved to {address}: this database takes no more writes"
    body = sql.SQL(cast("Any", _REFUSE)).format(message=sql.Literal(message)).as_string(connection)
    connection.execute(
        sql.SQL(
            "CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql"
            " SET search_path = pg_catalog, pg_temp AS {}"
        ).format(function, sql.Literal(body))
    )
    for table in plan.tables:
        name = compose_table(table)
        connection.execute(sql.SQL("DROP TRIGGER IF EXISTS {} ON {}").format(sql.Identifier(FENCE), name))
        connection.execute(
            sql.SQL(
                "CREATE TRIGGER {} BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {}"
                " FOR EACH STATEMENT EXECUTE FUNCTION {}()"
            ).format(sql.Identifier(FENCE), name, function)
        )
        connection.execute(
            sql.SQL("ALTER TABLE {} ENABLE ALWAYS TRIGGER {}").format(name, sql.Identifier(FENCE))
        )


def unfence_target(connection: Connection, state: StateSchema) -> None:
    """Take writes again, in the caller's transaction."""
    connection.execute(
        sql.SQL("DROP FUNCTION IF EXISTS {}() CASCADE").format(sql.Identifier(state.name, "refuse_writes"))
    )


def set_autovacuum(connection: Connection, plan: Plan, *, enabled: bool) -> None:
    """Keep autovacuum away from the tables while locks on them must be had at once, or let it back."""
    change = "RESET (autovacuum_enabled)" if enabled else "SET (autovacuum_enabled = false)"
    for table in plan.tables:
        connection.execute(sql.SQL(cast("Any", f"ALTER TABLE {{}} {change}")).format(compose_table(table)))


def count_not_valid(outcomes: Mapping[str, StepOutcome]) -> int:
    """Return how many constraints stand NOT VALID."""
    return sum(outcome.fell_back for outcome in outcomes.values())
