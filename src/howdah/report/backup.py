"""
Text of backup, restore, drill and backups.

Pure: report in, text out.
"""

from __future__ import annotations

from howdah.model.backup import ContentDifference, DrillReport
from howdah.model.backup_reports import (
    BackupAges,
    BackupDetails,
    BackupReport,
    BackupsReport,
    ForgetReport,
    RestoreReport,
)
from howdah.model.report import PhaseReport
from howdah.report.layout import lay_out_facts, lay_out_table, wrap
from howdah.units import format_amount, format_count, format_seconds, format_size

_SHOWN = 20

_BACKUP_HEADS = {
    "done": "The backup is made. It was not drilled.",
    "verified": "The backup is made, and was restored and compared: every row is as it was.",
    "unverified": "The backup is made. Whether it can be restored could not be tried here.",
    "failed": "The backup is made, BUT ITS DRILL FAILED. Do not rely on it.",
}
_VERDICTS = {
    "pass": "PASS  The backup was restored and every table is what was backed up.",
    "fail": "FAIL  The backup cannot be relied on.",
    "environment": "ENVIRONMENT  This place could not judge the backup; that says nothing about it.",
}


def render_backup(report: BackupReport, *, width: int = 100) -> str:
    """Return what was made, what its drill said, and what retention did."""
    lines = [_BACKUP_HEADS.get(report.status, report.status), ""]
    lines += lay_out_facts(
        [
            ("backup", report.backup),
            ("of", f"{report.source} as of {report.taken_at}"),
            ("in", f"{report.repository} ({report.name})"),
            ("size", format_size(report.size)),
            ("content", f"{format_amount(report.tables, 'table')}, {format_amount(report.rows, 'row')}"),
            ("encrypted", "yes" if report.encrypted else "no"),
            ("authenticated", "by key" if report.authenticated else "no key is configured"),
            ("next", report.next_at),
        ],
        width=width,
    )
    for note in report.notes:
        lines += wrap(note, width=width, first="  note: ", indent="        ")
    lines += ["", *_phases(report.phases, width)]
    if report.drill is not None:
        lines += ["", "Drill", "", render_drill(report.drill, width=width)]
    elif report.drill_skipped:
        lines += ["", *wrap(f"No drill: {report.drill_skipped}.", width=width)]
    if report.forgotten or report.purged:
        lines += ["", "Retention"]
        lines += [
            f"  forgotten {name} (its files go after a day; howdah backups forget --undo)"
            for name in report.forgotten
        ]
        lines += [f"  removed {name}" for name in report.purged]
    return "\n".join(lines)


def render_drill(report: DrillReport, *, width: int = 100) -> str:
    """Return the verdict first, then how long a recovery takes and how much it would lose."""
    lines = [_VERDICTS.get(report.status, report.status)]
    if report.reason:
        lines += wrap(report.reason, width=width, first="  ", indent="  ")
    if report.hint:
        lines += wrap(report.hint, width=width, first="  hint: ", indent="        ")
    lines.append("")
    lines += lay_out_facts(
        [
            ("backup", report.backup),
            ("data of", report.taken_at),
            ("restored in", report.place),
            ("content", f"{format_amount(report.tables, 'table')}, {format_amount(report.rows, 'row')}"),
            ("recovery time", _rto(report)),
            ("recovery point", _rpo(report)),
        ],
        width=width,
    )
    for note in report.notes:
        lines += wrap(note, width=width, first="  note: ", indent="        ")
    lines += _differences(report.differences, report.difference_count, width)
    lines += ["", *_phases(report.phases, width)]
    return "\n".join(lines)


def _rto(report: DrillReport) -> str:
    if report.rto_median_seconds is None or report.rto_max_seconds is None:
        return "not known: no drill has passed"
    parts = [f"{format_seconds(report.rto_seconds)} now"] if report.rto_seconds is not None else []
    parts.append(f"median {format_seconds(report.rto_median_seconds)}")
    parts.append(f"longest {format_seconds(report.rto_max_seconds)}")
    return ", ".join(parts)


def _rpo(report: DrillReport) -> str:
    if report.rpo_seconds is None:
        return "not known: no backup has passed a drill"
    text = f"{format_seconds(report.rpo_seconds)} of writes would be lost now"
    if report.rpo_worst_seconds is not None:
        text += f", at worst {format_seconds(report.rpo_worst_seconds)} in the last 30 days"
    return text


def render_restore(report: RestoreReport, *, width: int = 100) -> str:
    """Return what is now where, and how to go back."""
    head = (
        f"Restored backup {report.backup} into {report.target}."
        if not report.differences
        else f"Backup {report.backup} came out otherwise than its manifest says."
    )
    lines = [*wrap(head, width=width), ""]
    lines += lay_out_facts(
        [
            ("data of", report.taken_at),
            (
                "content",
                f"{format_amount(report.tables, 'table')}, {format_amount(report.rows, 'row')}, compared",
            ),
            ("kept", f"what was there is now {report.kept_as}" if report.kept_as else ""),
        ],
        width=width,
    )
    for note in report.notes:
        lines += wrap(note, width=width, first="  note: ", indent="        ")
    lines += _differences(report.differences, report.difference_count, width)
    lines += ["", *_phases(report.phases, width)]
    if report.undo:
        # A command is never broken into lines.
        lines += ["", "To undo it:", *(f"  {line}" for line in report.undo)]
    return "\n".join(lines)


