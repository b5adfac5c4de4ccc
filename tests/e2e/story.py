"""
A story in steps: what was typed, how long it took, how it ended, what was seen; and its report.

The report is kept: `report.json` for programs, `index.html` for people, pictures beside both. It is written
after every step, so that a story that breaks off is told as far as it came.
"""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from howdah.report.html import page_environment

TEMPLATE = Path(__file__).with_name("report.html.j2")
#: Characters of a command's output that the report shows; the end is what says how it went.
_SHOWN = 4_000


@dataclass(frozen=True)
class Command:
    """One command line and its end."""

    line: str
    seconds: float
    status: int
    #: That status is what the story wanted.
    expected: bool
    output: str


@dataclass
class Step:
    """One step of the story."""

    title: str
    #: "passed" or "failed"; "running" where the story broke off in it.
    outcome: str = "running"
    seconds: float = 0.0
    commands: list[Command] = field(default_factory=list)
    #: What was looked at besides, a sentence each.
    seen: list[str] = field(default_factory=list)
    #: Names of PNG files beside the report.
    pictures: list[str] = field(default_factory=list)
    failure: str = ""


class Story:
    """Collects the steps and writes the report into a directory."""

    def __init__(self, title: str, directory: Path) -> None:
        self.title, self.directory = title, directory
        self.steps: list[Step] = []
        self._began = datetime.now(UTC)
        directory.mkdir(parents=True, exist_ok=True)
        for old in (*directory.glob("*.png"), *directory.glob("*.html"), directory / "report.json"):
            old.unlink(missing_ok=True)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Tell one step; what fails in it fails the story, and stands in the report."""
        step = Step(title=title)
        self.steps.append(step)
        started = time.monotonic()
        try:
            yield step
        except BaseException as error:
            step.outcome, step.failure = "failed", f"{type(error).__name__}: {error}"[:_SHOWN]
            raise
        else:
            step.outcome = "passed"
        finally:
            step.seconds = time.monotonic() - started
            self.write()

    def ran(
        self,
        arguments: Sequence[str],
        *,
        seconds: float,
        status: int,
        output: str,
        expected: int = 0,
        step: Step | None = None,
    ) -> None:
        """Note a command of that step; None: of the one that is being told."""
        command = Command(
            line=shlex.join(arguments),
            seconds=seconds,
            status=status,
            expected=status == expected,
            output=output.strip()[-_SHOWN:],
        )
        (step or self.steps[-1]).commands.append(command)

    def saw(self, sentence: str) -> None:
        """Note what was looked at and found to be so."""
        self.steps[-1].seen.append(sentence)

    def write(self) -> None:
        """Write both forms of the report."""
        document = {
            "title": self.title,
            "outcome": "passed" if all(step.outcome == "passed" for step in self.steps) else "failed",
            "began": self._began.isoformat(timespec="seconds"),
            "seconds": sum(step.seconds for step in self.steps),
            "steps": [asdict(step) for step in self.steps],
        }
        text = json.dumps(document, indent=1, ensure_ascii=False)
        (self.directory / "report.json").write_text(text + "\n", encoding="utf-8")
        template = page_environment().from_string(TEMPLATE.read_text(encoding="utf-8"))
        (self.directory / "index.html").write_text(template.render(document), encoding="utf-8")
