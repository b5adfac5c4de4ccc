"""
Rows whose parent went to quarantine follow it, before foreign keys are built.

A child that pointed nowhere in the source already is not touched: that is an
orphan, its foreign key stays NOT VALID and a finding says so. The difference is
whether the missing parent is in quarantine.
"""

from __future__ import annotations

import json

from psycopg import sql

from howdah.loading.job import LoadJob
from howdah.loading.set_aside import set_aside_target_rows
from howdah.model.plan import Step, StepKind
from howdah.model.quarantine import QuarantinedRow
from howdah.state.store import Connection


def set_dependants_aside(connection: Connection, job: LoadJob) -> dict[str, int]:
    """
    Move rows whose parent is in quarantine there too, and theirs, until none is left.

    Returns source table → rows moved. Runs in the caller's transaction.
    """
    moved: dict[str, int] = {}
    steps = [step for step in job.plan.steps if step.kind is StepKind.FOREIGN_KEY and step.parent_table]
    changed = True
    while changed:
        changed = False
        parents: dict[str, list[QuarantinedRow]] = {}
        for row in job.quarantine.rows(connection):
            parents.setdefault(row.table, []).append(row)
        for step in steps:
            count = _follow(connection, job, step, parents.get(step.parent_table, []))
            if count:
                moved[step.table] = moved.get(step.table, 0) + count
                changed = True
    return moved


def _follow(connection: Connection, job: LoadJob, step: Step, parents: list[QuarantinedRow]) -> int:
    if not parents:
        return 0
    keys = [[row.cells[name].value for name in step.parent_columns] for row in parents]
    child = job.plan.table(step.table)
    parent = job.plan.table(step.parent_table)
    referencing = [child.column(name).target_name for name in step.columns]
    # Compared as text: the parent's cells are SQLite's values, and text is what both sides print alike
    # for the types that keys have. The parent must also be missing, as another row may hold its key.
    match = sql.SQL(" AND ").join(
        sql.SQL("c.{}::text = k.value[{}]").format(sql.Identifier(name), sql.Literal(position))
        for position, name in enumerate(referencing, start=1)
    )
    present = sql.SQL(" AND ").join(
        sql.SQL("p.{} = c.{}").format(sql.Identifier(parent.column(theirs).target_name), sql.Identifier(ours))
        for ours, theirs in zip(referencing, step.parent_columns, strict=True)
    )
    ctids = sql.SQL(
        "SELECT c.ctid FROM ONLY {child} c JOIN (SELECT ARRAY(SELECT json_array_elements_text(v)) AS value"
        " FROM json_array_elements({keys}::json) v) k ON {match}"
        " WHERE NOT EXISTS (SELECT FROM {parent} p WHERE {present})"
    ).format(
        child=sql.Identifier(child.target_schema, child.target_name),
        keys=sql.Literal(json.dumps(keys)),
        match=match,
        parent=sql.Identifier(parent.target_schema, parent.target_name),
        present=present,
    )
    return set_aside_target_rows(
        connection,
        job,
        child,
        ctids,
        reason="parent-quarantined",
        detail=f'The row of table "{step.parent_table}" that it refers to is in quarantine.',
    )
