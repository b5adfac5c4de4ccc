"""
Build the plan of a migration into tables that the application created.

Pure, as `planning.build`, and chosen by it. Types come from the target's catalog,
tables and columns are matched by name, and every difference becomes a finding with what
will be done about it. Nothing is created: what is out of the way while rows are loaded
stands in `Plan.owned` with the SQL that puts it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from howdah.model.census import Census
from howdah.model.finding_kinds import fold_findings, make_finding, name_column, name_table
from howdah.model.findings import Finding
from howdah.model.owned import OwnedFacts, OwnedPlan, RowPolicy, TableKind
from howdah.model.plan import ColumnPlan, Plan, PlanOptions, TablePlan
from howdah.model.source import SourceCatalog, Table
from howdah.planning.column_facts import ColumnFacts
from howdah.planning.design import TableDesign, census_of, column_census
from howdah.planning.edits import PlanEdits
from howdah.planning.estimate import estimate_run
from howdah.planning.keys import choose_row_key, is_integer_key
from howdah.planning.orphans import choose_orphans, describe_orphans
from howdah.planning.owned_codecs import OwnedOptions
from howdah.planning.owned_columns import (
    ColumnOverride,
    decide_owned_column,
    drop_settled,
    find_epoch_units,
)
from howdah.planning.owned_differences import find_schema_differences, find_table_differences
from howdah.planning.owned_match import SchemaMatch, TableMatch, match_schema
from howdah.planning.owned_options import choose_policies, read_fills
from howdah.planning.owned_steps import (
    build_interims,
    build_owned_steps,
    choose_foreign_keys,
    choose_merge_key,
    choose_sequences,
)
from howdah.planning.policies import params_under, read_policies
from howdah.planning.samples import preview_values
from howdah.planning.selection import NO_COUNTERPART, Selection
from howdah.planning.target_names import require_no_wish_twice, wished_columns, wished_tables


@dataclass(frozen=True, kw_only=True)
class AppRules:
    """What is known of the application beyond what both catalogs say."""

    policies: Mapping[str, RowPolicy] = field(default_factory=dict)
    #: Source table and column → what is said of it.
    overrides: Mapping[tuple[str, str], ColumnOverride] = field(default_factory=dict)
    epoch_units: Mapping[str, str] = field(default_factory=dict)
    #: What to tell about the application.
    findings: tuple[Finding, ...] = ()


NO_RULES = AppRules()


def is_owned(options: PlanOptions, selection: Selection, owned: OwnedFacts | None) -> bool:
    """Whether the application created the tables: as asked for, else whether any of the source's is there."""
    if owned is None or options.schema_mode == "create":
        return False
    return options.schema_mode == "owned" or bool(
        match_schema(selection.tables, owned, fold=options.fold_names).tables
    )


def build_owned_plan(
    catalog: SourceCatalog,
    census: Census,
    options: PlanOptions,
    selection: Selection,
    owned: OwnedFacts,
    edits: PlanEdits | None = None,
    rules: AppRules = NO_RULES,
) -> Plan:
    """
    Decide everything; the same facts give the same plan.

    Raises UsageError (P-…) for options and edits that do not fit.
    """
    match = _match(options, selection, owned, edits)
    policies = choose_policies([pair.source.name for pair in match.tables], options, edits, rules.policies)
    column_options = OwnedOptions(
        policies=read_policies(options.policies),
        source_tz=options.source_tz,
        epoch_units={**find_epoch_units(catalog, census), **rules.epoch_units},
    )
    designs, findings = _design_tables(match, census, policies, options, column_options, edits, rules)
    loaded = _loaded_tables(designs, owned)
    foreign_keys = choose_foreign_keys(owned, loaded)
    fills = read_fills(options, match.tables)
    findings += find_schema_differences(match, owned, census, foreign_keys, loaded)
    for pair in match.tables:
        findings += find_table_differences(
            pair, census_of(census, pair.source), policies[pair.source.name], options, fills
        )
    steps = build_owned_steps(designs, options)
    skipped = tuple(
        (table.name, NO_COUNTERPART) for table in match.source_only if not census_of(census, table).rows
    )
    return Plan(
        source_path=catalog.path,
        options=options,
        tables=tuple(design.plan for design in designs),
        steps=tuple(steps),
        findings=fold_findings(
            [*rules.findings, *selection.findings, *describe_orphans(census.orphans), *findings]
        ),
        corrections=tuple(found for found in census.orphans if found.corrected),
        estimate=estimate_run(catalog, [design for design in designs if design.plan.loaded], steps),
        skipped=(*selection.skipped, *skipped),
        owned=OwnedPlan(
            tables=tuple(table.facts for table in owned.tables if table.name in loaded),
            triggers=tuple(
                trigger for table in owned.tables if table.name in loaded for trigger in table.triggers
            ),
            foreign_keys=foreign_keys,
            sequences=choose_sequences(owned, loaded),
            interims=build_interims(owned, loaded, foreign_keys, fills, options),
            others=tuple(table.name for table in owned.tables if table.name not in loaded),
        ),
    )


def _match(
    options: PlanOptions, selection: Selection, owned: OwnedFacts, edits: PlanEdits | None
) -> SchemaMatch:
    names = wished_tables(options, edits)
    columns = {table.name: wished_columns(edits, table.name) for table in selection.tables}
    require_no_wish_twice(list(names.values()), "tables", "each table")
    for table, wished in columns.items():
        require_no_wish_twice(list(wished.values()), f'columns of table "{table}"', "each column")
    return match_schema(selection.tables, owned, names, columns, fold=options.fold_names)


