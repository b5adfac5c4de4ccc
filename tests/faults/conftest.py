"""Every test of the live verbs keeps its runs in a directory of its own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def howdah_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory for this test alone."""
    home = tmp_path_factory.mktemp("howdah-home")
    monkeypatch.setenv("HOWDAH_HOME", str(home))
    return home
