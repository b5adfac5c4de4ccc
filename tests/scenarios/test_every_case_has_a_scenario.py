"""The list has 85 cases, and each of them is a test whose name says so."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

TESTS = Path(__file__).parent.parent
CASES = 85


def _named_cases() -> dict[int, set[str]]:
    """Return, by number, the tests that stand for a case: scenarios of a table, and functions."""
    found: dict[int, set[str]] = {}
    for path in sorted(Path(__file__).parent.glob("test_scenarios_*.py")):
        for scenario in getattr(importlib.import_module(path.stem), "SCENARIOS", ()):
            found.setdefault(scenario.case, set()).add(str(scenario))
    for path in sorted(TESTS.rglob("test_*.py")):
        for name in re.findall(
            r"^def (test_case_\d\d_\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE
        ):
            found.setdefault(int(name.split("_")[2]), set()).add(name)
    return found


def test_every_case_of_the_list_is_a_named_test() -> None:
    found = _named_cases()
    assert [case for case in range(1, CASES + 1) if case not in found] == []
    assert [case for case in found if not 1 <= case <= CASES] == []
