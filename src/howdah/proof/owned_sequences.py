"""
Whether the next number of each of the application's sequences is free, and none went back.
"""

from __future__ import annotations

from typing import Any, cast

from howdah.model.owned import OwnedPlan, OwnedSequence, SequenceUse
from howdah.model.plan import Plan
from howdah.model.report import Difference
from howdah.model.source import SourceCatalog
from howdah.names import qualified, quote
from howdah.postgres.connect import Connection
from howdah.proof.owned_schema import OwnedNow


def check_owned_sequences(
    connection: Connection, plan: Plan, catalog: SourceCatalog, owned: OwnedPlan, now: OwnedNow
) -> list[Difference]:
    """Return the sequences that are gone, that went back, or whose next number is in use."""
    current = {(sequence.schema, sequence.name): sequence for sequence in now.sequences}
    differences: list[Difference] = []
    for before in owned.sequences:
        use = before.uses[0]
        source = next((table.name for table in plan.tables if table.target_name == use.table), use.table)
        sequence = current.get((before.schema, before.name))
        if sequence is None:
            differences.append(
                Difference(
                    kind="sequence", table=source, object=before.name, source="there", target="missing"
                )
            )
            continue
        sign = 1 if before.increment > 0 else -1
        used = [
            number
            for each in before.uses
            for number in (_stored(connection, owned, each, sign), _remembered(plan, catalog, each, sign))
            if number is not None
        ]
        # What it would have given before is no number in use, but to give it again would be going back.
        floor = max([sign * before.coming - 1, *(sign * number for number in used)])
        if sign * sequence.coming <= floor and not _at_its_end(sequence):
            differences.append(
                Difference(
                    kind="sequence",
                    table=source,
                    column=use.column,
                    object=before.name,
                    source=f"next number beyond {sign * floor}",
                    target=f"next number {sequence.coming}",
                    detail=f'sequence "{before.schema}"."{before.name}" is behind the data',
                )
            )
    return differences


def _at_its_end(sequence: OwnedSequence) -> bool:
    """Whether it gives no number any more: a finding of the run has told so."""
    return not sequence.minimum <= sequence.coming <= sequence.maximum


def _stored(connection: Connection, owned: OwnedPlan, use: SequenceUse, sign: int) -> int | None:
    facts = next((item for item in owned.tables if (item.schema, item.name) == (use.schema, use.table)), None)
    if facts is None:
        return None
    function = "max" if sign > 0 else "min"
    row = connection.execute(
        cast(
            "Any",
            f"SELECT pg_catalog.{function}({quote(use.column)}) FROM {qualified(use.schema, use.table)}",
        )
    ).fetchone()
    assert row is not None
    return row[0] if isinstance(row[0], int) else None


def _remembered(plan: Plan, catalog: SourceCatalog, use: SequenceUse, sign: int) -> int | None:
    if sign < 0:
        return None
    for table in plan.tables:
        source = catalog.table(table.name)
        columns = {column.target_name: column.name for column in table.columns}
        if table.loaded and table.target_name == use.table and columns.get(use.column) == source.rowid_alias:
            return source.sequence_value
    return None
