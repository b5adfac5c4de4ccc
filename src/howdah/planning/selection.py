"""
Choose which tables are carried, and say why the others are not.

Pure. SQLite's own tables are left out without a word but in the record; virtual
tables and their private storage with a finding.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from howdah.errors import UsageError
from howdah.model.finding_kinds import make_finding, name_table
from howdah.model.findings import Finding
from howdah.model.source import SourceCatalog, Table


@dataclass(frozen=True, kw_only=True)
class Selection:
    tables: tuple[Table, ...]
    #: Name and reason.
    skipped: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]


#: Reason of tables that the plan file leaves out; rendered back into it.
LEFT_OUT_BY_FILE = "left out in the plan file"
#: Reason of tables without a row that the application's schema does not have.
NO_COUNTERPART = "no counterpart in the target"


def select_tables(
    catalog: SourceCatalog,
    include: Iterable[str],
    exclude: Iterable[str],
    left_out: frozenset[str],
    *,
    virtual_tables: bool = False,
) -> Selection:
    """
    Return the tables to carry; `left_out` are names that the plan file excludes.

    With `virtual_tables` those that keep rows of their own (full text, R*Tree) are carried too, and the
    shadow tables that hold the rows of others.

    Raises UsageError P-201 for a pattern that matches no table.
    """
    include, exclude = tuple(include), tuple(exclude)
    # A pattern may mean a virtual table, whether such are carried or not.
    known = [table.name for table in catalog.tables if table.kind in ("table", "virtual")]
    for option, patterns in (("--include", include), ("--exclude", exclude)):
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in known):
                raise UsageError(
                    "P-201",
                    f'{option} "{pattern}" matches no table',
                    detail="Tables: " + ", ".join(known) if known else "",
                    hint="Patterns are as in a shell (*, ?, [abc]) and tell upper from lower case.",
                )
    chosen, skipped = [], []
    findings: list[Finding] = []
    shadows: dict[str, list[str]] = {}
    for table in catalog.tables:
        reason = _reason_to_skip(table, include, exclude, left_out, virtual_tables)
        if reason is None:
            chosen.append(table)
            continue
        skipped.append((table.name, reason))
        if table.kind == "virtual" and not (virtual_tables and table.has_rows):
            findings.append(_virtual_finding(table, catalog, virtual_tables=virtual_tables))
        elif table.kind == "shadow":
            shadows.setdefault(table.shadow_of or "", []).append(table.name)
    for owner, names in shadows.items():
        findings.append(
            make_finding("F-102", name_table(owner), f"its {len(names)} tables: " + ", ".join(sorted(names)))
        )
    return Selection(tables=tuple(chosen), skipped=tuple(skipped), findings=tuple(findings))


def _reason_to_skip(
    table: Table,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    left_out: frozenset[str],
    virtual_tables: bool,
) -> str | None:
    match table.kind:
        case "system":
            return "SQLite's own"
        case "virtual" if not (virtual_tables and table.has_rows):
            return f"virtual table ({table.module})"
        case "shadow" if not (virtual_tables and table.has_rows):
            return f'storage of virtual table "{table.shadow_of}"'
    for pattern in exclude:
        if fnmatchcase(table.name, pattern):
            return f'--exclude "{pattern}"'
    if include and not any(fnmatchcase(table.name, pattern) for pattern in include):
        return "not in --include"
    return LEFT_OUT_BY_FILE if table.name in left_out else None


def _virtual_finding(table: Table, catalog: SourceCatalog, *, virtual_tables: bool) -> Finding:
    message = f'it belongs to module "{table.module}"'
    behind = [other.name for other in catalog.tables if other.keeps_rows and other.shadow_of == table.name]
    if virtual_tables and behind:
        message += "; its rows are carried as they are in " + ", ".join(f'"{name}"' for name in behind)
    return make_finding("F-101", name_table(table.name), message, detail=table.sql)
