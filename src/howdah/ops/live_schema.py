"""What the source must still be for its plan to hold: its columns, and no rows where nothing takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from howdah.errors import RefusedError
from howdah.model.plan import Plan, TablePlan
from howdah.model.source import SourceCatalog
from howdah.ops.live_run import LiveRun
from howdah.planning.left_out import without_left_out
from howdah.planning.selection import NO_COUNTERPART


def require_same_columns(live: LiveRun, catalog: SourceCatalog) -> None:
    """Raise RefusedError (L-103) where the application altered its schema since the plan was made."""
    there = without_left_out(catalog, live.run.plan).tables
    found = {table.name: tuple(column.name for column in table.columns) for table in there}
    altered = [plan.name for plan in live.run.plan.tables if not _has_columns(plan, found.get(plan.name, ()))]
    planned = {plan.name for plan in live.run.plan.tables} | {name for name, _ in live.run.plan.skipped}
    altered += [table.name for table in catalog.tables if table.kind == "table" and table.name not in planned]
    if altered:
        raise RefusedError(
            "L-103",
            "The application changed the schema of the SQLite file.",
            detail="Tables: " + ", ".join(sorted(altered)) + ".",
            hint='Begin anew with the new schema: "howdah rollback", then "howdah follow".',
        )


def plans_that_hold(plan: Plan, catalog: SourceCatalog) -> Plan:
    """Return the plan with the tables alone that a catalog still has with the columns of the plan."""
    found = {
        table.name: tuple(column.name for column in table.columns)
        for table in without_left_out(catalog, plan).tables
    }
    return replace(
        plan,
        tables=tuple(
            table
            for table in plan.tables
            if {column.name for column in table.columns} <= set(found.get(table.name, ()))
        ),
    )


def _has_columns(plan: TablePlan, found: Sequence[str]) -> bool:
    carried = [name for name in found if name not in plan.left_out]
    return carried == [column.name for column in plan.columns] and set(plan.left_out) <= set(found)


def require_counterparts(live: LiveRun) -> None:
    """Raise RefusedError (L-125) where rows came into a table that the target does not have."""
    with live.file.looking():
        filled = [
            name
            for name, reason in live.run.plan.skipped
            if reason == NO_COUNTERPART and live.file.has_more_rows(name, 0)
        ]
    if filled:
        raise RefusedError(
            "L-125",
            "Rows were written to tables that the application's schema on PostgreSQL does not have.",
            detail="Tables: " + ", ".join(filled) + ". They were empty when following began.",
            hint='Begin anew: "howdah rollback", give the target those tables, then "howdah follow".',
        )
