"""
Rows that were in the application's tables before: back beside the source's, or back altogether.
"""

from __future__ import annotations

from psycopg import sql

from howdah.loading.copy_statement import compose_table
from howdah.loading.job import LoadJob
from howdah.loading.owned_prepare import owned_plan
from howdah.model.finding_kinds import make_finding
from howdah.model.owned import KEPT_COLUMN, OwnedPlan
from howdah.model.plan import Step, TablePlan
from howdah.names import quote
from howdah.state.ledger import StepOutcome
from howdah.state.saved import SavedState, SavedTable
from howdah.state.store import Connection


def run_merge_step(connection: Connection, job: LoadJob, step: Step) -> StepOutcome:
    """
    Bring rows back that the source has no row for: of equal key, or in the way of a unique constraint.

    Those that give way stay in the state schema, and a finding counts them.
    """
    table = job.plan.table(step.table)
    saved = SavedState(state=job.state, run_id=job.run_id)
    place = saved.table(connection, table.target_schema, table.target_name)
    columns = writable_columns(owned_plan(job), table)
    key = [sql.Identifier(name) for name in table.merge_key]
    row = connection.execute(
        sql.SQL(
            "WITH came_back AS (INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE"
            " SELECT {columns} FROM {saved} ON CONFLICT DO NOTHING RETURNING {key}),"
            " marked AS (UPDATE {saved} AS s SET {kept} = true FROM came_back AS b WHERE {same} RETURNING 1)"
            " SELECT count(*) FROM marked"
        ).format(
            table=compose_table(table),
            columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
            saved=saved.locate(place),
            key=sql.SQL(", ").join(key),
            kept=sql.Identifier(KEPT_COLUMN),
            same=sql.SQL(" AND ").join(sql.SQL("s.{0} = b.{0}").format(name) for name in key),
        )
    ).fetchone()
    assert row is not None
    saved.count_kept(connection, place, row[0])
    gave_way = place.rows - row[0]
    finding = make_finding(
        "F-911",
        f"table {quote(table.name)}",
        f"{row[0]} rows of the target stayed, {gave_way} gave way to rows of the source.",
        detail=f"Rows that gave way are in {quote(job.state.name)}.{quote(place.saved_table)}.",
    )
    return StepOutcome(step_id=step.id, findings=(finding,) if place.rows else ())


def bring_rows_back(
    connection: Connection, owned: OwnedPlan, table: TablePlan, saved: SavedState, place: SavedTable
) -> None:
    """Put all saved rows into the table, which is empty."""
    columns = sql.SQL(", ").join(map(sql.Identifier, writable_columns(owned, table)))
    connection.execute(
        sql.SQL("INSERT INTO {} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {}").format(
            compose_table(table), saved.locate(place), columns=columns
        )
    )


def writable_columns(owned: OwnedPlan, table: TablePlan) -> list[str]:
    """Return the columns of a table that PostgreSQL does not compute itself."""
    facts = next(
        facts
        for facts in owned.tables
        if (facts.schema, facts.name) == (table.target_schema, table.target_name)
    )
    return [column.name for column in facts.columns if column.generated_sql is None]
