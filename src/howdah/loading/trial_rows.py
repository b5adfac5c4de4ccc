"""
Which statements a translated trigger is tried with, and the values in them.

Pure. Rows are made of rows that are there, changed column by column: to what other rows hold, to the
constants of the trigger's own text and their neighbours, to NULL. Combinations are drawn from a
generator with a fixed beginning: the same trigger is tried with the same statements every time.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from howdah.model.plan import TablePlan, TriggerTrial
from howdah.model.source import Affinity, Column, Table
from howdah.names import quote_sqlite

TRIALS_MAX = 40
#: Values that are tried in one column.
VALUES_MAX = 10
#: Combinations after each turn of single changes, and how often they take what the trigger speaks of.
_COMBINATIONS = 3
_SPOKEN_OF = 0.75
_FRESH = 9_000
_USUAL = 3
_UUID_CHARACTERS = 36
#: A table of so many rows is also changed or emptied as a whole.
WHOLE_ROWS_MAX = 200
_USUAL_NUMBERS = (0, 1, -1, 2, 1000)
_USUAL_TEXTS = ("a", "Ab", "")
#: For columns whose codec takes only texts or numbers of a form.
_FORMED: tuple[Any, ...] = (
    "2024-02-29 12:34:56", "2024-02-29T12:34:56", "2024-02-29T12:34:56.789Z", "2024-02-29", "12:34:56",
    '{"a": 1}', "[]", "00000000-0000-4000-8000-000000000001", "0" * 31 + "1",
    1_700_000_000, 1_700_000_000_000, 2460370.5, b"\x00", b"\x00" * 15 + b"\x01",
)  # fmt: skip

#: Source column → value as SQLite stores it.
Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One statement on a table, after rows that are put in for it."""

    #: DELETE, INSERT or UPDATE.
    event: str
    #: INSERT: the rows of the statement. Else rows that are put in before, one by one.
    rows: tuple[Row, ...] = ()
    #: UPDATE and DELETE: values of the key of the row, () for every row.
    key: tuple[Any, ...] = ()
    #: UPDATE: column → new value.
    changes: Row = field(default_factory=dict)

    @property
    def inserts(self) -> tuple[tuple[Row, ...], ...]:
        """The rows of each INSERT, in order."""
        return (self.rows,) if self.event == "INSERT" else tuple((row,) for row in self.rows)

    @property
    def by_several(self) -> bool:
        """Whether the order in which the rows are taken decides what numbers other rows get."""
        return len(self.rows) > 1 or (self.event != "INSERT" and not self.key)


def source_statements(trial: Trial, table: Table, key: Sequence[str]) -> list[tuple[str, list[Any]]]:
    """Return the statements for SQLite, with their bindings."""
    name = quote_sqlite(table.name)
    statements: list[tuple[str, list[Any]]] = []
    for rows in trial.inserts:
        columns = list(rows[0])
        marks = ", ".join("(" + ", ".join("?" * len(columns)) + ")" for _ in rows)
        listed = ", ".join(map(quote_sqlite, columns))
        bindings = [row[column] for row in rows for column in columns]
        statements.append((f"INSERT INTO {name} ({listed}) VALUES {marks}", bindings))
    if trial.event == "INSERT":
        return statements
    where, known = "", []
    if trial.key:
        # The first finds 'A' for 'a' where the column says NOCASE.
        where = " WHERE " + " AND ".join(
            f"{quote_sqlite(column)} = ? AND +{quote_sqlite(column)} COLLATE BINARY IS ?" for column in key
        )
        known = [value for value in trial.key for _ in range(2)]
    if trial.event == "DELETE":
        return [*statements, (f"DELETE FROM {name}{where}", known)]
    changes = ", ".join(f"{quote_sqlite(column)} = ?" for column in trial.changes)
    return [*statements, (f"UPDATE {name} SET {changes}{where}", [*trial.changes.values(), *known])]


