"""When each phase of a command began and how long it took, for the report and the display."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from howdah.model.report import PhaseReport
from howdah.process.progress import NullProgress, Progress


@dataclass(kw_only=True)
class PhaseCount:
    """What a phase has done; filled in by whoever does it."""

    rows: int = 0
    bytes: int = 0


def _silent_logger() -> logging.Logger:
    # Not registered anywhere, and above every level: nothing reaches Python's handler of last resort.
    return logging.Logger("howdah", level=logging.CRITICAL + 1)


@dataclass(kw_only=True)
class PhaseLog:
    """Times phases against one monotonic start, and announces them to the display and the log."""

    progress: Progress = field(default_factory=NullProgress)
    #: The run's log, once it has one.
    log: logging.Logger = field(default_factory=_silent_logger)
    reports: list[PhaseReport] = field(default_factory=list)
    _start: float = field(default_factory=time.monotonic)

    def record_beginning(self, name: str) -> None:
        """Count all the time since the start as a phase: what is done before there is anything to show."""
        report = PhaseReport(name=name, started=0.0, seconds=time.monotonic() - self._start)
        self.reports.append(report)
        self._write(report)

    @contextmanager
    def phase(
        self, name: str, *, rows: int = 0, byte_count: int = 0, tables: Mapping[str, int] | None = None
    ) -> Iterator[PhaseCount]:
        """Time a phase that is expected to go over so many rows and bytes."""
        self.progress.phase(name, rows, byte_count, tables=tables)
        began = time.monotonic()
        count = PhaseCount()
        yield count
        report = PhaseReport(
            name=name,
            started=began - self._start,
            seconds=time.monotonic() - began,
            rows=count.rows,
            bytes=count.bytes,
        )
        self.reports.append(report)
        self._write(report)

    def _write(self, report: PhaseReport) -> None:
        self.log.info(
            "phase %s: %.3f s, %d rows, %d bytes", report.name, report.seconds, report.rows, report.bytes
        )
