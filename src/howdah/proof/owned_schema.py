"""
Whether the application's schema is what it was before the run: what it will look for is there, by name.

Pure. Unlike a schema that Howdah creates, everything counts: widths, nullability, defaults,
names and definitions of indexes and constraints, whether they are valid, and triggers. What
was not there before is left alone: people add indexes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from howdah.model.owned import OwnedForeignKey, OwnedPlan, OwnedSequence, OwnedTrigger
from howdah.model.plan import Plan
from howdah.model.report import Difference
from howdah.model.target import TargetColumn, TargetFacts, TargetTable
from howdah.proof.schema import KnownGaps


@dataclass(frozen=True, kw_only=True)
class OwnedNow:
    """What the catalog says at the time of the proof."""

    triggers: tuple[OwnedTrigger, ...]
    foreign_keys: tuple[OwnedForeignKey, ...]
    sequences: tuple[OwnedSequence, ...]
    #: Ids of the interims that are out of the way: the run is followed, and they come back with the cutover.
    aside: frozenset[str] = frozenset()


def check_owned_schema(
    plan: Plan, owned: OwnedPlan, facts: TargetFacts, now: OwnedNow, known: KnownGaps | None = None
) -> list[Difference]:
    """
    Return every object that is missing or is not what it was.

    `known` names foreign keys that stay NOT VALID by a finding of the run.
    """
    owned = _as_left(owned, now.aside, known.not_valid if known is not None else frozenset())
    names = {table.target_name: table.name for table in plan.tables}
    tables = {table.name: table for table in facts.tables}
    differences: list[Difference] = []
    for before in owned.tables:
        source = names.get(before.name, before.name)
        after = tables.get(before.name)
        if after is None:
            name = f"{before.schema}.{before.name}"
            differences.append(Difference(kind="table", table=source, source=name, target="missing"))
            continue
        columns = {
            column.target_name: column.name
            for table in plan.tables
            for column in table.columns
            if table.target_name == before.name
        }
        differences.extend(_check_columns(source, before, after, columns))
        differences.extend(
            _check_named(
                "index",
                source,
                [(index.name, _index_text(index.definition, index.valid)) for index in before.indexes],
                [(index.name, _index_text(index.definition, index.valid)) for index in after.indexes],
            )
        )
        differences.extend(
            _check_named(
                "constraint",
                source,
                [(item.name, item.definition) for item in before.constraints],
                [(item.name, item.definition) for item in after.constraints],
            )
        )
    differences.extend(_check_triggers(names, owned.triggers, now.triggers))
    differences.extend(_check_foreign_keys(names, owned, now))
    return differences


def _as_left(owned: OwnedPlan, aside: frozenset[str], not_valid: frozenset[str]) -> OwnedPlan:
    """Return what the run owes at this moment: without what is aside, NOT VALID where it was told."""
    if not aside and not not_valid:
        return owned
    keys = tuple(
        replace(key, definition=f"{key.definition} NOT VALID") if key.interim_id in not_valid else key
        for key in owned.foreign_keys
        if key.interim_id not in aside
    )
    own = {(key.schema, key.table, key.name): key for key in owned.foreign_keys}
    left = {(key.schema, key.table, key.name): key for key in keys}
    return replace(
        owned,
        foreign_keys=keys,
        triggers=tuple(
            replace(trigger, enabled="D") if f"trigger:{trigger.table}.{trigger.name}" in aside else trigger
            for trigger in owned.triggers
        ),
        tables=tuple(
            replace(
                table,
                constraints=tuple(
                    replace(item, definition=left[place].definition) if place in left else item
                    for item in table.constraints
                    for place in [(table.schema, table.name, item.name)]
                    # A partition's key, which is not among them, comes and goes with its parent's.
                    if place in left or (place not in own and item.kind != "f")
                ),
                columns=tuple(
                    column for column in table.columns if f"default:{table.name}.{column.name}" not in aside
                ),
            )
            for table in owned.tables
        ),
    )


def _check_columns(
    source: str, before: TargetTable, after: TargetTable, names: dict[str, str]
) -> Iterator[Difference]:
    found = {column.name: column for column in after.columns}
    for column in before.columns:
        name = names.get(column.name, column.name)
        actual = found.get(column.name)
        if actual is None:
            yield Difference(
                kind="column", table=source, column=name, source=f"column {column.name}", target="missing"
            )
            continue
        for what, was, is_now in _column_properties(column, actual):
            yield Difference(
                kind="column",
                table=source,
                column=name,
                source=was,
                target=is_now,
                detail=f"{what} is not what it was before the run",
            )


def _column_properties(before: TargetColumn, after: TargetColumn) -> Iterator[tuple[str, str, str]]:
    for what in ("type", "not_null", "default_sql", "identity", "generated_sql"):
        was, is_now = getattr(before, what), getattr(after, what)
        if was != is_now:
            yield what.removesuffix("_sql").replace("_", " "), str(was), str(is_now)


def _index_text(definition: str, valid: bool) -> str:
    return definition if valid else f"{definition} (invalid)"


def _check_named(
    kind: str, table: str, before: Iterable[tuple[str, str]], after: Iterable[tuple[str, str]]
) -> Iterator[Difference]:
    found = dict(after)
    for name, text in before:
        if found.get(name) != text:
            yield Difference(
                kind=kind,
                table=table,
                object=name,
                source=text,
                target=found.get(name, "missing"),
                detail="" if name not in found else "it is not what it was before the run",
            )


def _check_triggers(
    names: dict[str, str], before: Iterable[OwnedTrigger], after: Iterable[OwnedTrigger]
) -> Iterator[Difference]:
    found = {(trigger.table, trigger.name): trigger for trigger in after}
    for trigger in before:
        table = names.get(trigger.table, trigger.table)
        actual = found.get((trigger.table, trigger.name))
        if actual is None or (actual.definition, actual.enabled) != (trigger.definition, trigger.enabled):
            yield Difference(
                kind="trigger",
                table=table,
                object=trigger.name,
                source=f"{trigger.definition} ({trigger.enabled})",
                target="missing" if actual is None else f"{actual.definition} ({actual.enabled})",
            )


def _check_foreign_keys(names: dict[str, str], owned: OwnedPlan, now: OwnedNow) -> Iterator[Difference]:
    """Those of the tables themselves are among their constraints; here are those of other tables."""
    found = {(key.schema, key.table, key.name): key for key in now.foreign_keys}
    own = {(table.schema, table.name) for table in owned.tables}
    for key in owned.foreign_keys:
        actual = found.get((key.schema, key.table, key.name))
        if (key.schema, key.table) in own and (actual is None or actual.definition != key.definition):
            continue  # told already
        if actual is None or (actual.definition, actual.comment) != (key.definition, key.comment):
            yield Difference(
                kind="constraint",
                table=names.get(key.table, key.table),
                object=key.name,
                source=key.definition,
                target="missing" if actual is None else actual.definition,
            )
