"""The JSON document keeps the field names that programs rely on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from howdah.errors import EnvironmentFailedError
from howdah.model.report import PhaseReport, RunReport
from howdah.model.serialize import from_json
from howdah.model.verb_reports import InspectReport
from howdah.report.files import write_report_directory
from howdah.report.json_document import render_json
from support.plans import facts_of
from support.sample_report import HOSTILE_NAMES, make_different_report, make_quarantined_report, make_report

#: The contract of the command line (docs/reference/json.md): fields are added, never renamed.
TOP = {"verb", "status", "exit_status", "source", "target", "snapshot", "tables", "findings", "phases"}
TABLE = {
    "name",
    "target_name",
    "rows_source",
    "rows_target",
    "rows_quarantined",
    "values_changed",
    "proof",
}
FINDING = {"code", "severity", "object", "message", "detail", "hint"}
PHASE = {"name", "seconds", "rows", "bytes"}


@pytest.mark.parametrize("make", [make_report, make_quarantined_report, make_different_report])
def test_the_document_carries_at_least_the_promised_fields(make: object) -> None:
    assert callable(make)
    document = json.loads(render_json(make()))
    assert document.keys() >= TOP
    assert document["snapshot"].keys() >= {"path", "sha256", "size", "taken_at"}
    for table in document["tables"]:
        assert table.keys() >= TABLE
        assert isinstance(table["values_changed"], dict)
    for finding in document["findings"]:
        assert finding.keys() >= FINDING
        assert finding["severity"] in {"info", "warning", "error"}
    for phase in document["phases"]:
        assert phase.keys() >= PHASE


def test_names_survive_exactly() -> None:
    document = json.loads(render_json(make_report()))
    assert [table["name"] for table in document["tables"][-len(HOSTILE_NAMES) :]] == list(HOSTILE_NAMES)


def test_a_path_that_is_not_valid_utf8_still_makes_an_ascii_document() -> None:
    text = render_json(replace(make_report(), source="data\udcff.db"))
    assert text.isascii()
    assert json.loads(text)["source"] == "data\udcff.db"


def test_a_number_that_json_does_not_know_is_refused() -> None:
    report = replace(make_report(), phases=(PhaseReport(name="copy", seconds=float("nan")),))
    with pytest.raises(ValueError, match="not JSON compliant"):
        render_json(report)


def test_what_sqlite_holds_of_infinity_is_a_word_that_reads_back(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, "CREATE TABLE t (r REAL); INSERT INTO t VALUES (9e999), (-9e999), (1.5);")
    report = InspectReport(
        source="app.db", catalog=facts.catalog, census=facts.census, findings=(), estimate=None
    )
    document = json.loads(render_json(report), parse_constant=lambda word: pytest.fail(word))
    (column,) = document["census"]["tables"][0]["columns"]
    assert (column["real_min"], column["real_max"]) == ("-Infinity", "Infinity")
    assert from_json(InspectReport, document) == report


def test_a_stored_document_reads_back_as_the_same_report() -> None:
    report = make_quarantined_report()
    assert from_json(RunReport, json.loads(render_json(report))) == report


def test_the_directory_is_private_and_holds_both_forms(tmp_path: Path) -> None:
    directory = tmp_path / "runs" / "first"
    html_path = write_report_directory(make_report(), directory)
    assert directory.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in directory.iterdir()) == ["report.html", "report.json"]
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in directory.iterdir())
    assert html_path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert json.loads((directory / "report.json").read_text())["verb"] == "migrate"


def test_writing_again_replaces_the_report_as_a_whole(tmp_path: Path) -> None:
    write_report_directory(make_report(), tmp_path)
    before = (tmp_path / "report.json").stat().st_ino
    write_report_directory(make_different_report(), tmp_path)
    assert (tmp_path / "report.json").stat().st_ino != before
    assert json.loads((tmp_path / "report.json").read_text())["exit_status"] == 3


def test_a_place_that_cannot_be_written_is_an_error_with_a_hint(tmp_path: Path) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("in the way")
    with pytest.raises(EnvironmentFailedError) as caught:
        write_report_directory(make_report(), occupied / "runs")
    assert caught.value.code == "R-001"
    assert caught.value.hint
