"""
What changes on PostgreSQL when writes begin or end there: sequences, and the fence.

The fence is a trigger per table that refuses every write but those of the apply.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from psycopg import sql

from howdah.loading.copy_statement import compose_table
from howdah.loading.job import LoadJob
from howdah.loading.owned_sequences import move_on
from howdah.model.findings import Finding
from howdah.model.plan import Plan
from howdah.model.source import fold_name
from howdah.names import qualified
from howdah.sqlite.live_file import LiveFile
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


def set_sequences(connection: Connection, job: LoadJob, live: LiveFile) -> tuple[Finding, ...]:
    """Set every sequence behind what the file holds or has given out, in the caller's transaction."""
    plan = job.plan
    if plan.owned is not None:
        # What AUTOINCREMENT has given out by now is in the file's own book.
        fresh = replace(job, catalog=live.read_catalog())
        return tuple(
            finding for sequence in plan.owned.sequences for finding in move_on(connection, fresh, sequence)
        )
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
    return ()


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
