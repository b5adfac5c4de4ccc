"""Rows set aside, in the state schema: add, list, take out, and write as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg.types.json import Json

from howdah.durable import write_durably
from howdah.model.quarantine import Cell, QuarantinedRow, SourceKey
from howdah.model.report import to_json
from howdah.model.serialize import from_json
from howdah.state.store import Connection, StateSchema

#: Reason of a row whose place in the SQLite file a row of PostgreSQL has taken: what is kept here is all
#: that there is of it.
OVERWRITTEN = "overwritten"

_COLUMNS = "number, source_table, source_key, reason, column_name, detail, cells"


@dataclass(frozen=True, kw_only=True)
class Quarantine:
    """The rows set aside by one run, on the connection given to each call."""

    state: StateSchema
    run_id: str

    def add(self, connection: Connection, rows: Iterable[QuarantinedRow]) -> None:
        """Set rows aside, in the caller's transaction; one that is there already keeps its first reason."""
        with connection.cursor() as cursor:
            cursor.executemany(
                self.state.query(
                    "INSERT INTO {schema}.quarantine"
                    " (run_id, source_table, source_key, reason, column_name, detail, cells)"
                    " VALUES (%s, %s, %s, %s, %s, %s, %s)"
                    " ON CONFLICT (run_id, source_table, source_key) DO NOTHING"
                ),
                [
                    (
                        self.run_id,
                        row.table,
                        row.key.text,
                        row.reason,
                        row.column,
                        row.detail,
                        Json(to_json(dict(row.cells))),
                    )
                    for row in rows
                ],
            )

    def rows(
        self,
        connection: Connection,
        *,
        table: str | None = None,
        numbers: Sequence[int] | None = None,
        in_file: bool = False,
    ) -> list[QuarantinedRow]:
        """
        Return the rows set aside, oldest first, of one table or by their numbers where given.

        With `in_file` those alone that the SQLite file still has.
        """
        found = connection.execute(
            self.state.query(
                "SELECT " + _COLUMNS + " FROM {schema}.quarantine WHERE run_id = %(run)s"
                " AND (%(table)s::text IS NULL OR source_table = %(table)s)"
                " AND (%(numbers)s::bigint[] IS NULL OR number = ANY (%(numbers)s))"
                " AND NOT (%(in_file)s AND reason = %(overwritten)s) ORDER BY number"
            ),
            {
                "run": self.run_id,
                "table": table,
                "numbers": None if numbers is None else list(numbers),
                "in_file": in_file,
                "overwritten": OVERWRITTEN,
            },
        ).fetchall()
        return [_build_row(row) for row in found]

    def keys(self, connection: Connection) -> dict[str, frozenset[str]]:
        """Return, by source table, the canonical texts of keys that the file has and the target has not."""
        found = connection.execute(
            self.state.query(
                "SELECT source_table, source_key FROM {schema}.quarantine WHERE run_id = %s AND reason <> %s"
            ),
            (self.run_id, OVERWRITTEN),
        ).fetchall()
        keys: dict[str, set[str]] = {}
        for table, key in found:
            keys.setdefault(table, set()).add(key)
        return {table: frozenset(texts) for table, texts in keys.items()}

    def remove(self, connection: Connection, numbers: Sequence[int]) -> None:
        """Take rows out, in the caller's transaction (which has loaded them)."""
        connection.execute(
            self.state.query("DELETE FROM {schema}.quarantine WHERE run_id = %s AND number = ANY (%s)"),
            (self.run_id, list(numbers)),
        )

    def rename(self, connection: Connection, keys: Mapping[int, SourceKey]) -> None:
        """Give rows, by their numbers, other keys, in the caller's transaction; they may change places."""
        statement = self.state.query(
            "UPDATE {schema}.quarantine SET source_key = %s WHERE run_id = %s AND number = %s"
        )
        with connection.cursor() as cursor:
            cursor.executemany(statement, [(f"moving {number}", self.run_id, number) for number in keys])
            cursor.executemany(statement, [(key.text, self.run_id, number) for number, key in keys.items()])

    def mark_overwritten(self, connection: Connection, keys: Mapping[str, Iterable[str]]) -> None:
        """
        Note that rows, by keys as `keys` returns them, are in the SQLite file no more.

        Their keys are those of other rows now, which may come into quarantine as well.
        """
        for table, texts in keys.items():
            connection.execute(
                self.state.query(
                    "UPDATE {schema}.quarantine SET reason = %s,"
                    """ source_key = left(source_key, -1) || ',"overwritten":' || number || '}}'"""
                    " WHERE run_id = %s AND source_table = %s AND source_key = ANY (%s)"
                ),
                (OVERWRITTEN, self.run_id, table, list(texts)),
            )


def write_quarantine_file(rows: Sequence[QuarantinedRow], path: Path) -> None:
    """Replace the file by rows as JSON lines, readable by the owner alone (mode 0600). Raises OSError."""
    write_durably(
        path,
        (
            json.dumps(to_json(row), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
            for row in rows
        ),
    )


def _build_row(row: tuple[Any, ...]) -> QuarantinedRow:
    number, table, key, reason, column, detail, cells = row
    return QuarantinedRow(
        number=number,
        table=table,
        key=SourceKey.from_text(key),
        reason=reason,
        column=column,
        detail=detail,
        cells={name: from_json(Cell, cell) for name, cell in cells.items()},
    )
