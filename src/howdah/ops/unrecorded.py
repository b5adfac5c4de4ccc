"""What a target without a ledger is compared by: whose its tables are, and the plan that fits them."""

from __future__ import annotations

from dataclasses import replace

from howdah.errors import RefusedError
from howdah.model.owned_finding_kinds import OF_LOADING
from howdah.model.plan import Plan, PlanOptions
from howdah.model.report import Difference
from howdah.model.source import SourceCatalog
from howdah.ops.app_rules import read_app_rules
from howdah.ops.source_facts import SourceFacts
from howdah.ops.target import OpenTarget, read_open_target
from howdah.planning.build import build_plan
from howdah.planning.target_checks import check_writable
from howdah.proof.origin import is_made_by
from howdah.proof.verify import read_type_names


def plan_without_ledger(target: OpenTarget, options: PlanOptions, facts: SourceFacts) -> Plan:
    """
    Return the plan that the target is compared by: that of a new schema, or by the application's own types.

    `options` decide where they say whose the schema is, else the target does. Raises RefusedError V-102
    where there is nothing to compare, P-309 for an application's column of a type that no codec reads back.
    """
    of_target, owned = read_open_target(target, options)
    made = build_plan(facts.catalog, facts.census, options, of_target)
    if not of_target.tables and made.tables:
        raise RefusedError(
            "V-102",
            f'The target has no tables in schema "{options.schema}" to compare with.',
            hint='Name the target and schema of the migration, or run "howdah migrate" first.',
        )
    if owned is None:
        return made
    connection = target.connection
    try:
        if options.schema_mode != "owned" and is_made_by(made, of_target, read_type_names(connection, made)):
            return made
    finally:
        connection.rollback()
    rules = read_app_rules(facts, connection, owned)
    found = build_plan(facts.catalog, facts.census, options, of_target, owned=owned, rules=rules)
    check_writable(found)
    # Nothing is loaded, so what would be put out of the way or replaced is of no interest.
    return replace(
        found, findings=tuple(finding for finding in found.findings if finding.code not in OF_LOADING)
    )


def find_missing_tables(plan: Plan, catalog: SourceCatalog) -> tuple[Difference, ...]:
    """Return a difference for each table of the source that the application's schema has no place for."""
    if plan.owned is None:
        return ()
    known = {table.name for table in plan.tables} | {name for name, _ in plan.skipped}
    return tuple(
        Difference(
            kind="table",
            table=table.name,
            source=f"{plan.options.schema}.{table.name}",
            target="missing",
        )
        for table in catalog.tables
        if table.name not in known
    )