def _loaded_tables(designs: list[TableDesign], owned: OwnedFacts) -> frozenset[str]:
    """Return the target tables that take rows, partitions at every depth included."""
    loaded = {design.plan.target_name for design in designs if design.plan.loaded}
    while below := {table.name for table in owned.tables if table.partition_of in loaded} - loaded:
        loaded |= below
    return frozenset(loaded)


def _design_tables(
    match: SchemaMatch,
    census: Census,
    policies: Mapping[str, RowPolicy],
    options: PlanOptions,
    column_options: OwnedOptions,
    edits: PlanEdits | None,
    rules: AppRules,
) -> tuple[list[TableDesign], list[Finding]]:
    designs: list[TableDesign] = []
    findings: list[Finding] = []
    orphans = choose_orphans(options, edits)
    for pair in match.tables:
        counted = census_of(census, pair.source)
        columns, column_findings = _plan_columns(pair, census, column_options, edits, rules)
        policy = policies[pair.source.name]
        if policy is not RowPolicy.KEEP:
            findings += column_findings
        by_name = {column.name: column for column in columns}
        key = _choose_key(pair.source, census, by_name)
        plan = TablePlan(
            name=pair.source.name,
            target_name=pair.target.name,
            target_schema=options.schema,
            columns=columns,
            key=key,
            integer_key=is_integer_key(pair.source, key, by_name),
            rowid_name=None if pair.source.without_rowid else pair.source.rowid_name,
            rows=counted.rows,
            bytes=counted.bytes_total,
            big_rows=counted.big_rows,
            orphans=orphans.of(pair.source.name),
            row_policy=policy,
            rows_before=pair.target.rows,
            partitioned=pair.target.kind is TableKind.PARTITIONED,
            left_out={name: column_census(counted, name).values for name in pair.source_only},
            merge_key=choose_merge_key(pair) if policy is RowPolicy.MERGE else (),
        )
        designs.append(TableDesign(source=pair.source, census=counted, plan=plan, primary_key=()))
    return designs, findings


def _choose_key(table: Table, census: Census, columns: Mapping[str, ColumnPlan]) -> tuple[str, ...]:
    """Return the columns that name a row in both databases; all of them must be carried."""
    counted = census_of(census, table)
    declared = table.primary_key or ((table.rowid_alias,) if table.rowid_alias else ())
    candidate = declared if set(declared) <= set(columns) else ()
    known = {column.name: column for column in table.columns}
    if not set(known) <= set(columns):
        # Unique indexes may name a column that has no counterpart.
        return choose_row_key(_without_indexes(table, columns), counted, candidate, columns)
    return choose_row_key(table, counted, candidate, columns)


def _without_indexes(table: Table, columns: Mapping[str, ColumnPlan]) -> Table:
    usable = tuple(
        index for index in table.indexes if all(part.name in columns for part in index.columns if part.name)
    )
    return replace(table, indexes=usable)


def _plan_columns(
    pair: TableMatch,
    census: Census,
    options: OwnedOptions,
    edits: PlanEdits | None,
    rules: AppRules,
) -> tuple[tuple[ColumnPlan, ...], list[Finding]]:
    counted = census_of(census, pair.source)
    edited = edits.tables.get(pair.source.name) if edits else None
    keyed = {name for index in pair.source.indexes for part in index.columns if (name := part.name)}
    keyed |= {name for key in pair.source.foreign_keys for name in key.columns} | set(pair.source.primary_key)
    plans: list[ColumnPlan] = []
    findings: list[Finding] = []
    for column in pair.source.columns:
        if column.name not in pair.columns:
            continue
        target = pair.columns[column.name]
        values = column_census(counted, column.name)
        override = rules.overrides.get((pair.source.name, column.name))
        edit = edited.columns.get(column.name) if edited else None
        if edit is not None and (edit.codec is not None or edit.params is not None):
            override = ColumnOverride(
                codec=edit.codec or "", params=dict(edit.params or {}), origin="plan file"
            )
        decision = decide_owned_column(
            ColumnFacts(
                table=pair.source.name,
                column=column,
                census=values,
                rowid_alias=pair.source.rowid_alias == column.name,
                indexed=column.name in keyed,
            ),
            pair.target.type_of(target.name),
            options,
            override,
        )
        if edit is None or edit.params is None:
            params = params_under(decision.codec, decision.params, options.policies)
            decision = replace(decision, params=params, findings=drop_settled(decision.findings, params))
        findings += decision.findings
        preview = preview_values(values, decision.codec, decision.params, decision.wire_type)
        plans.append(
            ColumnPlan(
                name=column.name,
                target_name=target.name,
                type=decision.type,
                wire_type=decision.wire_type,
                codec=decision.codec,
                params=decision.params,
                not_null=target.not_null,
                generated_sql=target.generated_sql,
                minimum=preview.minimum,
                maximum=preview.maximum,
                samples=preview.samples,
                reason=decision.reason,
            )
        )
        if values.nulls and target.not_null and target.generated_sql is None:
            findings.append(
                make_finding(
                    "F-511",
                    name_column(pair.source.name, column.name),
                    f"NOT NULL in the target, and {values.nulls} rows hold NULL",
                )
            )
        if target.name != column.name:
            findings.append(
                make_finding(
                    "F-502",
                    name_column(pair.source.name, column.name),
                    f'it is taken for column "{target.name}"',
                )
            )
    if pair.source.name != pair.target.name:
        findings.append(
            make_finding("F-502", name_table(pair.source.name), f'it is taken for table "{pair.target.name}"')
        )
    return tuple(plans), findings
