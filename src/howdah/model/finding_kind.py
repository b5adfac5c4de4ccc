"""What a finding of a code says of itself, whatever it is about."""

from __future__ import annotations

from dataclasses import dataclass

from howdah.model.findings import Severity

INFO, WARNING, ERROR = Severity.INFO, Severity.WARNING, Severity.ERROR


@dataclass(frozen=True, kw_only=True)
class FindingKind:
    code: str
    severity: Severity
    title: str
    #: What it means for the person's data or application.
    explanation: str
    #: What to do; "" when there is nothing to do.
    hint: str = ""
