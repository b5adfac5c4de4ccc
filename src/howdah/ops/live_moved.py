"""
Find rows in quarantine again whose number in the SQLite file is another one by now.

A row is named by its rowid, which VACUUM gives anew in tables that have no INTEGER PRIMARY KEY. It is looked
for by what it holds, when the schema cookie of the file says that something was done to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from howdah.model.quarantine import Cell, QuarantinedRow, SourceKey
from howdah.model.source import Table
from howdah.names import quote_sqlite
from howdah.ops.live_run import LiveRun
from howdah.sqlite.connect import Connection
from howdah.sqlite.row_chunks import read_encoding
from howdah.sqlite.row_select import bound
from howdah.state.quarantine import Quarantine


def find_moved_rows(live: LiveRun) -> None:
    """Let quarantine name its rows as the file does now, outside of a transaction."""
    quarantine = Quarantine(state=live.state, run_id=live.run.id)
    rows = quarantine.rows(live.connection, in_file=True)
    live.connection.rollback()
    moved: list[QuarantinedRow] = []
    with live.file.looking():
        for table in live.catalog.tables:
            of_table = [row for row in rows if row.table == table.name and row.key.rowid is not None]
            if of_table and table.rowid_alias is None and table.rowid_name is not None:
                moved += _moved_rows(live.file.connection, table, of_table)
    if moved:
        with live.connection.transaction():
            quarantine.rename(live.connection, {row.number: row.key for row in moved})


def _moved_rows(connection: Connection, table: Table, rows: Sequence[QuarantinedRow]) -> list[QuarantinedRow]:
    """Return the rows that lie elsewhere, with their keys of now; one that is not found keeps its own."""
    rowid = quote_sqlite(str(table.rowid_name))
    statement = f"SELECT {rowid} FROM {quote_sqlite(table.name)} WHERE "
    taken: set[int] = set()
    elsewhere = []
    for row in rows:
        condition, values = _same_cells(connection, row.cells)
        if connection.execute(f"{statement}{rowid} = ? AND {condition}", (row.key.rowid, *values)).fetchone():
            taken.add(int(row.key.rowid or 0))
        else:
            elsewhere.append((row, condition, values))
    moved = []
    for row, condition, values in elsewhere:
        for (number,) in connection.execute(statement + condition, values):
            if number not in taken:
                taken.add(number)
                moved.append(replace(row, key=SourceKey(rowid=number)))
                break
    return moved


def _same_cells(
    connection: Connection, cells: Mapping[str, Cell]
) -> tuple[str, list[int | float | str | bytes | None]]:
    encoding = read_encoding(connection)
    parts = []
    values: list[int | float | str | bytes | None] = []
    for name, cell in cells.items():
        mark, value = bound(cell, encoding)
        column = quote_sqlite(name)
        # The first may be looked up in an index.
        parts.append(
            f"({column} IS {mark} AND +{column} COLLATE BINARY IS {mark}"
            f" AND typeof({column}) = '{cell.storage_class}')"
        )
        values += [value, value]
    return " AND ".join(parts) or "1", values
