"""
Decide everything about the columns of one table but their types.

Pure: NOT NULL, defaults, generated columns, identity, collation, names. What cannot
be carried becomes a finding with the original SQL.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from howdah.codecs.pgtypes import parse_type
from howdah.model.census import ColumnCensus, TableCensus
from howdah.model.finding_kinds import make_finding, name_column
from howdah.model.findings import Finding
from howdah.model.plan import ColumnPlan, PlanOptions
from howdah.model.source import Column, Table, fold_name
from howdah.planning.column_facts import TypeDecision
from howdah.planning.design import COLLATABLE, column_census
from howdah.planning.dialect import translate_default, translate_generated
from howdah.planning.samples import preview_values
from howdah.planning.sql_values import TableScope, Untranslatable, scope_column
from howdah.planning.target_names import name_columns


def plan_columns(
    table: Table,
    census: TableCensus,
    decisions: Mapping[str, TypeDecision],
    options: PlanOptions,
    *,
    keyed: frozenset[str],
    wished: Mapping[str, str] = MappingProxyType({}),
) -> tuple[tuple[ColumnPlan, ...], tuple[Finding, ...]]:
    """
    Return the plans of all columns; `keyed` are those of the primary key that PostgreSQL gets, `wished` the
    target names that a person gave.

    Findings include those of the type decisions.
    """
    names, name_findings = name_columns(table, options, wished)
    plans: list[ColumnPlan] = []
    findings: list[Finding] = [*name_findings]
    for column in table.columns:
        decision = decisions[column.name]
        counted = column_census(census, column.name)
        findings += decision.findings
        findings += _collation_findings(table, column, decision)
        preview = preview_values(counted, decision.codec, decision.params, decision.type)
        plan = ColumnPlan(
            name=column.name,
            target_name=names[column.name],
            type=decision.type,
            codec=decision.codec,
            params=decision.params,
            not_null=(column.not_null and counted.nulls == 0) or column.name in keyed,
            identity=column.name == table.rowid_alias,
            collation=options.collation if parse_type(decision.type).base in COLLATABLE else None,
            minimum=preview.minimum,
            maximum=preview.maximum,
            samples=preview.samples,
            reason=decision.reason,
        )
        findings += _null_findings(table, column, counted, plan)
        default, default_findings = _plan_default(table, column, plan)
        findings += default_findings
        plans.append(replace(plan, default_sql=default))
    plans, generated_findings = _plan_generated(table, plans, census)
    return tuple(plans), (*findings, *generated_findings)


def _null_findings(table: Table, column: Column, counted: ColumnCensus, plan: ColumnPlan) -> list[Finding]:
    findings = []
    name = name_column(table.name, column.name)
    if column.not_null and not plan.not_null:
        findings.append(make_finding("F-304", name, f"declared NOT NULL, but {counted.nulls} rows hold NULL"))
    if column.not_null_on_conflict and column.not_null_on_conflict.upper() != "ABORT":
        findings.append(make_finding("F-317", name, f"NOT NULL ON CONFLICT {column.not_null_on_conflict}"))
    return findings


def _collation_findings(table: Table, column: Column, decision: TypeDecision) -> list[Finding]:
    collation = column.collation.upper()
    if collation == "BINARY" or decision.codec not in ("text", "any-text"):
        return []
    name = name_column(table.name, column.name)
    if collation == "NOCASE":
        return [make_finding("F-309", name, "declared COLLATE NOCASE")]
    return [make_finding("F-310", name, f"declared COLLATE {column.collation}")]


def _plan_default(table: Table, column: Column, plan: ColumnPlan) -> tuple[str | None, list[Finding]]:
    if column.default_sql is None or column.generated or plan.identity:
        return None, []
    try:
        return translate_default(column.default_sql, plan, column.affinity), []
    except Untranslatable as reason:
        finding = make_finding(
            "F-301",
            name_column(table.name, column.name),
            f"the default is not carried: {reason}",
            detail=f"DEFAULT {column.default_sql}",
        )
        return None, [finding]


def _plan_generated(
    table: Table, plans: list[ColumnPlan], census: TableCensus
) -> tuple[list[ColumnPlan], list[Finding]]:
    """Give generated columns their expression where it can be translated, in the order declared."""
    findings = []
    scope_columns = {
        fold_name(column.name): scope_column(column, plan)
        for column, plan in zip(table.columns, plans, strict=True)
    }
    # PostgreSQL cannot compute a column from one that it computes: assume that all of them will be.
    for column in table.columns:
        if column.generated:
            key = fold_name(column.name)
            scope_columns[key] = replace(scope_columns[key], generated=True)
    scope = TableScope(scope_columns, table=table.name)
    result = []
    for column, plan in zip(table.columns, plans, strict=True):
        if not column.generated:
            result.append(plan)
            continue
        try:
            sql = translate_generated(
                column.generated_sql or "", scope, plan, column_census(census, column.name)
            )
        except Untranslatable as reason:
            findings.append(
                make_finding(
                    "F-303",
                    name_column(table.name, column.name),
                    f"it is carried as an ordinary column: {reason}",
                    detail=f"GENERATED ALWAYS AS ({column.generated_sql})",
                )
            )
            result.append(plan)
        else:
            result.append(replace(plan, generated_sql=sql))
    return result, findings
