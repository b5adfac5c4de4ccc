"""The HTML report in a real browser: nothing runs off the side of a phone, and it prints."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from howdah.model.report import RunReport
from howdah.report.html import render_html
from support.browser import run_browser
from support.sample_report import make_different_report, make_quarantined_report, make_report

pytestmark = pytest.mark.slow

#: No window of a headless browser is as narrow as a phone; a frame is, to its last media query.
FRAME = """<!doctype html><body>
<iframe style="border:0;width:{width}px;height:800px" srcdoc="{page}"></iframe>
<script>
onload = () => {{
  const page = document.querySelector("iframe").contentDocument, root = page.documentElement;
  page.querySelectorAll("details").forEach(item => item.open = true);
  const wide = [...page.querySelectorAll("body *")].filter(item =>
    item.getBoundingClientRect().right > {width} + 0.5 && !item.closest(".hidden"));
  document.body.replaceWith(JSON.stringify({{
    scrolls: root.scrollWidth, tables: page.querySelectorAll(".tables > tbody").length,
    wide: wide.slice(0, 5).map(item => item.outerHTML.slice(0, 120))
  }}));
}};
</script>"""


def measure(tmp_path: Path, page: str, width: int) -> dict[str, Any]:
    """Lay `page` out at `width` pixels; return its scroll width and what stands beyond the edge."""
    frame = tmp_path / "frame.html"
    frame.write_text(FRAME.format(width=width, page=html.escape(page, quote=True)))
    dumped = run_browser(tmp_path / "profile", "--dump-dom", "--window-size=1000,900", f"file://{frame}")
    found: dict[str, Any] = json.loads(html.unescape(re.sub(r"<.*?>", "", dumped)))
    return found


@pytest.mark.parametrize("width", [360, 390, 768])
@pytest.mark.parametrize("make", [make_report, make_quarantined_report, make_different_report])
def test_nothing_runs_off_the_side_with_every_detail_open(
    tmp_path: Path, make: Callable[[], RunReport], width: int
) -> None:
    found = measure(tmp_path, render_html(make()), width)
    assert found["tables"] == 91
    assert found["wide"] == []
    assert found["scrolls"] <= width


def test_the_measurement_sees_a_page_that_is_too_wide(tmp_path: Path) -> None:
    page = render_html(make_report()).replace("overflow-wrap: anywhere;", "")
    found = measure(tmp_path, page, 360)
    assert found["wide"]
    assert found["scrolls"] > 360


def test_it_prints_to_a_handful_of_pages(tmp_path: Path) -> None:
    page, printed = tmp_path / "report.html", tmp_path / "report.pdf"
    page.write_text(render_html(make_quarantined_report()))
    run_browser(tmp_path / "profile", f"--print-to-pdf={printed}", f"file://{page}")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", printed.read_bytes())) <= 14