def propose_values(
    column: Column,
    trigger: TriggerTrial,
    *,
    held: Sequence[Any],
    referenced: Sequence[Any] | None,
    related: Sequence[Any],
    nullable: bool,
) -> list[Any]:
    """
    Return values that may go into a column; whether its codec carries them is not known yet.

    `held` are values of the column, `referenced` those of the column that it refers to, None without any,
    `related` those of columns of other tables that the trigger speaks of.
    """
    known = list(held) + list(referenced or ())
    proposed: list[Any] = [None] if nullable else []
    if referenced is not None:
        return _distinct([*proposed, *known])
    numbers = near_numbers(trigger)
    constants: list[Any] = [*trigger.texts, *numbers, *_USUAL_NUMBERS, *_USUAL_TEXTS, *_FORMED]
    words = _USUAL_TEXTS[:2] if column.affinity is Affinity.TEXT else ()
    proposed += [*known[:3], *trigger.texts, *words, *numbers, *related, *known[3:], *constants]
    stored = [_as_stored(value, column.affinity) for value in proposed]
    return _distinct([value for value in stored if value is not _UNSUITED])


def near_numbers(trigger: TriggerTrial) -> list[float]:
    """Return the numbers that a trigger speaks of and their neighbours."""
    return [near for number in trigger.numbers for near in (number, number + 1, number - 1)]


_UNSUITED = object()


def _holds(number: float) -> bool:
    """Whether a whole number is one of SQLite's integers, of 64 bits; a larger one is a REAL there."""
    return -(2**63) <= number < 2**63


def _as_stored(value: Any, affinity: Affinity) -> Any:
    """Return the value in the form that the affinity gives it, where that is simple."""
    if isinstance(value, int) and not _holds(value):
        value = float(value)
    if isinstance(value, float) and value.is_integer() and affinity is not Affinity.REAL and _holds(value):
        value = int(value)
    if affinity is Affinity.TEXT and isinstance(value, (int, float)):
        return str(value)
    if affinity is Affinity.REAL and isinstance(value, int):
        return float(value)
    if affinity in (Affinity.INTEGER, Affinity.NUMERIC, Affinity.REAL) and isinstance(value, str):
        try:
            float(value)
        except ValueError:
            return value
        return _UNSUITED
    return value


def _distinct(values: Sequence[Any]) -> list[Any]:
    return list({(type(value), value): value for value in values}.values())


@dataclass(frozen=True, kw_only=True)
class TrialTable:
    """What trials are made of: the table, rows of it, and the values that its columns can take."""

    source: Table
    plan: TablePlan
    samples: Sequence[Row]
    values: Mapping[str, Sequence[Any]]
    #: The constants of the trigger and their neighbours.
    spoken_of: frozenset[Any] = frozenset()

    @property
    def columns(self) -> list[str]:
        """The columns that can be written."""
        return [column.name for column in self.plan.copied_columns]

    @property
    def unique(self) -> frozenset[str]:
        """Columns that are part of a key."""
        parts = [part.name for index in self.source.indexes if index.unique for part in index.columns]
        return frozenset(name for name in (*self.source.primary_key, *parts) if name)

    def key_of(self, row: Row) -> tuple[Any, ...]:
        """Return the values of the key, () where a table without a key is changed as a whole."""
        return tuple(row[name] for name in self.plan.key)

    @property
    def whole(self) -> bool:
        """Whether it is small enough to be changed as a whole."""
        return self.plan.rows <= WHOLE_ROWS_MAX


def choose_trials(trigger: TriggerTrial, table: TrialTable) -> list[Trial]:
    """Return the statements to try, () where none can be made."""
    chance = random.Random(trigger.name)  # noqa: S311
    columns = trigger.columns or trigger.mentioned
    varied = [name for name in columns if table.values.get(name) and name in table.columns]
    make = {"INSERT": _insertions, "UPDATE": _updates, "DELETE": _deletions}[trigger.event]
    trials: list[Trial] = []
    for trial in make(table, varied, chance, trigger):
        if trial not in trials:
            trials.append(trial)
        if len(trials) == TRIALS_MAX:
            break
    return trials


def _new_row(table: TrialTable, number: int, changes: Row) -> Row | None:
    """Return a row that is not there: one that is, or one made of usual values, under a key of its own."""
    if table.samples:
        row = dict(table.samples[number % len(table.samples)])
    else:
        row = dict.fromkeys(table.columns)
        for name, values in table.values.items():
            present = [value for value in values if value is not None]
            row[name] = present[number % min(len(present), _USUAL)] if present else None
    for name in table.unique:
        if name in row:
            row[name] = _fresh(row[name], number)
    alias = table.source.rowid_alias
    row |= {
        name: value
        for name, value in changes.items()
        if name != alias and (value is not None or name not in table.plan.key)
    }
    if alias in row and not isinstance(row[alias], int):
        return None
    return row


