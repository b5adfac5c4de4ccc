"""
The proof's reading path: rows of the snapshot as Python values, by APSW.

Independent of ADBC, of the census and of everything the load does: every value's
storage class is the Python type that SQLite's API gave it. Rows come in the order of
the table's own tree: by rowid, or by primary key where there is no rowid.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import apsw

from howdah.errors import BugError, IntegrityError
from howdah.model.source import Table
from howdah.sqlite.batches import SourceBatch
from howdah.sqlite.python_columns import batch_of
from howdah.sqlite.row_chunks import RowChunks, read_encoding
from howdah.sqlite.row_select import RowSelect, bindings_of, matching

#: More rows make Python objects that have left the processor's cache when they are used.
_CHUNK_ROWS = 4_096
_CHUNK_BYTES = 4 * 1024 * 1024


def read_rows(
    connection: apsw.Connection,
    table_name: str,
    columns: Sequence[str],
    *,
    rowid_name: str | None,
    low: int | None = None,
    high: int | None = None,
    condition: str = "",
    skip: int = 0,
) -> Iterator[SourceBatch]:
    """
    Yield all rows, or those with a rowid from `low` to `high`, in chunks of a few megabytes.

    `condition` is an SQL expression that the rows must meet, "" for none. Without `rowid_name`, `skip` is
    how many of them are left out at the start. Big values (see `big_values`) come as NULL. Raises
    IntegrityError where SQLite cannot read on.
    """
    chunks = RowChunks(
        connection,
        table_name,
        columns,
        rowid_name=rowid_name,
        low=low,
        high=high,
        condition=condition,
        skip=skip,
        chunk_rows=_CHUNK_ROWS,
        chunk_bytes=_CHUNK_BYTES,
    )
    try:
        for chunk in chunks:
            yield batch_of(chunk, columns)
    except apsw.Error as error:
        raise IntegrityError(
            "S-042",
            f'Table "{table_name}" of the snapshot cannot be read on.',
            detail=str(error),
            hint="The snapshot is damaged, or its disk is.",
        ) from error


def fetch_rows_by_key(
    connection: apsw.Connection,
    table: Table,
    key: Sequence[str],
    keys: Sequence[tuple[Any, ...]],
    columns: Sequence[str] | None = None,
) -> SourceBatch:
    """
    Return the rows with exactly those values (as SQLite stores them) in the columns `key`.

    All columns, or those named; big values come as NULL. The order is that of `keys`. In a key a
    str is TEXT and bytes are a BLOB. Raises BugError where a key is not there.
    """
    wanted = [column.name for column in table.columns] if columns is None else columns
    select = RowSelect(
        table_name=table.name,
        rowid_name=table.rowid_name,
        columns=tuple(wanted),
        encoding=read_encoding(connection),
        guarded=True,
        as_bytes=True,
    )
    condition = matching(table, key)
    rows: list[tuple[Any, ...]] = []
    for values in keys:
        statement = select.sql(condition, by_index=True)
        found = connection.execute(statement, bindings_of(values)).fetchall()
        if not found:
            raise BugError("S-903", f'Table "{table.name}" of the snapshot has no row with key {values!r}.')
        rows += found
    return batch_of(select.split(rows), wanted)
