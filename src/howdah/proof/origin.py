"""
Whether a schema is one that Howdah made, where no ledger tells. Pure.

An application chooses types and names of its own; what Howdah makes has those of its plan, but for what
people changed since.
"""

from __future__ import annotations

from collections.abc import Mapping

from howdah.model.plan import Plan, StepKind
from howdah.model.target import TargetFacts
from howdah.proof.schema import find_table

_NAMED = (StepKind.PRIMARY_KEY, StepKind.UNIQUE, StepKind.INDEX, StepKind.CHECK, StepKind.FOREIGN_KEY)


def is_made_by(plan: Plan, facts: TargetFacts, type_names: Mapping[str, str]) -> bool:
    """
    Whether the tables that are there look like those of the plan, which makes them anew.

    Every column that is there has the plan's type, and of the plan's keys, indexes and checks more are
    there than are not. Tables and columns that are missing say nothing. `type_names` as for
    `proof.schema.check_schema`.
    """
    there = missing = 0
    for table in plan.tables:
        target = find_table(facts, table)
        if target is None:
            continue
        types = {column.name: column.type for column in target.columns}
        for column in table.columns:
            planned = type_names.get(column.type, column.type)
            if types.get(column.target_name, planned) != planned:
                return False
        names = {index.name for index in target.indexes} | {item.name for item in target.constraints}
        planned_names = [
            step.object for step in plan.steps if step.table == table.name and step.kind in _NAMED
        ]
        there += sum(name in names for name in planned_names)
        missing += sum(name not in names for name in planned_names)
    return there >= missing
