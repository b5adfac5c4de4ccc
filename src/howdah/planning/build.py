"""
Build the plan of a migration from facts alone.

Pure: reads no file and asks no database, so that what `plan` shows is what `migrate`
does. Reads like the table of contents of the planning room.
"""

from __future__ import annotations

from collections.abc import Iterable

from howdah.codecs.moment_params import read_zone
from howdah.errors import UsageError
from howdah.model.census import Census, TableCensus
from howdah.model.finding_kinds import fold_findings, make_finding, name_column, name_table
from howdah.model.findings import Finding
from howdah.model.owned import OwnedFacts
from howdah.model.plan import Plan, PlanOptions, Step, TablePlan
from howdah.model.source import SourceCatalog, Table, fold_name
from howdah.model.target import TargetFacts
from howdah.planning.answers import build_comparison_step
from howdah.planning.column_facts import TypeDecision
from howdah.planning.columns import plan_columns
from howdah.planning.design import Names, ResolvedForeignKey, TableDesign, census_of
from howdah.planning.edits import PlanEdits, apply_edits, check_names, merge_options
from howdah.planning.estimate import estimate_run
from howdah.planning.foreign_keys import build_foreign_key_steps, resolve_foreign_keys
from howdah.planning.indexes import build_indexes
from howdah.planning.keys import choose_primary_key, choose_row_key, is_integer_key
from howdah.planning.order import order_by_needs
from howdah.planning.orphans import OrphanChoices, choose_orphans, describe_orphans
from howdah.planning.owned import NO_RULES, AppRules, build_owned_plan, is_owned
from howdah.planning.policies import apply_policies, options_under, read_policies
from howdah.planning.search import offer_search
from howdah.planning.selection import Selection, select_tables
from howdah.planning.sharing import choose_tables_to_cut
from howdah.planning.steps import (
    build_analyze_step,
    build_check_steps,
    build_copy_steps,
    build_schema_step,
    build_sequence_step,
    build_table_step,
)
from howdah.planning.target_checks import check_collation
from howdah.planning.target_names import name_relations, wished_columns
from howdah.planning.trigger_steps import plan_triggers
from howdah.planning.type_groups import ColumnKey, decide_types
from howdah.planning.views import build_view_steps

_COLUMNS_MAX = 1600
#: MaxHeapTupleSize, and what a value takes in the row when it is kept elsewhere (storage-toast).
_ROW_BYTES_MAX = 8160
_TOAST_POINTER_BYTES = 18


def build_plan(
    catalog: SourceCatalog,
    census: Census,
    options: PlanOptions,
    target: TargetFacts | None,
    edits: PlanEdits | None = None,
    owned: OwnedFacts | None = None,
    rules: AppRules = NO_RULES,
) -> Plan:
    """
    Decide everything; the same facts give the same plan.

    `target` may be None for a plan that fits any server; `edits` are what a person
    changed in a plan file, whose options count where `options` has the default. With `owned`,
    the tables that are in the target already, it is also decided whether they are the application's;
    `rules` are what is known of that application.
    Raises UsageError (P-…) for patterns that match nothing, edits that do not fit and unknown time zones.
    """
    options = merge_options(options, edits)
    _require_zone(options.source_tz)
    if edits is not None:
        check_names(edits, catalog)
    left_out = edits.left_out if edits else frozenset()
    selection = select_tables(catalog, options.include, options.exclude, left_out)
    if owned is not None and is_owned(options, selection, owned):
        return build_owned_plan(catalog, census, options, selection, owned, edits, rules)
    if options.virtual_tables:
        selection = select_tables(catalog, options.include, options.exclude, left_out, virtual_tables=True)
    chosen, orphans = read_policies(options.policies), choose_orphans(options, edits)
    options = options_under(options, chosen)
    foreign_keys, key_findings = resolve_foreign_keys(catalog, selection.tables)
    tables = _order_tables(selection, foreign_keys)
    decisions = decide_types(tables, census, foreign_keys, options)
    decisions = apply_policies(decisions, tables, census, options, chosen)
    if edits is not None:
        decisions = apply_edits(decisions, edits, tables, census)
    names, targets, name_findings = name_relations(catalog, tables, options, edits)
    designs, column_findings = _design_tables(tables, census, decisions, targets, options, edits, orphans)
    steps, step_findings = _build_steps(catalog, designs, foreign_keys, names, options, target)
    searches, search_findings = offer_search(catalog, designs, names, make=options.full_text)
    steps += searches
    by_name = {fold_name(design.name): design for design in designs}
    triggers = plan_triggers(catalog.triggers, by_name, options, edits)
    steps += triggers.steps
    return Plan(
        source_path=catalog.path,
        options=options,
        tables=tuple(design.plan for design in designs),
        steps=tuple(steps),
        findings=fold_findings(
            [
                *selection.findings,
                *describe_orphans(census.orphans),
                *_source_findings(catalog, census, tables),
                *name_findings,
                *column_findings,
                *key_findings,
                *step_findings,
                *search_findings,
                *triggers.findings,
                *(check_collation(target, options) if target is not None else ()),
            ]
        ),
        estimate=estimate_run(catalog, designs, steps),
        skipped=selection.skipped,
        triggers=triggers.triggers,
        corrections=tuple(found for found in census.orphans if found.corrected),
    )


