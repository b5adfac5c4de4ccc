"""What every way home to SQLite asks: whether the file has a place for all that PostgreSQL holds. Pure."""

from __future__ import annotations

from howdah.capture.homecoming import Home
from howdah.errors import RefusedError
from howdah.model.finding_kinds import make_finding, name_column, name_table
from howdah.model.findings import Finding
from howdah.model.plan import Plan
from howdah.model.target import TargetFacts
from howdah.model.verb_reports import InexactReport
from howdah.proof.schema import find_table


def require_unaltered(plan: Plan, facts: TargetFacts, *, without_new_objects: bool) -> list[Finding]:
    """
    Return as findings what the application added on PostgreSQL since.

    Raises RefusedError H-104 where something of the plan is gone, H-105 where something was added and nobody
    agreed to go without it.
    """
    findings, lost = _find_altered(plan, facts)
    if lost:
        raise RefusedError(
            "H-104",
            "The tables on PostgreSQL are not those of the migration any more: columns or tables are gone.",
            detail="; ".join(lost),
            hint="Bring them back, or carry the data home by hand.",
        )
    if findings and not without_new_objects:
        raise RefusedError(
            "H-105",
            "The schema on PostgreSQL has grown, and the SQLite file has no place for what is new.",
            detail="; ".join(f"{finding.object}: {finding.message}" for finding in findings),
            hint="Say --without-new-objects to carry back everything else.",
        )
    return findings


def _find_altered(plan: Plan, facts: TargetFacts) -> tuple[list[Finding], list[str]]:
    """Return what the plan does not know of as findings, and what it would miss as sentences."""
    findings: list[Finding] = []
    lost: list[str] = []
    before = {table.name: table for table in plan.owned.tables} if plan.owned is not None else {}
    for table in plan.loaded_tables:
        target = find_table(facts, table)
        if target is None:
            lost.append(f'table "{table.target_name}" is gone')
            continue
        known = {column.target_name for column in table.columns}
        there = {column.name for column in target.columns}
        # An application's table may have columns that no row brings a value for.
        known_before = {column.name for column in before[target.name].columns} if before else set()
        lost += [f'column "{table.target_name}"."{name}" is gone' for name in sorted(known - there)]
        findings += [
            make_finding("F-602", name_column(table.target_name, name), "it was added since the migration")
            for name in sorted(there - known - known_before)
        ]
    planned = {table.target_name for table in plan.tables} | set(before)
    planned |= set(plan.owned.others) if plan.owned is not None else set()
    findings += [
        make_finding("F-602", name_table(table.name), "it was added since the migration")
        for table in facts.tables
        if table.name not in planned and table.schema == plan.options.schema
    ]
    return findings, lost


def list_inexact(home: Home) -> tuple[InexactReport, ...]:
    """Return what was not written as PostgreSQL has it, by column and rule."""
    return tuple(
        InexactReport(
            table=table,
            column=column,
            rule=rule,
            count=number,
            example=home.tally.examples[table, column, rule],
        )
        for (table, column, rule), number in sorted(home.tally.counts.items())
    )


def require_exact(home: Home, *, nearest: bool) -> None:
    """Raise RefusedError (H-107) where a value has no exact form in the file, and the nearest will not do."""
    without = [item for item in list_inexact(home) if item.rule == "no-exact-form"]
    count = sum(item.count for item in without)
    if count and not nearest:
        raise RefusedError(
            "H-107",
            f"{count} values on PostgreSQL have no exact form in the SQLite file.",
            detail="; ".join(
                f'"{item.table}"."{item.column}": {item.count}, such as {item.example}' for item in without
            ),
            hint="Say --nearest to write the nearest value there is, each counted in the report.",
        )
