"""The closing summary says first what matters, fits the terminal, and obeys no name it prints."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from rich.cells import cell_len

from howdah.errors import ExitStatus
from howdah.model.report import ProofStatus, RunReport, TableProof, TableReport
from howdah.report.html import render_html
from howdah.report.text import render_findings, render_run
from support.sample_report import (
    HOSTILE_NAMES,
    make_different_report,
    make_quarantined_report,
    make_report,
    make_table,
)


def first_line(report: RunReport) -> str:
    return render_run(report).splitlines()[0]


def test_differences_that_are_not_listed_are_counted() -> None:
    report = make_different_report()
    tables = list(report.tables)
    tables[3] = make_table(tables[3].name, 9001, differences=4321)
    text = render_run(replace(report, tables=tuple(tables)))
    assert "Differences: 4,321" in text
    assert "and 4,316 more, the report lists the first of each table" in text
    page = render_html(replace(report, tables=tuple(tables)))
    assert "4,321</span>" in page
    assert "5 are shown; report.json lists the first of each table." in page


def test_a_proven_run_begins_with_its_verdict_and_ends_with_the_report() -> None:
    lines = render_run(make_report()).splitlines()
    assert lines[0].startswith("PROVEN  All 188,985 rows of 91 tables were read from both sides")
    assert lines[1].startswith("REHEARSAL  ")
    carried = "91 tables, 188,985 rows, 96 indexes, 122 foreign keys, 38 unique constraints, 1 view"
    assert lines[-2] == f"Carried: {carried}"
    assert lines[-1] == "Report: /home/app/.local/share/howdah/runs/2025-03-04T05-06-07/report.html"


def test_a_run_that_proves_nothing_never_says_proven() -> None:
    report = make_report()
    tables = tuple(replace(table, proof=None) for table in report.tables)
    text = render_run(replace(report, exit_status=ExitStatus.UNPROVEN, tables=tables, verification=""))
    assert text.startswith("NOT PROVEN  91 tables were copied, and nothing has been verified.")
    assert " proven" not in text.replace("not proven", "")


def test_a_comparison_is_not_called_a_proof() -> None:
    assert "This is a comparison" in render_run(replace(make_report(), verification="comparison"))
    assert not first_line(replace(make_report(), verification="comparison")).startswith("PROVEN")


def test_quarantine_names_the_tables_and_what_to_do() -> None:
    text = render_run(make_quarantined_report())
    assert text.startswith("ROWS SET ASIDE  3 rows could not be carried and are kept in quarantine")
    assert "Set aside: 3 rows" in text
    assert "tasks_04_lnk" in text
    assert "howdah quarantine list" in text


def test_every_difference_shows_table_key_column_and_both_values() -> None:
    text = render_run(make_different_report())
    assert text.startswith("DIFFERENT  The two sides differ: 5 differences in 2 tables.")
    assert "value        mcp_tools_03_lnk, column title, key 8812" in text
    assert "SQLite      'a long value <b>that</b> goes on" in text
    assert "PostgreSQL  NULL" in text
    assert "missing-row  mcp_tools_03_lnk, key 8813" in text
    assert re.search(r"index +mcp_tools_03_lnk, by_title\n +is missing", text)


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (ExitStatus.INTERRUPTED, "INTERRUPTED"),
        (ExitStatus.REFUSED, "REFUSED"),
        (ExitStatus.INTEGRITY, "DAMAGED SOURCE"),
        (ExitStatus.ENVIRONMENT, "FAILED"),
        (ExitStatus.BUG, "BUG"),
    ],
)
def test_no_failure_reads_like_success(status: ExitStatus, word: str) -> None:
    report = replace(make_report(), exit_status=int(status), status=status.name.lower())
    assert first_line(report).startswith(word)


def test_an_empty_source_is_said_to_be_empty() -> None:
    report = RunReport(
        verb="migrate", status="done", exit_status=0, source="empty.db", target="t", snapshot=None
    )
    assert render_run(report).startswith("NOTHING TO CARRY  The source holds no tables: it is empty.")


def test_tables_beyond_the_limit_are_summed_up_and_troubled_ones_are_never_cut() -> None:
    healthy = [make_table(f"healthy_{number:02}", 1000 + number) for number in range(40)]
    troubled = make_table("troubled", 3, differences=1)
    report = replace(make_report(), tables=(*healthy, troubled), exit_status=3)
    lines = render_run(report, tables_shown=5).splitlines()
    table_lines = [line for line in lines if line.startswith(("  healthy", "  troubled", "  and", "  all"))]
    assert [line.split()[0] for line in table_lines[:5]] == [
        "troubled",
        "healthy_39",
        "healthy_38",
        "healthy_37",
        "healthy_36",
    ]
    assert table_lines[5].split() == ["and", "36", "more", "tables", "36,630", "36,630", "35,735", "proven"]
    assert table_lines[6].split()[:4] == ["all", "41", "tables", "40,783"]


@pytest.mark.parametrize("width", [80, 100, 160])
def test_lines_keep_to_the_width_of_the_terminal(width: int) -> None:
    for report in (make_report(), make_quarantined_report(), make_different_report()):
        for line in render_run(report, width=width).splitlines():
            # A path, a digest, a connection string: made for copying, never broken.
            longest_word = max(map(cell_len, line.split()), default=0)
            assert cell_len(line) <= max(width, longest_word + 20), line


def test_no_control_character_of_a_name_reaches_the_terminal() -> None:
    report = make_report()
    text = render_run(report, tables_shown=200) + "\n".join(render_findings(report.findings))
    assert not {character for character in text if ord(character) < 32 and character != "\n"}
    assert "\u202e" not in text
    assert "\\x1b[2Jclears the screen" in text
    assert "right\\u202eto left" in text


def test_every_table_is_named_when_there_is_room() -> None:
    report = make_report()
    text = render_run(report, tables_shown=200, width=200)
    for table in report.tables:
        if table.name not in HOSTILE_NAMES:
            assert f"  {table.name} " in text


def test_color_is_added_only_on_request() -> None:
    assert "\x1b" not in render_run(make_report())
    assert render_run(make_report(), color=True).startswith("\x1b[1;32mPROVEN\x1b[0m  ")


def test_alike_findings_are_folded_and_each_keeps_what_it_says_beyond_the_first() -> None:
    text = "\n".join(render_findings(make_report().findings))
    assert text.count("Integers in a date column") == 1
    assert "- and 37 more" in text
    assert text.count("F-900") == 1
    assert '- table "</table></main><h1>gone": Odd name </table></main><h1>gone.' in text


def test_the_closing_summary_counts_notes_and_leaves_them_to_the_report() -> None:
    text = render_run(make_report())
    assert "Findings: 1 error, 13 warnings, 40 notes; the notes are in the report" in text
    assert "F-105" not in text
    assert "F-301" in text


def test_a_table_that_was_not_verified_is_not_summed_up_as_proven() -> None:
    proven = make_table("proven_one", 10)
    unverified = TableReport(
        name="unverified",
        target_name="unverified",
        rows_source=5,
        rows_target=5,
        proof=TableProof(status=ProofStatus.UNPROVEN),
    )
    report = replace(make_report(), tables=(proven, unverified))
    total = next(line for line in render_run(report).splitlines() if line.startswith("  all 2 tables"))
    assert total.endswith("1 not proven")