def _require_zone(name: str) -> None:
    try:
        read_zone({"zone": name})
    except UsageError as error:
        raise UsageError("P-114", f'there is no time zone "{name}"', hint=error.hint) from error


def _order_tables(selection: Selection, foreign_keys: Iterable[ResolvedForeignKey]) -> tuple[Table, ...]:
    needs: dict[str, list[str]] = {}
    for key in foreign_keys:
        needs.setdefault(key.table, []).append(key.parent)
    tables = {table.name: table for table in selection.tables}
    return tuple(tables[name] for name in order_by_needs(tables, needs))


def _design_tables(
    tables: tuple[Table, ...],
    census: Census,
    decisions: dict[ColumnKey, TypeDecision],
    targets: dict[str, str],
    options: PlanOptions,
    edits: PlanEdits | None,
    orphans: OrphanChoices,
) -> tuple[list[TableDesign], list[Finding]]:
    designs: list[TableDesign] = []
    findings: list[Finding] = []
    for table in tables:
        counted = census_of(census, table)
        primary_key, with_nulls = choose_primary_key(table, counted)
        columns, column_findings = plan_columns(
            table,
            counted,
            {column.name: decisions[table.name, column.name] for column in table.columns},
            options,
            keyed=frozenset(primary_key),
            wished=wished_columns(edits, table.name),
        )
        findings += column_findings
        by_name = {column.name: column for column in columns}
        row_key = choose_row_key(table, counted, primary_key, by_name)
        plan = TablePlan(
            name=table.name,
            target_name=targets[table.name],
            target_schema=options.schema,
            columns=columns,
            key=row_key,
            integer_key=is_integer_key(table, row_key, by_name),
            rowid_name=None if table.without_rowid else table.rowid_name,
            orphans=orphans.of(table.name),
            rows=counted.rows,
            bytes=counted.bytes_total,
            big_rows=counted.big_rows,
        )
        designs.append(
            TableDesign(
                source=table, census=counted, plan=plan, primary_key=primary_key, key_with_nulls=with_nulls
            )
        )
    keyless = [design.name for design in designs if not design.plan.key and design.plan.rows]
    if keyless:
        listed = ", ".join(f'"{name}"' for name in keyless)
        findings.append(make_finding("F-319", "tables", f"no column identifies a row of {listed}"))
    return designs, findings


