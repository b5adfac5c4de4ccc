"""Where Howdah keeps things on this machine. Imports little; platformdirs when it is asked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from howdah.errors import UsageError


def state_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """
    Return where Howdah keeps things on this machine: HOWDAH_HOME, or the user's state directory.

    Raises UsageError (U-309) where that is below a home directory and the user has none: in containers, a
    number without an entry among the users, and without HOME.
    """
    chosen = environ.get("HOWDAH_HOME")
    try:
        if chosen:
            return Path(chosen).expanduser().absolute()
        import platformdirs

        directory = platformdirs.user_state_path("howdah")
    except RuntimeError:
        directory = Path()
    if not directory.is_absolute():
        raise UsageError(
            "U-309",
            "This user has no home directory, below which Howdah would keep its files.",
            hint="Set HOWDAH_HOME to a directory that this user may write to.",
        )
    return directory
