"""
The statements of a trial on PostgreSQL, and what each of them changed.

Everything happens within the caller's transaction, in savepoints that are taken back. Row triggers of ours
note what came and what went of each table, in temporary tables that go with them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import psycopg
from psycopg import sql

from howdah.codecs.registry import get_codec
from howdah.codecs.values import Wire
from howdah.loading.answer_values import source_cells, target_cells, target_expression
from howdah.loading.copy_statement import compose_table
from howdah.loading.trial_rows import Row, Trial
from howdah.model.plan import Output, Plan, TablePlan, TriggerTrial
from howdah.names import qualified
from howdah.postgres.copy import build_copy_rows, copy_in
from howdah.postgres.errors import is_of_the_moment
from howdah.sqlite.answers import NotAnsweredError
from howdah.sqlite.python_columns import column_of
from howdah.sqlite.rehearsal import Changes
from howdah.sqlite.row_select import ColumnChunk
from howdah.state.store import Connection

_NOTE = "_howdah_trial"
_LARGEST_NUMBER = 2**63 - 1

_NOTE_ROWS = """
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO {noted} SELECT -1, {old};
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO {noted} SELECT 1, {new};
    END IF;
    RETURN NULL;
END
"""


class RowNotCarriedError(Exception):
    """A codec does not carry a value of a trial. Never leaves the load."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a statement on one side."""

    #: "" where it was carried out; else whether a trigger, a constraint or something else refused it.
    refused_by: str = ""
    message: str = ""
    #: It was a foreign key that is NOT VALID. Within the run PostgreSQL asks it of rows without parents that
    #: a statement only touches, afterwards of none whose key stays (RI_FKey_fk_upd_check_required).
    by_not_valid: bool = False
    #: By source table, in SQLite's terms.
    changes: Mapping[str, Counter[tuple[Any, ...]]]

    def agrees(self, other: Outcome) -> bool:
        """Whether both sides did the same: the same changes, or a refusal for the same reason."""
        if self.refused_by != other.refused_by:
            return False
        if self.refused_by:
            return self.refused_by != "trigger" or self.message == other.message
        return _present(self.changes) == _present(other.changes)


def _present(changes: Mapping[str, Counter[tuple[Any, ...]]]) -> dict[str, dict[tuple[Any, ...], int]]:
    return {table: dict(rows) for table, rows in changes.items() if rows}


@dataclass(frozen=True)
class _Noted:
    """A table whose changes are noted."""

    plan: TablePlan
    name: sql.Identifier
    #: Temporary tables like it: rows that a statement writes, and the key of the one that it is about.
    rows: sql.Identifier
    key: sql.Identifier
    outputs: tuple[Output, ...]
    #: Types of the columns, by OID, and how each is selected.
    kinds: tuple[int, ...]
    select: sql.Composed


