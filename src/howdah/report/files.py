"""
Writes the report directory: `report.json` and `report.html`, each whole or not at all.

A file is written beside its place, forced to disk and renamed, so that what is
read under its name is complete. The directory is private: a report names
tables, keys and values.
"""

from __future__ import annotations

from pathlib import Path

from howdah.durable import write_durably
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
