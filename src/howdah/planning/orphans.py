"""
Which rows without their parent are to be corrected before anything else, and what is told of it.

Pure. The policy `orphans` has two choices that alter the source's private copy, "null" and "delete"; the
other two are carried out on PostgreSQL, after the rows (`loading.dependants`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from howdah.model.finding_kinds import make_finding
from howdah.model.findings import Finding
from howdah.model.orphans import CORRECTING, Orphans, Reference
from howdah.model.plan import ORPHAN_CHOICES, Plan, PlanOptions
from howdah.model.source import SourceCatalog, Table, fold_name
from howdah.planning.edits import PlanEdits, merge_options
from howdah.planning.foreign_keys import resolve_foreign_keys
from howdah.planning.policies import read_policies
from howdah.units import format_amount

#: Values that a finding shows; the report names all.
_SHOWN = 5
_DONE = {"null": "NULL instead", "delete": "left out"}


@dataclass(frozen=True, kw_only=True)
class OrphanChoices:
    """What becomes of the orphans of each table."""

    default: str = ORPHAN_CHOICES[0]
    #: By source name, for tables that differ.
    tables: Mapping[str, str] = field(default_factory=dict)

    def of(self, table: str) -> str:
        """Return the choice for a table."""
        return self.tables.get(table, self.default)

    @property
    def correcting(self) -> bool:
        """Whether any of them alters the copy."""
        return any(choice in CORRECTING for choice in (self.default, *self.tables.values()))


def choose_orphans(options: PlanOptions, edits: PlanEdits | None) -> OrphanChoices:
    """Return what options and plan file say. Raises UsageError P-113."""
    policies = read_policies(merge_options(options, edits).policies)
    wished = {} if edits is None else {name: edit.orphans for name, edit in edits.tables.items()}
    return OrphanChoices(
        default=policies.get("orphans", ORPHAN_CHOICES[0]),
        tables={name: choice for name, choice in wished.items() if choice is not None},
    )


def recorded_orphans(plan: Plan) -> OrphanChoices:
    """Return the choices that a plan was made with."""
    return OrphanChoices(tables={table.name: table.orphans for table in plan.tables})


def find_references(catalog: SourceCatalog, choices: OrphanChoices) -> tuple[Reference, ...]:
    """Return the foreign keys whose orphans can be looked for: those that PostgreSQL can have as well."""
    keys, _ = resolve_foreign_keys(catalog, [table for table in catalog.tables if table.kind == "table"])
    return tuple(
        Reference(
            child=catalog.table(key.table),
            columns=key.columns,
            parent=catalog.table(key.parent),
            parent_columns=key.parent_columns,
            choice=choices.of(key.table),
        )
        for key in keys
        if _is_unique(catalog.table(key.parent), key.parent_columns)
    )


def _is_unique(table: Table, columns: Iterable[str]) -> bool:
    wanted = {fold_name(name) for name in columns}
    keys = [
        table.primary_key,
        (table.rowid_alias,) if table.rowid_alias else (),
        *(
            tuple(column.name or "" for column in index.columns)
            for index in table.indexes
            if index.unique and index.predicate_sql is None
        ),
    ]
    return any({fold_name(name) for name in key} == wanted for key in keys if key)


def describe_orphans(orphans: Iterable[Orphans]) -> list[Finding]:
    """Return what a person is told: corrected (F-113), not to be corrected (F-114), or there (F-115)."""
    findings = []
    for found in orphans:
        columns = ", ".join(f'"{name}"' for name in found.columns)
        message = f'{format_amount(found.rows, "orphan")} of table "{found.parent_table}"'
        shown = ", ".join(value.value for value in found.named[:_SHOWN])
        code = "F-115"
        if found.corrected:
            code, message = "F-113", f"{message}: {_DONE[found.choice]}"
        elif found.choice in CORRECTING:
            code = "F-114"
        findings.append(
            make_finding(
                code,
                f'foreign key ({columns}) of table "{found.table}"',
                message,
                detail=f"They refer to {shown}{', …' if found.rows > _SHOWN else ''}.",
            )
        )
    return findings
