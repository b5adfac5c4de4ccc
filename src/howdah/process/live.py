"""
Draws the progress of a run on a terminal: the phase, the tables under way, time left.

Counting (`Tally`, pure but for its lock) is apart from drawing: `advance` adds
two numbers under a lock; a thread of rich's redraws eight times a second from
what has been counted by then.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from howdah.units import format_amount, format_count, format_remaining, format_seconds, format_size

REDRAWS_PER_SECOND = 8
#: Tables shown at once; the ones that moved last.
_TABLES_SHOWN = 5
#: Rates are means over so many seconds, so that one slow batch does not shake the time left.
_RATE_WINDOW = 8.0


@dataclass
class Tally:
    """What one table, or a whole phase, has done since it began; all times in seconds."""

    total_rows: int = 0
    total_bytes: int = 0
    rows: int = 0
    bytes: int = 0
    moved_at: float = 0.0
    #: (time, rows, bytes) of earlier redraws within the window.
    history: deque[tuple[float, int, int]] = field(default_factory=deque)

    def sample(self, now: float) -> tuple[float, float]:
        """Remember where it stands and return rows and bytes per second over the window."""
        while len(self.history) > 1 and self.history[1][0] <= now - _RATE_WINDOW:
            self.history.popleft()
        self.history.append((now, self.rows, self.bytes))
        began, rows, byte_count = self.history[0]
        if now - began < 0.5:
            return 0.0, 0.0
        return (self.rows - rows) / (now - began), (self.bytes - byte_count) / (now - began)

    @property
    def fraction(self) -> float | None:
        """Part that is done, by bytes where they are known; None without a total."""
        if self.total_bytes and self.bytes:
            return min(self.bytes / self.total_bytes, 1.0)
        if self.total_rows:
            return min(self.rows / self.total_rows, 1.0)
        return None

    def remaining(self, rows_rate: float, bytes_rate: float) -> float | None:
        """Return seconds left at those rates, None when that cannot be said."""
        if self.total_bytes and bytes_rate > 0:
            return max(self.total_bytes - self.bytes, 0) / bytes_rate
        if self.total_rows and rows_rate > 0:
            return max(self.total_rows - self.rows, 0) / rows_rate
        return None


class LiveProgress:
    """Progress drawn on a terminal; see `process.progress.Progress`."""

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream, highlight=False, markup=False, emoji=False)
        self._lock = threading.Lock()
        self._phase = ""
        self._began = 0.0
        self._all = Tally()
        self._tables: dict[str, Tally] = {}
        self._table_rows: Mapping[str, int] = {}
        self._live = Live(
            console=self._console,
            get_renderable=self._draw,
            refresh_per_second=REDRAWS_PER_SECOND,
            transient=True,
            # The closing summary goes to stdout: leave it alone.
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        self._live.start(refresh=False)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc_type is None:
            self._end_phase()
        self._live.stop()

    def phase(
        self,
        name: str,
        total_rows: int = 0,
        total_bytes: int = 0,
        *,
        tables: Mapping[str, int] | None = None,
    ) -> None:
        """Begin a phase and leave a line about the one that ended."""
        self._end_phase()
        now = time.monotonic()
        with self._lock:
            self._phase = name
            self._began = now
            self._all = Tally(total_rows=total_rows, total_bytes=total_bytes, moved_at=now)
            self._all.history.append((now, 0, 0))
            self._tables = {}
            self._table_rows = dict(tables or {})

    def advance(self, table: str, rows: int, byte_count: int = 0, /) -> None:
        """Add to what is done; cheap, and safe from any thread."""
        now = time.monotonic()
        with self._lock:
            tally = self._tables.get(table)
            if tally is None:
                tally = Tally(total_rows=self._table_rows.get(table, 0))
                tally.history.append((now, 0, 0))
                self._tables[table] = tally
            tally.rows += rows
            tally.bytes += byte_count
            tally.moved_at = now
            self._all.rows += rows
            self._all.bytes += byte_count

    def note(self, text: str) -> None:
        """Print a line above what moves."""
        self._console.print(Text(text))

    def _end_phase(self) -> None:
        with self._lock:
            name, self._phase = self._phase, ""
            done, seconds = self._all, time.monotonic() - self._began
        if not name:
            return
        line = Text.assemble(("✓ ", "green"), f"{name:<24}", f" {format_seconds(seconds):>10}")
        if done.rows:
            line.append(f"   {format_amount(done.rows, 'row')}")
        if done.bytes:
            line.append(f", {format_size(done.bytes)}")
        self._console.print(line)

    def _draw(self) -> RenderableType:
        now = time.monotonic()
        with self._lock:
            if not self._phase:
                return Text("")
            head = self._draw_line(self._phase, self._all, now)
            head_elapsed = format_seconds(now - self._began)
            moving = [item for item in self._tables.items() if not _is_finished(item[1])]
            moving.sort(key=lambda item: item[1].moved_at, reverse=True)
            shown = sorted(moving[:_TABLES_SHOWN])
            lines = [(name, tally, self._draw_line(name, tally, now)) for name, tally in shown]
        if not self._all.rows and not lines:
            return Text.assemble(("⋯ ", "cyan"), f"{self._phase:<24}", f" {head_elapsed:>10}")
        grid = Table.grid(padding=(0, 2), expand=True)
        grid.add_column(no_wrap=True, overflow="ellipsis", ratio=3, min_width=10)
        grid.add_column(ratio=2)
        for _ in range(4):
            grid.add_column(justify="right", no_wrap=True)
        grid.add_row(*head)
        for _, _, line in lines:
            grid.add_row(*line)
        return Group(grid)

    def _draw_line(self, name: str, tally: Tally, now: float) -> tuple[RenderableType, ...]:
        rows_rate, bytes_rate = tally.sample(now)
        fraction = tally.fraction
        is_phase = tally is self._all
        bar: RenderableType = Text("")
        if fraction is not None:
            bar = ProgressBar(total=1.0, completed=fraction, complete_style="cyan", finished_style="green")
        return (
            Text(name if is_phase else f"  {name}", style="bold" if is_phase else ""),
            bar,
            Text(f"{format_count(tally.rows)} rows"),
            Text(f"{format_count(round(rows_rate))}/s"),
            Text(f"{format_size(bytes_rate)}/s" if bytes_rate else ""),
            Text(f"{format_remaining(tally.remaining(rows_rate, bytes_rate))} left" if fraction else ""),
        )


def _is_finished(tally: Tally) -> bool:
    return bool(tally.total_rows) and tally.rows >= tally.total_rows
