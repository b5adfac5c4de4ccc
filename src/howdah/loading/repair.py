"""
Mend what a verification found: rows by their keys, sequences, objects of the plan.

A row that differs is updated in place and a missing one inserted, from the snapshot
and by the same codecs as the load; nothing is ever deleted, so rows that the target
has and the source has not stay for a person to judge. Tables without a key cannot be
mended row by row. What the target's other rows do not allow is left as it was. Whoever
calls verifies again: this claims nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import Any, cast

import psycopg
from psycopg import sql

from howdah.loading.big_rows import copy_big_row
from howdah.loading.copy_statement import compose_table
from howdah.loading.encode_batch import encode_batch
from howdah.loading.job import LoadJob
from howdah.loading.owned_repair import repair_owned_objects
from howdah.loading.triggers import quiet_triggers
from howdah.model.plan import Step, StepKind, TablePlan
from howdah.model.quarantine import Cell
from howdah.model.report import Difference
from howdah.model.source import StorageClass
from howdah.names import qualified
from howdah.postgres.copy import copy_in
from howdah.proof.result import Proof
from howdah.sqlite.big_values import BigRow, columns_with_big_values, read_big_rows
from howdah.sqlite.connect import open_snapshot
from howdah.sqlite.python_rows import fetch_rows_by_key
from howdah.state.store import Connection

_KINDS_OF_OBJECT = {
    "index": (StepKind.PRIMARY_KEY, StepKind.UNIQUE, StepKind.INDEX),
    "constraint": (StepKind.PRIMARY_KEY, StepKind.CHECK, StepKind.FOREIGN_KEY),
    "view": (StepKind.VIEW,),
    "trigger": (StepKind.TRIGGER,),
}

#: Exact values of the key of a row.
_Key = tuple[Cell, ...]


def repair_differences(connection: Connection, job: LoadJob, proof: Proof) -> int:
    """Mend the listed differences in the caller's transaction; return how many rows and objects were."""
    # A deferred foreign key would reject a row only at the end, and with it all the others.
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    with quiet_triggers(connection, job):
        repaired = _repair_tables(connection, job, proof.differences)
    if job.plan.owned is not None:
        return repaired + repair_owned_objects(connection, job, proof.differences)
    for found in proof.differences:
        if found.kind == "sequence" and found.target != "no sequence":
            _advance_sequence(connection, job, found)
            repaired += 1
    # In the order of the plan: a foreign key after the key that it needs.
    for step in job.plan.steps:
        for found in proof.differences:
            if _is_about(found, step):
                repaired += _try(connection, partial(_rebuild, connection, job, found, step)) or 0
    return repaired


def _try(connection: Connection, work: Callable[[], int]) -> int | None:
    """Do the work; undo it and return None where the rows that are there do not allow it."""
    try:
        with connection.transaction():
            return work()
    except (psycopg.IntegrityError, psycopg.DataError, psycopg.ProgrammingError):
        return None


def _repair_tables(connection: Connection, job: LoadJob, differences: Sequence[Difference]) -> int:
    """Copy rows again, tables whose rows refer to missing ones in a later turn; return how many."""
    waiting = [(plan, keys) for plan in job.plan.tables if (keys := _keys_to_copy(differences, plan))]
    repaired = 0
    while waiting:
        left = []
        for plan, keys in waiting:
            copied = _try(connection, partial(_copy_rows, connection, job, plan, keys))
            if copied is None:
                left.append((plan, keys))
            else:
                repaired += copied
        if len(left) == len(waiting):
            break
        waiting = left
    return repaired


def _keys_to_copy(differences: Sequence[Difference], plan: TablePlan) -> list[_Key]:
    keys = {
        found.key_cells: None
        for found in differences
        if found.table == plan.name and found.kind in ("value", "missing-row") and found.key_cells
    }
    return list(keys)


