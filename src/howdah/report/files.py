"""
Writes the report directory: `report.json` and `report.html`, each whole or not at all.

A file is written beside its place, forced to disk and renamed, so that what is
read under its name is complete. The directory is private: a report names
tables, keys and values.
"""

from __future__ import annotations

import os
from pathlib import Path

from howdah.errors import EnvironmentFailedError
from howdah.model.report import RunReport
from howdah.report.html import render_html
from howdah.report.json_document import render_json


def write_report_directory(report: RunReport, directory: Path, *, trigger_stubs: str = "") -> Path:
    """
    Write both forms of `report` into `directory` (made with mode 0700) and return the HTML's path.

    `trigger_stubs` becomes triggers.sql where it is not empty.

    Raises EnvironmentFailedError where the disk or its permissions do not allow it.
    """
    html_path = directory / "report.html"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_durably(directory / "report.json", render_json(report) + "\n")
        if trigger_stubs:
            _write_durably(directory / "triggers.sql", trigger_stubs)
        _write_durably(html_path, render_html(report))
        _sync_directory(directory)
    except OSError as error:
        raise EnvironmentFailedError(
            "R-001",
            f'could not write the report into "{directory}"',
            detail=str(error),
            hint="Free some space there or make it writable; the data itself is not affected.",
        ) from error
    return html_path


def _write_durably(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
