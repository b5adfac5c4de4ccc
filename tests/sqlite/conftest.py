"""Directories that a user without rights can enter."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """An empty directory that everybody may enter and read; pytest's own are closed to others."""
    directory = Path(tempfile.mkdtemp(prefix="howdah-test-"))
    directory.chmod(0o755)
    yield directory
    directory.chmod(0o755)
    shutil.rmtree(directory)
