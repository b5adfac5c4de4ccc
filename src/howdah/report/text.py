"""
The closing summary of a run, for a terminal or a log.

Pure: report in, text out. The verdict comes first and the path of the full
report last; lists are cut with a line that says what was left out. Colour is
added only when asked for and never carries meaning by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from howdah.model.findings import Finding, Severity
from howdah.model.report import PhaseReport, ProofStatus, RunReport, TableReport
from howdah.report.digest import (
    collect_changes,
    collect_objects,
    count_changes,
    count_differences,
    count_severities,
    group_findings,
    place_phases,
    total,
)
from howdah.report.layout import lay_out_facts, lay_out_table, wrap
from howdah.report.printable import printable_name
from howdah.report.verdict import Tone, judge
from howdah.units import format_amount, format_count, format_seconds, format_size

#: Cut behind so many, with a line about the rest.
TABLES_SHOWN = 20
_OBJECTS_SHOWN = 3
_DIFFERENCES_SHOWN = 20

_TONE_COLOURS = {Tone.GOOD: "1;32", Tone.CAUTION: "1;33", Tone.BAD: "1;31"}
_SEVERITY_COLOURS = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.INFO: "36"}


def render_run(
    report: RunReport, *, width: int = 100, tables_shown: int = TABLES_SHOWN, color: bool = False
) -> str:
    """Return the summary of a migration or verification, lines of at most about `width` cells."""
    sections = [
        _render_verdict(report, width, color),
        _render_identity(report, width),
        _render_tables(report.tables, width, tables_shown),
        _render_differences(report, width),
        _render_changes(report.tables, width),
        _render_quarantine(report, width),
        render_findings(report.findings, width=width, color=color, notes=False),
        _render_phases(report.phases, width),
        _render_closing(report, width),
    ]
    return "\n\n".join("\n".join(section) for section in sections if section)


def render_findings(
    findings: Sequence[Finding], *, width: int = 100, color: bool = False, notes: bool = True
) -> list[str]:
    """Return findings as lines, most urgent first, alike ones folded; notes only counted on request."""
    if not findings:
        return []
    counts = ", ".join(_count_severity(severity, count) for severity, count in count_severities(findings))
    note_count = dict(count_severities(findings)).get(Severity.INFO, 0)
    lines = [f"Findings: {counts}" + ("" if notes or not note_count else "; the notes are in the report")]
    for group in group_findings(findings):
        if group.severity is Severity.INFO and not notes:
            continue
        label = _colour(f"{_SEVERITY_WORDS[group.severity]:<8}", _SEVERITY_COLOURS[group.severity], color)
        lead = f"  {label} {group.code}  "
        indent = " " * (2 + 8 + 1 + len(group.code) + 2)
        lines += wrap(f"{group.message}", width=width + len(lead) - len(indent), first=lead, indent=indent)
        for finding in group.findings[:_OBJECTS_SHOWN]:
            own = group.own_message(finding)
            about = f"{printable_name(finding.object)}: {own}" if own else printable_name(finding.object)
            lines += wrap(about, width=width, first=f"{indent}- ", indent=f"{indent}  ")
            if finding.detail:
                lines += wrap(finding.detail, width=width, first=f"{indent}  ", indent=f"{indent}  ")
        if len(group.findings) > _OBJECTS_SHOWN:
            lines.append(f"{indent}- and {format_count(len(group.findings) - _OBJECTS_SHOWN)} more")
        if group.hint:
            lines += wrap(group.hint, width=width, first=f"{indent}hint: ", indent=f"{indent}      ")
    return lines


_SEVERITY_WORDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def _count_severity(severity: Severity, count: int) -> str:
    return format_amount(count, _SEVERITY_WORDS[severity])


def _render_verdict(report: RunReport, width: int, color: bool) -> list[str]:
    verdict = judge(report)
    word = verdict.word.upper()
    lines = wrap(verdict.sentence, width=width, first=f"{word}  ", indent=" " * (len(word) + 2))
    lines[0] = lines[0].replace(word, _colour(word, _TONE_COLOURS[verdict.tone], color), 1)
    if report.rehearsal:
        lines += wrap(
            "This went to the embedded server. Name a target to migrate for good.",
            width=width,
            first="REHEARSAL  ",
            indent=" " * 11,
        )
    if report.repeated:
        lines += wrap(f"This run was finished {report.finished_at}; nothing was done again.", width=width)
    return lines


def _render_identity(report: RunReport, width: int) -> list[str]:
    server = f" (PostgreSQL {report.server_version})" if report.server_version else ""
    facts = [("source", report.source), ("target", f"{report.target}{server}")]
    if report.snapshot:
        facts.append(("snapshot", f"{report.snapshot.path} ({format_size(report.snapshot.size)})"))
        facts.append(("sha256", report.snapshot.sha256))
    facts.append(("run", report.run_id))
    return lay_out_facts(facts, width=width)


def _render_tables(tables: Sequence[TableReport], width: int, shown: int) -> list[str]:
    if not tables:
        return []
    # Where not all are shown: what needs a look first, then the biggest.
    by_interest = sorted(
        range(len(tables)),
        key=lambda number: (not _needs_a_look(tables[number]), -tables[number].rows_source),
    )
    # One line about a single table would be no shorter than the table itself.
    chosen = by_interest[:shown] if len(tables) > shown + 1 else by_interest
    listed = [tables[number] for number in (chosen if len(chosen) < len(tables) else range(len(tables)))]
    rest = [tables[number] for number in sorted(set(range(len(tables))) - set(chosen))]
    rows = [_table_row(_label_table(table), [table]) for table in listed]
    if rest:
        rows.append(_table_row(f"and {format_amount(len(rest), 'more table', 'more tables')}", rest))
    if len(tables) > 1:
        rows.append(_table_row(f"all {len(tables)} tables", tables))
    header = ("table", "in SQLite", "in PostgreSQL", "changed", "set aside", "proof")
    return ["Tables", *lay_out_table(header, rows, right=frozenset({1, 2, 3, 4}), width=width)]


def _label_table(table: TableReport) -> str:
    label = printable_name(table.name)
    if table.target_name in ("", table.name):
        return label
    return f"{label} → {printable_name(table.target_name)}"


def _table_row(label: str, tables: Sequence[TableReport]) -> tuple[str, ...]:
    changed = sum(count_changes(table) for table in tables)
    set_aside = sum(table.rows_quarantined for table in tables)
    return (
        label,
        format_count(sum(table.rows_source for table in tables)),
        format_count(sum(table.rows_target for table in tables)),
        format_count(changed) if changed else "",
        format_count(set_aside) if set_aside else "",
        _proof_word(tables),
    )


def _proof_word(tables: Sequence[TableReport]) -> str:
    if tables and not any(table.carried for table in tables):
        return "kept"
    statuses = [
        table.proof.status if table.proof else ProofStatus.UNPROVEN for table in tables if table.carried
    ]
    for status, word in ((ProofStatus.DIFFERENT, "DIFFERENT"), (ProofStatus.UNPROVEN, "not proven")):
        count = statuses.count(status)
        if count:
            return word if count == len(statuses) else f"{count} {word}"
    return ProofStatus.PROVEN.value


def _needs_a_look(table: TableReport) -> bool:
    differs = table.proof is not None and table.proof.status is ProofStatus.DIFFERENT
    return differs or table.rows_quarantined > 0 or table.rows_source != table.rows_target


def _render_differences(report: RunReport, width: int) -> list[str]:
    differences, count = report.differences, count_differences(report)
    if not differences:
        return []
    lines = [f"Differences: {format_count(count)}"]
    label_width = max(len(item.kind) for item in differences) + 2
    indent = " " * (2 + label_width)
    for item in differences[:_DIFFERENCES_SHOWN]:
        where = [printable_name(item.table)] if item.table else []
        where += [f"column {printable_name(item.column)}"] if item.column else []
        where += [f"key {item.key}"] if item.key else []
        where += [printable_name(item.object)] if item.object else []
        lines += wrap(", ".join(where), width=width, first=f"  {item.kind:<{label_width}}", indent=indent)
        if item.detail:
            lines += wrap(item.detail, width=width, first=indent, indent=indent)
        if item.source or item.target:
            sides = [("SQLite", item.source), ("PostgreSQL", item.target)]
            lines += lay_out_facts(sides, width=width, indent=len(indent))
    more = count - min(len(differences), _DIFFERENCES_SHOWN)
    if more:
        rest = "in the report" if count == len(differences) else "the report lists the first of each table"
        lines.append(f"  and {format_count(more)} more, {rest}")
    return lines


def _render_changes(tables: Sequence[TableReport], width: int) -> list[str]:
    changes = collect_changes(tables)
    if not changes:
        return []
    rows = []
    for change in changes:
        names = [
            f"{printable_name(name)} {format_count(count)}" for name, count in change.tables[:_OBJECTS_SHOWN]
        ]
        more = len(change.tables) - len(names)
        rows.append(
            (
                change.rule,
                format_count(change.values),
                ", ".join(names) + (f" and {format_amount(more, 'more table')}" if more else ""),
            )
        )
    header = ("rule", "values", "where")
    lines = ["Values changed by a rule", *lay_out_table(header, rows, right=frozenset({1}), width=width)]
    return [*lines, *wrap("report.json names each of them.", width=width, first="  ", indent="  ")]


def _render_quarantine(report: RunReport, width: int) -> list[str]:
    places = [table for table in report.tables if table.rows_quarantined]
    if not places:
        return []
    rows = [(_label_table(table), format_count(table.rows_quarantined)) for table in places]
    lines = [f"Set aside: {format_amount(report.rows_quarantined, 'row')}"]
    lines += lay_out_table(("table", "rows"), rows, right=frozenset({1}), width=width)
    lines += wrap(
        'See them with "howdah quarantine list"; load them again with "howdah quarantine retry".',
        width=width,
        first="  hint: ",
        indent="        ",
    )
    return lines


def _render_phases(phases: Sequence[PhaseReport], width: int) -> list[str]:
    if not phases:
        return []
    bars = place_phases(phases)
    rows = [
        (
            bar.phase.name,
            format_seconds(bar.phase.seconds),
            format_count(bar.phase.rows) if bar.phase.rows else "",
            format_size(bar.phase.bytes) if bar.phase.bytes else "",
            f"{format_count(round(bar.phase.rows / bar.phase.seconds))}/s"
            if bar.phase.rows and bar.phase.seconds
            else "",
        )
        for bar in bars
    ]
    if len(bars) > 1:
        whole = max(bar.phase.started + bar.phase.seconds for bar in bars)
        rows.append(("in all", format_seconds(whole), "", "", ""))
    header = ("phase", "time", "rows", "size", "rate")
    return ["Phases", *lay_out_table(header, rows, right=frozenset({1, 2, 3, 4}), width=width)]


def _render_closing(report: RunReport, width: int) -> list[str]:
    lines = []
    totals = total(report)
    if totals.tables:
        carried = [format_amount(totals.tables, "table"), format_amount(totals.rows_target, "row")]
        carried += [format_amount(count, kind) for kind, count in collect_objects(report.objects)]
        lines += wrap(", ".join(carried), width=width, first="Carried: ", indent="         ")
    if report.repaired:
        lines.append(f"Repaired: {format_amount(report.repaired, 'row')}")
    if report.report_dir:
        # Not wrapped: a path is for copying.
        lines.append(f"Report: {report.report_dir}/report.html")
    return lines


def _colour(text: str, code: str, wanted: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if wanted else text
