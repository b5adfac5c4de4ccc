"""
Reconcile the types of columns that belong together.

Pure. Both sides of a foreign key need one type, and date columns without values
take the form that the other date columns of the database have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from howdah.model.census import Census
from howdah.model.finding_kinds import make_finding, name_column
from howdah.model.plan import PlanOptions
from howdah.model.source import Table
from howdah.planning.column_facts import ColumnFacts, TypeDecision
from howdah.planning.declared import Family
from howdah.planning.design import ResolvedForeignKey, census_of, column_census
from howdah.planning.types import decide_type
from howdah.planning.types_as_stored import decide_as_stored

#: PostgreSQL compares what these write whatever length or precision the types have.
_COMPARED_ACROSS_TYPES = frozenset({"text", "numeric", "integer"})

#: Table and column, by source names.
ColumnKey = tuple[str, str]


def decide_types(
    tables: Iterable[Table],
    census: Census,
    foreign_keys: Iterable[ResolvedForeignKey],
    options: PlanOptions,
) -> dict[ColumnKey, TypeDecision]:
    """Return type, codec and findings of every column of the tables."""
    links = list(foreign_keys)
    facts = _collect_facts(tables, census, links)
    decisions = {key: decide_type(column, options) for key, column in facts.items()}
    _follow_siblings(facts, decisions)
    for group in _groups(links):
        _unify(group, facts, decisions)
    return decisions


def _collect_facts(
    tables: Iterable[Table], census: Census, links: list[ResolvedForeignKey]
) -> dict[ColumnKey, ColumnFacts]:
    linked = {(link.table, column) for link in links for column in link.columns}
    linked |= {(link.parent, column) for link in links for column in link.parent_columns}
    facts = {}
    for table in tables:
        counted = census_of(census, table)
        indexed = {part.name for index in table.indexes for part in index.columns if part.name}
        indexed |= set(table.primary_key)
        for column in table.columns:
            facts[table.name, column.name] = ColumnFacts(
                table=table.name,
                column=column,
                census=column_census(counted, column.name),
                rowid_alias=column.name == table.rowid_alias,
                indexed=column.name in indexed or (table.name, column.name) in linked,
            )
    return facts


def _follow_siblings(
    facts: Mapping[ColumnKey, ColumnFacts], decisions: dict[ColumnKey, TypeDecision]
) -> None:
    """Give date columns without values the form of all the others that have the same declared type."""
    forms: dict[str, set[tuple[str, str, tuple[tuple[str, str], ...]]]] = {}
    for key, column in facts.items():
        if column.census.values and column.declared.family in (Family.DATE, Family.DATETIME, Family.TIME):
            decision = decisions[key]
            form = (decision.type, decision.codec, tuple(sorted(decision.params.items())))
            forms.setdefault(column.declared.name, set()).add(form)
    for key, column in facts.items():
        found = forms.get(column.declared.name, set())
        if column.census.values == 0 and not column.rowid_alias and len(found) == 1:
            type_name, codec, params = next(iter(found))
            if codec in ("integer", "text", "real", "any-text", "numeric"):
                continue  # the others were left as stored, which says nothing of this one
            decisions[key] = replace(
                decisions[key],
                type=type_name,
                codec=codec,
                params=dict(params),
                reason=f"holds no value; as the other {column.column.declared_type} columns of the database",
            )


def _groups(links: list[ResolvedForeignKey]) -> list[list[ColumnKey]]:
    """Return the columns that foreign keys join, each group with the most referenced column first."""
    leader: dict[ColumnKey, ColumnKey] = {}

    def find(key: ColumnKey) -> ColumnKey:
        while leader.setdefault(key, key) != key:
            key = leader[key]
        return key

    for link in links:
        for ours, theirs in zip(link.columns, link.parent_columns, strict=True):
            child, parent = find((link.table, ours)), find((link.parent, theirs))
            if child != parent:
                leader[child] = parent
    groups: dict[ColumnKey, list[ColumnKey]] = {}
    for key in leader:
        groups.setdefault(find(key), []).append(key)
    return [[root, *(key for key in members if key != root)] for root, members in groups.items()]


def _unify(
    group: list[ColumnKey],
    facts: Mapping[ColumnKey, ColumnFacts],
    decisions: dict[ColumnKey, TypeDecision],
) -> None:
    """Give all columns of a group one type where their values allow it; else leave them alone."""
    codecs = {decisions[key].codec for key in group}
    if len(codecs) == 1 and (
        codecs <= _COMPARED_ACROSS_TYPES or len({decisions[k].type for k in group}) == 1
    ):
        return
    filled = [key for key in group if facts[key].census.values or facts[key].rowid_alias]
    candidates = [decisions[key] for key in (filled or group)]
    candidates += [decide_as_stored(facts[key]) for key in filled if not facts[key].rowid_alias]
    for candidate in candidates:
        adopted = {key: _adopt(candidate, facts[key], decisions[key]) for key in group}
        if all(decision is not None for decision in adopted.values()):
            for key, decision in adopted.items():
                assert decision is not None
                decisions[key] = _with_finding(key, group[0], decisions[key], decision)
            return


def _adopt(wanted: TypeDecision, facts: ColumnFacts, own: TypeDecision) -> TypeDecision | None:
    """Return how this column is carried as that type, None where its values do not allow it."""
    if (own.type, own.codec) == (wanted.type, wanted.codec):
        return own
    if facts.rowid_alias:
        return None
    if facts.census.values == 0:
        return replace(own, type=wanted.type, codec=wanted.codec, params=dict(wanted.params))
    if _carries_all(wanted, facts):
        return replace(own, type=wanted.type, codec=wanted.codec, params=dict(wanted.params))
    return None


def _carries_all(wanted: TypeDecision, facts: ColumnFacts) -> bool:
    """Whether the codec keeps every stored value of the column exactly."""
    census = facts.census
    match wanted.codec:
        case "integer":
            return facts.holds_only("integers")
        case "boolean":
            return facts.holds_only("integers") and "boolean" in census.integer_shapes
        case "text":
            return facts.holds_only("texts") and wanted.type == "text"
        case "uuid-text":
            return facts.holds_only("texts") and "uuid-lower" in census.text_shapes
        case "bytes":
            return facts.holds_only("blobs")
        case "real":
            return facts.holds_only("reals")
        case _:
            return False


def _with_finding(key: ColumnKey, root: ColumnKey, before: TypeDecision, after: TypeDecision) -> TypeDecision:
    if before.type == after.type and before.codec == after.codec:
        return before
    finding = make_finding(
        "F-216",
        name_column(*key),
        f"becomes {after.type} instead of {before.type}, as the columns it is joined with by foreign keys",
    )
    return replace(
        after,
        reason=f"{after.reason}; {after.type} by foreign key with {name_column(*root)}",
        findings=(*before.findings, finding),
    )
