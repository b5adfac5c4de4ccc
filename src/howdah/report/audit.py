"""An audit for people, and as SARIF 2.1.0 for code hosts and editors."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from itertools import groupby
from typing import Any
from urllib.parse import quote

from howdah.model.audit import AuditFinding, AuditReport, AuditRule, AuditSeverity, AuditState
from howdah.units import format_amount

_LEVELS = {AuditSeverity.ERROR: "error", AuditSeverity.WARNING: "warning", AuditSeverity.NOTE: "note"}


def render_audit(report: AuditReport) -> str:
    """Return the text for a terminal: verdict, places by file, what to write instead."""
    open_places = report.in_state(AuditState.OPEN)
    lines = [_verdict(report, open_places), ""]
    for file, group in groupby(open_places, key=lambda finding: finding.file):
        lines.append(file)
        lines += [
            f"  {finding.line or '':>5}  {finding.severity:<7}  {finding.code}  {finding.what}"
            for finding in group
        ]
        lines.append("")
    if open_places:
        lines.append("Why, and what instead")
        for code, why, replacement in sorted(
            {(finding.code, finding.why, finding.replacement) for finding in open_places}
        ):
            lines += [f"  {code}  {why}", f"         Instead: {replacement}"]
        lines.append("")
    for state, title in (
        (AuditState.DEPRECATED, "Marked as deprecated"),
        (AuditState.ACCEPTED, "Accepted by the baseline"),
    ):
        if places := report.in_state(state):
            lines.append(title)
            lines += [
                f"  {finding.file}:{finding.line}  {finding.code}  {finding.what}" for finding in places
            ]
            lines.append("")
    if report.stale:
        lines += ["No longer there, remove from the baseline", *(f"  {entry}" for entry in report.stale), ""]
    if report.unread:
        lines += ["Not read", *(f"  {path}: {reason}" for path, reason in report.unread), ""]
    if report.marks:
        lines += [
            "A diff that marks them; look at it, then apply it with git apply or patch -p1",
            report.marks,
        ]
    return "\n".join(lines).rstrip("\n")


def _verdict(report: AuditReport, open_places: tuple[AuditFinding, ...]) -> str:
    read = f"{format_amount(report.files_read, 'file')} of {report.path} read"
    if not open_places:
        return f"CLEAN  Nothing open speaks SQLite; {read}."
    numbers = Counter(finding.severity for finding in open_places)
    said = ", ".join(
        format_amount(numbers[severity], severity) for severity in AuditSeverity if numbers[severity]
    )
    return f"{'FOUND' if report.exit_status else 'CLEAN'}  {said}; {read}."


def render_sarif(report: AuditReport, rules: dict[str, AuditRule], version: str) -> str:
    """Return the audit as SARIF 2.1.0 (docs.oasis-open.org/sarif/sarif/v2.1.0)."""
    used = sorted({finding.code for finding in report.findings})
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "howdah audit",
                        "version": version,
                        "rules": [_sarif_rule(rules[code]) for code in used],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_sarif_result(finding, used) for finding in report.findings],
            }
        ],
    }
    return json.dumps(document, indent=1)


def _sarif_rule(rule: AuditRule) -> dict[str, Any]:
    return {
        "id": rule.code,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": rule.replacement},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _sarif_result(finding: AuditFinding, codes: list[str]) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": {"uri": quote(finding.file)}}
    if finding.line:
        location["region"] = {"startLine": finding.line}
    text = f"{finding.code}\n{finding.file}\n{finding.excerpt}\n{finding.what}"
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": codes.index(finding.code),
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{finding.what}: {finding.why} Instead: {finding.replacement}"},
        "locations": [{"physicalLocation": location}],
        "partialFingerprints": {"howdah/v1": hashlib.sha256(text.encode()).hexdigest()},
    }
    if finding.state is not AuditState.OPEN:
        kind = "inSource" if finding.state is AuditState.DEPRECATED else "external"
        result["suppressions"] = [{"kind": kind}]
    return result
