"""
Ask the naive checker, which runs in a process of its own, what did not arrive.

It uses Python's own sqlite3, which must not meet Howdah's SQLite library in one process, and
nothing of Howdah: what it is told of a run is the run's JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from howdah.model.quarantine import QuarantinedRow
from howdah.model.report import RunReport, to_json

_PROGRAM = Path(__file__).with_name("naive_checker.py")


class NaiveChecker:
    """The checker's process; one serves any number of migrations."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            # Isolated: it can import what is installed and nothing of this repository's tests.
            [sys.executable, "-I", str(_PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def problems(
        self, source: Path, database: str, report: RunReport, quarantined: Sequence[QuarantinedRow]
    ) -> list[str]:
        """Return what is not as it must be after a migration into the schema "public"."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {
            "source": str(source),
            "database": database,
            "report": to_json(report),
            "quarantined": to_json(list(quarantined)),
        }
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: list[str] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End the process."""
        with suppress(BrokenPipeError):
            self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def assert_everything_arrived(
    source: Path, database: str, report: RunReport, quarantined: Sequence[QuarantinedRow]
) -> None:
    """Check values, counts, statuses, numbering, defaults, objects and views of a migration."""
    with NaiveChecker() as checker:
        assert checker.problems(source, database, report, quarantined) == []
