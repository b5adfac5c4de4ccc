"""
Writes the report directory: `report.json` and `report.html`, each whole or not at all; and files that
a person named.

A file is written beside its place, forced to disk and renamed, so that what is
read under its name is complete. The directory is private: a report names
tables, keys and values.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from howdah.durable import belongs_to_sqlite, write_durably
from howdah.errors import EnvironmentFailedError, UsageError
from howdah.model.report import RunReport
from howdah.report.html import render_html
from howdah.report.json_document import render_json

_WRONG_PATH = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EROFS})


def write_report_directory(report: RunReport, directory: Path, *, trigger_stubs: str = "") -> Path:
    """
    Write both forms of `report` into `directory` (made with mode 0700) and return the HTML's path.

    `trigger_stubs` becomes triggers.sql where it is not empty.

    Raises EnvironmentFailedError where the disk or its permissions do not allow it.
    """
    html_path = directory / "report.html"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(directory / "report.json", [render_json(report).encode(), b"\n"])
        if trigger_stubs:
            write_durably(directory / "triggers.sql", [trigger_stubs.encode()])
        write_durably(html_path, [render_html(report).encode()])
    except OSError as error:
        raise EnvironmentFailedError(
            "R-001",
            f'could not write the report into "{directory}"',
            detail=str(error),
            hint="Free some space there or make it writable; the data itself is not affected.",
        ) from error
    return html_path


def require_no_database(path: Path, what: str) -> None:
    """Raise UsageError (U-106) where a file that is to be written is a SQLite database, or a part of one."""
    if belongs_to_sqlite(path):
        raise UsageError(
            "U-106",
            f"The file {path} is a SQLite database, and {what} would replace it.",
            hint="Name another file; nothing was written.",
        )


@contextmanager
def writing_named_file(path: Path, what: str) -> Iterator[None]:
    """
    Within the block `what` ("the plan") is written to a file that a person named.

    Raises UsageError where a SQLite database is there (U-106), or where no file can be at such a path
    (U-103); what a disk answers stays an OSError.
    """
    require_no_database(path, what)
    try:
        yield
    except OSError as error:
        if error.errno not in _WRONG_PATH:
            raise
        raise UsageError(
            "U-103",
            f"{what[:1].upper()}{what[1:]} cannot be written to {path}: {error.strerror}.",
            hint="Check the path.",
        ) from error


def write_named_file(path: Path, text: str, what: str) -> None:
    """Write `what` to a file that a person named. Raises as `writing_named_file`."""
    with writing_named_file(path, what):
        path.write_text(text, encoding="utf-8")
