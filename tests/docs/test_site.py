"""The documentation site is whole: every link and anchor leads somewhere, every page is reached."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _build(pages: Path, site: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", str(pages), str(site)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "docs", tmp_path / "docs"))


def test_the_site_builds_without_a_warning_and_needs_no_network(pages: Path, tmp_path: Path) -> None:
    done = _build(pages, tmp_path / "site")
    assert (done.returncode, done.stderr) == (0, "")
    index = (tmp_path / "site" / "index.html").read_text()
    loaded = re.findall(
        r'<(?:script|img)[^>]*src="(https?:[^"]*)"|<link[^>]*rel="stylesheet"[^>]*href="(https?:[^"]*)"',
        index,
    )
    assert loaded == []


@pytest.mark.parametrize(
    "text",
    ["[nowhere](reference/no-such-page.md)", "[no anchor](reference/exit-status.md#no-such-heading)"],
)
def test_a_link_that_leads_nowhere_fails_the_build(pages: Path, tmp_path: Path, text: str) -> None:
    index = pages / "index.md"
    index.write_text(f"{index.read_text()}\n{text}\n")
    assert _build(pages, tmp_path / "site").returncode != 0


def test_a_page_that_nothing_leads_to_fails_the_build(pages: Path, tmp_path: Path) -> None:
    (pages / "lost.md").write_text("# Lost\n")
    assert _build(pages, tmp_path / "site").returncode != 0


@pytest.mark.parametrize("page", sorted(ROOT.glob("*.md")), ids=lambda page: page.name)
def test_the_files_that_the_front_pages_name_are_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in local if not (ROOT / link).exists()] == []


def test_every_page_is_named_on_the_index() -> None:
    docs = ROOT / "docs"
    index = (docs / "index.md").read_text()
    named = set(re.findall(r"\]\(([^)#]+\.md)[^)]*\)", index))
    assert {str(page.relative_to(docs)) for page in docs.glob("*/*.md")} - named == set()
