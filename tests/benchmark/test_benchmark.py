"""The benchmark runs from end to end and keeps what it measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_a_small_benchmark_measures_everybody_and_loses_no_row(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "bench.run", "--megabytes", "1", "--runs", "2", "--results", str(tmp_path)],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        timeout=280,
    )
    document = json.loads((tmp_path / "1mb.json").read_text())
    (size,) = document["sizes"]
    assert set(size["runs"]) == {
        "floor",
        "howdah migrate --no-verify",
        "howdah verify",
        "howdah migrate",
        "howdah plan",
        "howdah --help",
    }
    for name, runs in size["runs"].items():
        assert len(runs) == 2
        assert all(run["seconds"] > 0 for run in runs)
        if name in ("floor", "howdah migrate", "howdah migrate --no-verify"):
            assert {run["rows"] for run in runs} == {size["rows"]}
    assert document["machine"]["postgres fsync"] == "on"
    table = (tmp_path / "1mb.md").read_text()
    assert "| migrate ÷ floor | " in table
    ElementTree.parse(tmp_path / "medians-1mb.svg")