def _build_steps(
    catalog: SourceCatalog,
    designs: list[TableDesign],
    foreign_keys: Iterable[ResolvedForeignKey],
    names: Names,
    options: PlanOptions,
    target: TargetFacts | None,
) -> tuple[list[Step], list[Finding]]:
    by_name = {design.name: design for design in designs}
    for design in designs:
        # Indexes with names keep them; derived names of sequences and constraints give way.
        names.reserve_indexes(design.source)
    tables = [build_table_step(design, names) for design in designs]
    cut = choose_tables_to_cut({design.name: design.plan.bytes for design in designs}, options.jobs)
    copies = [
        step
        for design in designs
        for step in build_copy_steps(design, options.jobs if design.name in cut else 1)
    ]
    keys, checks, sequences, comparisons, findings = [], [], [], [], []
    unique_keys = {}
    referenced: dict[str, set[frozenset[str]]] = {}
    for key in foreign_keys:
        referenced.setdefault(key.parent, set()).add(frozenset(key.parent_columns))
    for design in designs:
        built = build_indexes(design, names, frozenset(referenced.get(design.name, ())))
        keys += built.steps
        unique_keys[design.name] = built.unique_keys
        check_steps, check_comparisons, check_findings = build_check_steps(design, names)
        checks += check_steps
        comparisons += [*built.comparisons, *check_comparisons]
        sequence, sequence_findings = build_sequence_step(design)
        sequences += [sequence] if sequence is not None else []
        findings += [*built.findings, *check_findings, *sequence_findings]
    references, reference_findings = build_foreign_key_steps(foreign_keys, by_name, unique_keys, names)
    views, view_comparisons, view_findings = build_view_steps(catalog, by_name, names, options)
    answers = build_comparison_step([*comparisons, *view_comparisons])
    needs_schema = options.schema != "public" if target is None else not target.schema_exists
    steps = [
        *([build_schema_step(options.schema)] if needs_schema else []),
        *tables,
        *copies,
        *keys,
        *checks,
        *references,
        *sequences,
        *views,
        *([answers] if answers is not None else []),
        *(build_analyze_step(design) for design in designs),
    ]
    return steps, [*findings, *reference_findings, *view_findings]


def _source_findings(catalog: SourceCatalog, census: Census, tables: tuple[Table, ...]) -> list[Finding]:
    """Findings about objects of the source that no other part of the plan speaks of."""
    findings = []
    numbers = [
        f"{name} is {value}"
        for name, value in (
            ("user_version", catalog.user_version),
            ("application_id", catalog.application_id),
        )
        if value
    ]
    if numbers:
        findings.append(make_finding("F-005", "file", "its header says that " + " and ".join(numbers)))
    for name, message in census.unreadable:
        findings.append(make_finding("F-106", name_table(name), message))
    for table in tables:
        if table.unread_sql:
            findings.append(
                make_finding("F-107", name_table(table.name), "not understood", detail=table.unread_sql)
            )
        findings += [
            make_finding(
                "F-112",
                name_column(table.name, column.name),
                f"SQLite cannot compute it: {column.message}",
                detail="; ".join((f"GENERATED ALWAYS AS ({column.sql})", *column.lost)),
            )
            for column in table.uncomputed
        ]
        if len(table.columns) > _COLUMNS_MAX:
            findings.append(
                make_finding(
                    "F-320",
                    name_table(table.name),
                    f"it has {len(table.columns)} columns, PostgreSQL allows {_COLUMNS_MAX}",
                )
            )
        widest = _row_bytes_in_page(census_of(census, table))
        if widest > _ROW_BYTES_MAX:
            findings.append(
                make_finding(
                    "F-321",
                    name_table(table.name),
                    f"a row may need {widest} bytes on a page, PostgreSQL allows {_ROW_BYTES_MAX}",
                )
            )
    return findings


def _row_bytes_in_page(census: TableCensus) -> int:
    """Return what a row of the longest values needs on its page, long values kept elsewhere; coarse."""
    total = 24
    for column in census.columns:
        if column.texts + column.blobs:
            longest = max(column.text_bytes_max, column.blob_bytes_max)
            total += min(longest + 1, _TOAST_POINTER_BYTES)
        elif column.values:
            total += 8
    return total