def _copy_rows(connection: Connection, job: LoadJob, plan: TablePlan, keys: Sequence[_Key]) -> int:
    """Bring the source's rows into a temporary table, and from there over and into the real one."""
    columns = [sql.Identifier(column.target_name) for column in plan.copied_columns]
    key = [sql.Identifier(plan.column(name).target_name) for name in plan.key]
    names: dict[str, sql.Composable] = {
        "table": compose_table(plan),
        "columns": sql.SQL(", ").join(columns),
        "changes": sql.SQL(", ").join(sql.SQL("{0} = r.{0}").format(column) for column in columns),
        "match": sql.SQL(" AND ").join(sql.SQL("t.{0} = r.{0}").format(column) for column in key),
    }

    def execute(statement: str) -> None:
        connection.execute(sql.SQL(cast("Any", statement)).format(**names))

    execute(
        "CREATE TEMPORARY TABLE howdah_repair ON COMMIT DROP AS SELECT {columns} FROM {table} WITH NO DATA"
    )
    copy = sql.SQL("COPY pg_temp.howdah_repair ({columns}) FROM STDIN (FORMAT binary)").format(**names)
    wanted = set(keys)
    copied = 0
    for row_key, row in _big_rows(job, plan):
        if row_key in wanted:
            # In a batch its big values would be NULL.
            wanted.remove(row_key)
            copied += copy_big_row(connection, job, plan, row, copy) is None
    copied += _copy_small_rows(connection, job, plan, [each for each in keys if each in wanted], copy)
    execute("UPDATE {table} t SET {changes} FROM pg_temp.howdah_repair r WHERE {match}")
    execute(
        "INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE"
        " SELECT {columns} FROM pg_temp.howdah_repair r"
        " WHERE NOT EXISTS (SELECT FROM {table} t WHERE {match})"
    )
    execute("DROP TABLE pg_temp.howdah_repair")
    return copied


def _big_rows(job: LoadJob, plan: TablePlan) -> Iterator[tuple[_Key, BigRow]]:
    """Yield the rows with a value too long for a batch, with their keys."""
    if not plan.big_rows:
        return
    columns = [column.name for column in plan.copied_columns]
    candidates = columns_with_big_values(job.census.table(plan.name))
    for row in read_big_rows(job.snapshot_path, job.source_table(plan), columns, candidates):
        if all(name in row.cells for name in plan.key):
            yield tuple(row.cells[name] for name in plan.key), row


def _copy_small_rows(
    connection: Connection, job: LoadJob, plan: TablePlan, keys: Sequence[_Key], copy: sql.Composed
) -> int:
    if not keys:
        return 0
    table = job.source_table(plan)
    with closing(open_snapshot(job.snapshot_path)) as snapshot:
        batch = fetch_rows_by_key(
            snapshot, table, plan.key, [tuple(_as_stored(cell) for cell in key) for key in keys]
        )
    encoded = encode_batch(batch, plan, table)
    copy_in(connection, copy, [encoded.copy_rows()])
    return encoded.row_count


def _as_stored(cell: Cell) -> Any:
    content = cell.content
    if cell.storage_class is StorageClass.TEXT and isinstance(content, bytes):
        return content.decode()
    return content


def _advance_sequence(connection: Connection, job: LoadJob, found: Difference) -> None:
    """Set the sequence behind every number that either side holds or has ever given out."""
    plan = job.plan.table(found.table)
    numbers = (job.source_table(plan).sequence_value, job.census.table(plan.name).rowid_max)
    column = plan.column(found.column).target_name
    connection.execute(
        sql.SQL(
            "SELECT setval(pg_get_serial_sequence(%s, %s), greatest(1, %s::bigint, max({})), true) FROM {}"
        ).format(sql.Identifier(column), compose_table(plan)),
        (
            qualified(plan.target_schema, plan.target_name),
            column,
            max((number for number in numbers if number is not None), default=None),
        ),
    )


def _is_about(found: Difference, step: Step) -> bool:
    return (
        step.kind in _KINDS_OF_OBJECT.get(found.kind, ())
        and step.object == found.object
        and step.table == found.table
    )


def _rebuild(connection: Connection, job: LoadJob, found: Difference, step: Step) -> int:
    """Build a missing object, or make one whole that is there but not valid or not enabled."""
    if found.target == "NOT VALID":
        statement = sql.SQL("ALTER TABLE {} VALIDATE CONSTRAINT {}").format(
            compose_table(job.plan.table(step.table)), sql.Identifier(step.object)
        )
        connection.execute(statement)
        return 1
    if found.kind == "trigger":
        table = compose_table(job.plan.table(step.table))
        if found.target != "missing":
            connection.execute(
                sql.SQL("ALTER TABLE {} ENABLE TRIGGER {}").format(table, sql.Identifier(step.object))
            )
            return 1
        # Its function may have stayed when it was dropped.
        function = sql.Identifier(job.plan.options.schema, step.object)
        connection.execute(sql.SQL("DROP FUNCTION IF EXISTS {}()").format(function))
    if found.kind == "index" and found.target != "missing":
        plan = job.plan.table(step.table)
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(plan.target_schema, step.object)))
    # Not as the load does it: that sets aside rows which stand in the way, and these may be the
    # application's own by now.
    try:
        with connection.transaction():
            connection.execute(cast("Any", step.sql))
    except psycopg.IntegrityError:
        if not step.fallback_sql:
            raise
        connection.execute(cast("Any", step.fallback_sql))
    return 1
