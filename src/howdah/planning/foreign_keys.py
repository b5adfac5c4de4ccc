"""
Foreign keys: what they really reference, once each, and whether PostgreSQL can build them.

Pure. SQLite resolves a foreign key only when it is used, so a declaration may name
tables and columns in other case, leave the columns out, repeat itself or point nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from howdah.codecs.pgtypes import parse_type
from howdah.model.finding_kinds import make_finding
from howdah.model.findings import Finding
from howdah.model.plan import Phase, Step, StepKind
from howdah.model.source import ForeignKey, SourceCatalog, Table
from howdah.names import quote
from howdah.planning.design import Names, ResolvedForeignKey, TableDesign

#: Types that PostgreSQL compares with one another in a foreign key without a cast.
_COMPARABLE = (
    frozenset({"int2", "int4", "int8"}),
    frozenset({"text", "varchar"}),
    frozenset({"numeric"}),
    frozenset({"timestamp", "timestamptz", "date"}),
    frozenset({"float4", "float8"}),
)


def resolve_foreign_keys(
    catalog: SourceCatalog, tables: Iterable[Table]
) -> tuple[tuple[ResolvedForeignKey, ...], tuple[Finding, ...]]:
    """Return the distinct foreign keys of the chosen tables, and findings for those that point nowhere."""
    chosen = {table.name for table in tables}
    resolved: list[ResolvedForeignKey] = []
    findings: list[Finding] = []
    repeated = 0
    for table in catalog.tables:
        if table.name not in chosen:
            continue
        seen = set()
        for declared in table.foreign_keys:
            found = _resolve(catalog, table, declared, chosen)
            if isinstance(found, Finding):
                if found not in findings:
                    findings.append(found)
                continue
            # The name is no part of it: generators repeat a key with and without one.
            same = replace(found, declared=replace(declared, name=None, parent_table="", parent_columns=()))
            if (same.columns, same.parent, same.parent_columns, same.declared) in seen:
                repeated += 1
                continue
            seen.add((same.columns, same.parent, same.parent_columns, same.declared))
            resolved.append(found)
    if repeated:
        findings.append(make_finding("F-315", "foreign keys", f"{repeated} declarations repeat another one"))
    acting = sum(
        key.declared.on_delete not in ("NO ACTION", "RESTRICT", "")
        or key.declared.on_update not in ("NO ACTION", "RESTRICT", "")
        for key in resolved
    )
    if acting:
        findings.append(
            make_finding(
                "F-316",
                "foreign keys",
                f"{acting} of {len(resolved)} change or delete rows (CASCADE, SET NULL…)",
            )
        )
    return tuple(resolved), tuple(findings)


def describe_foreign_key(table: str, declared: ForeignKey) -> str:
    """Name a foreign key for people, kind first."""
    columns = ", ".join(f'"{column}"' for column in declared.columns)
    return f'foreign key ({columns}) of table "{table}"'


def _resolve(
    catalog: SourceCatalog, table: Table, declared: ForeignKey, chosen: set[str]
) -> ResolvedForeignKey | Finding:
    name = describe_foreign_key(table.name, declared)
    try:
        parent = catalog.table(declared.parent_table)
    except KeyError:
        return make_finding("F-312", name, f'there is no table "{declared.parent_table}"')
    if parent.name not in chosen:
        return make_finding("F-312", name, f'table "{parent.name}" is not carried')
    wanted = declared.parent_columns or parent.primary_key
    if not wanted and parent.rowid_alias:
        wanted = (parent.rowid_alias,)
    if len(wanted) != len(declared.columns) or not wanted:
        return make_finding(
            "F-312", name, f'it has {len(declared.columns)} columns, the key of "{parent.name}" {len(wanted)}'
        )
    try:
        columns = tuple(table.column(column).name for column in declared.columns)
        parent_columns = tuple(parent.column(column).name for column in wanted)
    except KeyError as missing:
        return make_finding("F-312", name, f"there is no column {missing.args[0]!r}")
    return ResolvedForeignKey(
        table=table.name,
        columns=columns,
        parent=parent.name,
        parent_columns=parent_columns,
        declared=declared,
    )


def build_foreign_key_steps(
    foreign_keys: Iterable[ResolvedForeignKey],
    designs: Mapping[str, TableDesign],
    unique_keys: Mapping[str, Mapping[frozenset[str], bool]],
    names: Names,
) -> tuple[list[Step], list[Finding]]:
    """
    Return one step for each foreign key that PostgreSQL can build.

    `unique_keys` holds, by source table, the sets of columns that a key of the plan
    covers, and whether that key may fail to be built.
    """
    steps, findings = [], []
    for key in foreign_keys:
        child, parent = designs[key.table], designs[key.parent]
        name = describe_foreign_key(key.table, key.declared)
        may_fail = unique_keys.get(key.parent, {}).get(frozenset(key.parent_columns))
        if may_fail is None:
            columns = ", ".join(f'"{column}"' for column in key.parent_columns)
            findings.append(make_finding("F-313", name, f'({columns}) of "{key.parent}" is not unique'))
            continue
        clash = _type_clash(key, child, parent)
        if clash:
            findings.append(make_finding("F-314", name, clash))
            continue
        steps.append(replace(_build_step(key, child, parent, names), optional=may_fail))
    return steps, findings


def _type_clash(key: ResolvedForeignKey, child: TableDesign, parent: TableDesign) -> str:
    for ours, theirs in zip(key.columns, key.parent_columns, strict=True):
        mine, other = child.plan.column(ours).type, parent.plan.column(theirs).type
        bases = {parse_type(mine).base, parse_type(other).base}
        if len(bases) > 1 and not any(bases <= group for group in _COMPARABLE):
            return f'"{ours}" is {mine}, "{key.parent}"."{theirs}" is {other}'
        if "json" in bases:
            return f'"{ours}" is json, which has no equality'
    return ""


def _build_step(key: ResolvedForeignKey, child: TableDesign, parent: TableDesign, names: Names) -> Step:
    declared = key.declared
    wanted = declared.name or f"{child.plan.target_name}_{'_'.join(key.columns)}_fkey"
    constraint = names.take_constraint(key.table, wanted, relation=False)
    sql = (
        f"ALTER TABLE {child.target} ADD CONSTRAINT {quote(constraint)} "
        f"FOREIGN KEY ({', '.join(child.quoted(column) for column in key.columns)}) "
        f"REFERENCES {parent.target} ({', '.join(parent.quoted(column) for column in key.parent_columns)})"
    )
    for clause, action in (("ON UPDATE", declared.on_update), ("ON DELETE", declared.on_delete)):
        if action and action != "NO ACTION":
            sql += f" {clause} {action}"
    if declared.deferrable or declared.initially_deferred:
        sql += " DEFERRABLE" + (" INITIALLY DEFERRED" if declared.initially_deferred else "")
    return Step(
        id=f"foreign-key:{key.table}:{constraint}",
        phase=Phase.POST_DATA,
        kind=StepKind.FOREIGN_KEY,
        table=key.table,
        object=constraint,
        sql=sql,
        fallback_sql=sql + " NOT VALID",
        columns=key.columns,
        parent_table=key.parent,
        parent_columns=key.parent_columns,
    )
