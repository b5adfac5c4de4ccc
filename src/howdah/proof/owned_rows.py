"""
Rows of the target that are not the source's: those that a merge left where they were.

They are left out of the comparison with the source, and are compared with what was saved of
them before the run: none is missing, none is altered.
"""

from __future__ import annotations

from typing import Any, cast

from howdah.model.owned import KEPT_COLUMN, OwnedPlan
from howdah.model.plan import Plan, TablePlan
from howdah.model.report import Difference
from howdah.names import qualified, quote, quote_literal
from howdah.postgres.connect import Connection

_KEPT = quote(KEPT_COLUMN)


def read_saved_places(connection: Connection, plan: Plan) -> dict[str, str]:
    """Return, by source table that was merged, the qualified name of the table with its former rows."""
    owned = plan.owned
    if owned is None or not owned.saved_schema:
        return {}
    merged = {table.target_name: table.name for table in plan.tables if table.merge_key and table.loaded}
    if not merged:
        return {}
    rows = connection.execute(
        cast(
            "Any",
            f"SELECT target_table, saved_table FROM {qualified(owned.saved_schema, 'saved')}"
            f" WHERE pg_catalog.starts_with(saved_table, {quote_literal(owned.saved_prefix)})",
        )
    ).fetchall()
    return {merged[table]: qualified(owned.saved_schema, saved) for table, saved in rows if table in merged}


def read_aside(connection: Connection, owned: OwnedPlan) -> frozenset[str]:
    """Return the ids of the interims of a followed run that are out of the way now."""
    rows = connection.execute(
        cast(
            "Any",
            f"SELECT id FROM {qualified(owned.saved_schema, 'interim')}"
            f" WHERE 'saved_' || run_id || '_' = {quote_literal(owned.saved_prefix)}",
        )
    ).fetchall()
    return frozenset(name for (name,) in rows)


def build_filter(table: TablePlan, saved: str) -> str:
    """Return the condition that leaves out the rows that stayed; pure."""
    target = qualified(table.target_schema, table.target_name)
    same = " AND ".join(f"s.{quote(name)} = {target}.{quote(name)}" for name in table.merge_key)
    return f"NOT EXISTS (SELECT FROM {saved} AS s WHERE s.{_KEPT} AND {same})"


def check_kept_rows(
    connection: Connection, table: TablePlan, owned: OwnedPlan, saved: str
) -> list[Difference]:
    """Return a difference where a row that stayed is gone or is not what it was."""
    facts = next(item for item in owned.tables if item.name == table.target_name)
    row_text = ", ".join(quote(column.name) for column in facts.columns if column.generated_sql is None)
    target = qualified(table.target_schema, table.target_name)
    found = connection.execute(
        cast(
            "Any",
            f"SELECT pg_catalog.count(*) FROM (SELECT ROW({row_text})::text FROM {saved} WHERE {_KEPT}"
            f" EXCEPT ALL SELECT ROW({row_text})::text FROM {target}) AS lost",
        )
    ).fetchone()
    assert found is not None
    if not found[0]:
        return []
    return [
        Difference(
            kind="missing-row",
            table=table.name,
            source=f"{found[0]} rows that the target held before",
            target="missing or altered",
            detail="rows that were to stay beside the source's",
        )
    ]
