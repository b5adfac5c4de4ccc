"""
Take rows that are already in the target out of it and into quarantine.

The quarantine keeps what the *source* holds, so each row is found again in the
snapshot: by its key, or by its whole content where there is no key that both sides
write alike.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from psycopg import sql

from howdah.errors import RefusedError
from howdah.loading.copy_statement import compose_table
from howdah.loading.encode_batch import quarantined_row
from howdah.loading.job import LoadJob
from howdah.loading.match_source import count_not_found, forget_wanted, take_out_by_content
from howdah.model.plan import TablePlan
from howdah.sqlite.connect import open_snapshot
from howdah.sqlite.python_rows import fetch_rows_by_key
from howdah.state.store import Connection

#: How a key value that PostgreSQL returned is named in SQLite, by codec.
_TO_SQLITE: dict[str, Callable[[Any], Any]] = {
    "integer": int,
    "boolean": int,
    "real": float,
    "text": str,
    "any-text": str,
    "bytes": bytes,
    "numeric": lambda value: int(value) if value == value.to_integral_value() else float(value),
    "uuid-text": str,
    "uuid-blob": lambda value: uuid.UUID(str(value)).bytes,
    "uuid-hex32": lambda value: uuid.UUID(str(value)).hex,
}


def set_aside_target_rows(
    connection: Connection,
    job: LoadJob,
    plan: TablePlan,
    places: sql.Composed,
    *,
    reason: str,
    detail: str,
) -> int:
    """
    Move the rows whose tableoid and ctid the query `places` yields to quarantine; return how many.

    Raises RefusedError where a row cannot be found again in the source.
    """
    codecs = [plan.column(name).codec for name in plan.key]
    if not plan.key or any(codec not in _TO_SQLITE for codec in codecs):
        return _set_aside_by_content(connection, job, plan, places, reason=reason, detail=detail)
    found = connection.execute(
        sql.SQL("DELETE FROM {table} WHERE (tableoid, ctid) IN ({places}) RETURNING {key}").format(
            table=compose_table(plan),
            places=places,
            key=sql.SQL(", ").join(sql.Identifier(plan.column(name).target_name) for name in plan.key),
        )
    ).fetchall()
    keys = [
        tuple(_TO_SQLITE[codec](value) for codec, value in zip(codecs, row, strict=True)) for row in found
    ]
    quarantine_source_rows(connection, job, plan, keys, reason=reason, detail=detail)
    return len(keys)


def _set_aside_by_content(
    connection: Connection,
    job: LoadJob,
    plan: TablePlan,
    places: sql.Composed,
    *,
    reason: str,
    detail: str,
) -> int:
    table = job.source_table(plan)
    count = 0
    for batch, rows in take_out_by_content(connection, job, plan, places):
        job.quarantine.add(
            connection,
            [quarantined_row(batch, row, table, reason=reason, column="", detail=detail) for row in rows],
        )
        count += len(rows)
    if count_not_found(connection):
        # Rows with a big value are not in the batches.
        raise RefusedError(
            "M-202",
            f'Rows of table "{plan.name}" contradict a constraint, and nothing names them in the source.',
            detail=detail,
            hint="Exclude the table, or correct the rows in a copy of the source.",
        )
    forget_wanted(connection)
    return count


def quarantine_source_rows(
    connection: Connection,
    job: LoadJob,
    plan: TablePlan,
    keys: Sequence[tuple[Any, ...]],
    *,
    reason: str,
    detail: str,
) -> None:
    """Record the source rows of those keys (in SQLite's terms) as set aside."""
    if not keys:
        return
    table = job.source_table(plan)
    with closing(open_snapshot(job.snapshot_path)) as snapshot:
        batch = fetch_rows_by_key(snapshot, table, plan.key, keys)
    found = [
        quarantined_row(batch, row, table, reason=reason, column="", detail=detail)
        for row in range(batch.length)
    ]
    # A big value stays in the snapshot. In the batch it is NULL, which a retry would load in its place.
    kept = [
        replace(
            row,
            cells={name: cell for name, cell in row.cells.items() if place not in batch.big.get(name, ())},
        )
        for place, row in enumerate(found)
    ]
    job.quarantine.add(connection, kept)
