"""
How this program starts processes of its own that share its work.

Each is started afresh, not forked: a forked copy of open connections and threads is a trap.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from multiprocessing.context import SpawnContext


def worker_context() -> SpawnContext:
    """Return the way to start workers; begin them under `deaf_children`, and let them `end_with_parent`."""
    return multiprocessing.get_context("spawn")


def end_with_parent() -> None:
    """End this worker when its parent ends, by whatever signal."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, name="howdah-parent-watch", daemon=True).start()
