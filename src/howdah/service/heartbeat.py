"""
Whether the application's event loop still turns: liveness without asking any other program.

The admin port runs in a thread of its own and answers while the application's loop is stuck, so that
it can say that it is.
"""

from __future__ import annotations

import asyncio
import time

_BEAT_SECONDS = 0.5


class Heartbeat:
    """Stamped by the loop that it watches, read from any thread."""

    def __init__(self, *, stuck_after: float = 5.0) -> None:
        #: Seconds without a turn from which the loop counts as stuck.
        self.stuck_after = stuck_after
        self._beat_at: float | None = None

    @property
    def age(self) -> float:
        """Seconds since the watched loop turned last; 0 while none is watched."""
        return 0.0 if self._beat_at is None else time.monotonic() - self._beat_at

    @property
    def stuck(self) -> bool:
        """Tell whether the watched loop no longer turns."""
        return self.age > self.stuck_after

    async def keep_beating(self) -> None:
        """Run in the loop to be watched, until cancelled."""
        try:
            while True:
                self._beat_at = time.monotonic()
                await asyncio.sleep(_BEAT_SECONDS)
        finally:
            self._beat_at = None
