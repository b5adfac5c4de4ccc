"""The reference pages list every field and status there is, so they cannot fall behind the code."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from howdah.errors import ExitStatus
from howdah.model.findings import Finding
from howdah.model.report import (
    ColumnReport,
    Difference,
    PhaseReport,
    RunReport,
    SnapshotReport,
    TableProof,
    TableReport,
)

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize(
    ("heading", "kinds"),
    [
        ("The document", [RunReport, SnapshotReport]),
        ("`tables`", [TableReport, TableProof, ColumnReport]),
        ("`findings`", [Finding]),
        ("`phases`", [PhaseReport]),
        ("`differences`", [Difference]),
    ],
)
def test_the_json_reference_names_every_field(heading: str, kinds: list[type]) -> None:
    page = (DOCS / "reference" / "json.md").read_text()
    section = page.split(f"## {heading}\n")[1].split("\n## ")[0]
    named = set(re.findall(r"`([a-z_0-9]+)`", section))
    for kind in kinds:
        assert {field.name for field in fields(kind)} <= named


def test_the_exit_status_reference_names_every_status() -> None:
    page = (DOCS / "reference" / "exit-status.md").read_text()
    listed = {
        int(number): name for number, name in re.findall(r"^\| (\d+) \| ([A-Z]+) \|", page, re.MULTILINE)
    }
    assert listed == {int(status): status.name for status in ExitStatus}


def test_every_link_between_pages_leads_somewhere_and_every_page_is_reached() -> None:
    reached = {DOCS / "index.md"}
    for page in DOCS.rglob("*.md"):
        for link in re.findall(r"\]\(([^)#:]+?\.md)\)", page.read_text()):
            target = (page.parent / link).resolve()
            assert target.exists(), f"{page.relative_to(DOCS)} links to {link}"
            reached.add(target)
    assert reached >= set(DOCS.rglob("*.md"))
