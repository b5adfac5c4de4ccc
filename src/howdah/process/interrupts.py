"""
Ctrl-C and SIGTERM: stop in order, and soon, and at once when asked twice.

The first signal raises KeyboardInterrupt where the main thread stands, so that
transactions are undone and files removed. Should that take longer than `patience`
(a library may be deep in a computation), or should a second signal come, `give_up` is
called from a thread of its own: the server undoes by itself what was not committed,
and our worker processes end with their parent.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Handles both signals of this process while the block runs; main thread only."""

    def __init__(self, give_up: Callable[[], object], *, patience: float = 4.0) -> None:
        """`give_up` must end the process; `patience` is in seconds."""
        self._give_up = give_up
        self._patience = patience
        #: A signal came, so whatever fails from now on may fail because of it: KeyboardInterrupt is raised
        #: between any two instructions, those that release a lock in the standard library among them.
        self.received = False
        self._earlier: list[tuple[signal.Signals, Any]] = []
        self._earlier_wakeup = -1
        # The C-level handler writes each signal's number here even while Python cannot run its own.
        self._reader, self._writer = socket.socketpair()

    def __enter__(self) -> Self:
        self._writer.setblocking(False)
        self._earlier = [(number, signal.signal(number, self._raise)) for number in _SIGNALS]
        self._earlier_wakeup = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._watch, name="howdah-interrupts", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        signal.set_wakeup_fd(self._earlier_wakeup)
        for number, handler in self._earlier:
            signal.signal(number, handler)
        # Wakes the watcher, which ends.
        self._writer.close()

    def _watch(self) -> None:
        with self._reader:
            if self._wait_for_signal(None) and self._wait_for_signal(self._patience) is not False:
                self._give_up()

    def _wait_for_signal(self, timeout: float | None) -> bool | None:
        """Tell whether a signal came: True; None where time ran out; False where the block has ended."""
        self._reader.settimeout(timeout)
        try:
            # One byte is one signal: two that came before this thread had its turn are still two.
            while received := self._reader.recv(1):
                if received[0] in _SIGNALS:
                    return True
        except TimeoutError:
            return None
        return False

    def _raise(self, number: int, frame: FrameType | None) -> None:
        self.received = True
        raise KeyboardInterrupt


@contextmanager
def deaf_children() -> Iterator[None]:
    """
    Start processes in this block that never hear Ctrl-C, which reaches the whole process group.

    Ignoring it as their first act would be too late: a child that is still importing would
    answer with a traceback. They inherit a mask instead. Nor is this process interrupted here,
    between starting a child and telling it what to do: what comes is raised when the block ends.
    """
    # The standard library's helper for spawned processes; starting it takes the mask away again.
    resource_tracker.ensure_running()
    earlier_mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    came: list[tuple[int, FrameType | None]] = []
    earlier: list[tuple[signal.Signals, Any]] = []
    # Another thread may take the signal in spite of the mask; handlers run in the main thread, always.
    if threading.current_thread() is threading.main_thread():
        earlier = [
            (number, signal.signal(number, lambda number, frame: came.append((number, frame))))
            for number in _SIGNALS
        ]
    try:
        yield
    finally:
        for number, handler in earlier:
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, earlier_mask)
        for number, handler in earlier:
            if not any(number == received for received, _ in came):
                continue
            if callable(handler):
                handler(number, None)
            elif handler is signal.SIG_DFL:
                # A program that uses us as a library may have left SIGTERM to the system.
                signal.raise_signal(number)


def leave_at_once(status: int) -> None:
    """End the process without waiting for its threads, as one that hangs in a library needs."""
    os._exit(status)
