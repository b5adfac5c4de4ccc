"""
Find the source rows of rows that are in the target, where no key names them.

The snapshot is read and encoded once more, batch by batch, into a temporary table; the
server then says which of its rows have the very same content as those looked for. Rows of
equal content are the same row for every purpose: as many are matched as are looked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from psycopg import sql

from howdah.loading.copy_statement import compose_table
from howdah.loading.encode_batch import EncodedBatch, encode_batch, source_key
from howdah.loading.job import LoadJob
from howdah.model.plan import TablePlan
from howdah.model.quarantine import SourceKey
from howdah.model.source import Table
from howdah.postgres.copy import copy_in
from howdah.sqlite.arrow_rows import read_arrow_batches
from howdah.sqlite.batches import SourceBatch
from howdah.state.store import Connection

_WANTED = sql.Identifier("pg_temp", "howdah_wanted")
_SOURCE = sql.Identifier("pg_temp", "howdah_source")


def take_out_by_content(
    connection: Connection, job: LoadJob, plan: TablePlan, places: sql.Composed
) -> Iterator[tuple[SourceBatch, list[int]]]:
    """
    Delete the target rows whose tableoid and ctid the query yields; yield the source rows that were theirs.

    Each item is a batch of the source and the numbers of its rows. Runs in the caller's
    transaction and must be read to its end; `count_not_found` then tells how many rows were not found,
    which stay where they are. Rows of the source that are in quarantine already are not taken again.
    """
    content = sql.SQL("ROW({})::text").format(_columns(plan))
    connection.execute(
        sql.SQL(
            "CREATE TEMPORARY TABLE howdah_wanted ON COMMIT DROP AS"
            " SELECT tableoid AS part, ctid AS place, {content} AS content FROM {table}"
            " WHERE (tableoid, ctid) IN ({places})"
        ).format(content=content, table=compose_table(plan), places=places)
    )
    table = job.source_table(plan)
    known = job.quarantine.keys(connection).get(plan.name, frozenset())
    with _source_rows(connection, plan) as number:
        for batch in _batches(job, plan, table):
            if not count_not_found(connection):
                break
            rows = np.flatnonzero(batch.keep & ~_set_aside_before(batch.batch, table, known))
            matched = _match(connection, plan, batch, rows, number, content)
            if matched:
                yield batch.batch, matched


def count_not_found(connection: Connection) -> int:
    """Return how many of the rows looked for have not been found yet."""
    row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(_WANTED)).fetchone()
    assert row is not None
    return int(row[0])


def forget_wanted(connection: Connection) -> None:
    """Drop what `take_out_by_content` left for `count_not_found`."""
    connection.execute(sql.SQL("DROP TABLE {}").format(_WANTED))


def _columns(plan: TablePlan) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(column.target_name) for column in plan.copied_columns)


@contextmanager
def _source_rows(connection: Connection, plan: TablePlan) -> Iterator[str]:
    """Keep a temporary table for encoded source rows; gives the name of the column that numbers them."""
    number = "howdah_number"
    while any(column.target_name == number for column in plan.columns):
        number += "_"
    connection.execute(
        sql.SQL(
            "CREATE TEMPORARY TABLE howdah_source ON COMMIT DROP"
            " AS SELECT {columns} FROM {table} WITH NO DATA"
        ).format(columns=_columns(plan), table=compose_table(plan))
    )
    connection.execute(
        sql.SQL("ALTER TABLE {} ADD COLUMN {} bigint GENERATED ALWAYS AS IDENTITY (MINVALUE 0)").format(
            _SOURCE, sql.Identifier(number)
        )
    )
    yield number
    connection.execute(sql.SQL("DROP TABLE {}").format(_SOURCE))


def _batches(job: LoadJob, plan: TablePlan, table: Table) -> Iterator[EncodedBatch]:
    columns = [column.name for column in plan.copied_columns]
    for batch in read_arrow_batches(job.snapshot_path, table, columns, job.census.table(plan.name)):
        yield encode_batch(batch, plan, table)


def _set_aside_before(batch: SourceBatch, table: Table, known: frozenset[str]) -> np.ndarray:
    if not known:
        return np.zeros(batch.length, dtype=bool)
    if batch.rowids is not None:
        rowids = [SourceKey.from_text(text).rowid for text in known]
        return np.isin(batch.rowids, np.array(rowids, dtype=np.int64))
    return np.array([source_key(batch, row, table).text in known for row in range(batch.length)])


def _match(
    connection: Connection,
    plan: TablePlan,
    batch: EncodedBatch,
    rows: np.ndarray,
    number: str,
    content: sql.Composed,
) -> list[int]:
    """Take the rows out of the target that this batch holds; return their numbers in the batch."""
    if not len(rows):
        return []
    connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY").format(_SOURCE))
    copy_in(
        connection,
        sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(_SOURCE, _columns(plan)),
        [batch.copy_rows(rows)],
    )
    found: Sequence[tuple[int]] = connection.execute(
        sql.SQL(
            "WITH matched AS (SELECT part, place, number FROM"
            " (SELECT {number} AS number, {content} AS content,"
            " row_number() OVER (PARTITION BY {content} ORDER BY {number}) AS copy FROM {source}) s"
            " JOIN (SELECT part, place, content,"
            " row_number() OVER (PARTITION BY content ORDER BY part, place) AS copy"
            " FROM {wanted}) w USING (content, copy)),"
            " deleted AS (DELETE FROM {table} WHERE (tableoid, ctid) IN (SELECT part, place FROM matched)),"
            " found AS (DELETE FROM {wanted} WHERE (part, place) IN (SELECT part, place FROM matched))"
            " SELECT number FROM matched ORDER BY number"
        ).format(
            number=sql.Identifier(number),
            content=content,
            source=_SOURCE,
            wanted=_WANTED,
            table=compose_table(plan),
        )
    ).fetchall()
    return [int(rows[row[0]]) for row in found]
