"""
Load rows again that are in quarantine; those that go leave it.

Parents may be in quarantine beside their children, so tables are tried in turns
until a whole turn loads nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from howdah.loading.cells import batch_of_quarantined
from howdah.loading.copy_step import copy_or_bisect
from howdah.loading.encode_batch import encode_batch
from howdah.loading.job import LoadJob
from howdah.model.quarantine import QuarantinedRow
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
    batch = encode_batch(batch_of_quarantined(rows), plan, job.source_table(plan))
    rejected = {row.key.text for row in copy_or_bisect(connection, job, plan, batch)}
    went = np.flatnonzero(batch.keep)
    return [rows[index].number for index in went if rows[index].key.text not in rejected]
