"""
Create, read, update and delete an entry of a type with everything that belongs to it, and roll it all back.

What a catalog cannot show is seen here: a trigger that objects, rights that are missing, a sequence that
hands out ids in use, a delete that leaves links behind. Only sequences remember the
probe: what they handed out is counted in the result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql

from howdah.content.samples import as_parameter, draw_samples
from howdah.model.content import ColumnDefinition, ContentModel, ProbeResult, TableDefinition
from howdah.postgres.connect import Connection

_Values = Mapping[str, Any]


class _ProbeFailedError(Exception):
    """What was read is not what was written."""


def probe_type(connection: Connection, schema: str, model: ContentModel, uid: str) -> ProbeResult:
    """
    Probe one type in a savepoint of the caller's transaction, or a transaction of its own.

    A failure is a result, not an exception; only a broken connection raises.
    """
    probe = _Probe(connection, schema, model.tables_of(uid))
    try:
        with connection.transaction():
            probe.run()
            raise psycopg.Rollback
    except _ProbeFailedError as failure:
        return probe.result("failed", str(failure))
    except psycopg.Error as error:
        if connection.broken or connection.closed:
            raise
        return probe.result("failed", error.diag.message_primary or str(error))
    return probe.result("passed")


class _Probe:
    """One probe under way: what step it is at and what it took from sequences."""

    def __init__(self, connection: Connection, schema: str, tables: Sequence[TableDefinition]) -> None:
        self._connection = connection
        self._schema = schema
        self._entries = tables[0]
        self._belonging = tables[1:]
        self._step = "create"
        self._taken: Counter[str] = Counter()

    def result(self, status: str, detail: str = "") -> ProbeResult:
        """Return how it went."""
        return ProbeResult(
            status=status,
            step=self._step if status == "failed" else "",
            detail=detail,
            sequence_values=dict(self._taken),
        )

    def run(self) -> None:
        """Go through all four steps. Raises psycopg.Error or _ProbeFailedError."""
        columns = [column for column in self._entries.columns if not self._is_reference(column)]
        samples = {column.name: pair for column in columns if (pair := draw_samples(column)) is not None}
        columns = [column for column in columns if column.name in samples]
        first = {name: pair[0] for name, pair in samples.items()}
        second = {name: pair[1] for name, pair in samples.items()}

        entry = self._insert(self._entries, columns, first)
        for table in self._belonging:
            self._insert_belonging(table, entry)
        self._step = "read"
        self._require(columns, entry, first)
        self._step = "update"
        self._update(columns, entry, second)
        self._require(columns, entry, second)
        self._step = "delete"
        self._delete(entry)

    def _is_reference(self, column: ColumnDefinition) -> bool:
        return column.serial or any(key.column == column.name for key in self._entries.foreign_keys)

    def _insert(self, table: TableDefinition, columns: Sequence[ColumnDefinition], values: _Values) -> int:
        names = [sql.Identifier(column.name) for column in columns]
        filled = sql.SQL("({}) VALUES ({})").format(
            sql.SQL(", ").join(names), sql.SQL(", ").join(sql.Placeholder() * len(names))
        )
        query = sql.SQL("INSERT INTO {} {} RETURNING id").format(
            sql.Identifier(self._schema, table.name), filled if names else sql.SQL("DEFAULT VALUES")
        )
        row = self._take(
            table.sequence_name, query, [as_parameter(column, values[column.name]) for column in columns]
        )
        if row is None or not isinstance(row[0], int):
            raise _ProbeFailedError(f'a row was inserted into "{table.name}" and has no id')
        return row[0]

    def _insert_belonging(self, table: TableDefinition, entry: int) -> None:
        """Insert one row that links the entry with itself, or with a new row of the other table."""
        values: dict[str, Any] = {}
        for key in table.foreign_keys:
            values[key.column] = (
                entry
                if key.referenced_table == self._entries.name
                else self._insert_bare(key.referenced_table)
            )
        columns = []
        for column in table.columns:
            if column.serial:
                continue
            samples = draw_samples(column)
            if column.name not in values and samples is not None:
                values[column.name] = samples[0]
            columns.append(column)
        self._insert(table, columns, values)

    def _insert_bare(self, table: str) -> int:
        row = self._take(
            f"{table}_id_seq",
            sql.SQL("INSERT INTO {} DEFAULT VALUES RETURNING id").format(sql.Identifier(self._schema, table)),
        )
        if row is None or not isinstance(row[0], int):
            raise _ProbeFailedError(f'a row was inserted into "{table}" and has no id')
        return row[0]

    def _take(
        self, sequence: str, query: sql.Composed, parameters: Sequence[Any] = ()
    ) -> tuple[Any, ...] | None:
        """Run an INSERT and count what it takes from the sequence: a failure takes it too, once it runs."""
        try:
            row = self._connection.execute(query, parameters).fetchone()
        except psycopg.ProgrammingError:
            raise
        except psycopg.Error:
            self._taken[sequence] += 1
            raise
        self._taken[sequence] += 1
        return row

    def _require(self, columns: Sequence[ColumnDefinition], entry: int, expected: _Values) -> None:
        names = [sql.Identifier(column.name) for column in columns] or [sql.Identifier("id")]
        row = self._connection.execute(
            sql.SQL("SELECT {} FROM {} WHERE id = %s").format(
                sql.SQL(", ").join(names), sql.Identifier(self._schema, self._entries.name)
            ),
            (entry,),
        ).fetchone()
        if row is None:
            raise _ProbeFailedError("the row that was just written is not there")
        for column, value in zip(columns, row, strict=False):
            if value != expected[column.name]:
                raise _ProbeFailedError(
                    f'column "{column.name}" gives back {_show_pair(value, expected[column.name])}'
                )

    def _update(self, columns: Sequence[ColumnDefinition], entry: int, values: _Values) -> None:
        if not columns:
            return
        assignments = [sql.SQL("{} = %s").format(sql.Identifier(column.name)) for column in columns]
        updated = self._connection.execute(
            sql.SQL("UPDATE {} SET {} WHERE id = %s").format(
                sql.Identifier(self._schema, self._entries.name), sql.SQL(", ").join(assignments)
            ),
            [*(as_parameter(column, values[column.name]) for column in columns), entry],
        )
        if updated.rowcount != 1:
            raise _ProbeFailedError(f"{updated.rowcount} rows were updated instead of one")

    def _delete(self, entry: int) -> None:
        table = sql.Identifier(self._schema, self._entries.name)
        deleted = self._connection.execute(sql.SQL("DELETE FROM {} WHERE id = %s").format(table), (entry,))
        if deleted.rowcount != 1:
            raise _ProbeFailedError(f"{deleted.rowcount} rows were deleted instead of one")
        for belonging in self._belonging:
            for key in belonging.foreign_keys:
                if key.referenced_table != self._entries.name:
                    continue
                row = self._connection.execute(
                    sql.SQL("SELECT count(*) FROM {} WHERE {} = %s").format(
                        sql.Identifier(self._schema, belonging.name), sql.Identifier(key.column)
                    ),
                    (entry,),
                ).fetchone()
                if row is not None and row[0]:
                    raise _ProbeFailedError(f'the deleted entry left a row in "{belonging.name}"')


def _show_pair(found: Any, written: Any) -> str:
    if type(found) is type(written):
        return f"{_show(found)}, not {_show(written)}"
    kinds = type(found).__name__, type(written).__name__
    return f"{_show(found)} as {kinds[0]}, not {_show(written)} as {kinds[1]}"


def _show(value: Any) -> str:
    return repr(value) if isinstance(value, str) else str(value)
