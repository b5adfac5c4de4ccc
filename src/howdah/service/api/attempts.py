"""How often one address may try something: guessing takes many attempts."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, field

from howdah.content.query.faults import RequestFault

_WINDOW_SECONDS = 60.0
_REMEMBERED_MAX = 10_000


@dataclass
class AttemptLimit:
    """How often one address may try one name, in a minute; the oldest are forgotten first."""

    attempts_max: int
    _seen: OrderedDict[tuple[str, ...], list[float]] = field(default_factory=OrderedDict)

    def count(self, *key: str) -> None:
        """Count an attempt. Raises RequestFault 429 beyond the limit."""
        now = time.monotonic()
        recent = [moment for moment in self._seen.pop(key, []) if moment > now - _WINDOW_SECONDS]
        self._seen[key] = recent
        if len(recent) >= self.attempts_max:
            raise RequestFault(429, "RateLimitError", "Too many requests, please try again later.")
        recent.append(now)
        while len(self._seen) > _REMEMBERED_MAX:
            self._seen.popitem(last=False)
