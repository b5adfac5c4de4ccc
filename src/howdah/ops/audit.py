"""audit: find the places of a project that still speak SQLite; reads files, changes none."""

from __future__ import annotations

import codecs
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from howdah.audit.baseline import accept, read_baseline, render_baseline
from howdah.audit.deprecated import mark_lines
from howdah.audit.examine import examine, reads
from howdah.audit.rules import RULES
from howdah.audit.tree import TreeFile, read_tree
from howdah.errors import ExitStatus, UsageError
from howdah.model.audit import AuditFinding, AuditReport, AuditSeverity, AuditState
from howdah.report.files import write_named_file

#: Larger files are data, or made by tools.
_BYTES_MAX = 2 * 1024 * 1024
#: A line longer than this was written by a minifier.
_LINE_MAX = 5_000
#: How Python, Ruby and editors write down the encoding of a file, in one of its first two lines (PEP 263).
_CODING = re.compile(rb"coding[=:]\s*([-\w.]+)")


@dataclass(frozen=True, kw_only=True)
class AuditRequest:
    path: Path
    #: A file of accepted findings.
    baseline: Path | None = None
    #: Write such a file there.
    write_baseline: Path | None = None
    #: The exit status is 3 where an open finding is as bad as this, or worse.
    fail_on: AuditSeverity = AuditSeverity.WARNING
    #: Make a diff that marks the open findings as deprecated.
    mark: bool = False


def audit(request: AuditRequest) -> AuditReport:
    """
    Examine every file below the path.

    Raises UsageError where the path does not exist, or the baseline is none or cannot be written.
    """
    if not request.path.exists():
        raise UsageError(
            "A-003", f"There is no {request.path} to audit.", hint="Name the directory of the project."
        )
    accepted = read_baseline(request.baseline) if request.baseline else None
    findings: list[AuditFinding] = []
    unread: list[tuple[str, str]] = []
    places: dict[str, Path] = {}
    files_read = 0
    # A baseline repeats the lines that it accepts.
    own = {path.resolve() for path in (request.baseline, request.write_baseline) if path is not None}
    for file in read_tree(request.path, lambda path, reason: unread.append((path, reason))):
        if file.place.resolve() in own:
            continue
        if file.is_database:
            findings.append(_database_finding(file))
            continue
        # Settings that git ignores are the ones that count where the application runs.
        if not reads(file.path) or (file.ignored and not os.path.basename(file.path).startswith(".env")):
            continue
        text = _read(file, unread)
        if text is None:
            continue
        files_read += 1
        if found := examine(file.path, text):
            findings += found
            places[file.path] = file.place
    stale: tuple[str, ...] = ()
    if accepted is not None:
        findings, stale = accept(findings, accepted)
    if request.write_baseline is not None:
        write_named_file(request.write_baseline, render_baseline(findings), "the baseline")
        findings, _ = accept(findings, read_baseline(request.write_baseline))
    is_bad = any(
        finding.state is AuditState.OPEN and finding.severity.rank <= request.fail_on.rank
        for finding in findings
    )
    return AuditReport(
        status="found" if is_bad else "clean",
        exit_status=int(ExitStatus.DIFFERENT if is_bad else ExitStatus.OK),
        path=str(request.path),
        files_read=files_read,
        fail_on=request.fail_on,
        findings=tuple(findings),
        unread=tuple(unread),
        stale=stale,
        marks=_mark(findings, places) if request.mark else "",
    )


def _read(file: TreeFile, unread: list[tuple[str, str]]) -> str | None:
    if file.place.stat().st_size > _BYTES_MAX:
        unread.append((file.path, "larger than 2 MiB"))
        return None
    try:
        text = _decode(file.place.read_bytes())
    except UnicodeDecodeError:
        unread.append((file.path, "not UTF-8"))
        return None
    except OSError as error:
        unread.append((file.path, error.strerror or type(error).__name__))
        return None
    if "\0" in text:
        unread.append((file.path, "no text"))
        return None
    if any(len(line) > _LINE_MAX for line in text.split("\n")):
        unread.append((file.path, "minified"))
        return None
    return text


def _decode(content: bytes) -> str:
    """
    Return the text of a file with line feeds alone, without a byte order mark.

    What says its encoding itself (UTF-16 by its mark, as Windows writes it; `# -*- coding: latin-1 -*-`) is
    read by that, anything else as UTF-8. Raises UnicodeDecodeError.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = content.decode("utf-16")
    else:
        text = _decode_as_declared(content)
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _decode_as_declared(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        declared = _CODING.search(b"\n".join(content.split(b"\n", 2)[:2]))
        if declared is None:
            raise
        try:
            return content.decode(declared[1].decode("ascii"))
        except LookupError:
            # No codec of that name.
            return content.decode("utf-8")


def _database_finding(file: TreeFile) -> AuditFinding:
    rule = RULES["A-402" if file.ignored else "A-401"]
    return AuditFinding(
        code=rule.code,
        severity=rule.severity,
        file=file.path,
        line=0,
        excerpt="",
        what=f"SQLite database of {file.place.stat().st_size:,} bytes",
        why=rule.why,
        replacement=rule.replacement,
    )


def _mark(findings: list[AuditFinding], places: dict[str, Path]) -> str:
    open_in: dict[str, list[AuditFinding]] = {path: [] for path in places}
    for finding in findings:
        if finding.state is AuditState.OPEN and finding.file in open_in:
            open_in[finding.file].append(finding)
    marks = ""
    for path, place in places.items():
        # As the file is, with its own line ends: a diff of anything else could not be applied.
        with suppress(UnicodeDecodeError, OSError):
            marks += mark_lines(path, place.read_bytes().decode("utf-8"), open_in[path])
    return marks
