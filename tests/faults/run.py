"""
`make faults`: the whole fault sweep, and its report.

    make faults                                             three places of every verb and every kind of fault
    make faults FAULTS_ARGS="--points 12 --verb cutover"    more places of one verb
    make faults FAULTS_ARGS=--unsettled                     what is not in the report, or was not survived

What each verb came through goes to bench/results/faults.json after every fault, in the place of what was
known of that verb and kind, and the table of all of it to bench/results/faults.md: what was stopped goes on
with --unsettled. The exit status is 1 where anything did not hold.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from bench.page import write_page

from howdah.postgres.binaries import list_server_binaries
from support.sweep import KINDS, Case, Outcome, list_cases, sweeping
from support.swept_verbs import VERBS

RESULTS = Path(__file__).parents[2] / "bench" / "results"


def main() -> int:
    """Run what was asked for, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=3, help="places of each verb and kind")
    parser.add_argument("--verb", action="append", default=[], choices=list(VERBS))
    parser.add_argument("--kind", action="append", default=[], choices=KINDS)
    parser.add_argument("--unsettled", action="store_true", help="what the report lacks, or tells as failed")
    parser.add_argument("--no-report", action="store_true")
    arguments = parser.parse_args()
    cases = list_cases(arguments.points, verbs=arguments.verb, kinds=arguments.kind)
    if arguments.unsettled:
        cases = list_unsettled(cases, read_cells())
    failed = 0
    outcomes: list[Outcome] = []
    binaries = list_server_binaries()[0]
    with (
        tempfile.TemporaryDirectory(prefix="howdah-world-") as root,
        sweeping(binaries.bindir, Path(root)) as sweep,
    ):
        for case in cases:
            began = time.monotonic()
            outcome = sweep.run(case)
            outcomes.append(outcome)
            failed += bool(outcome.problems)
            print(
                f"{'FAILED' if outcome.problems else 'ok':6} {case.verb} | {case.kind} | {case.place:.2f} |"
                f" {outcome.where} | status {outcome.status}, then {outcome.status_again}"
                f" | {time.monotonic() - began:.1f} s",
                flush=True,
            )
            for problem in outcome.problems:
                print(f"       {problem}", flush=True)
            if not arguments.no_report:
                cell = [other for other in outcomes if _cell(other.case) == _cell(case)]
                write_report(cell, binaries.version)
    if not arguments.no_report:
        write_page()
    print(f"{len(outcomes)} faults, {failed} not survived")
    return 1 if failed else 0


def _cell(case: Case) -> str:
    return f"{case.verb} | {case.kind}"


def read_cells() -> dict[str, Any]:
    """Return what is known, by verb and kind."""
    path = RESULTS / "faults.json"
    cells: dict[str, Any] = json.loads(path.read_text())["cells"] if path.exists() else {}
    return cells


def list_unsettled(cases: list[Case], cells: dict[str, Any]) -> list[Case]:
    """Return the cases of cells that have fewer places than these, or one where something did not hold."""
    wanted = Counter(_cell(case) for case in cases)

    def settled(name: str) -> bool:
        places = cells[name]["places"] if name in cells else []
        return len(places) >= wanted[name] and not any(place["problems"] for place in places)

    return [case for case in cases if not settled(_cell(case))]


def write_report(outcomes: list[Outcome], server_version: str, results: Path = RESULTS) -> None:
    """Put these outcomes in the place of what was known of the same verbs and kinds."""
    path = results / "faults.json"
    known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"cells": {}}
    cells: dict[str, Any] = known["cells"]
    fresh: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        fresh.setdefault(_cell(outcome.case), []).append(outcome)
    for name, found in fresh.items():
        statuses = Counter(_describe(outcome) for outcome in found)
        cells[name] = {
            "injected": sum(not outcome.missed for outcome in found),
            "survived": sum(not outcome.missed and not outcome.problems for outcome in found),
            "ended": dict(sorted(statuses.items())),
            "places": [_tell(outcome) for outcome in found],
        }
    known["server"] = server_version
    path.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
    (results / "faults.md").write_text(render(known))


def _tell(outcome: Outcome) -> dict[str, Any]:
    # Where this machine keeps its temporary files is nobody's business.
    where = re.sub(r"/[^\s<>\"]*/howdah-[a-z]+-\w+|/tmp(?=/)", "", outcome.where)
    return dataclasses.asdict(outcome) | {"case": outcome.case.place, "where": where}


def _describe(outcome: Outcome) -> str:
    if outcome.missed:
        return "not reached"
    if outcome.status in (-9, 137):
        return "killed"
    return "done" if outcome.status in (0, 5) else f"error, status {outcome.status}"


def render(known: dict[str, Any]) -> str:
    """Return the table of everything that is known."""
    cells: dict[str, Any] = known["cells"]
    injected = sum(cell["injected"] for cell in cells.values())
    survived = sum(cell["survived"] for cell in cells.values())
    ended: Counter[str] = Counter()
    for cell in cells.values():
        ended.update({word: count for word, count in cell["ended"].items() if word != "not reached"})
    kinds = [kind for kind in KINDS if any(name.endswith(f"| {kind}") for name in cells)]
    lines = [
        "# The fault sweep",
        "",
        f"{injected} faults were injected, on PostgreSQL {known['server']}; after {survived} of them",
        "all held: the command ended with a named error or was killed, one side had every row, nothing of",
        "Howdah's ran, was locked or lay about, no password was shown, and the same command, run again,",
        "ended as an undisturbed one does. A cell: faults survived / injected.",
        "",
        "How the disturbed commands ended: "
        + ", ".join(f"{count} {word}" for word, count in ended.most_common())
        + ".",
        "",
        "| verb | " + " | ".join(kinds) + " |",
        "|---|" + "---|" * len(kinds),
    ]
    for verb in VERBS:
        row = [cells.get(f"{verb} | {kind}") for kind in kinds]
        if any(row):
            shown = [f"{cell['survived']}/{cell['injected']}" if cell else "" for cell in row]
            lines.append(f"| {verb} | " + " | ".join(shown) + " |")
    lines += ["", "Made by `make faults`; every place and its outcome is in `faults.json`.", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
