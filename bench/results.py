"""
Turns measurements into what is kept: JSON with everything, a Markdown table, a plot.

Pure but for `write_results`. The plot is plain SVG that follows the reader's light
or dark setting, so that it can stand in the documentation as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from statistics import median
from typing import Any, Literal

from bench.contestants import Result
from howdah.units import format_size

FLOOR = "floor"
MIGRATE = "howdah migrate --no-verify"
MIGRATE_VERIFY = "howdah migrate"
VERIFY = "howdah verify"
PLAN = "howdah plan"
HELP = "howdah --help"
PGLOADER = "pgloader"
DUCKDB = "duckdb"


@dataclass(frozen=True, kw_only=True)
class SizeResults:
    """All runs on one file."""

    megabytes: float
    file_bytes: int
    rows: int
    connections: int
    runs: Mapping[str, Sequence[Result]]
    #: Contestant → why it did not run.
    missing: Mapping[str, str]

    def seconds(self, contestant: str) -> float | None:
        """Return the median of a contestant's runs, None when it did not run."""
        runs = self.runs.get(contestant)
        return median(run.seconds for run in runs) if runs else None

    def phase_seconds(self, contestant: str, phase: str) -> float | None:
        """Return the median of one phase of a contestant, None when it does not say."""
        told = [run.phases or {} for run in self.runs.get(contestant, ())]
        found = [phases[phase] for phases in told if phase in phases]
        return median(found) if found else None

    def phases(self, contestant: str) -> dict[str, float]:
        """Return the medians of all phases of a contestant, {} when it does not say."""
        told = dict.fromkeys(phase for run in self.runs.get(contestant, ()) for phase in run.phases or ())
        return {phase: self.phase_seconds(contestant, phase) or 0.0 for phase in told}

    def processor(self, contestant: str, part: Literal["command", "server"]) -> float | None:
        """Return the median of the processor's seconds in the command or in the server, None if not known."""
        found = [
            seconds
            for run in self.runs.get(contestant, ())
            if (seconds := getattr(run, f"{part}_processor")) is not None
        ]
        return median(found) if found else None

    def peak_memory(self, contestant: str) -> int:
        """Return the highest memory of any run, in bytes."""
        return max((run.peak_memory for run in self.runs.get(contestant, ())), default=0)


@dataclass(frozen=True, kw_only=True)
class Goal:
    text: str
    value: float | None
    limit: float
    #: The value must be at least the limit, else at most.
    at_least: bool = False

    @property
    def reached(self) -> bool:
        """Whether the value is known and keeps the limit."""
        if self.value is None:
            return False
        return self.value >= self.limit if self.at_least else self.value <= self.limit


def list_goals(results: SizeResults) -> list[Goal]:
    """Return the promises about speed with what was measured."""
    return [
        Goal(text="migrate ÷ floor", value=_ratio(results, MIGRATE, FLOOR), limit=1.2),
        Goal(text="pgloader ÷ migrate", value=_ratio(results, PGLOADER, MIGRATE), limit=6, at_least=True),
        Goal(
            text="copying rows ÷ DuckDB",
            value=_divide(results.phase_seconds(MIGRATE, "copy rows"), results.seconds(DUCKDB)),
            limit=1.0,
        ),
        Goal(text="verify ÷ migrate", value=_ratio(results, VERIFY, MIGRATE), limit=1.0),
        Goal(text="inspect and plan ÷ migrate", value=_ratio(results, PLAN, MIGRATE), limit=0.6),
        Goal(text="howdah --help, seconds", value=results.seconds(HELP), limit=0.4),
        Goal(
            text=f"memory of migrate and verify with {results.connections} jobs, MB",
            value=max(results.peak_memory(name) for name in (MIGRATE, MIGRATE_VERIFY, VERIFY)) / 1e6 or None,
            limit=400 + 100 * (results.connections - 1),
        ),
    ]


def render_markdown(machine: Mapping[str, str], sizes: Sequence[SizeResults]) -> str:
    """Return the report of a benchmark as Markdown."""
    lines = ["# Benchmark", "", *(f"- {name}: {value}" for name, value in machine.items()), ""]
    for results in sizes:
        lines += _render_size(results)
    if len(sizes) > 1:
        lines += _render_scaling(sizes)
    return "\n".join(lines)


