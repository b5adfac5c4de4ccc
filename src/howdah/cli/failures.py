"""How a command that failed says so: as text on stderr and, where asked, as the one document on stdout."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from howdah.cli.session import Session
from howdah.errors import BugError, ExitStatus, HowdahError, InterruptedRunError

_STATUS_WORDS = {
    ExitStatus.REFUSED: "refused",
    ExitStatus.DIFFERENT: "different",
    ExitStatus.INTERRUPTED: "interrupted",
    ExitStatus.INTEGRITY: "damaged",
    ExitStatus.BUG: "bug",
}


def interruption() -> InterruptedRunError:
    """Return what is said when a person stopped the command."""
    return InterruptedRunError(
        "M-302",
        "Interrupted: what was under way has been undone.",
        hint="The same command picks up where it was, or begins again where nothing was kept.",
    )


def tell(error: HowdahError, session: Session, *, one_line: bool = False) -> None:
    """
    Print the error in the form that was asked for. The document first, so that a pipe has it in time.

    With `one_line` the document is one of many, of a command that goes on.
    """
    if session.as_json:
        from howdah.model.verb_reports import ErrorFacts, FailureReport
        from howdah.report.json_document import render_json, render_json_line

        report = FailureReport(
            verb=session.verb,
            status=_STATUS_WORDS.get(error.exit_status, "failed"),
            exit_status=int(error.exit_status),
            error=ErrorFacts(code=error.code, message=error.message, detail=error.detail, hint=error.hint),
        )
        sys.stdout.write((render_json_line if one_line else render_json)(report) + "\n")
        sys.stdout.flush()
    sys.stderr.write(f"{error}\n")
    sys.stderr.flush()


def describe_bug(error: BaseException, arguments: Sequence[str]) -> BugError:
    """
    Return what is said of an exception that nobody foresaw.

    Its traceback goes to a private file, or into the detail where no file can be written. Secrets
    that this process was given are replaced in both.
    """
    from howdah.redaction import redact_known

    trace = redact_known("".join(traceback.format_exception(error)), arguments)
    summary = redact_known("".join(traceback.format_exception_only(error)).strip(), arguments)
    bug = (
        error
        if isinstance(error, BugError)
        else BugError("X-001", "Howdah met an error of its own.", detail=summary)
    )
    detail = redact_known(bug.detail, arguments)
    try:
        where = f"The traceback is in {_keep(trace)}."
    except (OSError, HowdahError):
        where = f"\n{trace}".rstrip()
    return BugError(
        bug.code,
        bug.message,
        detail=f"{detail.rstrip('.')}. {where}".strip(),
        hint="This is a bug: please report it with the traceback. The source is as it was; what was not"
        " committed in the target has been undone.",
    )


def _keep(trace: str) -> Path:
    from howdah.places import state_directory

    directory = state_directory() / "bugs"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}.txt"
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(trace)
    return path
