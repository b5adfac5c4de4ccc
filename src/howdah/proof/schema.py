"""
Whether the target's schema is the one that the plan describes: nothing missing, nothing weaker.

Pure: `check_schema` compares the plan with facts that were read afresh from the
target's catalog and returns every difference at once. Objects that the plan does
not know are left alone: people add indexes. Sequences are in `proof.sequences`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from howdah.model.owned import OwnedTrigger
from howdah.model.plan import ColumnPlan, Plan, Step, StepKind, TablePlan
from howdah.model.report import Difference
from howdah.model.target import TargetColumn, TargetFacts, TargetTable

#: pg_constraint.contype of what a step makes.
_CONSTRAINT_KINDS = {StepKind.PRIMARY_KEY: "p", StepKind.CHECK: "c", StepKind.FOREIGN_KEY: "f"}


@dataclass(frozen=True, kw_only=True)
class KnownGaps:
    """What this run has already told in a finding, by the ids of the steps concerned."""

    #: Constraints that the data rejected: they are there, NOT VALID.
    not_valid: frozenset[str] = frozenset()
    #: Optional objects that the server would not take.
    missing: frozenset[str] = frozenset()


def find_table(facts: TargetFacts, plan: TablePlan) -> TargetTable | None:
    """Return the facts of the planned table, None where the target has no such table."""
    for table in facts.tables:
        if (table.schema, table.name) == (plan.target_schema, plan.target_name):
            return table
    return None


def check_schema(
    plan: Plan,
    facts: TargetFacts,
    type_names: Mapping[str, str],
    known: KnownGaps,
    triggers: Iterable[OwnedTrigger] = (),
) -> list[Difference]:
    """
    Return every object that is missing, of another type, invalid or not enforced.

    `type_names` maps each type as the plan writes it to the name that the server gives
    it (`format_type`); a type that is not in it is compared as written. `triggers` are those of the schema.
    """
    differences: list[Difference] = []
    for table in plan.tables:
        target = find_table(facts, table)
        if target is None:
            name = f"{table.target_schema}.{table.target_name}"
            differences.append(Difference(kind="table", table=table.name, source=name, target="missing"))
            continue
        differences.extend(_check_columns(table, target, type_names))
        steps = [step for step in plan.steps if step.table == table.name and step.id not in known.missing]
        differences.extend(_check_objects(table, target, steps, known))
    differences.extend(_check_views(plan.steps, facts, known))
    differences.extend(_check_triggers(plan, triggers, known))
    return differences


def _check_columns(
    table: TablePlan, target: TargetTable, type_names: Mapping[str, str]
) -> Iterator[Difference]:
    found = {column.name: column for column in target.columns}
    for column in table.columns:
        actual = found.get(column.target_name)
        properties = (
            [("column", column.target_name, "missing")]
            if actual is None
            else _column_properties(column, actual, type_names)
        )
        for what, planned, is_there in properties:
            yield Difference(
                kind="column",
                table=table.name,
                column=column.name,
                source=planned,
                target=is_there,
                detail=f"{what} differs from the plan" if actual is not None else "",
            )


def _column_properties(
    planned: ColumnPlan, actual: TargetColumn, type_names: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    """Yield what of the column differs: name of the property, as planned, as found."""
    planned_type = type_names.get(planned.type, planned.type)
    if planned_type != actual.type:
        yield "type", planned_type, actual.type
    if planned.not_null and not actual.not_null:
        yield "nullability", "NOT NULL", "nullable"
    if planned.identity and not actual.identity:
        yield "identity", "identity", "not an identity column"
    if (planned.generated_sql is None) != (actual.generated_sql is None):
        yield (
            "generation",
            _generation(planned.generated_sql),
            _generation(actual.generated_sql),
        )
    # The expressions themselves are not compared: the server prints them in its own words.
    if planned.default_sql is not None and actual.default_sql is None and not actual.identity:
        yield "default", f"DEFAULT {planned.default_sql}", "no default"


def _generation(expression: str | None) -> str:
    return "an ordinary column" if expression is None else f"generated as {expression}"


def _check_objects(
    table: TablePlan, target: TargetTable, steps: Iterable[Step], known: KnownGaps
) -> Iterator[Difference]:
    for step in steps:
        match step.kind:
            case StepKind.PRIMARY_KEY:
                yield from _check_constraint(table, target, step, known)
                yield from _check_index(table, target, step)
            case StepKind.UNIQUE | StepKind.INDEX:
                yield from _check_index(table, target, step)
            case StepKind.CHECK | StepKind.FOREIGN_KEY:
                yield from _check_constraint(table, target, step, known)


def _check_constraint(
    table: TablePlan, target: TargetTable, step: Step, known: KnownGaps
) -> Iterator[Difference]:
    kind = _CONSTRAINT_KINDS[step.kind]
    found = [item for item in target.constraints if item.name == step.object and item.kind == kind]
    label = f"{step.kind.value.replace('-', ' ')} {step.object}"
    if not found:
        yield Difference(
            kind="constraint", table=table.name, object=step.object, source=label, target="missing"
        )
    elif not found[0].validated and step.id not in known.not_valid:
        yield Difference(
            kind="constraint",
            table=table.name,
            object=step.object,
            source=label,
            target="NOT VALID",
            detail="rows that were there before it are not checked",
        )


def _check_index(table: TablePlan, target: TargetTable, step: Step) -> Iterator[Difference]:
    found = [item for item in target.indexes if item.name == step.object]
    unique = step.kind in (StepKind.PRIMARY_KEY, StepKind.UNIQUE)
    label = f"{'unique index' if unique else 'index'} {step.object}"
    if not found:
        # A primary key without its index is reported as the constraint that it is.
        if step.kind is not StepKind.PRIMARY_KEY:
            yield Difference(
                kind="index", table=table.name, object=step.object, source=label, target="missing"
            )
        return
    if not found[0].valid:
        yield Difference(
            kind="index",
            table=table.name,
            object=step.object,
            source=label,
            target="invalid",
            detail="the server does not use it; REINDEX builds it again",
        )
    if unique and not found[0].unique:
        yield Difference(
            kind="index", table=table.name, object=step.object, source=label, target="not unique"
        )


def _check_views(steps: Iterable[Step], facts: TargetFacts, known: KnownGaps) -> Iterator[Difference]:
    for step in steps:
        if step.kind is not StepKind.VIEW or step.id in known.missing:
            continue
        if f'view "{step.object}"' not in facts.objects:
            yield Difference(
                kind="view", table="", object=step.object, source=f"view {step.object}", target="missing"
            )


def _check_triggers(plan: Plan, triggers: Iterable[OwnedTrigger], known: KnownGaps) -> Iterator[Difference]:
    enabled = {(trigger.table, trigger.name): trigger.enabled for trigger in triggers}
    for step in plan.steps:
        if step.kind is not StepKind.TRIGGER or step.id in known.missing:
            continue
        there = enabled.get((plan.table(step.table).target_name, step.object))
        # One that fires for a replica alone fires for no application.
        if there in ("O", "A"):
            continue
        yield Difference(
            kind="trigger",
            table=step.table,
            object=step.object,
            source=f"trigger {step.object}",
            target="missing" if there is None else "disabled",
        )
