"""Where Howdah keeps things on this machine. Standard library, and platformdirs when it is asked."""

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