def _fresh(value: Any, number: int) -> Any:
    """Return a value that no other row has, probably."""
    if isinstance(value, int):
        above = _FRESH + abs(value) + number
        return above if _holds(above) else abs(value) - _FRESH - number
    if isinstance(value, float):
        return _FRESH + abs(value) + number
    if isinstance(value, bytes):
        return value[:-2] + (_FRESH + number).to_bytes(2, "big")
    if isinstance(value, str):
        try:
            if len(value) == _UUID_CHARACTERS:
                return str(UUID(int=UUID(value).int ^ (_FRESH + number)))
        except ValueError:
            pass
        return f"{value}~{number}"
    return value


def _insertions(
    table: TrialTable, varied: Sequence[str], chance: random.Random, trigger: TriggerTrial
) -> Iterator[Trial]:
    rows = [row for number in range(3) if (row := _new_row(table, number, {})) is not None]
    alias = table.source.rowid_alias
    for row in rows:
        yield Trial(event="INSERT", rows=(row,))
    if rows and alias in rows[0] and len(rows[0]) > 1:
        # SQLite and PostgreSQL give the number.
        yield Trial(event="INSERT", rows=({name: value for name, value in rows[0].items() if name != alias},))
    if len(rows) > 1:
        yield Trial(event="INSERT", rows=tuple(rows[:2]))
    for number, changes in enumerate(_variations(table, varied, chance)):
        row = _new_row(table, number, changes)
        if row is not None:
            yield Trial(event="INSERT", rows=(row,))


def _variations(table: TrialTable, varied: Sequence[str], chance: random.Random) -> Iterator[Row]:
    """Yield changes of one column each, and between them some of all columns at once."""
    for place in range(max((len(table.values[name]) for name in varied), default=0)):
        for name in varied:
            if place < len(table.values[name]):
                yield {name: table.values[name][place]}
        for _ in range(_COMBINATIONS if len(varied) > 1 else 0):
            yield {name: _draw(table, name, chance) for name in varied}


def _draw(table: TrialTable, name: str, chance: random.Random) -> Any:
    """Choose a value for a column, rather one that the trigger speaks of."""
    spoken_of = [value for value in table.values[name] if value in table.spoken_of]
    return chance.choice(spoken_of if spoken_of and chance.random() < _SPOKEN_OF else table.values[name])


def _updates(
    table: TrialTable, varied: Sequence[str], chance: random.Random, trigger: TriggerTrial
) -> Iterator[Trial]:
    others = [name for name in table.columns if name not in table.unique and name not in varied]
    # What is not spoken of may fire it too, unless it says OF which columns.
    fields = list(varied) + [name for name in others if not trigger.columns and table.values.get(name)][:2]
    fields = [name for name in fields if name not in table.plan.key] or fields
    if not fields:
        return
    trial = Trial(event="UPDATE")
    rows = [row for row in table.samples if table.plan.key or table.whole]
    for row in rows[:3]:
        yield replace(trial, key=table.key_of(row), changes={fields[0]: row[fields[0]]})
    for number, changes in enumerate(_variations(table, fields, chance)):
        if rows:
            row = rows[number % len(rows)]
            yield replace(trial, key=table.key_of(row), changes=changes)
        if number % 3 == 0 or not rows:
            before = {name: _draw(table, name, chance) for name in varied}
            new = _new_row(table, number, before)
            if new is not None and (table.plan.key or table.whole):
                yield replace(trial, rows=(new,), key=table.key_of(new), changes=changes)
    if rows and table.whole:
        yield replace(trial, changes={fields[-1]: rows[0][fields[-1]]})


def _deletions(
    table: TrialTable, varied: Sequence[str], chance: random.Random, trigger: TriggerTrial
) -> Iterator[Trial]:
    trial = Trial(event="DELETE")
    rows = [row for row in table.samples if table.plan.key or table.whole]
    for row in rows:
        yield replace(trial, key=table.key_of(row))
    if rows and table.whole:
        yield trial
    for number, changes in enumerate([{}, *_variations(table, varied, chance)]):
        new = _new_row(table, number, changes)
        if new is not None and (table.plan.key or table.whole):
            yield replace(trial, rows=(new,), key=table.key_of(new))
