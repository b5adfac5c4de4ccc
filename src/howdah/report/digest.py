"""
What a report's numbers add up to: totals, groups of findings, the timeline.

Pure, from the report object alone; text and HTML are written from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from howdah.model.findings import Finding, Severity
from howdah.model.report import PhaseReport, RunReport, TableReport

#: Most urgent first.
SEVERITIES = (Severity.ERROR, Severity.WARNING, Severity.INFO)


@dataclass(frozen=True, kw_only=True)
class Totals:
    tables: int
    rows_source: int
    rows_target: int
    rows_quarantined: int
    values_changed: int
    #: Bytes of the values carried.
    bytes: int
    #: From the start of the first phase to the end of the last.
    seconds: float
    #: Rows per second of the phase that copies, or else of the one with the most rows; 0 without.
    rows_per_second: float
    #: Name of that phase.
    busiest_phase: str


@dataclass(frozen=True, kw_only=True)
class FindingGroup:
    """Findings of one code with one hint, about several objects."""

    severity: Severity
    code: str
    #: Message of the first one.
    message: str
    hint: str
    #: In the order of the report.
    findings: tuple[Finding, ...]

    def own_message(self, finding: Finding) -> str:
        """Return what a finding says beyond the group's message, "" when it says the same."""
        return "" if finding.message == self.message else finding.message


@dataclass(frozen=True, kw_only=True)
class ChangedByRule:
    rule: str
    values: int
    #: (table, values) where it applied, most first.
    tables: tuple[tuple[str, int], ...]


@dataclass(frozen=True, kw_only=True)
class TimelineBar:
    phase: PhaseReport
    #: Position and width in percent of the whole run.
    left: float
    width: float


def total(report: RunReport) -> Totals:
    """Add up a report."""
    bars = place_phases(report.phases)
    busiest = max(report.phases, key=lambda phase: (phase.name.startswith("copy"), phase.rows), default=None)
    return Totals(
        tables=len(report.tables),
        rows_source=sum(table.rows_source for table in report.tables),
        rows_target=sum(table.rows_target for table in report.tables),
        rows_quarantined=report.rows_quarantined,
        values_changed=sum(count_changes(table) for table in report.tables),
        bytes=sum(table.bytes for table in report.tables),
        seconds=max((_end(bar.phase) for bar in bars), default=0.0),
        rows_per_second=busiest.rows / busiest.seconds if busiest and busiest.seconds > 0 else 0.0,
        busiest_phase=busiest.name if busiest else "",
    )


def count_changes(table: TableReport) -> int:
    """Return how many values of the table a rule changed."""
    return sum(table.values_changed.values())


def count_differences(report: RunReport) -> int:
    """Return how many differences there are; of each table the report lists the first alone."""
    counted = sum(table.proof.differences for table in report.tables if table.proof)
    return max(counted, len(report.differences))


def group_findings(findings: Iterable[Finding]) -> list[FindingGroup]:
    """Fold findings that share code and hint; most urgent first, then as reported."""
    groups: dict[tuple[Severity, str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.severity, finding.code, finding.hint), []).append(finding)
    folded = [
        FindingGroup(severity=severity, code=code, message=alike[0].message, hint=hint, findings=tuple(alike))
        for (severity, code, hint), alike in groups.items()
    ]
    return sorted(folded, key=lambda group: SEVERITIES.index(group.severity))


def count_severities(findings: Sequence[Finding]) -> list[tuple[Severity, int]]:
    """Return how many findings there are of each severity, without the severities that have none."""
    counts = [
        (severity, sum(finding.severity is severity for finding in findings)) for severity in SEVERITIES
    ]
    return [(severity, count) for severity, count in counts if count]


def collect_changes(tables: Iterable[TableReport]) -> list[ChangedByRule]:
    """Return the values changed by each rule, the busiest rule first."""
    by_rule: dict[str, list[tuple[str, int]]] = {}
    for table in tables:
        for rule, count in table.values_changed.items():
            if count:
                by_rule.setdefault(rule, []).append((table.name, count))
    changes = [
        ChangedByRule(
            rule=rule,
            values=sum(count for _, count in places),
            tables=tuple(sorted(places, key=lambda place: -place[1])),
        )
        for rule, places in by_rule.items()
    ]
    return sorted(changes, key=lambda change: -change.values)


def collect_objects(objects: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return the objects carried besides tables and their number, each kind as people call it."""
    names = {"unique": "unique constraint", "check": "check constraint"}
    return [
        (names.get(kind, kind.replace("-", " ")), count)
        for kind, count in objects.items()
        if count and kind != "table"
    ]


def place_phases(phases: Sequence[PhaseReport]) -> list[TimelineBar]:
    """Lay the phases out on the time of the run; where none says when it began, one after another."""
    if len(phases) > 1 and not any(phase.started for phase in phases):
        clock = 0.0
        placed = []
        for phase in phases:
            placed.append(_with_start(phase, clock))
            clock += phase.seconds
        phases = placed
    whole = max((_end(phase) for phase in phases), default=0.0) or 1.0
    return [
        TimelineBar(phase=phase, left=100 * phase.started / whole, width=100 * phase.seconds / whole)
        for phase in phases
    ]


def _end(phase: PhaseReport) -> float:
    return phase.started + phase.seconds


def _with_start(phase: PhaseReport, started: float) -> PhaseReport:
    return PhaseReport(
        name=phase.name, seconds=phase.seconds, rows=phase.rows, bytes=phase.bytes, started=started
    )
