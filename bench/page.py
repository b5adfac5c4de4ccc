"""
Puts what was measured into the documentation's pages on performance and on faults.

    python -m bench.page

The page is written by hand but for what stands between its two marks: that is made of the JSON in
bench/results, so that a new run of the benchmark brings the page up to date.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import results as names
from bench.results import SizeResults, describe_goal, list_goals, read_results
from howdah.units import format_size

RESULTS = Path(__file__).with_name("results")
PAGE = Path(__file__).parent.parent / "docs" / "explanation" / "performance.md"

#: What the fault sweep found, and where it is told.
FAULTS_PAGE = PAGE.with_name("what-it-survives.md")

_BEGIN, END = "<!-- measured: begin (python -m bench.page) -->", "<!-- measured: end -->"

#: From the page to the plots: copies, as the site is built from docs alone.
_PLOTS = "../images"

#: What the other benchmarks leave, ready to be shown, and its title.
_OTHERS = {
    "live.md": "The pause of a cutover, and of the way home",
    "backup.md": "Backup and restore",
    "api.md": "The content API",
}

_SHOWN_OF_MACHINE = ("taken", "machine", "howdah", "python", "postgres server_version", "pgloader", "duckdb")


def render_measured(directory: Path) -> str:
    """Return the measured part of the page from the results in a directory."""
    documents = _read_documents(directory)
    if not documents:
        return "Nothing has been measured yet: `make bench` does it.\n"
    compared = [document for document in documents if len(document["sizes"]) == 1]
    scaled = [document for document in documents if len(document["sizes"]) > 1]
    lines: list[str] = []
    for document in compared:
        lines += _render_compared(document["machine"], read_results(document)[0])
    for document in scaled:
        lines += _render_scaled(document["machine"], read_results(document))
    for name, title in _OTHERS.items():
        if (directory / name).exists():
            lines += [f"### {title}", "", (directory / name).read_text().strip(), ""]
    return "\n".join(lines)


def render_faults(directory: Path) -> str:
    """Return what the fault sweep found, without its heading."""
    return (directory / "faults.md").read_text().partition("\n")[2].strip() + "\n"


def write_page(page: Path = PAGE, directory: Path = RESULTS) -> None:
    """Bring the pages up to date. Raises ValueError where the marks of one are missing."""
    page.write_text(insert_measured(page.read_text(), render_measured(directory)))
    FAULTS_PAGE.write_text(insert_measured(FAULTS_PAGE.read_text(), render_faults(RESULTS)))
    for document in _read_documents(directory):
        if len(document["sizes"]) == 1:
            plot = f"{names.plot_name(read_results(document)[0])}.svg"
            shutil.copy(directory / plot, page.parent.parent / "images")


def _read_documents(directory: Path) -> list[Any]:
    """Return the results of whole migrations, by name of their file."""
    documents = [json.loads(path.read_text()) for path in sorted(directory.glob("*.json"))]
    return [document for document in documents if "sizes" in document]


def insert_measured(text: str, measured: str, begin: str = _BEGIN) -> str:
    """Return the text with what stands between the marks replaced. Raises ValueError where one is missing."""
    before, found, rest = text.partition(begin)
    _, end, after = rest.partition(END)
    if not found or not end:
        raise ValueError("the page has lost its marks")
    return f"{before}{begin}\n\n{measured}\n{END}{after}"


def _render_compared(machine: Mapping[str, str], results: SizeResults) -> list[str]:
    lines = [
        f"### {format_size(results.file_bytes)}, {results.rows:,} rows, {results.connections} connections",
        "",
        *_render_machine(machine),
        "",
        f"![Seconds of each, medians of the runs]({_PLOTS}/{names.plot_name(results)}.svg)",
        "",
        "| | seconds | ÷ floor | processor: command | processor: server | memory MB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    floor = results.seconds(names.FLOOR)
    for name in results.runs:
        seconds = results.seconds(name)
        ratio = "" if seconds is None or not floor else f"{seconds / floor:.2f}"
        memory = results.peak_memory(name)
        lines.append(
            f"| {name} | {seconds:.2f} | {ratio} | {_number(results.processor(name, 'command'))}"
            f" | {_number(results.processor(name, 'server'))} | {f'{memory / 1e6:.0f}' if memory else ''} |"
        )
    lines += [f"| {name} | not run: {reason} | | | | |" for name, reason in results.missing.items()]
    lines += ["", "| wanted | measured | limit | |", "|---|---:|---:|---|"]
    lines += [describe_goal(goal) for goal in list_goals(results)]
    lines.append("")
    for name in (names.FLOOR, names.MIGRATE_VERIFY):
        phases = results.phases(name)
        if phases:
            each = ", ".join(f"{phase} {seconds:.2f}" for phase, seconds in phases.items())
            lines += [f"Phases of {name}, seconds: {each}.", ""]
    return lines


def _render_scaled(machine: Mapping[str, str], sizes: Sequence[SizeResults]) -> list[str]:
    shown = (names.FLOOR, names.MIGRATE, names.VERIFY, names.PLAN)
    lines = [
        "### By size",
        "",
        *_render_machine(machine),
        "",
        "Seconds for each gigabyte of the file, and the memory of a migration with its proof:",
        "",
        "| file | rows | " + " | ".join(shown) + " | memory MB |",
        "|---:|---:|" + "---:|" * (len(shown) + 1),
    ]
    for results in sizes:
        each = [
            ""
            if (seconds := results.seconds(name)) is None
            else f"{seconds / (results.file_bytes / 1e9):.1f}"
            for name in shown
        ]
        memory = results.peak_memory(names.MIGRATE_VERIFY) / 1e6
        lines.append(
            f"| {format_size(results.file_bytes)} | {results.rows:,} | {' | '.join(each)} | {memory:.0f} |"
        )
    return [*lines, ""]


def _render_machine(machine: Mapping[str, str]) -> list[str]:
    told = [f"{name} {machine[name]}" for name in _SHOWN_OF_MACHINE if name in machine]
    return ["; ".join(told) + "."]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def main() -> None:
    """Bring the page up to date."""
    write_page()


if __name__ == "__main__":
    main()
