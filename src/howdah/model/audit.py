"""What an audit of a project's files found: places that still speak SQLite."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class AuditSeverity(StrEnum):
    """How bad a place is once the data is on PostgreSQL, worst first."""

    #: It does not work there.
    ERROR = "error"
    #: It works, but may behave otherwise or point elsewhere.
    WARNING = "warning"
    #: Worth knowing.
    NOTE = "note"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(AuditSeverity).index(self)


class AuditState(StrEnum):
    OPEN = "open"
    #: Marked as deprecated in the source itself.
    DEPRECATED = "deprecated"
    #: Named in the baseline file.
    ACCEPTED = "accepted"


@dataclass(frozen=True, kw_only=True)
class AuditRule:
    """One kind of place; the table of them is `audit.rules.RULES`."""

    code: str
    severity: AuditSeverity
    #: What was found, as a phrase.
    title: str
    #: Why it does not work on PostgreSQL, one sentence.
    why: str
    #: What to write instead, one sentence.
    replacement: str


@dataclass(frozen=True, kw_only=True)
class AuditFinding:
    code: str
    severity: AuditSeverity
    #: Path below the audited directory, with "/".
    file: str
    #: From 1; 0 for the file as a whole.
    line: int
    #: The line itself, shortened, without what looks like a secret.
    excerpt: str
    #: What was found, e.g. "function julianday()".
    what: str
    why: str
    replacement: str
    state: AuditState = AuditState.OPEN
    #: First line of the statement or string that the line belongs to: where a mark goes.
    anchor: int = 0


@dataclass(frozen=True, kw_only=True)
class AuditReport:
    verb: str = "audit"
    #: "clean", or "found" where an open place is as bad as `fail_on` or worse.
    status: str
    exit_status: int
    path: str
    files_read: int
    fail_on: AuditSeverity
    findings: tuple[AuditFinding, ...]
    #: Files that could not be read, each with the reason.
    unread: tuple[tuple[str, str], ...] = ()
    #: Entries of the baseline that nothing matches any more.
    stale: tuple[str, ...] = ()
    #: A unified diff that marks the open places as deprecated; "" where none was asked for.
    marks: str = field(default="", repr=False)

    def in_state(self, state: AuditState) -> tuple[AuditFinding, ...]:
        """Return the findings in that state, in order."""
        return tuple(finding for finding in self.findings if finding.state is state)
