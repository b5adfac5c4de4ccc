"""Text of the verbs around a live migration: follow, cutover, and the way back. Pure."""

from __future__ import annotations

from howdah.model.verb_reports import CarryBackReport, LiveReport
from howdah.report.layout import lay_out_facts, lay_out_table
from howdah.report.text import render_findings
from howdah.units import format_amount, format_count, format_seconds

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
    lines += render_findings(report.findings, width=width)
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


_HEADS = {
    "caught-up": "PostgreSQL holds everything that the SQLite file holds.",
    "yielded": "Another command took over; this one has let go.",
    "following": "The SQLite file takes writes; PostgreSQL follows.",
    "stopped": "Nothing of Howdah is in the SQLite file any more, and nothing is followed.",
    "complete": "PostgreSQL takes the writes; every row of the fenced file is proven.",
    "home": "The SQLite file takes the writes again, with everything written on PostgreSQL.",
}


def render_live(report: LiveReport, *, width: int = 100) -> str:
    """Return where a live migration stands, how long nobody could write, and what is wrong."""
    head = _HEADS.get(
        report.status,
        f"NOT EQUAL: {format_count(report.difference_count)} differences. The way back is open"
        ' ("howdah rollback").',
    )
    if report.status == "caught-up" and report.backlog:
        head = "PostgreSQL is seconds behind the SQLite file, which is being written to."
    lines = [head, ""]
    lines += render_findings(report.findings, width=width)
    for found in report.differences[:_SHOWN]:
        lines.append(
            f"≠ {found.table} {found.key} {found.column}: {found.kind} {found.source} {found.target}"
            f" {found.detail}".rstrip()
        )
    for value in report.inexact:
        lines.append(
            f"! {value.table}.{value.column}: {format_amount(value.count, 'value')} without an exact form"
            f" ({value.example})"
        )
    if len(lines) > 2:
        lines.append("")
    pause = ", ".join(f"{part.name} {format_seconds(part.seconds)}" for part in report.pause)
    lines += lay_out_facts(
        [
            ("source", report.source),
            ("target", report.target),
            ("run", report.run_id),
            ("phase", report.phase),
            ("waiting", format_count(report.backlog) if report.backlog else ""),
            ("rows applied", format_count(report.rows_applied) if report.rows_applied else ""),
            ("in quarantine", format_count(report.rows_quarantined) if report.rows_quarantined else ""),
            ("pause", f"{format_seconds(report.pause_seconds)} ({pause})" if report.pause else ""),
            (
                "proof",
                f"{report.proof}, {format_count(report.rows_proven)} rows" if report.rows_proven else "",
            ),
            (
                "not provable",
                _unproven(report),
            ),
        ],
        width=width,
    )
    return "\n".join(lines)


def _unproven(report: LiveReport) -> str:
    if not report.not_provable:
        return ""
    shown = [f"{item.table} {item.key or '(any row)'}" for item in report.not_provable_keys[:_SHOWN]]
    more = ", …" if report.not_provable > len(shown) else ""
    return f"{format_count(report.not_provable)} written since: {', '.join(shown)}{more}"
