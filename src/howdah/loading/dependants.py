"""
Rows whose parent went to quarantine follow it, before foreign keys are built.

A child that pointed nowhere in the source already is an orphan: unless the plan wants it
set aside too, it is not touched, its foreign key stays NOT VALID and a finding says so.
The difference is whether the missing parent is in quarantine.
"""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import psycopg
from psycopg import sql

from howdah.codecs.registry import get_codec
from howdah.loading.cells import column_of_cells
from howdah.loading.copy_statement import compose_table
from howdah.loading.job import LoadJob
from howdah.loading.orphans import compose_orphans
from howdah.loading.set_aside import set_aside_target_rows
from howdah.model.plan import Step, StepKind, TablePlan
from howdah.model.quarantine import QuarantinedRow
from howdah.postgres.copy import build_copy_rows, copy_in
from howdah.state.store import Connection

_PARENTS = sql.Identifier("pg_temp", "howdah_parents")


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
            if job.plan.table(step.table).orphans == "quarantine":
                count += _set_orphans_aside(connection, job, step)
            if count:
                moved[step.table] = moved.get(step.table, 0) + count
                changed = True
    return moved


def _follow(connection: Connection, job: LoadJob, step: Step, parents: list[QuarantinedRow]) -> int:
    # Without a cell a value was too long to be kept in quarantine: too long for a key as well.
    parents = [row for row in parents if all(name in row.cells for name in step.parent_columns)]
    if not parents:
        return 0
    child = job.plan.table(step.table)
    parent = job.plan.table(step.parent_table)
    referencing = [sql.Identifier(child.column(name).target_name) for name in step.columns]
    # The parents' keys are brought to the form that the child has them in, by the child's own codecs.
    connection.execute(
        sql.SQL(
            "CREATE TEMPORARY TABLE howdah_parents ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA"
        ).format(sql.SQL(", ").join(referencing), compose_table(child))
    )
    copy_in(
        connection,
        sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(_PARENTS),
        [_encode_keys(child, step, parents)],
    )
    # The parent must also be missing, as another row may hold its key.
    places = sql.SQL(
        "SELECT c.tableoid, c.ctid FROM ONLY {child} c JOIN {parents} k ON {match}"
        " WHERE NOT EXISTS (SELECT FROM {parent} p WHERE {present})"
    ).format(
        child=compose_table(child),
        parents=_PARENTS,
        match=sql.SQL(" AND ").join(sql.SQL("c.{0} = k.{0}").format(name) for name in referencing),
        parent=compose_table(parent),
        present=sql.SQL(" AND ").join(
            sql.SQL("p.{} = c.{}").format(sql.Identifier(parent.column(theirs).target_name), ours)
            for ours, theirs in zip(referencing, step.parent_columns, strict=True)
        ),
    )
    count = 0
    # No operator: the types of the two sides cannot be compared, so the foreign key cannot be built either.
    with suppress(psycopg.errors.UndefinedFunction), connection.transaction():
        count = set_aside_target_rows(
            connection,
            job,
            child,
            places,
            reason="parent-quarantined",
            detail=f'The row of table "{step.parent_table}" that it refers to is in quarantine.',
        )
    connection.execute(sql.SQL("DROP TABLE {}").format(_PARENTS))
    return count


def _set_orphans_aside(connection: Connection, job: LoadJob, step: Step) -> int:
    # No operator: as in _follow.
    with suppress(psycopg.errors.UndefinedFunction), connection.transaction():
        return set_aside_target_rows(
            connection,
            job,
            job.plan.table(step.table),
            compose_orphans(job, step, ("tableoid", "ctid")),
            reason="parent-missing",
            detail=f'Table "{step.parent_table}" has no row that it refers to.',
        )
    return 0


def _encode_keys(child: TablePlan, step: Step, parents: list[QuarantinedRow]) -> memoryview:
    """Return binary COPY rows of the parents' keys; keys that the child cannot have are left out."""
    wires = []
    keep = np.ones(len(parents), dtype=bool)
    for ours, theirs in zip(step.columns, step.parent_columns, strict=True):
        column = child.column(ours)
        encoded = get_codec(column.codec).encode(
            column_of_cells([row.cells[theirs] for row in parents]), column.params, column.written_as
        )
        wires.append(encoded.wire)
        for mask in encoded.rejected.values():
            keep &= ~mask
    return memoryview(build_copy_rows(wires, len(parents), keep))
