"""
Read either side of a table as batches in SQLite's terms.

The source comes from `sqlite.python_rows`, brought to the form that `decode` gives
where a codec keeps less than exact equality. The target comes from PostgreSQL in
one exported snapshot, decoded. Nothing of the load is used, nor any `encode`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from howdah.codecs.base import EXACT
from howdah.codecs.registry import get_codec
from howdah.codecs.values import SourceColumn
from howdah.errors import BugError
from howdah.model.plan import ColumnPlan, TablePlan
from howdah.model.quarantine import SourceKey
from howdah.names import qualified, quote, quote_sqlite
from howdah.proof.big_values import (
    BIG_VALUE_CODECS,
    SourceFingerprints,
    fingerprint_name,
    target_fingerprint_sql,
    target_value_sql,
)
from howdah.proof.compare import columns_differ
from howdah.proof.job import Outcome, TableJob
from howdah.proof.readers import Readers
from howdah.proof.rows import Rows, cell_at, normalise
from howdah.sqlite.batches import SourceBatch
from howdah.sqlite.python_rows import read_rows

#: Each worker holds up to four batches of the target, raw or decoded, in step with the source's smaller ones.
_TARGET_BATCH_BYTES = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class KeyRange:
    """Keys from `low` to `high`, both included; None where it is open."""

    low: int | None = None
    high: int | None = None


def target_query(job: TableJob, keys: KeyRange | None) -> str:
    """
    Return the SELECT that reads the compared columns; with `keys`, those rows in the order of the key.

    Pure. The order costs little: PostgreSQL walks the primary key, and after a load the
    table lies in its order.
    """
    table = job.table
    selected = [_selected(table.column(name), name in job.big_columns) for name in job.columns]
    selected += [target_fingerprint_sql(table.column(name)) for name in job.big_columns]
    query = f"SELECT {', '.join(selected)} FROM {qualified(table.target_schema, table.target_name)}"
    if keys is None:
        return f"{query} WHERE {job.target_filter}" if job.target_filter else query
    key = quote(table.column(table.key[0]).target_name)
    limits = [
        f"{key} {operator} {limit}"
        for operator, limit in ((">=", keys.low), ("<=", keys.high))
        if limit is not None
    ]
    condition = " AND ".join(limits)
    if condition and keys.high is None and job.key_nullable:
        condition = f"({condition}) OR {key} IS NULL"
    if job.target_filter:
        condition = f"({condition}) AND {job.target_filter}" if condition else job.target_filter
    return f"{query}{' WHERE ' if condition else ''}{condition} ORDER BY {key}"


def _selected(column: ColumnPlan, may_be_big: bool) -> str:
    value = target_value_sql(column) if may_be_big else quote(column.target_name)
    return get_codec(column.codec).read_as.format(value)


def read_target(readers: Readers, job: TableJob, keys: KeyRange | None) -> Iterator[Rows]:
    """Yield the rows of the target, decoded; with `keys`, ascending by the key, NULL last."""
    for batch in readers.target.read(target_query(job, keys), batch_bytes=_TARGET_BATCH_BYTES):
        yield decode_batch(job, batch)


def decode_batch(job: TableJob, batch: pa.RecordBatch) -> Rows:
    """Turn what the server sent for `target_query` back into what SQLite stored."""
    columns: dict[str, SourceColumn] = {}
    for name, array in zip(job.columns, batch.columns[: len(job.columns)], strict=True):
        plan = job.table.column(name)
        decoded = get_codec(plan.codec).decode(array, plan.params)
        if decoded.length != batch.num_rows:
            raise BugError(
                "V-901",
                f'codec "{plan.codec}" gave {decoded.length} values for {batch.num_rows}',
                detail=f'while reading column "{job.table.name}"."{name}" back from the target',
            )
        columns[name] = normalise(decoded)
    for name, array in zip(job.big_columns, batch.columns[len(job.columns) :], strict=True):
        fingerprints = SourceColumn(length=batch.num_rows, blob=array)
        columns[fingerprint_name(name)] = normalise(fingerprints)
    return Rows(length=batch.num_rows, columns=columns)


def project_source(table: TablePlan, rows: Rows, equal_by_rule: dict[str, int]) -> Rows:
    """
    Bring source rows to the form that `decode` gives, counting the values that it changes.

    Those are the values that are equal by the codec's rule and not exactly.
    """
    columns: dict[str, SourceColumn] = {}
    for name, stored in rows.columns.items():
        plan = table.column(name)
        codec = get_codec(plan.codec)
        if codec.equality_with(plan.params) == EXACT:
            columns[name] = normalise(stored)
            continue
        columns[name] = normalise(codec.projected(stored, plan.params))
        changed = columns_differ(stored, columns[name])
        if changed is not None:
            equal_by_rule[name] = equal_by_rule.get(name, 0) + int(np.count_nonzero(changed))
    return Rows(length=rows.length, columns=columns)


def read_source(
    readers: Readers, job: TableJob, keys: KeyRange | None, counted: Outcome
) -> Iterator[tuple[Rows, np.ndarray | None]]:
    """
    Yield the rows of the source with a bool array that is True for rows in quarantine (None: no row is).

    Ascending by rowid where the table has one. Rows, those in quarantine, and values that
    are equal by rule only are added to `counted`.
    """
    table = job.table
    keys = keys or KeyRange()
    long_values = None
    if job.big_columns:
        long_values = SourceFingerprints(readers.long_values, table, job.big_columns, keys.low, keys.high)
    for batch in read_rows(
        readers.source, table.name, job.columns, rowid_name=table.rowid_name, low=keys.low, high=keys.high
    ):
        _require_known_long(job, batch)
        stored = Rows(length=batch.length, columns=batch.columns)
        quarantined = _in_quarantine(job, stored, batch.rowids)
        places = np.arange(counted.rows_source, counted.rows_source + batch.length)
        counted.rows_source += batch.length
        if quarantined is not None:
            counted.rows_quarantined += int(np.count_nonzero(quarantined))
        rows = project_source(table, stored, counted.equal_by_rule)
        if long_values is not None:
            rows = long_values.add_to(rows, places if batch.rowids is None else batch.rowids)
        yield rows, quarantined


def _require_known_long(job: TableJob, batch: SourceBatch) -> None:
    """Raise where the reader left values out that nobody would compare."""
    forgotten = (batch.big_columns - set(job.big_columns)) & {
        name for name in job.columns if job.table.column(name).codec in BIG_VALUE_CODECS
    }
    if forgotten:
        raise BugError(
            "V-903",
            f'table "{job.table.name}" holds long values that the plan does not know of',
            detail=f"In {', '.join(sorted(forgotten))}; the plan counts {job.table.big_rows} rows with one.",
            hint="Make the plan again from this snapshot.",
        )


def _in_quarantine(job: TableJob, rows: Rows, rowids: np.ndarray | None) -> np.ndarray | None:
    found: np.ndarray | None = None
    if job.quarantined_rowids and rowids is not None:
        named = np.fromiter(job.quarantined_rowids, np.int64, len(job.quarantined_rowids))
        found = np.isin(rowids, named)
    elif job.quarantined_keys and job.source_key:
        # One by one, but only for a table without rowids that has rows in quarantine.
        key = [rows.columns[name] for name in job.source_key]
        texts = (
            SourceKey(cells=tuple(cell_at(column, row) for column in key)).text for row in range(rows.length)
        )
        found = np.fromiter((text in job.quarantined_keys for text in texts), np.bool_, rows.length)
    return found if found is not None and found.any() else None


def read_key_bounds(readers: Readers, table: TablePlan) -> tuple[int, int] | None:
    """Return the smallest and the largest rowid of a table, None where it is empty."""
    assert table.rowid_name is not None
    rowid = quote_sqlite(table.rowid_name)
    # Two queries: SQLite reads min or max from the end of the tree, but both together from all of it.
    low, high = (
        readers.ask_source(f"SELECT {function}({rowid}) FROM {quote_sqlite(table.name)}")
        for function in ("min", "max")
    )
    return None if low is None or high is None else (low, high)


def count_source_rows(readers: Readers, table: TablePlan) -> int:
    """Return how many rows SQLite itself counts in the table."""
    return int(readers.ask_source(f"SELECT count(*) FROM {quote_sqlite(table.name)} NOT INDEXED"))


def read_largest_key(readers: Readers, table: TablePlan, column: ColumnPlan) -> int | None:
    """Return the largest integer of a column in the source, None where there is none."""
    value = readers.ask_source(f"SELECT max({quote_sqlite(column.name)}) FROM {quote_sqlite(table.name)}")
    return value if isinstance(value, int) else None
