"""
Whether the next key that the target gives out is free: no sequence may be behind the data. Pure.

A sequence that is behind loses nothing today; the first insert after the switch fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from howdah.model.plan import Plan, TablePlan
from howdah.model.report import Difference
from howdah.model.source import SourceCatalog
from howdah.model.target import TargetFacts
from howdah.proof.schema import find_table


def check_sequences(
    plan: Plan, catalog: SourceCatalog, facts: TargetFacts, largest_keys: Mapping[str, int | None]
) -> list[Difference]:
    """
    Return the identity columns without a sequence and those whose sequence is not ahead.

    `largest_keys` gives by source table the largest key that either side holds. AUTOINCREMENT
    also remembers keys of deleted rows, which must not be given out again.
    """
    differences: list[Difference] = []
    for table in plan.tables:
        last_given = catalog.table(table.name).sequence_value
        keys = [key for key in (largest_keys.get(table.name), last_given) if key is not None]
        differences.extend(_check_table(table, facts, max(keys, default=0)))
    return differences


def _check_table(table: TablePlan, facts: TargetFacts, largest: int) -> Iterator[Difference]:
    target = find_table(facts, table)
    for column in table.columns:
        # A missing table or column is already a difference of the schema.
        if target is None or not column.identity:
            continue
        owned = [sequence for sequence in target.sequences if sequence.column == column.target_name]
        if not owned:
            yield Difference(
                kind="sequence",
                table=table.name,
                column=column.name,
                source=f"next key above {largest}",
                target="no sequence",
            )
        for sequence in owned:
            if sequence.next_value <= largest:
                yield Difference(
                    kind="sequence",
                    table=table.name,
                    column=column.name,
                    source=f"next key above {largest}",
                    target=f"next key {sequence.next_value}",
                    detail=f'sequence "{sequence.schema}"."{sequence.name}" is behind the data',
                )
