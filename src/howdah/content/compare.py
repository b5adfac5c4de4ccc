"""
Compare what was derived with what a database holds: tables, columns, types, keys, indexes, sequences.

Pure. Facts come from `postgres.catalog`. Everything derived must be there, and as derived; what is
there besides (further columns, indexes, tables) is left alone, people add such things. An extra column
that an entry cannot be created without is a difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from howdah.content.definitions import ServerNames
from howdah.model.content import (
    ColumnDefinition,
    ContentDifference,
    ForeignKeyDefinition,
    IndexDefinition,
    TableCheck,
    TableDefinition,
)
from howdah.model.target import TargetColumn, TargetIndex, TargetSequence, TargetTable

#: The aspects that are counted, in the order in which people see them.
ASPECTS = ("tables", "columns", "types", "indexes", "foreign keys", "sequences")


@dataclass(frozen=True, kw_only=True)
class RowFacts:
    """What the rows of a table say: how many, and the largest id."""

    rows: int | None
    largest_id: int | None = None


@dataclass
class _Tally:
    """Counts per aspect how many were expected and how many were as expected."""

    expected: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ASPECTS, 0))
    wrong: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ASPECTS, 0))

    def counts(self) -> Mapping[str, tuple[int, int]]:
        return {
            aspect: (self.expected[aspect] - self.wrong[aspect], self.expected[aspect]) for aspect in ASPECTS
        }


def compare_tables(
    schema: str,
    names: ServerNames,
    tables: Sequence[TableDefinition],
    found: Mapping[str, TargetTable],
    row_facts: Mapping[str, RowFacts],
) -> tuple[tuple[TableCheck, ...], Mapping[str, tuple[int, int]]]:
    """Return a check of each table, and per aspect how many are as expected and how many are expected."""
    tally = _Tally()
    checks = []
    for table in tables:
        actual = found.get(table.name)
        rows = row_facts.get(table.name, RowFacts(rows=None))
        differences = tuple(_compare_table(schema, names, table, actual, rows, tally))
        checks.append(
            TableCheck(
                name=table.name,
                role=table.role,
                present=actual is not None,
                rows=rows.rows,
                differences=differences,
                extra_columns=_extra_columns(table, actual),
            )
        )
    return tuple(checks), tally.counts()


def _extra_columns(table: TableDefinition, actual: TargetTable | None) -> tuple[str, ...]:
    known = {column.name for column in table.columns}
    return tuple(column.name for column in (actual.columns if actual else ()) if column.name not in known)


def _compare_table(
    schema: str,
    names: ServerNames,
    table: TableDefinition,
    actual: TargetTable | None,
    rows: RowFacts,
    tally: _Tally,
) -> Iterator[ContentDifference]:
    aspects: list[tuple[str, list[list[ContentDifference]]]]
    if actual is None:
        missing = ContentDifference(
            kind="table", table=table.name, object="", expected="table", found="missing"
        )
        aspects = [
            ("tables", [[missing]]),
            # Not said again one by one, but counted: nothing of a missing table is there.
            *((aspect, [[missing]] * expected) for aspect, expected in _expected(table).items()),
        ]
    else:
        columns = {column.name: column for column in actual.columns}
        aspects = [
            ("tables", [list(_compare_shape(table, actual))]),
            ("columns", [list(_compare_presence(table, column, columns)) for column in table.columns]),
            ("types", [list(_compare_column(table, column, columns)) for column in table.columns]),
            (
                "indexes",
                [
                    list(_compare_primary_key(table, actual)),
                    *(list(_compare_index(schema, names, table, index, actual)) for index in table.indexes),
                ],
            ),
            (
                "foreign keys",
                [list(_compare_key(schema, names, table, key, actual)) for key in table.foreign_keys],
            ),
            ("sequences", [list(_compare_sequence(schema, names, table, actual, rows))]),
        ]
    said: set[ContentDifference] = set()
    for aspect, items in aspects:
        tally.expected[aspect] += len(items)
        for differences in items:
            tally.wrong[aspect] += bool(differences)
            for difference in differences:
                if difference not in said:
                    said.add(difference)
                    yield difference


def _expected(table: TableDefinition) -> Mapping[str, int]:
    return {
        "columns": len(table.columns),
        "types": len(table.columns),
        "indexes": 1 + len(table.indexes),
        "foreign keys": len(table.foreign_keys),
        "sequences": 1,
    }


def _compare_shape(table: TableDefinition, actual: TargetTable) -> Iterator[ContentDifference]:
    known = {column.name for column in table.columns}
    for column in actual.columns:
        if column.name not in known and column.not_null and not _fills_itself(column):
            yield ContentDifference(
                kind="column",
                table=table.name,
                object=column.name,
                expected="no such column, or one that may be empty",
                found=f"{column.type} NOT NULL without a default: no entry can be created",
            )


def _fills_itself(column: TargetColumn) -> bool:
    return bool(column.default_sql is not None or column.identity or column.generated_sql is not None)


def _compare_presence(
    table: TableDefinition, column: ColumnDefinition, columns: Mapping[str, TargetColumn]
) -> Iterator[ContentDifference]:
    if column.name not in columns:
        yield ContentDifference(
            kind="column", table=table.name, object=column.name, expected=column.type, found="missing"
        )


def _compare_column(
    table: TableDefinition, column: ColumnDefinition, columns: Mapping[str, TargetColumn]
) -> Iterator[ContentDifference]:
    actual = columns.get(column.name)
    if actual is None:
        yield from _compare_presence(table, column, columns)
        return
    compared = [("type", column.type, actual.type)]
    if actual.generated_sql is not None:
        compared.append(("column", "a column to write to", f"GENERATED ALWAYS AS {actual.generated_sql}"))
    compared.append(("column", _nullability(column.not_null), _nullability(actual.not_null)))
    # How the server prints a default is its own affair; whether there is one is compared.
    if not column.serial and (column.default_sql is None) != (actual.default_sql is None):
        compared.append(("default", column.default_sql or "none", actual.default_sql or "none"))
    for kind, expected, found in compared:
        if expected != found:
            yield ContentDifference(
                kind=kind, table=table.name, object=column.name, expected=expected, found=found
            )


def _nullability(not_null: bool) -> str:
    return "NOT NULL" if not_null else "nullable"


def _compare_primary_key(table: TableDefinition, actual: TargetTable) -> Iterator[ContentDifference]:
    found = next((item.definition for item in actual.constraints if item.kind == "p"), "missing")
    if found != "PRIMARY KEY (id)":
        yield ContentDifference(
            kind="primary-key",
            table=table.name,
            object=table.primary_key_name,
            expected="PRIMARY KEY (id)",
            found=found,
        )


def _compare_index(
    schema: str, names: ServerNames, table: TableDefinition, index: IndexDefinition, actual: TargetTable
) -> Iterator[ContentDifference]:
    by_name = next((item for item in actual.indexes if item.name == index.name), None)
    expected = names.unique(index) if index.unique else names.index(schema, table.name, index)
    if by_name is None:
        found = "missing"
    elif not by_name.valid:
        found = "invalid: the server does not use it"
    elif index.unique:
        constraint = next((item for item in actual.constraints if item.name == index.name), None)
        if constraint is None and _is_same_but_no_constraint(expected, by_name):
            expected, found = "a unique constraint", "a unique index on the same columns"
        else:
            found = constraint.definition if constraint else f"no constraint, but {by_name.definition}"
    else:
        found = by_name.definition
    if found != expected:
        yield ContentDifference(
            kind="index", table=table.name, object=index.name, expected=expected, found=found
        )


def _is_same_but_no_constraint(expected: str, index: TargetIndex) -> bool:
    return index.unique and index.definition.endswith(f" USING btree {expected.removeprefix('UNIQUE ')}")


def _compare_key(
    schema: str, names: ServerNames, table: TableDefinition, key: ForeignKeyDefinition, actual: TargetTable
) -> Iterator[ContentDifference]:
    expected = names.foreign_key(schema, key)
    constraint = next(
        (item for item in actual.constraints if item.name == key.name and item.kind == "f"), None
    )
    found = "missing" if constraint is None else constraint.definition
    if found != expected:
        yield ContentDifference(
            kind="foreign-key", table=table.name, object=key.name, expected=expected, found=found
        )


def _compare_sequence(
    schema: str, names: ServerNames, table: TableDefinition, actual: TargetTable, rows: RowFacts
) -> Iterator[ContentDifference]:
    column = next((item for item in actual.columns if item.name == "id"), None)
    sequence = next((item for item in actual.sequences if item.column == "id"), None)
    for expected, found in _sequence_properties(schema, names, table, column, sequence, rows):
        if expected != found:
            yield ContentDifference(
                kind="sequence",
                table=table.name,
                object=sequence.name if sequence else table.sequence_name,
                expected=expected,
                found=found,
            )


def _sequence_properties(
    schema: str,
    names: ServerNames,
    table: TableDefinition,
    column: TargetColumn | None,
    sequence: TargetSequence | None,
    rows: RowFacts,
) -> Iterator[tuple[str, str]]:
    owned = "a sequence that id owns"
    if sequence is None:
        yield owned, "missing"
    if column is not None:
        # Any sequence will do that the column owns: a renamed table keeps its old one.
        owner = (sequence.schema, sequence.name) if sequence else (schema, table.sequence_name)
        wanted = "a default that takes the next value of that sequence"
        if column.identity:
            yield wanted, f"GENERATED {column.identity.upper()} AS IDENTITY"
        elif column.default_sql != names.next_value(*owner):
            yield wanted, column.default_sql or "no default"
    if sequence is not None and rows.largest_id is not None and sequence.next_value <= rows.largest_id:
        yield f"a next value above {rows.largest_id}", f"{sequence.next_value}: ids would collide"
