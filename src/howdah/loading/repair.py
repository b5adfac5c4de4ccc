"""
Mend what a verification found: rows by their keys, sequences, objects of the plan.

A row that differs is updated in place and a missing one inserted, from the snapshot
and by the same codecs as the load; nothing is ever deleted, so rows that the target
has and the source has not stay for a person to judge. Tables without a key cannot be
mended row by row. Whoever calls verifies again: this claims nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any, cast

from psycopg import sql

from howdah.loading.copy_statement import compose_table
from howdah.loading.encode_batch import encode_batch
from howdah.loading.job import LoadJob
from howdah.loading.object_step import run_object_step
from howdah.model.plan import Step, StepKind, TablePlan
from howdah.model.quarantine import Cell
from howdah.model.report import Difference
from howdah.model.source import StorageClass
from howdah.postgres.copy import copy_in
from howdah.proof.result import Proof
from howdah.sqlite.connect import open_snapshot
from howdah.sqlite.python_rows import fetch_rows_by_key
from howdah.state.store import Connection

_SEQUENCE_OR_OBJECT = {
    "index": (StepKind.PRIMARY_KEY, StepKind.UNIQUE, StepKind.INDEX),
    "constraint": (StepKind.PRIMARY_KEY, StepKind.CHECK, StepKind.FOREIGN_KEY),
    "view": (StepKind.VIEW,),
}


def repair_differences(connection: Connection, job: LoadJob, proof: Proof) -> int:
    """Mend the listed differences in the caller's transaction; return how many rows and objects were."""
    repaired = 0
    for plan in job.plan.tables:
        keys = _keys_to_copy(proof.differences, plan)
        if keys:
            _copy_rows(connection, job, plan, keys)
            repaired += len(keys)
    for found in proof.differences:
        for step in _steps_to_repeat(found, job.plan.steps):
            _repeat(connection, job, found, step)
            repaired += 1
    return repaired


def _keys_to_copy(differences: Sequence[Difference], plan: TablePlan) -> list[tuple[Cell, ...]]:
    keys = {
        found.key_cells: None
        for found in differences
        if found.table == plan.name and found.kind in ("value", "missing-row") and found.key_cells
    }
    return list(keys)


def _copy_rows(
    connection: Connection, job: LoadJob, plan: TablePlan, keys: Sequence[tuple[Cell, ...]]
) -> None:
    """Bring the source's rows into a temporary table, and from there over and into the real one."""
    with closing(open_snapshot(job.snapshot_path)) as snapshot:
        batch = fetch_rows_by_key(
            snapshot,
            job.source_table(plan),
            plan.key,
            [tuple(_as_stored(cell) for cell in key) for key in keys],
        )
    encoded = encode_batch(batch, plan, job.source_table(plan))
    columns = [sql.Identifier(column.target_name) for column in plan.copied_columns]
    key = [sql.Identifier(plan.column(name).target_name) for name in plan.key]
    names: dict[str, sql.Composable] = {
        "table": compose_table(plan),
        "columns": sql.SQL(", ").join(columns),
        "changes": sql.SQL(", ").join(sql.SQL("{0} = r.{0}").format(column) for column in columns),
        "match": sql.SQL(" AND ").join(sql.SQL("t.{0} = r.{0}").format(column) for column in key),
    }
    for statement in (
        "DROP TABLE IF EXISTS pg_temp.howdah_repair",
        "CREATE TEMPORARY TABLE howdah_repair AS SELECT {columns} FROM {table} WITH NO DATA",
    ):
        connection.execute(sql.SQL(cast("Any", statement)).format(**names))
    copy_in(
        connection,
        sql.SQL("COPY pg_temp.howdah_repair ({columns}) FROM STDIN (FORMAT binary)").format(**names),
        [encoded.copy_rows()],
    )
    for statement in (
        "UPDATE {table} t SET {changes} FROM pg_temp.howdah_repair r WHERE {match}",
        "INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE"
        " SELECT {columns} FROM pg_temp.howdah_repair r"
        " WHERE NOT EXISTS (SELECT FROM {table} t WHERE {match})",
        "DROP TABLE pg_temp.howdah_repair",
    ):
        connection.execute(sql.SQL(cast("Any", statement)).format(**names))


def _as_stored(cell: Cell) -> Any:
    content = cell.content
    if cell.storage_class is StorageClass.TEXT and isinstance(content, bytes):
        return content.decode()
    return content


def _steps_to_repeat(found: Difference, steps: Sequence[Step]) -> list[Step]:
    if found.kind == "sequence":
        return [step for step in steps if step.kind is StepKind.SEQUENCE and step.table == found.table]
    kinds = _SEQUENCE_OR_OBJECT.get(found.kind, ())
    return [
        step
        for step in steps
        if step.kind in kinds and step.object == found.object and step.table == found.table
    ]


def _repeat(connection: Connection, job: LoadJob, found: Difference, step: Step) -> None:
    if found.target == "NOT VALID":
        statement = sql.SQL("ALTER TABLE {} VALIDATE CONSTRAINT {}").format(
            compose_table(job.plan.table(step.table)), sql.Identifier(step.object)
        )
        connection.execute(statement)
        return
    if found.kind == "index" and found.target != "missing":
        plan = job.plan.table(step.table)
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(plan.target_schema, step.object)))
    run_object_step(connection, job, step)
