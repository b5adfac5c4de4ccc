"""
Text of the short verbs: status, rollback, clean, quarantine, the embedded server, doctor.

Pure: report in, text out. `report.text` has the summary of a run.
"""

from __future__ import annotations

from howdah.model.quarantine import Cell, QuarantinedRow
from howdah.model.source import StorageClass
from howdah.model.verb_reports import (
    CleanReport,
    DoctorReport,
    FinalizeReport,
    QuarantineReport,
    RollbackReport,
    RunStatus,
    ServeReport,
    ServerReport,
    StatusReport,
)
from howdah.report.layout import lay_out_facts, lay_out_table
from howdah.units import format_amount, format_count

#: Characters of a value that are shown of a row in quarantine.
_VALUE_SHOWN = 400


def render_status(report: StatusReport, *, width: int = 100) -> str:
    """Return the runs of a target, newest first, and what may be done next."""
    if not report.runs:
        return f"No run of Howdah in {report.target}."
    lines = [f"Runs in {report.target}, newest first"]
    if report.live is not None:
        lines += ["", f"  live migration of {report.live.run_id}"]
        lines += lay_out_facts(
            [
                ("phase", report.live.phase),
                ("rows applied", format_count(report.live.rows_applied)),
                (
                    "behind",
                    f"at most {report.live.behind_seconds:.1f} s" if report.live.behind_seconds else "",
                ),
                ("proof", report.live.proof),
            ],
            width=width,
            indent=4,
        )
    for run in report.runs:
        lines += ["", f"  {run.id}  {_describe_state(run)}"]
        lines += lay_out_facts(
            [
                ("source", run.source),
                ("schema", run.target_schema),
                ("started", run.started_at),
                ("finished", run.finished_at),
                ("tables", format_count(run.tables)),
                ("rows", format_count(run.rows)),
                ("in quarantine", format_count(run.rows_quarantined) if run.rows_quarantined else ""),
                ("NOT VALID", ", ".join(run.not_valid)),
                ("steps", f"{run.steps_done} of {run.steps}" if run.status == "running" else ""),
                ("proof", f"{run.proof}, {run.proven_at}" if run.proof else "none"),
                ("snapshot", run.snapshot + ("" if run.snapshot_present else " (gone)")),
                ("next", run.next),
            ],
            width=width,
            indent=4,
        )
    return "\n".join(lines)


def _describe_state(run: RunStatus) -> str:
    match run.status:
        case "running":
            return "not finished, can be resumed"
        case "loaded":
            return "loaded, not proven"
        case "undone":
            return "undone"
        case _:
            return "done, with rows in quarantine" if run.rows_quarantined else "done"


def render_rollback(report: RollbackReport) -> str:
    """Return what an undo removed."""
    objects = format_amount(len(report.dropped), "table or view", "tables and views")
    dropped = f"{objects} dropped from {report.target}"
    tables = format_amount(len(report.restored), "table")
    restored = f"what {tables} of {report.target} held before is back"
    return "\n".join(
        [
            f"Run {report.run_id} is undone: {restored if report.restored else dropped}.",
            f"The private copy of the source is still at {report.snapshot}.",
        ]
    )


def render_finalize(report: FinalizeReport) -> str:
    """Return what was given up."""
    return "\n".join(
        [
            f"The way back of {report.target} has ended: what was replaced is gone,"
            f" {format_amount(report.rows, 'row')} of {format_amount(len(report.tables), 'table')}.",
            *(f"Kept: {file}" for file in report.files),
        ]
    )


def render_clean(report: CleanReport) -> str:
    """Return what was removed."""
    if not report.runs:
        return f"Nothing of Howdah in {report.target}."
    lines = [f"Removed the records of {format_amount(len(report.runs), 'run')} from {report.target}."]
    lines += [f"Removed {directory}" for directory in report.directories]
    return "\n".join(lines)


def render_quarantine(report: QuarantineReport, *, width: int = 100) -> str:
    """Return the rows set aside as a table."""
    if not report.rows:
        return "No rows in quarantine."
    rows = [
        (str(row.number), row.table, row.key.text, row.column, row.reason, row.detail) for row in report.rows
    ]
    header = ("number", "table", "key", "column", "reason", "detail")
    lines = [f"{format_amount(report.total, 'row')} in quarantine of run {report.run_id}", ""]
    lines += lay_out_table(header, rows, right=frozenset({0}), width=width)
    return "\n".join(lines)


def render_quarantined_row(report: QuarantineReport, *, width: int = 100) -> str:
    """Return one row with every value."""
    return "\n".join(_render_row(report.rows[0], width))


def _render_row(row: QuarantinedRow, width: int) -> list[str]:
    lines = [f'Row {row.number} of table "{row.table}", {row.key.text}']
    lines += lay_out_facts(
        [("reason", row.reason), ("column", row.column), ("detail", row.detail)], width=width
    )
    lines.append("")
    lines += lay_out_facts(
        [(name, f"{cell.storage_class.value}  {_show(cell)}") for name, cell in row.cells.items()],
        width=width,
    )
    return lines


def _show(cell: Cell) -> str:
    if cell.storage_class is StorageClass.NULL:
        return ""
    text = f"x'{cell.value}'" if cell.is_hex else cell.value
    return text if len(text) <= _VALUE_SHOWN else f"{text[:_VALUE_SHOWN]}… ({len(text)} characters)"


def render_retry(report: QuarantineReport, *, width: int = 100) -> str:
    """Return what a retry loaded and what is left."""
    head = f"{format_amount(report.loaded, 'row')} loaded from quarantine, {format_count(report.total)} left."
    return head if not report.rows else head + "\n\n" + render_quarantine(report, width=width)


def render_serving(report: ServeReport) -> str:
    """Return where the content API is."""
    facts = [
        ("status", report.status),
        ("target", report.target),
        ("content", report.content),
        ("content API", report.url),
        ("admin port", report.admin_url),
        *(("note", note) for note in report.notes),
    ]
    return "\n".join(lay_out_facts(facts, width=120))


def render_server(report: ServerReport) -> str:
    """Return where the embedded server is."""
    return "\n".join(
        lay_out_facts(
            [
                ("server", report.status),
                ("version", report.version),
                ("directory", report.directory),
                ("url", report.url),
            ],
            width=120,
        )
    )


def render_doctor(report: DoctorReport, *, width: int = 100) -> str:
    """Return tools, libraries and settings, with where each came from."""
    lines: list[str] = []
    for title, items in report.sections.items():
        lines += [title]
        lines += lay_out_table(
            ("name", "value", "from"),
            [(item.name, item.value, item.origin) for item in items],
            right=frozenset(),
            width=width,
        )
        lines.append("")
    return "\n".join([*lines, *(f"! {problem}" for problem in report.problems)]).rstrip()
