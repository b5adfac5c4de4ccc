"""Rows whose foreign key points nowhere, in tables that we made."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from howdah.loading.copy_statement import compose_table
from howdah.loading.job import LoadJob
from howdah.model.plan import Step


def referencing_columns(job: LoadJob, step: Step) -> list[str]:
    """Return the target names of the columns of a foreign key."""
    child = job.plan.table(step.table)
    return [child.column(name).target_name for name in step.columns]


def compose_orphans(job: LoadJob, step: Step, select: Sequence[str]) -> sql.Composed:
    """Compose the query of columns of the rows whose parent under the foreign key is not there."""
    referencing = [sql.Identifier("c", name) for name in referencing_columns(job, step)]
    parent = job.plan.table(step.parent_table)
    return sql.SQL(
        "SELECT {select} FROM ONLY {child} c WHERE num_nulls({referencing}) = 0"
        " AND NOT EXISTS (SELECT FROM {parent} p WHERE {match})"
    ).format(
        select=sql.SQL(", ").join(sql.Identifier("c", name) for name in select),
        child=compose_table(job.plan.table(step.table)),
        parent=compose_table(parent),
        referencing=sql.SQL(", ").join(referencing),
        match=sql.SQL(" AND ").join(
            sql.SQL("{} = {}").format(sql.Identifier("p", parent.column(theirs).target_name), ours)
            for ours, theirs in zip(referencing, step.parent_columns, strict=True)
        ),
    )
