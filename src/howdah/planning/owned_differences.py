"""
The difference report: what of source and application's schema does not fit, and what is done about it.

Pure. Every difference is a finding; a few are such that the migration must not begin
(`model.owned_finding_kinds`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from howdah.model.census import Census, TableCensus
from howdah.model.finding_kinds import make_finding, name_column, name_table
from howdah.model.findings import Finding
from howdah.model.owned import FilledColumn, OwnedFacts, OwnedForeignKey, RowPolicy, TableKind
from howdah.model.plan import PlanOptions
from howdah.planning.design import census_of, column_census
from howdah.planning.owned_match import SchemaMatch, TableMatch
from howdah.planning.owned_steps import choose_merge_key, has_deferrable_key


def find_schema_differences(
    match: SchemaMatch,
    owned: OwnedFacts,
    census: Census,
    foreign_keys: Sequence[OwnedForeignKey],
    loaded: Collection[str],
) -> list[Finding]:
    """Return what concerns the schema as a whole."""
    schema = f'schema "{owned.schema}"'
    findings = [make_finding("F-501", schema, f"{len(match.tables)} tables of the source have a counterpart")]
    for table in match.source_only:
        rows = census_of(census, table).rows
        message = f"the target has no table of that name; it holds {rows} rows"
        findings.append(make_finding("F-503" if rows else "F-504", name_table(table.name), message))
    findings += [
        make_finding("F-505", name_table(table.name), f"it stays as it is; it holds {table.rows} rows")
        for table in match.target_only
    ]
    if foreign_keys:
        findings.append(
            make_finding(
                "F-522",
                schema,
                f"{len(foreign_keys)} foreign keys are dropped and made again as they were",
            )
        )
    findings += [
        make_finding(
            "F-523", f'foreign key "{key.name}"', f'it belongs to a table of another owner, "{key.table}"'
        )
        for key in foreign_keys
        if not key.may_alter
    ]
    taking = [table for table in owned.tables if table.name in loaded]
    findings += [
        make_finding("F-523", name_table(table.name), "it has another owner")
        for table in taking
        if not table.may_alter
    ]
    findings += [
        make_finding("F-519", name_table(table.name), "its policies hold for the role")
        for table in taking
        if table.filtered
    ]
    findings += [
        make_finding("F-524", schema, f"a session of {session} is connected") for session in owned.sessions
    ]
    return findings


def find_table_differences(
    pair: TableMatch,
    census: TableCensus,
    policy: RowPolicy,
    options: PlanOptions,
    fills: Iterable[FilledColumn],
) -> list[Finding]:
    """Return what concerns one table that both sides have."""
    name = name_table(pair.source.name)
    if policy is RowPolicy.KEEP:
        message = f"it keeps its {pair.target.rows} rows; {census.rows} rows of the source are not carried"
        return [make_finding("F-526", name, message)]
    return [
        *_column_differences(pair, census, {(fill.table, fill.column): fill.value for fill in fills}),
        *_object_differences(pair, options),
        *_row_differences(pair, policy),
    ]


def _column_differences(
    pair: TableMatch, census: TableCensus, fills: dict[tuple[str, str], str]
) -> list[Finding]:
    findings: list[Finding] = []
    for column in pair.source_only:
        values = column_census(census, column).values
        message = f"the target has no such column; it holds {values} values"
        findings.append(
            make_finding("F-506" if values else "F-507", name_column(pair.source.name, column), message)
        )
    for target in pair.target_only:
        if target.generated_sql is not None:
            continue
        name = f'column "{pair.target.name}"."{target.name}" of the target'
        if (pair.target.name, target.name) in fills:
            value = fills[pair.target.name, target.name]
            findings.append(make_finding("F-510", name, f"all rows get {value!r}"))
        elif target.not_null and target.default_sql is None and not target.identity:
            if census.rows:
                findings.append(make_finding("F-509", name, "NOT NULL, no default, not in the source"))
        else:
            gets = target.default_sql or ("the next of its sequence" if target.identity else "NULL")
            findings.append(make_finding("F-508", name, f"all rows get {gets}"))
    for source, target in pair.columns.items():
        if target.identity == "always":
            findings.append(
                make_finding(
                    "F-512", name_column(pair.source.name, source), "the source's values are written"
                )
            )
        if target.generated_sql is not None:
            findings.append(
                make_finding(
                    "F-513",
                    name_column(pair.source.name, source),
                    "the target computes it",
                    detail=target.generated_sql,
                )
            )
    return findings


def _object_differences(pair: TableMatch, options: PlanOptions) -> list[Finding]:
    findings: list[Finding] = []
    name = name_table(pair.source.name)
    target = pair.target
    active = [trigger.name for trigger in target.triggers if trigger.enabled != "D"]
    if active:
        listed = ", ".join(f'"{trigger}"' for trigger in active)
        code, verb = ("F-515", "fire") if options.fire_triggers else ("F-514", "do not fire")
        findings.append(make_finding(code, name, f"triggers {listed} {verb}"))
    if target.row_security and not target.filtered:
        findings.append(make_finding("F-518", name, "its policies do not hold for the role"))
    for constraint in target.facts.constraints:
        if constraint.kind == "x":
            findings.append(make_finding("F-520", name, f'"{constraint.name}": {constraint.definition}'))
        if not constraint.validated:
            findings.append(make_finding("F-527", name, f'"{constraint.name}": {constraint.definition}'))
    if target.kind is TableKind.PARTITIONED:
        findings.append(make_finding("F-521", name, "its rows go to its partitions"))
    return findings


def _row_differences(pair: TableMatch, policy: RowPolicy) -> list[Finding]:
    name = name_table(pair.source.name)
    rows = pair.target.rows
    if policy is RowPolicy.MERGE and (not choose_merge_key(pair) or has_deferrable_key(pair.target)):
        return [make_finding("F-525", name, "no key that both sides have tells which rows are the same")]
    if not rows:
        return []
    match policy:
        case RowPolicy.REFUSE:
            return [make_finding("F-517", name, f"it holds {rows} rows")]
        case RowPolicy.MERGE:
            return [
                make_finding("F-516", name, f"merge: of its {rows} rows those stay that the source lacks")
            ]
        case _:
            return [make_finding("F-516", name, f"replace: its {rows} rows give way to the source's")]