class TrialTarget:
    """One connection in a transaction that is taken back; see `run_trial_step`."""

    def __init__(self, connection: Connection, plan: Plan, tables: Sequence[TablePlan]) -> None:
        """Begin to note what changes in the tables. Raises psycopg.Error where the rights are missing."""
        self._connection = connection
        self._plan = plan
        self._noted = {
            table.name: self._begin_noting(number, table) for number, table in enumerate(tables, start=1)
        }
        self._numbers: list[tuple[str, str, int]] = []
        # Which tables anything is noted of, in one question.
        self._anything = sql.SQL(" UNION ALL ").join(
            sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})").format(sql.Literal(name), noted.name)
            for name, noted in self._noted.items()
        )

    def _begin_noting(self, number: int, table: TablePlan) -> _Noted:
        connection = self._connection
        columns = [sql.Identifier(column.target_name) for column in table.copied_columns]
        noted = sql.Identifier("pg_temp", f"howdah_noted_{number}")
        function = sql.Identifier("pg_temp", f"howdah_note_{number}")
        listed = sql.SQL(", ").join(columns)
        described = connection.execute(
            sql.SQL("SELECT {} FROM {} LIMIT 0").format(listed, compose_table(table))
        )
        kinds = tuple(column.type_code for column in described.description or ())
        # No column of the table's own is called so.
        signed = sql.SQL("0 AS {}, {}").format(sql.Identifier(_NOTE), listed)
        for kind, selected in (("noted", signed), ("rows", listed), ("key", listed)):
            connection.execute(
                sql.SQL("CREATE TEMPORARY TABLE {} AS SELECT {} FROM {} WITH NO DATA").format(
                    sql.Identifier(f"howdah_{kind}_{number}"), selected, compose_table(table)
                )
            )
        body = sql.SQL(_NOTE_ROWS).format(noted=noted, old=_of("OLD", columns), new=_of("NEW", columns))
        connection.execute(
            sql.SQL("CREATE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql AS {}").format(
                function, sql.Literal(body.as_string(connection))
            )
        )
        connection.execute(
            sql.SQL(
                "CREATE TRIGGER {} AFTER INSERT OR UPDATE OR DELETE ON {} FOR EACH ROW EXECUTE FUNCTION {}()"
            ).format(sql.Identifier(_NOTE), compose_table(table), function)
        )
        outputs = tuple(Output(codec=column.codec, params=column.params) for column in table.copied_columns)
        expressions = [
            sql.SQL(cast("Any", target_expression(output, kind))).format(column)
            for column, output, kind in zip(columns, outputs, kinds, strict=True)
        ]
        select = sql.SQL("SELECT {}, {} FROM {}").format(
            sql.Identifier(_NOTE), sql.SQL(", ").join(expressions), noted
        )
        rows, key = (sql.Identifier("pg_temp", f"howdah_{kind}_{number}") for kind in ("rows", "key"))
        return _Noted(table, noted, rows, key, outputs, kinds, select)

    def number_like(self, last_numbers: Mapping[str, int]) -> None:
        """Let each table with an identity go on behind the number that SQLite has given last."""
        self._numbers = []
        for noted in self._noted.values():
            plan = noted.plan
            identity = next((column for column in plan.columns if column.identity), None)
            last = last_numbers.get(plan.name, 0)
            if identity is not None and last < _LARGEST_NUMBER:
                target = qualified(plan.target_schema, plan.target_name)
                self._numbers.append((target, identity.target_name, last))

    def _set_sequences(self) -> None:
        if self._numbers:
            set_one = "setval(pg_get_serial_sequence(%s, %s), %s, %s)"
            values = [
                value
                for target, column, last in self._numbers
                for value in (target, column, max(last, 1), last >= 1)
            ]
            self._connection.execute(f"SELECT {', '.join([set_one] * len(self._numbers))}", values)

    def make(self, trigger: TriggerTrial) -> bool:
        """Make a trigger; False where the server does not take it, which the step that makes it tells."""
        try:
            with self._connection.transaction():
                self._connection.execute(cast("Any", trigger.translated_sql))
        except psycopg.Error as error:
            if self._connection.broken or is_of_the_moment(error):
                raise
            return False
        return True

    def remove(self, trigger: TriggerTrial) -> None:
        """Take it away again."""
        self._connection.execute(cast("Any", trigger.drop_sql))

    @contextmanager
    def without(self, trigger: TriggerTrial) -> Iterator[None]:
        """Be without a trigger for the block."""
        with self._connection.transaction(force_rollback=True):
            self.remove(trigger)
            yield

    def attempt(self, trial: Trial, table: TablePlan) -> Outcome:
        """
        Make the statement, take it back, and return what came of it.

        Raises NotAnsweredError where it takes too long, RowNotCarriedError where a row cannot be written.
        """
        self._set_sequences()
        try:
            with self._connection.transaction(force_rollback=True):
                self._execute(trial, table)
                return Outcome(changes=self._read_changes(masked=table.name if trial.by_several else ""))
        except psycopg.errors.QueryCanceled as error:
            raise NotAnsweredError("PostgreSQL took too long") from error
        except psycopg.Error as error:
            if self._connection.broken or is_of_the_moment(error):
                raise
            refused_by = "something"
            if isinstance(error, psycopg.errors.RaiseException):
                refused_by = "trigger"
            elif isinstance(error, psycopg.IntegrityError):
                refused_by = "constraint"
            return Outcome(
                refused_by=refused_by,
                message=str(error.diag.message_primary or error),
                by_not_valid=self._is_not_valid(error),
                changes={},
            )

    def _is_not_valid(self, error: psycopg.Error) -> bool:
        """Whether a foreign key refused the statement that is NOT VALID."""
        if not isinstance(error, psycopg.errors.ForeignKeyViolation):
            return False
        row = self._connection.execute(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_constraint c"
            " JOIN pg_catalog.pg_class t ON t.oid = c.conrelid"
            " JOIN pg_catalog.pg_namespace s ON s.oid = t.relnamespace"
            " WHERE c.conname = %s AND t.relname = %s AND s.nspname = %s AND NOT c.convalidated)",
            (error.diag.constraint_name, error.diag.table_name, error.diag.schema_name),
        ).fetchone()
        return bool(row and row[0])

    def _execute(self, trial: Trial, table: TablePlan) -> None:
        noted = self._noted[table.name]
        for place, rows in enumerate(trial.inserts):
            listed = sql.SQL(", ").join(_identifiers(table, rows[0]))
            self._stage(noted.rows, table, rows, again=place > 0)
            self._connection.execute(
                sql.SQL("INSERT INTO {0} ({1}) OVERRIDING SYSTEM VALUE SELECT {1} FROM {2}").format(
                    compose_table(table), listed, noted.rows
                )
            )
        if trial.event == "INSERT":
            return
        sources, conditions = [], []
        if trial.key:
            self._stage(noted.key, table, [dict(zip(table.key, trial.key, strict=True))])
            sources.append(sql.SQL("{} k").format(noted.key))
            conditions = [sql.SQL("t.{0} = k.{0}").format(name) for name in _identifiers(table, table.key)]
        where = sql.SQL(" WHERE {}").format(sql.SQL(" AND ").join(conditions)) if conditions else sql.SQL("")
        if trial.event == "DELETE":
            using = sql.SQL(" USING {}").format(sql.SQL(", ").join(sources)) if sources else sql.SQL("")
            self._connection.execute(
                sql.SQL("DELETE FROM {} t{}{}").format(compose_table(table), using, where)
            )
            return
        self._stage(noted.rows, table, [trial.changes], again=bool(trial.rows))
        sources.append(sql.SQL("{} r").format(noted.rows))
        changes = [sql.SQL("{0} = r.{0}").format(name) for name in _identifiers(table, trial.changes)]
        self._connection.execute(
            sql.SQL("UPDATE {} t SET {} FROM {}{}").format(
                compose_table(table), sql.SQL(", ").join(changes), sql.SQL(", ").join(sources), where
            )
        )

    def _stage(
        self, name: sql.Identifier, table: TablePlan, rows: Sequence[Row], *, again: bool = False
    ) -> None:
        """Put rows into a temporary table, as the codecs write them; with `again` in the place of others."""
        if again:
            self._connection.execute(sql.SQL("DELETE FROM {}").format(name))
        wires: list[Wire] = []
        for column in rows[0]:
            wire, carried = encode_values(table, column, [row[column] for row in rows])
            if not carried.all():
                raise RowNotCarriedError(column)
            wires.append(wire)
        copy_in(
            self._connection,
            sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
                name, sql.SQL(", ").join(_identifiers(table, rows[0]))
            ),
            [memoryview(build_copy_rows(wires, len(rows), None))],
        )

    def _read_changes(self, *, masked: str) -> dict[str, Counter[tuple[Any, ...]]]:
        changes = {}
        there = self._connection.execute(self._anything).fetchall()
        for (name,) in there:
            noted = self._noted[name]
            rows = self._connection.execute(noted.select).fetchall()
            signs = [row[0] for row in rows]
            columns = target_cells([row[1:] for row in rows], noted.outputs, noted.kinds)
            changes[name] = _count(signs, _mask(noted.plan, columns, masked))
        return changes

    def in_its_terms(self, changes: Changes, *, columns: Mapping[str, Sequence[str]], masked: str) -> Changes:
        """
        Return what SQLite changed in the form in which `attempt` tells it, of the planned tables.

        `columns` are those that SQLite's rows have, by table. Raises NotAnsweredError for a change of a
        table that nothing is noted of here.
        """
        told = {}
        for name, rows in changes.items():
            if not rows or all(name != table.name for table in self._plan.tables):
                continue
            noted = self._noted.get(name)
            if noted is None:
                raise NotAnsweredError(f'it changes "{name}", which was not expected')
            places = [columns[name].index(column.name) for column in noted.plan.copied_columns]
            values = [tuple(row[place][1] for place in places) for row in rows]
            cells = source_cells(values, noted.outputs)
            told[name] = _count(list(rows.values()), _mask(noted.plan, cells, masked))
        return told


