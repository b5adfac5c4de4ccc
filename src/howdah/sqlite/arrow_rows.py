"""
The load's reading path: rows of the snapshot as Arrow, by ADBC's SQLite driver.

ADBC infers a column's type from its first batch and converts what comes later, without
a word: an integer after reals loses its last digits, a real after texts is printed with
six of them. So nothing is left to inference. The census says which storage classes a
column holds; each class is selected as an expression of its own, behind a first row of
typed constants that pins the type, and every batch is checked to have the pinned types.

For the private snapshot only: a second SQLite library on a live file would drop the
locks that the first one holds there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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

#: Storage class → constant that pins the type, Arrow type that it gives.
_PINS = {
    StorageClass.INTEGER: ("0", pa.int64()),
    StorageClass.REAL: ("0.0", pa.float64()),
    StorageClass.TEXT: ("''", pa.string()),
    StorageClass.BLOB: ("x''", pa.binary()),
}


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

    `rowid_range` has both ends included. Raises IntegrityError where SQLite cannot read
    on, and BugError where a batch does not have the types that the census promised.
    """
    fields = _choose_fields(table, columns, census)
    query = _compose_query(table, fields, census, rowid_range)
    rows = rows_per_batch(census, batch_bytes=batch_bytes, batch_rows=batch_rows)
    expected = [_PINS[field.storage_class][1] for field in fields]
    uri = f"file:{quote(snapshot_path)}?mode=ro&immutable=1"
    with adbc_driver_sqlite.dbapi.connect(uri) as connection, connection.cursor() as cursor:
        cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": str(rows)})
        try:
            cursor.execute(query)
            reader = cursor.fetch_record_batch()
            pinned = True
            for batch in reader:
                if batch.schema.types != expected:
                    raise BugError(
                        "S-902",
                        f'Table "{table.name}" was read with types {batch.schema.types}, not {expected}.',
                    )
                # The first row of the first batch is the typed constants.
                values = batch.slice(1) if pinned else batch
                pinned = False
                if values.num_rows:
                    yield _build_batch(values, fields, columns, has_rowid=table.rowid_name is not None)
        except (adbc_driver_sqlite.dbapi.Error, pa.ArrowException, OSError) as error:
            raise IntegrityError(
                "S-041",
                f'Table "{table.name}" of the snapshot cannot be read on.',
                detail=str(error).splitlines()[0],
                hint="The snapshot is damaged, or its disk is: run the migration again from the source.",
            ) from error


def _choose_fields(table: Table, columns: Sequence[str], census: TableCensus) -> list[_Field]:
    fields = [_Field(column=None, storage_class=StorageClass.INTEGER, sql=table.rowid_name or "0")]
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


def _compose_query(
    table: Table, fields: Sequence[_Field], census: TableCensus, rowid_range: tuple[int, int] | None
) -> str:
    pins = [_PINS[field.storage_class][0] for field in fields]
    selected = [field.sql for field in fields]
    conditions = [condition for condition in (small_rows_condition(census),) if condition]
    if rowid_range is not None:
        low, high = rowid_range
        conditions.append(f"{table.rowid_name} BETWEEN {low} AND {high}")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return (
        f"SELECT {', '.join(pins)} UNION ALL"
        f" SELECT {', '.join(selected)} FROM {quote_sqlite(table.name)} NOT INDEXED{where}"
    )


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
