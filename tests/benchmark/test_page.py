"""The page on performance says what the results say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bench.contestants import Result
from bench.live import keep
from bench.page import FAULTS_PAGE, PAGE, RESULTS, insert_measured, render_faults, render_measured
from bench.results import FLOOR, MIGRATE, PGLOADER, SizeResults, read_results, write_results


def measured(megabytes: float) -> SizeResults:
    return SizeResults(
        megabytes=megabytes,
        file_bytes=int(megabytes * 1e6),
        rows=5_000,
        connections=2,
        runs={
            FLOOR: (Result(seconds=10.0), Result(seconds=12.0), Result(seconds=11.0)),
            MIGRATE: (
                Result(
                    seconds=22.0,
                    command_processor=7.5,
                    server_processor=13.25,
                    peak_memory=300_000_000,
                    phases={"copy rows": 6.0},
                ),
            ),
        },
        missing={PGLOADER: "not installed"},
    )


def test_results_survive_their_file(tmp_path: Path) -> None:
    results = [measured(600)]
    write_results(tmp_path, "600mb", {"machine": "2 cores"}, results)
    assert read_results(json.loads((tmp_path / "600mb.json").read_text())) == results


def test_the_page_shows_medians_ratios_and_who_did_not_run(tmp_path: Path) -> None:
    write_results(tmp_path, "600mb", {"machine": "2 cores"}, [measured(600)])
    write_results(tmp_path, "sizes", {"machine": "2 cores"}, [measured(10), measured(100)])
    page = render_measured(tmp_path)
    assert "| floor | 11.00 | 1.00 |" in page
    assert "| howdah migrate --no-verify | 22.00 | 2.00 | 7.5 | 13.2 | 300 |" in page
    assert "| pgloader | not run: not installed |" in page
    assert "| migrate ÷ floor | 2.00 | ≤ 1.2 | **not reached** |" in page
    assert "| 100 MB | 5,000 | 110.0 | 220.0 |" in page


def _pause(seconds: float) -> dict[str, object]:
    return {
        "megabytes": 64,
        "cutover": {"seen_by_the_application": seconds},
        "home": {"seen_by_the_application": seconds / 2},
        "proof": ["proven", "proven"],
    }


def test_pauses_are_kept_by_size_and_mode_and_the_page_tells_the_longest(tmp_path: Path) -> None:
    keep(tmp_path, "60 MB, WAL", [_pause(9.0)], rate=200, server="15.18")
    keep(tmp_path, "60 MB, rollback journal", [_pause(0.5)], rate=200, server="15.18")
    keep(tmp_path, "60 MB, WAL", [_pause(0.2), _pause(0.8), _pause(0.4)], rate=200, server="15.18")
    page = (tmp_path / "live.md").read_text()
    assert "| 64 MB | WAL | 200 | 3 | 0.40 | 0.80 | 0.20 | 0.40 | proven |" in page
    assert "| 64 MB | rollback journal | 200 | 1 | 0.50 | 0.50 | 0.25 | 0.25 | proven |" in page
    assert "9.00" not in page


def test_the_page_of_the_documentation_is_up_to_date() -> None:
    text = PAGE.read_text()
    assert insert_measured(text, render_measured(RESULTS)) == text, "run: python -m bench.page"


def test_the_page_on_faults_tells_what_the_sweep_found() -> None:
    text = FAULTS_PAGE.read_text()
    assert insert_measured(text, render_faults(RESULTS)) == text, "run: python -m bench.page"
    cells = json.loads((RESULTS / "faults.json").read_text())["cells"]
    injected = sum(cell["injected"] for cell in cells.values())
    assert f"{injected} faults were injected" in text
    assert f"after {injected} of them" in text


def test_a_page_without_its_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="marks"):
        insert_measured("nothing here", "numbers")
