"""Which constraints a run left NOT VALID, because rows that it carried violate them, and are so still."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from howdah.model.plan import Plan
from howdah.names import qualified, quote
from howdah.state.ledger import StepOutcome
from howdah.state.store import Connection

#: Somebody may have corrected the rows, and validated the constraint, since.
_STILL = """
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_constraint
     WHERE conrelid = to_regclass(%s) AND conname = %s AND NOT convalidated
)
"""


def list_not_valid(
    connection: Connection, plan: Plan, outcomes: Mapping[str, StepOutcome]
) -> tuple[str, ...]:
    """Return them as `"name" of table "name"`, in the order of the plan."""
    return tuple(
        f"{quote(name)} of table {quote(table)}"
        for identity, schema, table, name in _constraints(plan)
        if identity in outcomes
        and outcomes[identity].fell_back
        and connection.execute(_STILL, (qualified(schema, table), name)).fetchone() == (True,)
    )


def _constraints(plan: Plan) -> Iterator[tuple[str, str, str, str]]:
    """Yield the id of what makes each, its schema, table and name in the target."""
    for step in plan.steps:
        if step.fallback_sql and step.table:
            table = plan.table(step.table)
            yield step.id, table.target_schema, table.target_name, step.object
    for key in plan.owned.foreign_keys if plan.owned is not None else ():
        yield key.interim_id, key.schema, key.table, key.name
