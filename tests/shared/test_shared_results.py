"""
What was found and decided for every file of ../shared/databases, written down in results.json.

HOWDAH_WRITE_RESULTS=1 writes the file anew; what changed is then read in the diff.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from howdah.model.report import RunReport
from howdah.ops.migrate import MigrateRequest, migrate
from support.runs import target_request
from support.shared import shared_path

RESULTS = Path(__file__).with_name("results.json")

#: The files that are written down; a new one is entered with null.
_FILES = sorted(json.loads(RESULTS.read_text()))

pytestmark = pytest.mark.shared


def _summary(report: RunReport) -> dict[str, Any]:
    types = Counter(
        f"{column.declared_type or 'no type'} -> {column.target_type} by {column.codec}"
        for table in report.tables
        for column in table.columns
    )
    return {
        "exit_status": report.exit_status,
        "status": report.status,
        "tables": {
            table.name: [table.rows_source, table.rows_target, table.rows_quarantined]
            for table in report.tables
        },
        "objects": dict(sorted(report.objects.items())),
        "findings": dict(sorted(Counter(finding.code for finding in report.findings).items())),
        "types": dict(sorted(types.items())),
    }


def test_every_file_of_the_collection_is_written_down() -> None:
    directory = shared_path("databases/README.md").parent
    assert {path.name for path in directory.iterdir()} - {"README.md"} == set(_FILES)


@pytest.mark.parametrize("name", _FILES)
def test_the_file_is_carried_as_written_down(
    name: str, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "howdah-home"))
    source = shared_path(f"databases/{name}")

    report = migrate(MigrateRequest(source=str(source), target=target_request(database), salvage=True))

    assert report.differences == ()
    known = json.loads(RESULTS.read_text())
    if os.environ.get("HOWDAH_WRITE_RESULTS"):
        known[name] = _summary(report)
        RESULTS.write_text(json.dumps(dict(sorted(known.items())), indent=1, ensure_ascii=False) + "\n")
    assert _summary(report) == known[name]
