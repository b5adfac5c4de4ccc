"""
Finds the files of ../shared for the tests marked `shared`.

They live beside the repository, or where HOWDAH_SHARED says. A missing directory
is a failure, not a skip: a run that asked for these tests must not pass without them.
"""

from __future__ import annotations

import os
from pathlib import Path

_REPOSITORY = Path(__file__).resolve().parents[2]


def shared_path(*parts: str) -> Path:
    """Return a path below the shared directory. Raises AssertionError where it does not exist."""
    shared = Path(os.environ.get("HOWDAH_SHARED", _REPOSITORY.parent / "shared"))
    path = shared.joinpath(*parts)
    assert path.exists(), f"{path} does not exist; HOWDAH_SHARED names the directory with the shared files"
    return path
