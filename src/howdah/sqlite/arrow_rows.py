"""
The load's reading path: rows of the snapshot as Arrow, by ADBC's SQLite driver.

ADBC infers a column's type from its first batch and converts what comes later, without
a word: an integer after reals loses its last digits, a real after texts is printed with
six of them. So nothing is left to inference. The census says which storage classes a
column holds; each class is selected as an expression of its own, behind a first row of
typed constants that pins the type, and every batch is checked to have the pinned types.

ADBC counts batches in rows. The census has marked the rowids between which lies what fits
into one batch, so each of these runs is a query of its own.

`python_rows` reads, as the proof does, what ADBC cannot: a table whose own tree is ordered by a
collation that only the application has; VIRTUAL columns that builds of SQLite compute differently
(`computing.differs_by_build`); and the rows from which on ADBC's SQLite fails at a VIRTUAL column,
which the census has seen computed.

For the private snapshot only: a second SQLite library on a live file would drop the
locks that the first one holds there.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import adbc_driver_sqlite.dbapi
import pyarrow as pa

from howdah.codecs.values import SourceColumn
from howdah.errors import BugError, IntegrityError
from howdah.model.census import ColumnCensus, TableCensus
from howdah.model.limits import BATCH_BYTES, BATCH_ROWS
from howdah.model.source import StorageClass, Table
from howdah.names import quote_sqlite
from howdah.sqlite.batches import SourceBatch, rows_per_batch
from howdah.sqlite.big_values import small_rows_condition
from howdah.sqlite.computing import computes_any, differs_by_build
from howdah.sqlite.connect import BUILT_IN_COLLATIONS, open_snapshot
from howdah.sqlite.python_rows import read_rows

#: Storage class → constant that pins the type, Arrow type that it gives.
_PINS = {
    StorageClass.INTEGER: ("0", pa.int64()),
    StorageClass.REAL: ("0.0", pa.float64()),
    StorageClass.TEXT: ("''", pa.string()),
    StorageClass.BLOB: ("x''", pa.binary()),
}

#: Rowids from the first to the last, None where it is open.
_Run = tuple[int | None, int | None]


@dataclass(frozen=True, kw_only=True)
class _Field:
    """One selected expression: a storage class of a column."""

    #: None for the rowid, and for the constant that stands for rows without any.
    column: str | None
    storage_class: StorageClass
    sql: str


def read_arrow_batches(
    snapshot_path: str,
    table: Table,
    columns: Sequence[str],
    census: TableCensus,
    *,
    rowid_range: tuple[int, int] | None = None,
    batch_bytes: int = BATCH_BYTES,
    batch_rows: int = BATCH_ROWS,
) -> Iterator[SourceBatch]:
    """
    Yield the rows of a table, those with a big value left out, in the table's own order.

    `rowid_range` has both ends included. Batches stay near `batch_bytes` where that is no less than
    what lies between two marks of the census. Raises IntegrityError where SQLite cannot read
    on, and BugError where a batch does not have the types that the census promised.
    """
    low, high = rowid_range or (None, None)
    if _needs_unknown_collation(table) or differs_by_build(table, columns):
        yield from _read_without_adbc(snapshot_path, table, columns, census, (low, high))
        return
    fields = _choose_fields(table, columns, census)
    uri = f"file:{quote(os.path.abspath(snapshot_path))}?mode=ro&immutable=1"
    runs = _choose_runs(table, census, rowid_range)
    # The rows of a run fit into one batch, with the row of constants before them.
    rows_at_once = batch_rows + 1
    if not census.rowid_marks:
        rows_at_once = 1 + rows_per_batch(census, batch_bytes=batch_bytes, batch_rows=batch_rows)
    rows_read, last_rowid = 0, None
    try:
        with adbc_driver_sqlite.dbapi.connect(uri) as connection:
            for run in runs:
                query = _compose_query(table, fields, census, run)
                for arrow_batch in _read_run(connection, query, fields, rows_at_once):
                    batch = _build_batch(arrow_batch, fields, columns, has_rowid=table.rowid_name is not None)
                    rows_read += batch.length
                    last_rowid = None if batch.rowids is None else int(batch.rowids[-1])
                    yield batch
    except (adbc_driver_sqlite.dbapi.Error, pa.ArrowException, OSError) as error:
        if computes_any(table, columns):
            rest = (low if last_rowid is None else last_rowid + 1, high)
            yield from _read_without_adbc(snapshot_path, table, columns, census, rest, skip=rows_read)
            return
        raise IntegrityError(
            "S-041",
            f'Table "{table.name}" of the snapshot cannot be read on.',
            detail=str(error).splitlines()[0],
            hint="The snapshot is damaged, or its disk is: run the migration again from the source.",
        ) from error


def _needs_unknown_collation(table: Table) -> bool:
    collations = {table.column(name).collation for name in table.primary_key} | {
        column.collation
        for index in table.indexes
        if index.origin == "primary_key"
        for column in index.columns
    }
    return table.without_rowid and any(name.upper() not in BUILT_IN_COLLATIONS for name in collations)


def _read_without_adbc(
    snapshot_path: str,
    table: Table,
    columns: Sequence[str],
    census: TableCensus,
    rowids: _Run,
    *,
    skip: int = 0,
) -> Iterator[SourceBatch]:
    """Read by APSW; `skip` is the rows to leave out at the start, where there is no rowid to go on from."""
    low, high = rowids
    with closing(open_snapshot(snapshot_path)) as connection:
        yield from read_rows(
            connection,
            table.name,
            columns,
            rowid_name=table.rowid_name,
            low=low,
            high=high,
            condition=small_rows_condition(census),
            skip=skip if table.rowid_name is None else 0,
        )


def _choose_fields(table: Table, columns: Sequence[str], census: TableCensus) -> list[_Field]:
    rowid = "0" if table.rowid_name is None else quote_sqlite(table.rowid_name)
    fields = [_Field(column=None, storage_class=StorageClass.INTEGER, sql=rowid)]
    for name in columns:
        classes = classes_of(census.column(name))
        for storage_class in classes:
            column = quote_sqlite(name)
            sql = column
            if len(classes) > 1:
                sql = f"CASE WHEN typeof({column}) = '{storage_class.value}' THEN {column} END"
            fields.append(_Field(column=name, storage_class=storage_class, sql=sql))
    return fields


def classes_of(census: ColumnCensus) -> list[StorageClass]:
    """Return the storage classes that a column holds, NULL apart."""
    counts = {
        StorageClass.INTEGER: census.integers,
        StorageClass.REAL: census.reals,
        StorageClass.TEXT: census.texts,
        StorageClass.BLOB: census.blobs,
    }
    return [storage_class for storage_class, count in counts.items() if count]


def _choose_runs(table: Table, census: TableCensus, rowid_range: tuple[int, int] | None) -> list[_Run]:
    """Cut the range at the marks of the census."""
    if table.rowid_name is None:
        return [(None, None)]
    low, high = rowid_range or (None, None)
    marks = census.rowid_marks
    first = 0 if low is None else bisect_right(marks, low)
    end = len(marks) if high is None else bisect_right(marks, high)
    borders = marks[first:end]
    return list(zip([low, *borders], [*(border - 1 for border in borders), high], strict=True))


def _compose_query(table: Table, fields: Sequence[_Field], census: TableCensus, run: _Run) -> str:
    pins = [_PINS[field.storage_class][0] for field in fields]
    conditions = [condition for condition in (small_rows_condition(census),) if condition]
    conditions += [
        f"{quote_sqlite(table.rowid_name or '')} {operator} {limit}"
        for operator, limit in zip((">=", "<="), run, strict=True)
        if limit is not None
    ]
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return (
        f"SELECT {', '.join(pins)} UNION ALL"
        f" SELECT {', '.join(field.sql for field in fields)}"
        f" FROM {quote_sqlite(table.name)} NOT INDEXED{where}"
    )


def _read_run(
    connection: Any, query: str, fields: Sequence[_Field], rows_at_once: int
) -> Iterator[pa.RecordBatch]:
    expected = [_PINS[field.storage_class][1] for field in fields]
    with connection.cursor() as cursor:
        cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": str(rows_at_once)})
        cursor.execute(query)
        is_first = True
        for batch in cursor.fetch_record_batch():
            if batch.schema.types != expected:
                raise BugError(
                    "S-902",
                    f"a table was read with types {batch.schema.types}, not {expected}",
                    detail=f"The query was: {query}",
                )
            # The first row of the first batch is the constants.
            values = batch.slice(1) if is_first else batch
            is_first = False
            if values.num_rows:
                yield values


def _build_batch(
    batch: pa.RecordBatch, fields: Sequence[_Field], columns: Sequence[str], *, has_rowid: bool
) -> SourceBatch:
    parts: dict[str, dict[StorageClass, pa.Array]] = {name: {} for name in columns}
    for field, array in zip(fields, batch.columns, strict=True):
        if field.column is not None:
            # Text as a view, not a cast: the bytes may be anything.
            text = field.storage_class is StorageClass.TEXT
            parts[field.column][field.storage_class] = array.view(pa.binary()) if text else array
    return SourceBatch(
        length=batch.num_rows,
        columns={
            name: SourceColumn(
                length=batch.num_rows,
                integer=found.get(StorageClass.INTEGER),
                real=found.get(StorageClass.REAL),
                text=found.get(StorageClass.TEXT),
                blob=found.get(StorageClass.BLOB),
            )
            for name, found in parts.items()
        },
        rowids=batch.column(0).to_numpy() if has_rowid else None,
    )
