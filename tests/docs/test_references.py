"""The reference pages say what the code says, as its generators write them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from howdah.audit.rules import RULES
from howdah.model.finding_kinds import KINDS
from howdah.service.admin_server import AdminServer
from howdah.service.admin_settings import AdminSettings
from support.service import settings_for

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "reference"

#: Page → the command that writes it.
GENERATORS = {
    "cli": ["-m", "howdah.cli.reference"],
    "findings": ["-m", "howdah.planning.findings_reference"],
    "errors": ["docs/scripts/errors_page.py"],
    "settings": ["-m", "howdah.service.settings_reference"],
    "metrics": ["docs/scripts/metrics_page.py"],
    "codecs": ["-m", "howdah.codecs.registry"],
    "policies": ["-m", "howdah.planning.policies"],
    "audit": ["-m", "howdah.audit.reference"],
}


@pytest.mark.parametrize("page", GENERATORS)
def test_the_page_is_what_its_generator_writes(page: str) -> None:
    written = subprocess.run(
        [sys.executable, *GENERATORS[page]], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert (PAGES / f"{page}.md").read_text(encoding="utf-8") == written.stdout


def test_every_code_of_the_source_is_on_a_page_and_means_one_thing() -> None:
    """Found in the text of the source, and not by the generator's reading of it."""
    in_source = {
        code
        for path in (ROOT / "src").rglob("*.py")
        for code in re.findall(r'"([A-Z]-\d{3})"', path.read_text(encoding="utf-8"))
    }
    statuses = defaultdict(set)
    for code, status in re.findall(r"^\| ([A-Z]-\d{3}) \| (\d+) \|", (PAGES / "errors.md").read_text(), re.M):
        statuses[code].add(status)
    assert in_source - set(statuses) - set(KINDS) - set(RULES) == set()
    assert {code: found for code, found in statuses.items() if len(found) > 1} == {}
    assert set(statuses) & (set(KINDS) | set(RULES)) == set()


def test_a_service_tells_no_metric_that_is_not_on_the_page(database: str) -> None:
    page = (PAGES / "metrics.md").read_text()
    with AdminServer(AdminSettings(port=0), settings_for(database)) as admin:
        answer = httpx.get(f"{admin.url}/metrics", trust_env=False)
    told = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in text_string_to_metric_families(answer.text)
        if not family.name.endswith("_created")
    }
    assert told
    assert told - set(re.findall(r"^\| `(\w+)` \|", page, re.M)) == set()


def test_no_code_of_a_finding_is_given_twice() -> None:
    given = [
        code
        for path in (ROOT / "src" / "howdah" / "model").glob("*.py")
        for code in re.findall(r'^        code="(F-\d{3})",$', path.read_text(encoding="utf-8"), re.M)
    ]
    assert sorted(given) == sorted(KINDS)
