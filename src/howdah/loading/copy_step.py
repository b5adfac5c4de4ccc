"""
Copy one table, or one range of it, into PostgreSQL.

The whole step is one COPY: reading, encoding and sending overlap. Should the
server reject a row, that COPY is undone and the step is done again carefully:
batch by batch, a rejected batch halved until the row is found, which then goes to
quarantine. Runs inside the caller's transaction; with the caller's record of the
step it commits or vanishes as one.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import psycopg
from psycopg import sql

from howdah.errors import RefusedError
from howdah.loading.big_rows import copy_big_rows
from howdah.loading.copy_statement import ROW_REJECTED, compose_copy, compose_table
from howdah.loading.encode_batch import EncodedBatch, encode_batch, name_touched, quarantined_row
from howdah.loading.job import LoadJob
from howdah.model.limits import BATCH_BYTES, BATCH_ROWS, NAMED_VALUES_MAX
from howdah.model.plan import RejectPolicy, Step, TablePlan
from howdah.model.quarantine import QuarantinedRow
from howdah.model.report import TouchedValue
from howdah.model.source import Table
from howdah.postgres.copy import copy_in
from howdah.process.overlap import run_ahead
from howdah.sqlite.arrow_rows import read_arrow_batches
from howdah.state.ledger import StepOutcome
from howdah.state.store import Connection

#: Called with source table, rows and bytes that have been sent.
Advance = Callable[[str, int, int], None]


class _Tally:
    """Counts of one attempt at a step."""

    def __init__(self) -> None:
        self.rows = 0
        self.bytes = 0
        self.changed: Counter[str] = Counter()
        self.quarantined: list[QuarantinedRow] = []
        self.touched: list[TouchedValue] = []

    def encoded(self, batch: EncodedBatch, table: Table, rejected: Sequence[QuarantinedRow] = ()) -> None:
        """Count a batch; `rejected` are the rows of it that the server would not have."""
        self.quarantined.extend(batch.quarantined)
        self.changed.update(batch.changed)
        if batch.touched:
            left = NAMED_VALUES_MAX - len(self.touched)
            self.touched += name_touched(batch, table, {row.key.text for row in rejected}, left)


def run_copy_step(connection: Connection, job: LoadJob, step: Step, advance: Advance) -> StepOutcome:
    """
    Carry the rows of `step` over, in the caller's transaction.

    Raises RefusedError where a row cannot be carried and the plan says to stop,
    and psycopg.Error where the server or the connection failed.
    """
    started = time.monotonic()
    plan = job.plan.table(step.table)
    tally = _Tally()
    try:
        with connection.transaction():
            _copy_at_once(connection, job, plan, step, tally, advance)
    except ROW_REJECTED:
        tally = _Tally()
        _copy_carefully(connection, job, plan, step, tally)
    if plan.big_rows and _owns_big_rows(step):
        big = copy_big_rows(connection, job, plan)
        tally.rows += big.rows
        tally.bytes += big.bytes
        tally.quarantined.extend(big.quarantined)
    if tally.quarantined and job.plan.options.on_reject is RejectPolicy.STOP:
        raise _stopped(tally.quarantined[0])
    job.quarantine.add(connection, tally.quarantined)
    return StepOutcome(
        step_id=step.id,
        rows=tally.rows,
        bytes=tally.bytes,
        seconds=time.monotonic() - started,
        changed=dict(tally.changed),
        rows_quarantined=len(tally.quarantined),
        touched=tuple(tally.touched),
    )


def _owns_big_rows(step: Step) -> bool:
    # Big rows are few and are found over the whole table: the first range takes them all.
    return step.rowid_range is None or step.id.endswith(":1")


def _stopped(row: QuarantinedRow) -> RefusedError:
    return RefusedError(
        "M-201",
        f'A row of table "{row.table}" cannot be carried, and the run was told to stop at the first.',
        detail=f'Row {row.key.text}, column "{row.column}": {row.reason}. {row.detail}',
        hint="Correct the row, choose a policy for the column in the plan, or use --on-reject=quarantine.",
    )


def _copy_at_once(
    connection: Connection, job: LoadJob, plan: TablePlan, step: Step, tally: _Tally, advance: Advance
) -> None:
    # Partitions cannot be loaded frozen.
    freeze = step.rowid_range is None and not plan.partitioned
    if freeze:
        # Emptied in the same subtransaction, the table may be loaded without WAL (wal_level=minimal)
        # and with rows frozen, so that nobody has to visit every page again.
        connection.execute(sql.SQL("TRUNCATE ONLY {}").format(compose_table(plan)))

    def blocks() -> Iterator[memoryview]:
        for sent in run_ahead(_encode_and_join(job, plan, step, tally)):
            if sent.row_count:
                yield sent.block
            tally.rows += sent.row_count
            tally.bytes += len(sent.block)
            advance(plan.name, sent.length, len(sent.block))

    copy_in(connection, compose_copy(plan, freeze=freeze), blocks())


@dataclass(frozen=True)
class _Sent:
    """What is left of a batch when it waits for its turn: the rows as they go out, without their sources."""

    block: memoryview
    #: Rows in the block, and rows that the batch had.
    row_count: int
    length: int


def _encode_and_join(job: LoadJob, plan: TablePlan, step: Step, tally: _Tally) -> Iterator[_Sent]:
    """Encode and count what the rules did, for a thread that runs ahead of the connection."""
    table = job.source_table(plan)

    def join(batch: EncodedBatch) -> _Sent:
        tally.encoded(batch, table)
        return _Sent(batch.copy_rows(), batch.row_count, batch.batch.length)

    # Only blocks wait for the connection: a batch's values and wires are twice as much again.
    return map(join, _encoded_batches(job, plan, step))


def _encoded_batches(job: LoadJob, plan: TablePlan, step: Step) -> Iterator[EncodedBatch]:
    table = job.source_table(plan)
    batches = read_arrow_batches(
        job.snapshot_path,
        table,
        [column.name for column in plan.copied_columns],
        job.census.table(plan.name),
        rowid_range=step.rowid_range,
        batch_bytes=BATCH_BYTES,
        batch_rows=BATCH_ROWS,
    )
    for batch in batches:
        yield encode_batch(batch, plan, table)


def _copy_carefully(connection: Connection, job: LoadJob, plan: TablePlan, step: Step, tally: _Tally) -> None:
    for batch in _encoded_batches(job, plan, step):
        rejected = copy_or_bisect(connection, job, plan, batch)
        tally.encoded(batch, job.source_table(plan), rejected)
        tally.quarantined.extend(rejected)
        tally.rows += batch.row_count - len(rejected)
        tally.bytes += len(batch.copy_rows())


def copy_or_bisect(
    connection: Connection, job: LoadJob, plan: TablePlan, batch: EncodedBatch
) -> list[QuarantinedRow]:
    """Send the rows of one batch; halve what the server rejects, and return the rows it will not have."""
    statement = compose_copy(plan)
    rejected: list[QuarantinedRow] = []
    pending = [np.flatnonzero(batch.keep)]
    while pending:
        rows = pending.pop()
        if not len(rows):
            continue
        try:
            with connection.transaction():
                copy_in(connection, statement, [batch.copy_rows(rows)])
        except ROW_REJECTED as error:
            if len(rows) == 1:
                rejected.append(_rejected_row(batch, int(rows[0]), job, plan, error))
                continue
            middle = len(rows) // 2
            # The first half is tried first, so that of two equal keys the earlier row stays.
            pending += [rows[middle:], rows[:middle]]
    return rejected


def _rejected_row(
    batch: EncodedBatch, row: int, job: LoadJob, plan: TablePlan, error: psycopg.Error
) -> QuarantinedRow:
    column_names = {column.target_name: column.name for column in plan.columns}
    return quarantined_row(
        batch.batch,
        row,
        job.source_table(plan),
        reason="server-rejected",
        column=column_names.get(error.diag.column_name or "", ""),
        detail=f"SQLSTATE {error.sqlstate}: {error.diag.message_primary}",
    )
