"""
Read what a person asked for a schema that the application created: row policies, values to fill in. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from howdah.errors import UsageError
from howdah.model.owned import FilledColumn, RowPolicy
from howdah.model.plan import PlanOptions
from howdah.planning.edits import PlanEdits
from howdah.planning.owned_match import TableMatch


def choose_policies(
    tables: Iterable[str],
    options: PlanOptions,
    edits: PlanEdits | None = None,
    known: Mapping[str, RowPolicy] | None = None,
) -> dict[str, RowPolicy]:
    """
    Return the policy of each source table: as asked for, else `known` (the application's), else replace.

    After a completed run only the tables of `replace_existing` are loaded; all others keep
    their rows. Raises UsageError P-202 for a pattern that matches no table, P-203 for a word that
    is no policy.
    """
    tables = tuple(tables)
    policies = {table: (known or {}).get(table, RowPolicy.REPLACE) for table in tables}
    for table, edit in edits.tables.items() if edits else ():
        if edit.rows is not None and table in policies:
            policies[table] = edit.rows
    for asked in options.rows:
        pattern, equals, word = asked.rpartition("=")
        if not equals or word not in tuple(RowPolicy):
            raise UsageError(
                "P-203",
                f"--rows takes TABLE=replace, keep, merge or refuse, not {asked!r}",
                hint="TABLE is the name of a source table, or a pattern as in a shell.",
            )
        for table in _matching(tables, pattern, "--rows"):
            policies[table] = RowPolicy(word)
    if options.replace_existing:
        named = {
            table
            for pattern in options.replace_existing
            for table in _matching(tables, pattern, "--replace-existing")
        }
        policies = {table: RowPolicy.REPLACE if table in named else RowPolicy.KEEP for table in tables}
    return policies


def read_fills(options: PlanOptions, tables: Iterable[TableMatch]) -> tuple[FilledColumn, ...]:
    """
    Read "table.column=value" for columns of the target that no column of the source belongs to.

    Raises UsageError P-204 for anything else, P-205 for a column that cannot be filled.
    """
    open_columns = {
        (pair.target.name, column.name): column.generated_sql is None
        for pair in tables
        for column in pair.target_only
    }
    fills: dict[tuple[str, str], FilledColumn] = {}
    for asked in options.fill:
        name, equals, value = asked.partition("=")
        table, dot, column = name.rpartition(".")
        if not (equals and dot and table and column):
            raise UsageError(
                "P-204",
                f"--fill takes TABLE.COLUMN=VALUE, not {asked!r}",
                hint="TABLE and COLUMN are the target's; PostgreSQL reads VALUE as the column's type.",
            )
        if not open_columns.get((table, column)) or (table, column) in fills:
            raise UsageError(
                "P-205",
                f'--fill "{name}" names no column that can be filled, or one twice',
                detail="Columns of the target that the source does not have: "
                + (", ".join(".".join(each) for each, plain in open_columns.items() if plain) or "none"),
                hint="A column takes its values from the source where that has it; names are the target's.",
            )
        fills[table, column] = FilledColumn(table=table, column=column, value=value)
    return tuple(fills.values())


def _matching(tables: tuple[str, ...], pattern: str, option: str) -> list[str]:
    found = [table for table in tables if fnmatchcase(table, pattern)]
    if not found:
        raise UsageError(
            "P-202",
            f'{option} "{pattern}" matches no table that both sides have',
            detail="Tables: " + ", ".join(tables),
            hint="Patterns are as in a shell (*, ?, [abc]) and tell upper from lower case.",
        )
    return found
