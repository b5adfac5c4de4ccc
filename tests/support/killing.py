"""The end of a run at a chosen step, as if its process had been killed."""

from __future__ import annotations

import pytest

from howdah.state.ledger import Ledger, StepOutcome


class Killed(BaseException):
    """Stands for the end of the process."""


def die_at(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    """Let the process "end" at the record of step number `limit`, counted from now."""
    record_step = Ledger.record_step
    done = 0

    def record(self: Ledger, connection: object, run_id: str, outcome: StepOutcome) -> None:
        nonlocal done
        done += 1
        if done > limit:
            raise Killed
        record_step(self, connection, run_id, outcome)  # type: ignore[arg-type]

    monkeypatch.setattr(Ledger, "record_step", record)
