"""The HTML report shows everything, needs nothing from anywhere, and runs no name as markup."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise, product

import pytest

from howdah.model.report import RunReport
from howdah.report.html import render_html
from howdah.report.printable import printable_name
from support.sample_report import (
    HOSTILE_NAMES,
    make_different_report,
    make_quarantined_report,
    make_report,
)

VOID = {"meta", "br", "wbr", "input", "link", "img", "hr", "path", "circle"}
MAKERS = [make_report, make_quarantined_report, make_different_report]


class Page(HTMLParser):
    """Elements with their attributes, the text a person sees, and whether the tags balance."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.unbalanced: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.open or self.open[-1] != tag:
            self.unbalanced.append(tag)
        else:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def seen(text: str) -> str:
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("make", MAKERS)
def test_the_markup_is_well_formed(make: Callable[[], RunReport]) -> None:
    page = Page(render_html(make()))
    assert page.unbalanced == []
    assert page.open == []


def test_every_table_column_and_finding_is_on_the_page() -> None:
    report = make_report()
    text = seen(Page(render_html(report)).text)
    for table in report.tables:
        assert seen(printable_name(table.name)) in text
        for column in table.columns:
            assert column.name in text
            assert column.reason in text
    for finding in report.findings:
        assert finding.code in text
        assert seen(finding.detail) in text
        assert finding.hint in text
    assert text.count("Integers in a date column are read as milliseconds") == 1
    for number in range(40):
        assert f'created_at_{number}"' in text


def test_rows_of_both_sides_and_the_proof_stand_beside_each_table() -> None:
    html = render_html(make_quarantined_report())
    body = re.search(r'<tbody id="table-5".*?</tbody>\s*<tbody id="table-6"', html, re.DOTALL)
    assert body is not None
    text = seen(Page(body[0]).text)
    assert re.search(r"tasks_04_lnk.* 2,000 1,998 2,003 2 proven", text)
    assert "9f86d081884c7d659a2feaa0c55ad015 on both sides" in text
    assert "compared as JSON by value: 17 values equal by that and not exactly" in text
    assert "3 values by the rule nul-stripped" in text


def test_differences_show_both_values() -> None:
    text = seen(Page(render_html(make_different_report())).text)
    assert "mcp_tools_03_lnk column title key 8812" in text
    assert "'a long value <b>that</b> goes on" in text
    assert "SQLite5001PostgreSQL17" in text


def test_names_that_are_markup_show_as_themselves() -> None:
    html = render_html(make_report())
    page = Page(html)
    assert len(page.all("script")) == 1
    assert len(page.all("h1")) == 1
    assert len(page.all("main")) == 1
    assert html.count("<script>") == 1
    assert "{{ report }} {% raw %}" in page.text
    attributes = {name for _, element in page.elements for name in element}
    assert not {name for name in attributes if name.startswith("on")}


def test_control_characters_and_direction_overrides_are_shown_as_escapes() -> None:
    html = render_html(make_report())
    assert not set(html) & {"\x1b", "\u202e", "\x00", "\t"}
    assert "\\x1b[2Jclears" in html


@pytest.mark.parametrize("make", MAKERS)
def test_nothing_is_loaded_from_anywhere(make: Callable[[], RunReport]) -> None:
    html = render_html(make())
    page = Page(html)
    for tag in ("link", "img", "iframe", "object", "embed", "base"):
        assert page.all(tag) == []
    assert all("src" not in script for script in page.all("script"))
    assert "url(" not in html
    assert "@import" not in html
    assert all((link["href"] or "").startswith("#") for link in page.all("a"))


def test_links_lead_to_tables_of_the_page() -> None:
    page = Page(render_html(make_different_report()))
    ids = [element["id"] for _, element in page.elements if "id" in element]
    assert len(ids) == len(set(ids))
    targets = {(link["href"] or "")[1:] for link in page.all("a")}
    assert targets
    assert targets <= set(ids)


def test_headings_descend_one_level_at_a_time_and_tables_have_headers() -> None:
    for make in MAKERS:
        page = Page(render_html(make()))
        levels = [int(name[1]) for name, _ in page.elements if re.fullmatch(r"h[1-6]", name)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        assert all(header.get("scope") in ("col", "row") for header in page.all("th"))
        assert page.all("html")[0]["lang"] == "en"


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (make_report, "Proven"),
        (make_quarantined_report, "Rows set aside"),
        (make_different_report, "Different"),
    ],
)
def test_the_verdict_is_a_word_and_not_only_a_colour(make: Callable[[], RunReport], word: str) -> None:
    html = render_html(make())
    assert f"<h1>{word}</h1>" in html
    page = Page(html)
    assert seen(page.text).strip().startswith(f"{word}: ")


def read_palettes(html: str) -> dict[str, dict[str, str]]:
    """Return the colour variables of the light, dark and printed page."""
    light, dark, printed = re.findall(r":root \{(.*?)\}", html, re.DOTALL)

    def colours(block: str) -> dict[str, str]:
        return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))

    return {
        "light": colours(light),
        "dark": colours(light) | colours(dark),
        "printed": colours(light) | colours(printed),
    }


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours by WCAG 2.2 (relative luminance, section 1.4.3)."""

    def luminance(colour: str) -> float:
        channels = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
        linear = [
            channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
            for channel in channels
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def test_the_contrast_formula_gives_the_published_ratios() -> None:
    # WCAG 2.2: black on white is 21:1; #767676 is the lightest grey with 4.5:1 on white.
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)


@pytest.mark.parametrize("palette", ["light", "dark", "printed"])
def test_text_has_the_contrast_that_wcag_asks_for(palette: str) -> None:
    colours = read_palettes(render_html(make_report()))[palette]
    pairs = list(product(["ink", "soft", "link"], ["page", "card"]))
    for tone in ("good", "caution", "bad", "note"):
        pairs += [(tone, f"{tone}-fill"), ("ink", f"{tone}-fill")]
    for ink, paper in pairs:
        ratio = contrast(colours[ink], colours[paper])
        assert ratio >= 4.5, f"{ink} on {paper} has {ratio:.2f}"
    # Graphics: 3:1 (section 1.4.11).
    assert contrast(colours["bar"], colours["track"]) >= 3


def test_a_large_report_stays_small_enough_to_mail() -> None:
    assert len(HOSTILE_NAMES) < len(make_report().tables)
    assert len(render_html(make_report()).encode()) < 1_000_000
