"""
Load rows again that are in quarantine; those that go leave it.

Parents may be in quarantine beside their children, so tables are tried in turns
until a whole turn loads nothing. What is too long for the quarantine's own record is read
from the snapshot again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from howdah.loading.big_rows import copy_big_row
from howdah.loading.cells import batch_of_quarantined
from howdah.loading.copy_statement import compose_copy
from howdah.loading.copy_step import copy_or_bisect
from howdah.loading.encode_batch import encode_batch
from howdah.loading.job import LoadJob
from howdah.model.plan import TablePlan
from howdah.model.quarantine import QuarantinedRow
from howdah.sqlite.big_values import read_big_rows
from howdah.state.store import Connection


def retry_quarantined(connection: Connection, job: LoadJob, numbers: Sequence[int] | None = None) -> int:
    """
    Try the rows of those numbers (all without) in the caller's transaction; return how many went.

    A row that goes is removed from quarantine in the same transaction.
    """
    loaded = 0
    while True:
        tables: dict[str, list[QuarantinedRow]] = {}
        for row in job.quarantine.rows(connection, numbers=numbers):
            tables.setdefault(row.table, []).append(row)
        gone = [
            number for name, rows in tables.items() for number in _retry_table(connection, job, name, rows)
        ]
        if not gone:
            return loaded
        job.quarantine.remove(connection, gone)
        loaded += len(gone)


def _retry_table(connection: Connection, job: LoadJob, name: str, rows: list[QuarantinedRow]) -> list[int]:
    """Return the numbers of the rows that went."""
    plan = job.plan.table(name)
    whole = [row for row in rows if not _left_in_snapshot(plan, row)]
    went = _retry_whole_rows(connection, job, plan, whole) if whole else []
    if len(whole) < len(rows):
        went += _retry_big_rows(connection, job, plan, [row for row in rows if _left_in_snapshot(plan, row)])
    return went


def _left_in_snapshot(plan: TablePlan, row: QuarantinedRow) -> list[str]:
    """Return the copied columns whose values are too long to be kept in quarantine."""
    return [column.name for column in plan.copied_columns if column.name not in row.cells]


def _retry_whole_rows(
    connection: Connection, job: LoadJob, plan: TablePlan, rows: Sequence[QuarantinedRow]
) -> list[int]:
    batch = encode_batch(batch_of_quarantined(rows), plan, job.source_table(plan))
    rejected = {row.key.text for row in copy_or_bisect(connection, job, plan, batch)}
    went = np.flatnonzero(batch.keep)
    return [rows[int(index)].number for index in went if rows[int(index)].key.text not in rejected]


def _retry_big_rows(
    connection: Connection, job: LoadJob, plan: TablePlan, rows: Sequence[QuarantinedRow]
) -> list[int]:
    numbers = {row.key.text: row.number for row in rows}
    candidates = sorted({name for row in rows for name in _left_in_snapshot(plan, row)})
    columns = [column.name for column in plan.copied_columns]
    statement = compose_copy(plan)
    return [
        numbers[row.key.text]
        for row in read_big_rows(job.snapshot_path, job.source_table(plan), columns, candidates)
        if row.key.text in numbers and copy_big_row(connection, job, plan, row, statement) is None
    ]