def render_plot(results: SizeResults) -> str:
    """Return horizontal bars of the medians as SVG, every run as a mark on its bar."""
    names = [name for name in results.runs if name != HELP]
    longest = max(run.seconds for name in names for run in results.runs[name])
    left, width, step = 210, 420, 34
    height = 46 + step * len(names)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 {height}" width="720" height="{height}" '
        'font-family="system-ui, sans-serif" font-size="14">',
        "<style>text{fill:#1c2128}.soft{fill:#565f6c}.bar{fill:#3f6f9f}.floor{fill:#9aa1aa}.run{stroke:#1c2128}"
        "@media(prefers-color-scheme:dark){text{fill:#e7e9ec}.soft{fill:#a5adb9}.bar{fill:#6b9ccc}"
        ".floor{fill:#5b6370}.run{stroke:#e7e9ec}}</style>",
        f'<text x="0" y="18" font-weight="600">{format_size(results.file_bytes)}, {results.rows:,} rows, '
        f"{results.connections} connections: seconds, median of runs</text>",
    ]
    for number, name in enumerate(names):
        seconds = results.seconds(name) or 0.0
        top = 36 + step * number
        shade = "bar" if name.startswith("howdah") else "floor"
        parts.append(f'<text x="{left - 10}" y="{top + 15}" text-anchor="end">{escape(name)}</text>')
        length = width * seconds / longest
        parts.append(f'<rect class="{shade}" x="{left}" y="{top}" width="{length:.1f}" height="20" rx="3"/>')
        for run in results.runs[name]:
            mark = left + width * run.seconds / longest
            parts.append(
                f'<line class="run" x1="{mark:.1f}" x2="{mark:.1f}" y1="{top + 4}" y2="{top + 16}"/>'
            )
        parts.append(f'<text class="soft" x="{left + width + 12}" y="{top + 15}">{seconds:.1f}</text>')
    return "\n".join([*parts, "</svg>", ""])


def write_results(
    directory: Path, label: str, machine: Mapping[str, str], sizes: Sequence[SizeResults]
) -> Path:
    """Write JSON, Markdown and one plot per size; return the Markdown's path."""
    directory.mkdir(parents=True, exist_ok=True)
    document = {"machine": dict(machine), "sizes": [asdict(results) for results in sizes]}
    (directory / f"{label}.json").write_text(json.dumps(document, indent=2) + "\n")
    for results in sizes:
        (directory / f"{plot_name(results)}.svg").write_text(render_plot(results))
    path = directory / f"{label}.md"
    path.write_text(render_markdown(machine, sizes))
    return path


def read_results(document: Mapping[str, Any]) -> list[SizeResults]:
    """Return the sizes of a document that `write_results` wrote."""
    return [
        SizeResults(
            **{
                **size,
                "runs": {name: tuple(Result(**run) for run in runs) for name, runs in size["runs"].items()},
            }
        )
        for size in document["sizes"]
    ]


def describe_goal(goal: Goal) -> str:
    """Return a goal as a row of a table: what, measured, limit, verdict."""
    sign = "≥" if goal.at_least else "≤"
    verdict = "not measured" if goal.value is None else "reached" if goal.reached else "**not reached**"
    return f"| {goal.text} | {_format(goal.value)} | {sign} {goal.limit:g} | {verdict} |"


def _render_size(results: SizeResults) -> list[str]:
    floor = results.seconds(FLOOR)
    lines = [
        f"## {format_size(results.file_bytes)}, {results.rows:,} rows, {results.connections} connections",
        "",
        f"![medians]({plot_name(results)}.svg)",
        "",
        "| | median s | runs s | ÷ floor | processor: command s | server s | memory MB | rows lost |",
        "|---|---:|---|---:|---:|---:|---:|---:|",
    ]
    for name, runs in results.runs.items():
        seconds = results.seconds(name)
        ratio = _divide(seconds, floor)
        each = " ".join(f"{run.seconds:.2f}" for run in runs)
        lost = max((results.rows - run.rows for run in runs if run.rows is not None), default="")
        memory = f"{results.peak_memory(name) / 1e6:.0f}" if results.peak_memory(name) else ""
        used = " | ".join(
            _format(used) for used in (results.processor(name, "command"), results.processor(name, "server"))
        )
        lines.append(f"| {name} | {seconds:.2f} | {each} | {_format(ratio)} | {used} | {memory} | {lost} |")
    lines += [f"| {name} | not run: {reason} | | | | | | |" for name, reason in results.missing.items()]
    lines += ["", "| goal | measured | limit | |", "|---|---:|---:|---|"]
    lines += [describe_goal(goal) for goal in list_goals(results)]
    lines += ["", *_render_phases(results)]
    return lines


def _render_phases(results: SizeResults) -> list[str]:
    lines = []
    for name in (FLOOR, MIGRATE_VERIFY):
        phases = results.phases(name)
        if phases:
            each = ", ".join(f"{phase} {seconds:.2f}" for phase, seconds in phases.items())
            lines += [f"Phases of {name} (s): {each}", ""]
    return lines


def _render_scaling(sizes: Sequence[SizeResults]) -> list[str]:
    lines = ["## Seconds per gigabyte, by size", "", "| MB | " + " | ".join(_SCALED) + " |"]
    lines.append("|---:|" + "---:|" * len(_SCALED))
    for results in sizes:
        each = [_divide(results.seconds(name), results.file_bytes / 1e9) for name in _SCALED]
        lines.append(f"| {results.file_bytes / 1e6:,.0f} | " + " | ".join(map(_format, each)) + " |")
    return [*lines, ""]


_SCALED = (FLOOR, MIGRATE, MIGRATE_VERIFY, VERIFY, PLAN)


def plot_name(results: SizeResults) -> str:
    """Return the plot's file name, without its ending."""
    return f"medians-{results.megabytes:g}mb"


def _ratio(results: SizeResults, one: str, other: str) -> float | None:
    return _divide(results.seconds(one), results.seconds(other))


def _divide(one: float | None, other: float | None) -> float | None:
    return one / other if one is not None and other else None


def _format(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
