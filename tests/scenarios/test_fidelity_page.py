"""What docs/reference/fidelity.md names as proof is there."""

from __future__ import annotations

import re
from pathlib import Path

from howdah.model.finding_kinds import KINDS

TESTS = Path(__file__).parent.parent
PAGE = TESTS.parent / "docs" / "reference" / "fidelity.md"


def test_every_proof_and_every_finding_that_the_page_names_exists() -> None:
    text = PAGE.read_text(encoding="utf-8")
    files = {path.name: path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py")}
    named = re.findall(r"`(test_\w+\.py)`((?: (?:to |and )?\d+,?)*)", text)
    assert len(named) > 40
    missing = [name for name, _ in named if name not in files]
    for name, cases in named:
        for case in re.findall(r"\d+", cases):
            if name in files and not re.search(rf"\b0?{case}\b|case_0?{case}_", files[name]):
                missing.append(f"{name} {case}")
    assert missing == []
    assert set(re.findall(r"F-\d{3}", text)) <= set(KINDS)
