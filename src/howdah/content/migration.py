"""
Decide which statements turn what a database holds into what the content types say.

Pure: definitions, facts and history go in, steps come out. A database of ours goes forward: what is new is
built, what is wider is widened. What is gone from the files is kept until somebody agrees to drop it;
a change of type that may lose something wants the same consent. A table that is not ours is never altered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from howdah.content import ddl
from howdah.errors import RefusedError
from howdah.model.content import (
    ContentDifference,
    MigrationStep,
    TableCheck,
    TableDefinition,
)
from howdah.model.target import TargetTable

#: (from, to) for which every value that can be stored keeps its meaning exactly.
_WIDENINGS = frozenset(
    {
        ("integer", "bigint"),
        ("integer", "double precision"),
        ("integer", "text"),
        ("bigint", "text"),
        ("uuid", "text"),
        ("date", "timestamp(6) without time zone"),
    }
)


#: Tables that a refusal names.
_NAMED_MAX = 12


@dataclass(frozen=True, kw_only=True)
class OwnedTable:
    """What earlier migrations of ours left in the database of one table."""

    columns: tuple[str, ...]
    indexes: tuple[str, ...]
    foreign_keys: tuple[str, ...]


#: Table → what is ours of it.
Owned = Mapping[str, OwnedTable]


@dataclass(frozen=True, kw_only=True)
class MigrationPlan:
    steps: tuple[MigrationStep, ...]
    #: In the database, of ours, and no longer in the files; one line each.
    kept: tuple[str, ...]
    #: What is ours after the steps.
    owned: Owned

    @property
    def destructive(self) -> tuple[MigrationStep, ...]:
        """The steps that need consent."""
        return tuple(step for step in self.steps if step.destructive)


def is_widening(old: str, new: str) -> bool:
    """Tell whether a column may change its type without consent: no value can be lost."""
    if (old, new) in _WIDENINGS:
        return True
    old_length, new_length = _length(old), _length(new)
    if old_length is not None:
        return new == "text" or (new_length is not None and new_length >= old_length)
    old_scale, new_scale = _precision(old), _precision(new)
    if old_scale is not None and new_scale is not None:
        return new_scale[1] >= old_scale[1] and new_scale[0] - new_scale[1] >= old_scale[0] - old_scale[1]
    return old_scale is not None and new == "numeric"


def _length(type_name: str) -> int | None:
    start, _, rest = type_name.partition("(")
    return int(rest[:-1]) if start == "character varying" and rest else None


def _precision(type_name: str) -> tuple[int, int] | None:
    start, _, rest = type_name.partition("(")
    if start != "numeric" or not rest:
        return None
    precision, _, scale = rest[:-1].partition(",")
    return int(precision), int(scale or 0)


def plan_migration(
    schema: str,
    tables: Sequence[TableDefinition],
    found: Mapping[str, TargetTable],
    checks: Mapping[str, TableCheck],
    owned: Owned | None,
    *,
    allow_destructive: bool,
) -> MigrationPlan:
    """
    Return the steps, in an order in which each finds what it needs.

    `owned` is None where no migration of ours was ever applied: then every table that is
    there already must be as derived. Raises RefusedError: K-201 for tables that are not,
    K-202 for changes that want consent.
    """
    if owned is None:
        _refuse_foreign_tables(schema, found, checks)
    missing = [table for table in tables if table.name not in found]
    present = [(table, found[table.name]) for table in tables if table.name in found]
    steps = [ddl.create_table(schema, table) for table in missing]
    for table, actual in present:
        steps += _change_columns(schema, table, actual)
    stale_objects = [
        step for table, actual in present for step in _drop_changed(schema, table, actual, checks)
    ]
    dropped = {(step.table, step.object) for step in stale_objects}
    indexes = [
        ddl.add_index(schema, table.name, index)
        for table in tables
        for index in table.indexes
        if _is_missing(found.get(table.name), index.name, table.name, dropped)
    ]
    keys = [
        ddl.add_foreign_key(schema, table.name, key)
        for table in tables
        for key in table.foreign_keys
        if _is_missing(found.get(table.name), key.name, table.name, dropped, constraint=True)
    ]
    gone, kept = _leftovers(schema, tables, found, owned or {}, allow_destructive=allow_destructive)
    # What hangs on a column goes before the column changes; new keys come when all columns are there.
    plan = MigrationPlan(
        steps=(*stale_objects, *gone, *steps, *indexes, *keys),
        kept=tuple(kept),
        owned=_owned_after(tables, owned or {}, found, allow_destructive=allow_destructive),
    )
    if plan.destructive and not allow_destructive:
        raise RefusedError(
            "K-202",
            f"{len(plan.destructive)} of the changes may lose what is stored, and want consent.",
            detail="; ".join(step.description for step in plan.destructive),
            hint="Say --allow-destructive, or take the change back in the schema file. Nothing was done.",
        )
    return plan


def _refuse_foreign_tables(
    schema: str, found: Mapping[str, TargetTable], checks: Mapping[str, TableCheck]
) -> None:
    differing = sorted(name for name, check in checks.items() if name in found and _alterable(check))
    if differing:
        raise RefusedError(
            "K-201",
            f'Schema "{schema}" holds {len(differing)} tables of these names that are not as'
            " Strapi makes them and that Howdah did not make.",
            detail=", ".join(differing[:_NAMED_MAX]) + (", …" if len(differing) > _NAMED_MAX else ""),
            hint='"howdah content verify" shows what differs. Choose an empty schema with --schema.',
        )


def _alterable(check: TableCheck) -> list[ContentDifference]:
    """Differences of definition; that a sequence is behind its rows is none."""
    return [item for item in check.differences if not (item.kind == "sequence" and "collide" in item.found)]


def _change_columns(schema: str, table: TableDefinition, actual: TargetTable) -> Iterator[MigrationStep]:
    columns = {column.name: column for column in actual.columns}
    for column in table.columns:
        there = columns.get(column.name)
        if there is None:
            yield ddl.add_column(schema, table.name, column)
            continue
        default = there.default_sql
        if there.type != column.type:
            if default is not None and not column.serial:
                # One of the old type may be none of the new one; then the server refuses the change.
                yield ddl.set_default(schema, table.name, replace(column, default_sql=None))
                default = None
            yield ddl.alter_type(
                schema,
                table.name,
                column,
                there.type,
                destructive=not is_widening(there.type, column.type),
            )
        if not column.serial and (default is None) != (column.default_sql is None):
            yield ddl.set_default(schema, table.name, column)
        if there.not_null != column.not_null:
            yield ddl.set_not_null(schema, table.name, column.name, wanted=column.not_null)


def _drop_changed(
    schema: str, table: TableDefinition, actual: TargetTable, checks: Mapping[str, TableCheck]
) -> Iterator[MigrationStep]:
    """Drop indexes and keys that are there under the right name and are not as derived."""
    check = checks.get(table.name)
    constraints = {item.name for item in actual.constraints}
    indexes = {item.name for item in actual.indexes}
    for difference in check.differences if check else ():
        if difference.kind in ("foreign-key", "index") and difference.object in constraints:
            yield ddl.drop_constraint(schema, table.name, difference.object)
        elif difference.kind == "index" and difference.object in indexes:
            yield ddl.drop_index(schema, table.name, difference.object)


def _is_missing(
    actual: TargetTable | None,
    name: str,
    table: str,
    dropped: set[tuple[str, str]],
    *,
    constraint: bool = False,
) -> bool:
    if actual is None or (table, name) in dropped:
        return True
    objects = actual.constraints if constraint else actual.indexes
    return all(item.name != name for item in objects)


def _leftovers(
    schema: str,
    tables: Sequence[TableDefinition],
    found: Mapping[str, TargetTable],
    owned: Owned,
    *,
    allow_destructive: bool,
) -> tuple[list[MigrationStep], list[str]]:
    """Return the steps that remove what is ours and no longer derived, and what is kept instead."""
    wanted = {table.name: table for table in tables}
    steps: list[MigrationStep] = []
    for name, ours in owned.items():
        actual, definition = found.get(name), wanted.get(name)
        if actual is None or definition is None:
            continue
        for index in _gone(ours.indexes, (item.name for item in definition.indexes)):
            if any(item.name == index for item in actual.constraints):
                steps.append(ddl.drop_constraint(schema, name, index))
            elif any(item.name == index for item in actual.indexes):
                steps.append(ddl.drop_index(schema, name, index))
        for key in _gone(ours.foreign_keys, (item.name for item in definition.foreign_keys)):
            if any(item.name == key for item in actual.constraints):
                steps.append(ddl.drop_constraint(schema, name, key))
        for column in _gone(ours.columns, (item.name for item in definition.columns)):
            if any(item.name == column for item in actual.columns):
                steps.append(ddl.drop_column(schema, name, column))
    gone = sorted(name for name in owned if name in found and name not in wanted)
    if gone:
        steps.append(ddl.drop_tables(schema, gone))
    if allow_destructive:
        return steps, []
    kept = [step.description.removeprefix("drop ") for step in steps if step.destructive]
    return [step for step in steps if not step.destructive], kept


def _gone(ours: Iterable[str], wanted: Iterable[str]) -> list[str]:
    remaining = set(wanted)
    return [name for name in ours if name not in remaining]


def _owned_after(
    tables: Sequence[TableDefinition],
    before: Owned,
    found: Mapping[str, TargetTable],
    *,
    allow_destructive: bool,
) -> Owned:
    """Return what is ours now: everything derived, and what was ours and is kept."""
    after = {
        table.name: OwnedTable(
            columns=tuple(column.name for column in table.columns),
            indexes=tuple(index.name for index in table.indexes),
            foreign_keys=tuple(key.name for key in table.foreign_keys),
        )
        for table in tables
    }
    if allow_destructive:
        return after
    for name, ours in before.items():
        actual = found.get(name)
        if actual is None:
            continue
        there = {column.name for column in actual.columns}
        now = after.get(name)
        if now is None:
            after[name] = ours
            continue
        kept = [column for column in _gone(ours.columns, now.columns) if column in there]
        after[name] = OwnedTable(
            columns=(*now.columns, *kept), indexes=now.indexes, foreign_keys=now.foreign_keys
        )
    return after
