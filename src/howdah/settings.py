"""
Options and where each came from: flag, environment, file, default.

Standard library only, so that the command line starts quickly.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def state_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where Howdah keeps things on this machine: HOWDAH_HOME, or the user's state directory."""
    chosen = environ.get("HOWDAH_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return platformdirs.user_state_path("howdah")
