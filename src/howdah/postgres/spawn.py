"""
Start a child that is tied to this process, from a thread that lives as long as the child.

Linux sends the "parent died" signal when the *thread* that forked ends, not the process: a server
started from a worker thread would be shut down with that thread, some time later, under whoever uses it.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable


def popen_from_lasting_thread(popen: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    """Call `popen` where its thread outlives the child, and return what it returns or raises."""
    if threading.current_thread() is threading.main_thread():
        return popen()
    started = threading.Event()
    outcome: list[subprocess.Popen[bytes] | BaseException] = []

    def keep() -> None:
        try:
            outcome.append(popen())
        except BaseException as error:  # handed to the caller, who raises it
            outcome.append(error)
        finally:
            started.set()
        if isinstance(outcome[0], subprocess.Popen):
            _wait_for_end(outcome[0].pid)

    # A daemon: at the end of this process it must not be waited for, so that the child ends too.
    threading.Thread(target=keep, name="howdah-parent", daemon=True).start()
    started.wait()
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]


def _wait_for_end(pid: int) -> None:
    try:
        # WNOWAIT: its status is left for those who ask for it.
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    except ChildProcessError:
        return
