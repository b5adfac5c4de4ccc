"""
The counter of clean cases, in `clean_cases.json` beside this file: it only grows.

Each entry is one run of the fuzzer: its first and last seed, how many cases were clean, how many not,
and what they held. Seeds are those of `make fuzz`, with the version of the generator in the commit
that has the entry.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

COUNTER = Path(__file__).with_name("clean_cases.json")


@dataclass
class Tally:
    """What one run of the fuzzer did."""

    first_seed: int
    last_seed: int
    clean: int = 0
    failed: int = 0
    tables: int = 0
    rows: int = 0
    quarantined: int = 0
    views: int = 0
    seconds: int = 0


def record(tally: Tally, path: Path = COUNTER) -> None:
    """Add a run to the file, replacing the entry of the same first seed."""
    content: dict[str, Any] = {"clean_cases": 0, "runs": []}
    if path.exists():
        content = json.loads(path.read_text())
    runs = [run for run in content["runs"] if run["first_seed"] != tally.first_seed] + [asdict(tally)]
    content = {"clean_cases": sum(run["clean"] for run in runs), "runs": runs}
    # Whole or not at all: the run may be stopped at any moment.
    partial = path.with_suffix(".partial")
    partial.write_text(
        '{\n "clean_cases": %d,\n "runs": [\n  %s\n ]\n}\n'  # noqa: UP031 - braces
        % (content["clean_cases"], ",\n  ".join(json.dumps(run) for run in runs))
    )
    os.replace(partial, path)
