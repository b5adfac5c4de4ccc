"""Findings: what a person should know before, or was told after, with a stable code."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    #: Worth knowing; nothing changes.
    INFO = "info"
    #: Something does not carry over as it is, or needs a look.
    WARNING = "warning"
    #: Something will not be there, or rows are in quarantine.
    ERROR = "error"


@dataclass(frozen=True, kw_only=True)
class Finding:
    #: Stable, from the table of `finding_kinds`; e.g. "F-101".
    code: str
    severity: Severity
    #: What it is about, kind first: 'column "orders"."paid_at"'.
    object: str
    message: str
    detail: str = ""
    hint: str = ""
