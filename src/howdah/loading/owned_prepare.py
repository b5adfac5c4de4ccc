"""
Make room in the application's tables: keep the rows that are there, put constraints and triggers aside.

One step in one transaction with its records: either all of it is done and known, or none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

from psycopg import sql

from howdah.loading.copy_statement import compose_table
from howdah.loading.job import LoadJob
from howdah.model.owned import KEPT_COLUMN, OwnedPlan, RowPolicy
from howdah.model.plan import Plan, Step, TablePlan
from howdah.names import qualified
from howdah.state.ledger import StepOutcome
from howdah.state.saved import SavedState, SavedTable
from howdah.state.store import Connection


def run_prepare_step(connection: Connection, job: LoadJob, step: Step) -> StepOutcome:
    """Save and empty the tables that take rows, in the caller's transaction."""
    owned = owned_plan(job)
    saved = SavedState(state=job.state, run_id=job.run_id)
    saved.install(connection)
    tables = job.plan.loaded_tables
    _lock(connection, tables)
    take_interims(connection, saved, owned)
    for number, table in enumerate(tables, start=1):
        _save_rows(connection, saved, table, f"{owned.saved_prefix}{number}")
    return StepOutcome(step_id=step.id)


def owned_plan(job: LoadJob) -> OwnedPlan:
    """Return the part of the plan that such a step needs."""
    assert job.plan.owned is not None
    return job.plan.owned


def _lock(connection: Connection, tables: Sequence[TablePlan]) -> None:
    if tables:
        # All at once and before anything: nobody reads a table that is empty for now, nor writes one.
        names = ", ".join(qualified(table.target_schema, table.target_name) for table in tables)
        connection.execute(cast("Any", f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE"))


def take_interims(connection: Connection, saved: SavedState, owned: OwnedPlan) -> None:
    """Put constraints, triggers and defaults aside that are not yet, each with its record."""
    taken = {interim.id for interim in saved.taken(connection)}
    for number, interim in enumerate(owned.interims, start=1):
        if interim.id not in taken:
            saved.take(connection, interim, number)
            connection.execute(cast("Any", interim.take_sql))


def put_interims_back(connection: Connection, saved: SavedState) -> None:
    """Put everything back that is aside, in the order of the plan."""
    for interim in saved.taken(connection):
        connection.execute(cast("Any", interim.restore_sql))
        saved.put_back(connection, interim)


@contextmanager
def application_path(connection: Connection, plan: Plan) -> Iterator[None]:
    """
    Give rows on their way into an application's tables the search path that the role has by itself.

    Functions in its checks, generated columns and triggers may name other objects without their
    schema. Within one transaction; ours are named in full either way.
    """
    if plan.owned is None:
        yield
        return
    connection.execute("SET LOCAL search_path TO DEFAULT")
    yield
    connection.execute("SET LOCAL search_path TO pg_catalog, pg_temp")


def _save_rows(connection: Connection, saved: SavedState, table: TablePlan, name: str) -> None:
    kept = SavedTable(
        schema=table.target_schema,
        table=table.target_name,
        saved_table=name,
        policy=table.row_policy or RowPolicy.REPLACE,
        rows=0,
    )
    cursor = connection.execute(
        sql.SQL("CREATE TABLE {} AS SELECT t.*{} FROM {} AS t").format(
            saved.locate(kept),
            sql.SQL(", false AS {}").format(sql.Identifier(KEPT_COLUMN))
            if kept.policy is RowPolicy.MERGE
            else sql.SQL(""),
            compose_table(table),
        )
    )
    saved.add(connection, replace(kept, rows=cursor.rowcount))
    empty_table(connection, table)


def empty_table(connection: Connection, table: TablePlan) -> None:
    """Remove all rows; no foreign key refers to the table now, and no trigger fires."""
    # A partitioned table has no rows of its own, and cannot be emptied alone.
    only = sql.SQL("" if table.partitioned else "ONLY ")
    connection.execute(sql.SQL("TRUNCATE {}{}").format(only, compose_table(table)))