def encode_values(table: TablePlan, column: str, values: Sequence[Any]) -> tuple[Wire, np.ndarray]:
    """Return values of a column as they are written, and for each whether the codec carries it."""
    plan = table.column(column)
    encoded = get_codec(plan.codec).encode(
        column_of(ColumnChunk(values=values), len(values)), plan.params, plan.written_as
    )
    carried = np.ones(len(values), dtype=bool)
    for mask in encoded.rejected.values():
        carried &= ~mask
    return encoded.wire, carried


def _count(signs: Sequence[int], columns: Sequence[Sequence[Any]]) -> Counter[tuple[Any, ...]]:
    counted: Counter[tuple[Any, ...]] = Counter()
    for sign, row in zip(signs, zip(*columns, strict=True), strict=True):
        counted[row] += sign
    return Counter({row: count for row, count in counted.items() if count})


def _mask(plan: TablePlan, columns: Sequence[Sequence[Any]], statement_of: str) -> Sequence[Sequence[Any]]:
    """Leave out the numbers that other tables than the statement's give their rows, "" for no table."""
    if not statement_of or plan.name == statement_of:
        return columns
    return [
        [None] * len(values) if column.identity else values
        for column, values in zip(plan.copied_columns, columns, strict=True)
    ]


def _identifiers(table: TablePlan, columns: Sequence[str] | Row) -> list[sql.Identifier]:
    return [sql.Identifier(table.column(name).target_name) for name in columns]


def _of(row: str, columns: Sequence[sql.Identifier]) -> sql.Composed:
    return sql.SQL(", ").join(sql.SQL(cast("Any", row + ".{}")).format(name) for name in columns)
