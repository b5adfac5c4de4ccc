"""A state directory for each test here."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def howdah_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state directory for this test alone."""
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "howdah-home"))