def render_backups(report: BackupsReport, *, width: int = 100) -> str:
    """Return the list and the ages that matter."""
    if not report.entries:
        return f"No backups in {report.repository}."
    rows = [
        (
            entry.id,
            entry.state,
            format_size(entry.size) if entry.size else "",
            format_count(entry.rows) if entry.rows else "",
            "age" if entry.encrypted else "",
            entry.problem,
        )
        for entry in report.entries
    ]
    lines = [f"Backups in {report.repository}, newest first", ""]
    lines += lay_out_table(
        ("backup", "state", "size", "rows", "encrypted", "problem"),
        rows,
        right=frozenset({2, 3}),
        width=width,
    )
    for ages in report.ages:
        lines += ["", ages.name, *_ages(ages, width)]
    for warning in report.warnings:
        lines += ["", *wrap(warning, width=width, first="warning: ", indent="         ")]
    return "\n".join(lines)


def _ages(ages: BackupAges, width: int) -> list[str]:
    return lay_out_facts(
        [
            ("newest", _age(ages.newest, ages.newest_age_seconds)),
            ("newest verified", _age(ages.newest_verified, ages.newest_verified_age_seconds) or "none"),
            ("last drill", ages.last_drill),
            ("size", format_size(ages.size)),
            ("next", ages.next_at),
        ],
        width=width,
    )


def _age(name: str, seconds: float | None) -> str:
    return f"{name}, {format_seconds(seconds)} old" if seconds is not None else name


def render_details(report: BackupDetails, *, width: int = 100) -> str:
    """Return everything about one backup."""
    manifest = report.manifest
    lines = [f"Backup {manifest.id} of {manifest.name}: {report.entry.state}", ""]
    lines += lay_out_facts(
        [
            ("data of", manifest.taken_at),
            ("source", manifest.source),
            ("server", f"{manifest.kind} {manifest.server_version}"),
            ("made by", f"howdah {manifest.howdah_version}, {manifest.tool_version}"),
            ("format", f"{manifest.format}, {manifest.compression}"),
            ("recipients", ", ".join(manifest.recipients)),
            ("authenticated", "yes" if report.authenticated else "no key is configured"),
            ("files whole", {True: "yes", False: "NO", None: ""}[report.whole]),
            ("roles", ", ".join(role.name for role in manifest.roles)),
            ("problem", report.entry.problem),
        ],
        width=width,
    )
    for note in manifest.notes:
        lines += wrap(note, width=width, first="  note: ", indent="        ")
    lines.append("")
    lines += lay_out_table(
        ("file", "size", "SHA-256"),
        [(file.name, format_size(file.size), file.sha256) for file in manifest.files],
        right=frozenset({1}),
        width=max(width, 110),
    )
    lines.append("")
    lines += lay_out_table(
        ("table", "rows", "digest"),
        [(table.title, format_count(table.rows), table.digest) for table in manifest.tables],
        right=frozenset({1}),
        width=width,
    )
    for drill in report.drills:
        lines += ["", f"  drill {drill.started_at}: {drill.status} {drill.reason}".rstrip()]
    return "\n".join(lines)


def render_forget(report: ForgetReport, *, width: int = 100) -> str:
    """Return what goes and what stays, each with its reasons."""
    lines = ["Nothing is removed: a dry run." if report.dry_run else "Retention", ""]
    for item in report.decisions:
        first = f"  {item.id}  {'stays' if item.keep else 'goes '}  "
        lines += wrap("; ".join(item.reasons), width=width, first=first, indent=" " * len(first))
    lines += [f"  removed {name}" for name in report.purged]
    return "\n".join(lines)


def _differences(found: tuple[ContentDifference, ...], count: int, width: int) -> list[str]:
    if not found:
        return []
    rows = [(item.kind, item.object, item.expected, item.found) for item in found[:_SHOWN]]
    lines = ["", f"{format_amount(count, 'difference')}"]
    lines += lay_out_table(("", "object", "expected", "found"), rows, right=frozenset(), width=width)
    if count > _SHOWN:
        lines.append(f"  … and {format_count(count - _SHOWN)} more")
    return lines


def _phases(phases: tuple[PhaseReport, ...], width: int) -> list[str]:
    rows = [
        (
            phase.name,
            format_seconds(phase.seconds),
            format_count(phase.rows) if phase.rows else "",
            format_size(phase.bytes) if phase.bytes else "",
        )
        for phase in phases
    ]
    return lay_out_table(("phase", "time", "rows", "bytes"), rows, right=frozenset({1, 2, 3}), width=width)
