"""
The baseline: findings that a team has looked at and accepted, kept in a file under version control.

An entry is a code, a file and the text of the line, not its number, so that it survives edits elsewhere
in the file; as many findings are accepted as there are entries.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from howdah.errors import UsageError
from howdah.model.audit import AuditFinding, AuditState

_VERSION = 1


def read_baseline(path: Path) -> Counter[tuple[str, str, str]]:
    """Return how often each (code, file, line's text) is accepted. Raises UsageError for any other file."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["version"] != _VERSION:
            raise UsageError(
                "A-002",
                f"The baseline is of version {document['version']}, which this Howdah does not read.",
                hint="Write it anew with --write-baseline.",
            )
        return Counter((entry["code"], entry["file"], entry["line"]) for entry in document["accepted"])
    except FileNotFoundError as error:
        raise UsageError(
            "A-001", f"The baseline {path} does not exist.", hint="Write it first with --write-baseline."
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            "A-001",
            f"The file {path} is not a baseline of an audit.",
            detail=f"{type(error).__name__}: {error}",
            hint="Name the file that --write-baseline wrote, or write it anew.",
        ) from error


def render_baseline(findings: Iterable[AuditFinding]) -> str:
    """Return the text of a baseline that accepts every finding that is not marked as deprecated."""
    entries = [
        {"code": finding.code, "file": finding.file, "line": finding.excerpt}
        for finding in findings
        if finding.state is not AuditState.DEPRECATED
    ]
    return json.dumps({"version": _VERSION, "accepted": entries}, indent=1, ensure_ascii=False) + "\n"


def accept(
    findings: Iterable[AuditFinding], accepted: Counter[tuple[str, str, str]]
) -> tuple[list[AuditFinding], tuple[str, ...]]:
    """Return the findings with those accepted marked so, and the entries that nothing matched."""
    left = Counter(accepted)
    judged = []
    for finding in findings:
        key = (finding.code, finding.file, finding.excerpt)
        if finding.state is AuditState.OPEN and left[key] > 0:
            left[key] -= 1
            judged.append(replace(finding, state=AuditState.ACCEPTED))
        else:
            judged.append(finding)
    return judged, tuple(f"{code} {file}: {line}" for code, file, line in left.elements())
