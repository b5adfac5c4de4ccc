"""
Copy the rows that hold a value too long for a batch, one by one, in slices.

Such a value goes from SQLite's incremental reader to PostgreSQL piece by piece and
is never whole in memory. Only codecs that pass bytes through can carry one; the
server checks text for NUL and for UTF-8, and what it rejects goes to quarantine.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from howdah.loading.cells import batch_of_cells
from howdah.loading.copy_statement import ROW_REJECTED, compose_copy
from howdah.loading.encode_batch import encode_batch
from howdah.loading.job import LoadJob
from howdah.model.plan import TablePlan
from howdah.model.quarantine import Cell, QuarantinedRow
from howdah.model.source import StorageClass
from howdah.postgres.copy import COPY_HEADER, COPY_TRAILER, copy_stream
from howdah.sqlite.big_values import BigRow, BigValue, columns_with_big_values, read_big_rows
from howdah.state.store import Connection

#: Codec → storage class whose bytes it sends as they are, bytes that the wire has before them.
PASSES_THROUGH = {
    "text": (StorageClass.TEXT, b""),
    "json": (StorageClass.TEXT, b""),
    "any-text": (StorageClass.TEXT, b""),
    "jsonb": (StorageClass.TEXT, b"\x01"),
    "bytes": (StorageClass.BLOB, b""),
}


@dataclass(kw_only=True)
class BigRowsResult:
    """What copying the big rows of a table did."""

    rows: int = 0
    bytes: int = 0
    quarantined: list[QuarantinedRow] = field(default_factory=list)


def copy_big_rows(connection: Connection, job: LoadJob, plan: TablePlan) -> BigRowsResult:
    """Copy every row of the table that holds a big value, in the caller's transaction."""
    result = BigRowsResult()
    table = job.source_table(plan)
    statement = compose_copy(plan)
    columns = [column.name for column in plan.copied_columns]
    candidates = columns_with_big_values(job.census.table(plan.name))
    for row in read_big_rows(job.snapshot_path, table, columns, candidates):
        reason = copy_big_row(connection, job, plan, row, statement)
        if reason is None:
            result.rows += 1
            result.bytes += sum(value.length for value in row.big.values())
            continue
        word, column, detail = reason
        result.quarantined.append(
            QuarantinedRow(
                table=plan.name, key=row.key, reason=word, column=column, detail=detail, cells=row.cells
            )
        )
    return result


def copy_big_row(
    connection: Connection, job: LoadJob, plan: TablePlan, row: BigRow, statement: sql.Composed
) -> tuple[str, str, str] | None:
    """Send one row by that COPY; return None, or reason, column and detail why it cannot go."""
    for name, value in row.big.items():
        codec = plan.column(name).codec
        if codec not in PASSES_THROUGH or PASSES_THROUGH[codec][0] is not value.storage_class:
            detail = f"A {value.storage_class.value} of {value.length} bytes is beyond the codec {codec}."
            return "too-long", name, detail
    small = encode_batch(
        batch_of_cells({name: row.cells.get(name, _NULL) for name in (*row.cells, *row.big)}, row.key),
        plan,
        job.source_table(plan),
    )
    if small.quarantined:
        rejected = small.quarantined[0]
        return rejected.reason, rejected.column, rejected.detail
    try:
        with connection.transaction():
            copy_stream(connection, statement, _stream(plan, row, bytes(small.copy_rows())))
    except ROW_REJECTED as error:
        return "server-rejected", next(iter(row.big)), _describe(error)
    return None


_NULL = Cell(storage_class=StorageClass.NULL)


def _describe(error: psycopg.Error) -> str:
    return f"SQLSTATE {error.sqlstate}: {error.diag.message_primary}"


def _stream(plan: TablePlan, row: BigRow, encoded: bytes) -> Iterator[bytes]:
    """Yield the COPY of one row: the encoded row with the big values put where it has NULL."""
    yield COPY_HEADER
    yield encoded[:2]
    position = 2
    for column in plan.copied_columns:
        (length,) = struct.unpack_from(">i", encoded, position)
        end = position + 4 + max(length, 0)
        value = row.big.get(column.name)
        if value is None:
            yield encoded[position:end]
        else:
            yield from _field(column.codec, value)
        position = end
    yield COPY_TRAILER


def _field(codec: str, value: BigValue) -> Iterator[bytes]:
    prefix = PASSES_THROUGH[codec][1]
    yield struct.pack(">i", len(prefix) + value.length) + prefix
    yield from value.slices()
