"""
Which columns on PostgreSQL can hold values that have no exact form in the SQLite file. Pure.

Asked when the way back begins, so that nobody learns of it on the way home. A column that SQLite computes
and PostgreSQL does not has none at all: what PostgreSQL holds of it stays there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from howdah.model.finding_kinds import make_finding, name_column
from howdah.model.findings import Finding
from howdah.model.plan import ColumnPlan, Plan, TablePlan
from howdah.model.source import SourceCatalog, Table

#: Codec → what its PostgreSQL types can hold beyond what it can bring home.
_BEYOND = {
    "epoch-s": "fractions of a second, and infinity",
    "epoch-ms": "fractions of a millisecond, and infinity",
    "epoch-us": "infinity",
    "epoch-real": "moments that a double does not hold",
    "julian-day": "fractions of a millisecond, and infinity",
    "iso-date": "dates outside of the years 1 to 9999, and infinity",
    "real": "NaN",
    "numeric": "decimals that are not the shortest of any double",
}


def without_computed(plan: TablePlan, table: Table) -> TablePlan:
    """Leave out the columns that SQLite computes, and that are ordinary ones on PostgreSQL."""
    computed = set(_computed(plan, table))
    if not computed:
        return plan
    return replace(plan, columns=tuple(column for column in plan.columns if column.name not in computed))


def plan_without_computed(plan: Plan, catalog: SourceCatalog) -> Plan:
    """Leave those columns out of every table."""
    return replace(
        plan, tables=tuple(without_computed(table, catalog.table(table.name)) for table in plan.tables)
    )


def _computed(plan: TablePlan, table: Table) -> list[str]:
    return [
        column.name
        for column in plan.copied_columns
        if column.name not in plan.key and table.column(column.name).generated
    ]


def find_irreversible(plan: Plan, catalog: SourceCatalog) -> tuple[Finding, ...]:
    """Return a finding for each column whose type is wider than its way home."""
    computed = tuple(
        make_finding(
            "F-607",
            name_column(table.name, name),
            "SQLite computes it, PostgreSQL does not: what PostgreSQL holds of it is not carried home",
        )
        for table in plan.loaded_tables
        for name in _computed(table, catalog.table(table.name))
    )
    return (
        computed
        + tuple(
            make_finding("F-607", name_column(table.name, column.name), f"{column.type} can hold {beyond}")
            for table in plan_without_computed(plan, catalog).loaded_tables
            for column in table.copied_columns
            for beyond in _beyond(column)
        )
        + tuple(
            make_finding(
                "F-607",
                name_column(table.name, name),
                "PostgreSQL has no place for it and the table has no key, so it is empty in rows that "
                "come home",
            )
            for table in plan.loaded_tables
            if not table.key
            for name in table.left_out
        )
    )


def _beyond(column: ColumnPlan) -> Iterator[str]:
    if column.codec == "iso-datetime":
        yield f"more digits of a second than {column.params.get('format', 'the text')} shows, and infinity"
    elif column.codec == "numeric" and column.params.get("affinity") == "text":
        return
    elif column.codec in _BEYOND:
        yield _BEYOND[column.codec]
