"""
The trials of one trigger: the same statements on both sides, with it and without it.

What differs without the trigger too says nothing about it: the sides take that statement differently.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from howdah.loading.job import LoadJob
from howdah.loading.trial_rows import (
    VALUES_MAX,
    Trial,
    TrialTable,
    choose_trials,
    near_numbers,
    propose_values,
    source_statements,
)
from howdah.loading.trial_target import Outcome, RowNotCarriedError, TrialTarget, encode_values
from howdah.model.plan import StepKind, TablePlan, TriggerTrial
from howdah.model.source import Table
from howdah.names import quote_sqlite
from howdah.sqlite.answers import NotAnsweredError
from howdah.sqlite.literals import sqlite_literal
from howdah.sqlite.rehearsal import Rehearsal, StatementRefusedError
from howdah.sqlite.row_select import is_big_sql

#: Seconds that all statements of one trigger may take.
SECONDS_PER_TRIGGER = 20.0
#: Statements of a trigger that are made again when another one is added that they may fire.
_AGAIN_MAX = 12
_SAMPLES = 3
#: What SQLite says of a foreign key to no table, or to columns that are no key. An application with such a
#: key does not let SQLite enforce them.
_NOT_ENFORCEABLE = ("no such table: ", "foreign key mismatch")


@dataclass
class TrialCourse:
    """The trials of one trigger, among those that were found right before."""

    lite: Rehearsal
    target: TrialTarget
    job: LoadJob
    trigger: TriggerTrial
    #: When the trials of all triggers must be over, by the monotonic clock.
    ends: float
    #: Whether a statement had another effect with it than without.
    acted: bool = False
    #: Why a statement could not be compared.
    unanswered: str = ""
    #: It cannot be compared at all: two answers may differ.
    by_chance: bool = False

    @property
    def untried(self) -> str:
        """Why nothing was seen of the trigger, "" where something was."""
        if self.by_chance:
            return "what it does changes by chance"
        if self.acted:
            return ""
        return self.unanswered or "no statement that was made let it act"

    def run(self, others: Sequence[TriggerTrial]) -> str:
        """Return where the sides differ because of the trigger, "" where they nowhere do."""
        ends = min(self.ends, time.monotonic() + SECONDS_PER_TRIGGER)
        for fired in (self.trigger, *others):
            table = self._read_table(fired)
            trials = choose_trials(fired, table)
            for trial in trials if fired is self.trigger else trials[:_AGAIN_MAX]:
                if time.monotonic() > ends:
                    self.unanswered = "it took too long"
                    return ""
                try:
                    difference = self._compare(trial, table, own=fired is self.trigger)
                except RowNotCarriedError:
                    continue
                except NotAnsweredError as reason:
                    self.unanswered = str(reason)
                    continue
                if difference and self.trigger.changing:
                    self.by_chance = True
                elif difference:
                    return difference
        return ""

    def _compare(self, trial: Trial, table: TrialTable, *, own: bool) -> str:
        ours, theirs = self._attempt(trial, table)
        if theirs.by_not_valid and not ours.refused_by:
            raise NotAnsweredError("rows without their parent are in the way")
        if ours.agrees(theirs):
            if own and not self.acted:
                with self.lite.without_trigger(self.trigger.name):
                    self.acted = not self._on_source(trial, table).agrees(ours)
            return ""
        with self.lite.without_trigger(self.trigger.name), self.target.without(self.trigger):
            without = self._attempt(trial, table)
        if not without[0].agrees(without[1]):
            # The sides take the statement itself differently: it says nothing about the trigger.
            return ""
        if {ours.refused_by, theirs.refused_by, without[0].refused_by} == {"trigger"}:
            # Another trigger refuses it too; which of the two is asked first differs.
            return ""
        return f"{_write_out(trial, table)}: {_describe(ours, theirs)}"

    def _attempt(self, trial: Trial, table: TrialTable) -> tuple[Outcome, Outcome]:
        return self._on_source(trial, table), self.target.attempt(trial, table.plan)

    def _on_source(self, trial: Trial, table: TrialTable) -> Outcome:
        try:
            changes = self.lite.attempt(source_statements(trial, table.source, table.plan.key))
        except StatementRefusedError as refusal:
            if str(refusal).startswith(_NOT_ENFORCEABLE):
                raise NotAnsweredError(
                    f"SQLite cannot carry it out while it enforces foreign keys ({refusal})"
                ) from refusal
            refused_by = "constraint" if refusal.by_constraint else "something"
            if refusal.by_trigger:
                refused_by = "trigger"
            return Outcome(refused_by=refused_by, message=str(refusal), changes={})
        columns = {
            found.name: [column.name for column in found.columns if column.generated != "virtual"]
            for found in self.job.catalog.tables
            if found.name in changes
        }
        masked = table.plan.name if trial.by_several else ""
        return Outcome(changes=self.target.in_its_terms(changes, columns=columns, masked=masked))

    def _read_table(self, trigger: TriggerTrial) -> TrialTable:
        plan = self.job.plan.table(trigger.table)
        source = self.job.source_table(plan)
        samples = self._read_samples(plan, source)
        related = [value for name, column in trigger.related for value in self._read_some(name, column)]
        values = {}
        for column in plan.copied_columns:
            fact = source.column(column.name)
            held = [row[column.name] for row in samples]
            nullable = not (column.not_null or fact.not_null)
            proposed = propose_values(
                fact,
                trigger,
                held=held,
                referenced=self._read_referenced(plan, column.name),
                related=related,
                nullable=nullable,
            )
            _, carried = encode_values(plan, column.name, proposed)
            values[column.name] = [value for value, kept in zip(proposed, carried, strict=True) if kept][
                :VALUES_MAX
            ]
        return TrialTable(
            source=source,
            plan=plan,
            samples=samples,
            values=values,
            spoken_of=frozenset((*trigger.texts, *near_numbers(trigger))),
        )

    def _read_samples(self, plan: TablePlan, source: Table) -> list[dict[str, Any]]:
        """Return the first rows of the table and the last."""
        columns = [column.name for column in plan.copied_columns]
        listed = ", ".join(map(quote_sqlite, columns))
        where = ""
        if plan.big_rows:
            where = " WHERE NOT (" + " OR ".join(is_big_sql(quote_sqlite(name)) for name in columns) + ")"
        order = [
            quote_sqlite(name) for name in ([plan.rowid_name] if plan.rowid_name else source.primary_key)
        ]
        rows = []
        for direction in ("ASC", "DESC"):
            ordered = ", ".join(f"{name} {direction}" for name in order)
            rows += self.lite.ask(
                f"SELECT {listed} FROM {quote_sqlite(plan.name)}{where} ORDER BY {ordered} LIMIT {_SAMPLES}"
            )
        distinct = {repr(row): dict(zip(columns, row, strict=True)) for row in rows}
        return list(distinct.values())

    def _read_referenced(self, plan: TablePlan, column: str) -> list[Any] | None:
        """Return some values that the column may refer to, None where it refers to nothing."""
        for step in self.job.plan.steps:
            if step.kind is StepKind.FOREIGN_KEY and step.table == plan.name and column in step.columns:
                return self._read_some(step.parent_table, step.parent_columns[step.columns.index(column)])
        return None

    def _read_some(self, table: str, column: str) -> list[Any]:
        name = quote_sqlite(column)
        rows = self.lite.ask(
            f"SELECT {name} FROM {quote_sqlite(table)} WHERE NOT {is_big_sql(name)} LIMIT {_SAMPLES}"
        )
        return [row[0] for row in rows]


def _write_out(trial: Trial, table: TrialTable) -> str:
    written = []
    for statement, bindings in source_statements(trial, table.source, table.plan.key):
        parts = statement.split("?")
        values = [sqlite_literal(value) if value is not None else "NULL" for value in bindings]
        written.append("".join(part + value for part, value in zip(parts, [*values, ""], strict=True)))
    return "; ".join(written)


def _describe(ours: Outcome, theirs: Outcome) -> str:
    if ours.refused_by or theirs.refused_by:
        return f"SQLite {_tell(ours)}, PostgreSQL {_tell(theirs)}"
    parts = []
    for table in sorted(ours.changes.keys() | theirs.changes.keys()):
        left, right = ours.changes.get(table, Counter()), theirs.changes.get(table, Counter())
        if left != right:
            parts.append(
                f'in "{table}" only SQLite: {_list(_only(left, right))};'
                f" only PostgreSQL: {_list(_only(right, left))}"
            )
    return ". ".join(parts)


def _tell(outcome: Outcome) -> str:
    if not outcome.refused_by:
        return "carries it out"
    return f"refuses it ({outcome.message})"


def _only(counted: Mapping[Any, int], others: Mapping[Any, int]) -> list[str]:
    return [
        f"{'+' if count > 0 else '-'}{tuple(cell and cell[1] for cell in row)!r}"
        for row, count in counted.items()
        if others.get(row, 0) != count
    ]


def _list(rows: Sequence[str]) -> str:
    return ", ".join(row[:200] for row in islice(rows, 3)) or "nothing"
