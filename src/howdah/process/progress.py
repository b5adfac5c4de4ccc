"""
Progress of a run, as the rooms below report it and a person may watch it.

Whoever does the work calls `advance` as often as it likes (a few microseconds
at most, from any thread) and never learns whether anybody is looking. Nothing is
ever written to stdout; where stderr is not a terminal, nothing is written at all.
Standard library only: what draws is imported when there is a terminal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Protocol, Self, TextIO


class Progress(Protocol):
    """What the steps of a run tell about how far they are."""

    def phase(
        self,
        name: str,
        total_rows: int = 0,
        total_bytes: int = 0,
        *,
        tables: Mapping[str, int] | None = None,
    ) -> None:
        """
        Begin a phase; the one before it has ended.

        Totals are what the phase will advance by, 0 where that is not known. `tables` gives the
        rows of each table, for a table's own time left.
        """

    def advance(self, table: str, rows: int, byte_count: int = 0, /) -> None:
        """Record that so many more rows and bytes of `table` are done."""

    def note(self, text: str) -> None:
        """Show one line that stays."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class NullProgress:
    """Progress that nobody watches."""

    def phase(
        self,
        name: str,
        total_rows: int = 0,
        total_bytes: int = 0,
        *,
        tables: Mapping[str, int] | None = None,
    ) -> None:
        """Do nothing."""

    def advance(self, table: str, rows: int, byte_count: int = 0, /) -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Do nothing."""


def choose_progress(*, quiet: bool = False, stream: TextIO | None = None) -> Progress:
    """
    Return live progress where `stream` (stderr by default) is a terminal that can be drawn on.

    Quiet when asked, when the stream is a file or a pipe, and on a terminal without cursor
    movement (TERM=dumb). NO_COLOR takes the colours away and leaves the rest (no-color.org).
    """
    stream = stream if stream is not None else sys.stderr
    if quiet or not stream.isatty() or os.environ.get("TERM", "dumb") in ("dumb", "unknown", ""):
        return NullProgress()

    from howdah.process.live import LiveProgress

    return LiveProgress(stream)
