"""Where results and everything else go: stdout has the result alone, stderr what is said beside it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn, Protocol, TypeVar

import typer

from howdah.cli.session import Session

if TYPE_CHECKING:
    from howdah.process.progress import Progress


class _Report(Protocol):
    @property
    def exit_status(self) -> int: ...


ReportT = TypeVar("ReportT", bound=_Report)


def say(line: str) -> None:
    """Print a line for people; stdout belongs to results."""
    typer.echo(line, err=True)


def note_json(context: typer.Context, value: bool) -> bool:
    """Remember in which form this command answers, and which command it is, for failures to come."""
    session = context.find_object(Session)
    if session is not None:
        session.as_json = value
        session.verb = context.command_path.partition(" ")[2]
    return value


def make_progress(quiet: bool) -> Progress:
    """Return the display of progress: live on a terminal, nothing elsewhere."""
    from howdah.process.progress import choose_progress

    return choose_progress(quiet=quiet)


def show(report: ReportT, render: Callable[[ReportT], str], *, as_json: bool) -> None:
    """Print one of several reports of a command that goes on: one line each as JSON."""
    if as_json:
        from howdah.report.json_document import render_json_line

        typer.echo(render_json_line(report))
    else:
        typer.echo(render(report) + "\n")
    sys.stdout.flush()


def end(report: ReportT, render: Callable[[ReportT], str], *, as_json: bool) -> NoReturn:
    """Print a report in the form asked for and end with its exit status."""
    if as_json:
        from howdah.report.json_document import render_json

        typer.echo(render_json(report))
    else:
        typer.echo(render(report))
    raise typer.Exit(report.exit_status)
