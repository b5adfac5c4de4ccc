"""Text of the verbs around a live migration: follow, cutover, and the way back. Pure."""

from __future__ import annotations

from howdah.model.verb_reports import CarryBackReport
from howdah.report.layout import lay_out_facts, lay_out_table
from howdah.units import format_amount, format_count

#: Differences that are shown.
_SHOWN = 10


def render_carry_back(report: CarryBackReport, *, width: int = 100) -> str:
    """Return what went home, what could not go exactly, and whether the file is proven."""
    head = (
        f"{report.output} holds what PostgreSQL holds: {format_count(report.rows)} rows, proven."
        if not report.difference_count
        else f"{report.output} differs from PostgreSQL in {format_count(report.difference_count)} places."
    )
    lines = [head, ""]
    changed = [table for table in report.tables if table.inserted or table.updated or table.deleted]
    if changed:
        lines += lay_out_table(
            ("table", "inserted", "changed", "deleted", "found by"),
            [
                (
                    table.name,
                    format_count(table.inserted),
                    format_count(table.updated),
                    format_count(table.deleted),
                    table.method,
                )
                for table in changed
            ],
            right=frozenset({1, 2, 3}),
            width=width,
        )
    else:
        lines.append("Nothing was written on PostgreSQL since the migration.")
    for value in report.inexact:
        why = (
            "SQLite makes numbers of these texts"
            if value.rule == "affinity"
            else "the nearest value was written"
        )
        lines.append(
            f"! {value.table}.{value.column}: {format_amount(value.count, 'value')}, {why} ({value.example})"
        )
    for finding in report.findings:
        lines.append(f"! {finding.code} {finding.object}: {finding.message}")
    for found in report.differences[:_SHOWN]:
        lines.append(
            f"≠ {found.table} {found.key} {found.column}: file {found.source}, PostgreSQL {found.target}"
            f" {found.detail}".rstrip()
        )
    lines.append("")
    lines += lay_out_facts(
        [
            ("run", report.run_id),
            ("migrated from", report.source),
            ("SHA-256", report.sha256),
            ("next", f"stop the application, then start it with {report.output}"),
        ],
        width=width,
    )
    return "\n".join(lines)
