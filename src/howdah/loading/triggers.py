"""
Triggers that are there already: quiet while rows are brought in, and dropped with what they were made for.

Of an application's own schema the plan says how each is put aside; those that a migration made are looked
up, because people may have dropped or disabled them since.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from psycopg import sql

from howdah.loading.job import LoadJob
from howdah.loading.owned_prepare import application_path
from howdah.model.owned import ENABLE_TRIGGER, Interim
from howdah.model.plan import Plan, Step, StepKind
from howdah.names import qualified, quote
from howdah.postgres.owned_catalog import read_triggers
from howdah.state.ledger import StepOutcome, ids_left_out
from howdah.state.saved import SavedState
from howdah.state.store import Connection


@contextmanager
def quiet_triggers(connection: Connection, job: LoadJob) -> Iterator[None]:
    """Keep triggers from firing, unless an application's were asked to, within one transaction."""
    if job.plan.owned is not None:
        # While a run is followed they are aside already, and stay there; without a ledger none can be.
        taken = SavedState(state=job.state, run_id=job.run_id).taken(connection) if job.run_id else ()
        interims = [item for item in job.plan.owned.interims if item.kind == "trigger" and item not in taken]
    else:
        interims = _find_made(connection, job.plan)
    for interim in interims:
        connection.execute(cast("Any", interim.take_sql))
    with application_path(connection, job.plan):
        yield
    for interim in interims:
        connection.execute(cast("Any", interim.restore_sql))


def _find_made(connection: Connection, plan: Plan) -> list[Interim]:
    """Return the triggers of the plan that are there and fire."""
    made = {
        (plan.table(step.table).target_name, step.object)
        for step in plan.steps
        if step.kind is StepKind.TRIGGER
    }
    schema = plan.options.schema
    return [
        Interim(
            id=f"trigger:{trigger.table}.{trigger.name}",
            kind="trigger",
            object=f'trigger "{trigger.name}" of table "{trigger.table}"',
            take_sql=f"ALTER TABLE {qualified(schema, trigger.table)} DISABLE TRIGGER {quote(trigger.name)}",
            restore_sql=f"ALTER TABLE {qualified(schema, trigger.table)}"
            f" {ENABLE_TRIGGER[trigger.enabled]} {quote(trigger.name)}",
        )
        for trigger in (read_triggers(connection, schema) if made else ())
        if trigger.enabled != "D" and (trigger.table, trigger.name) in made
    ]


def drop_trigger_functions(
    connection: Connection,
    plan: Plan,
    steps: Iterable[Step],
    outcomes: Mapping[str, StepOutcome],
    *,
    cascade: bool,
) -> None:
    """
    Drop the functions of triggers that steps have made, with `cascade` the triggers too.

    Raises psycopg.Error where something else needs one of them.
    """
    missing = ids_left_out(outcomes.values())
    for step in steps:
        if step.kind is StepKind.TRIGGER and step.id in outcomes and step.id not in missing:
            connection.execute(
                sql.SQL("DROP FUNCTION IF EXISTS {}(){}").format(
                    sql.Identifier(plan.options.schema, step.object),
                    sql.SQL(" CASCADE" if cascade else ""),
                )
            )
