"""Assemble the report of a run from what its parts returned (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from howdah.errors import ExitStatus, combine_statuses
from howdah.model.findings import Finding
from howdah.model.plan import Plan, StepKind, TablePlan
from howdah.model.report import (
    ColumnReport,
    Difference,
    PhaseReport,
    RunReport,
    SnapshotReport,
    TableProof,
    TableReport,
    TouchedValue,
)
from howdah.model.source import Snapshot, SourceCatalog
from howdah.sqlite.salvage import DAMAGE_CODES
from howdah.state.ledger import StepOutcome, ids_left_out

#: Of the report directory's triggers.sql.
_TRIGGERS_HEADER = """\
-- Triggers of the SQLite database that the migration did not make. Nothing of this file has been run.
-- Read each, finish what says TODO, then run it with psql.
"""
_MAKING_NOTHING = (
    StepKind.COPY,
    StepKind.ANALYZE,
    StepKind.SCHEMA,
    StepKind.COMPARISON,
    StepKind.TRIAL,
)
_STATUS_WORDS = {
    ExitStatus.OK: "done",
    ExitStatus.DIFFERENT: "different",
    ExitStatus.QUARANTINED: "quarantined",
    ExitStatus.UNPROVEN: "unproven",
    ExitStatus.INTEGRITY: "damaged",
}


def choose_status(*, verified: bool, differences: int, quarantined: int, damaged: bool = False) -> ExitStatus:
    """Return how a run ends that went to its end."""
    return combine_statuses(
        ExitStatus.OK,
        *([ExitStatus.INTEGRITY] * damaged),
        *([ExitStatus.DIFFERENT] * bool(differences)),
        *([ExitStatus.QUARANTINED] * bool(quarantined)),
        *([ExitStatus.UNPROVEN] * (not verified)),
    )


def status_word(status: ExitStatus) -> str:
    """Return the one word that stands for an exit status in reports."""
    return _STATUS_WORDS[status]


def build_table_reports(
    plan: Plan,
    catalog: SourceCatalog,
    outcomes: Mapping[str, StepOutcome],
    quarantined: Mapping[str, Collection[str]],
    proofs: Mapping[str, TableProof],
    kept: Mapping[str, int] | None = None,
) -> tuple[TableReport, ...]:
    """
    Join, table by table, what was planned, done, set aside and proven.

    `quarantined` gives the texts of the keys set aside, `kept` the rows of the target that stayed in a
    merge, by source table.
    """
    kept = kept or {}
    changed: dict[str, Counter[str]] = {}
    copied: Counter[str] = Counter()
    for step in plan.steps:
        if step.kind is StepKind.COPY and step.id in outcomes:
            outcome = outcomes[step.id]
            changed.setdefault(step.table, Counter()).update(outcome.changed)
            # Rows that followed their parents later took what the rules altered with them.
            gone = Counter(
                value.rule for value in outcome.touched if value.key in quarantined.get(value.table, ())
            )
            changed[step.table].subtract(gone)
            copied[step.table] += outcome.bytes
    for table in plan.tables:
        values = sum(table.left_out.values())
        if values and table.loaded:
            changed.setdefault(table.name, Counter())["column-left-out"] = values
    for made in plan.corrections:
        changed.setdefault(made.table, Counter())[made.rule] += made.rows
    return tuple(
        TableReport(
            name=table.name,
            target_name=table.target_name,
            rows_source=table.rows,
            rows_target=_rows_target(table, quarantined, proofs),
            rows_quarantined=len(quarantined.get(table.name, ())),
            values_changed={rule: count for rule, count in changed.get(table.name, {}).items() if count},
            proof=proofs.get(table.name),
            columns=_column_reports(table, catalog),
            bytes=copied[table.name],
            row_policy=table.row_policy.value if table.row_policy is not None else "",
            rows_before=table.rows_before,
            rows_kept=kept.get(table.name, 0) if table.loaded else table.rows_before,
        )
        for table in plan.tables
    )


def collect_touched(
    plan: Plan, outcomes: Mapping[str, StepOutcome], quarantined: Mapping[str, Collection[str]]
) -> tuple[TouchedValue, ...]:
    """Return the values that a rule altered or left out, as far as named, but for rows set aside."""
    corrected = [value for made in plan.corrections for value in made.named]
    loaded = [value for outcome in outcomes.values() for value in outcome.touched]
    return tuple(
        value for value in (*corrected, *loaded) if value.key not in quarantined.get(value.table, ())
    )


def _rows_target(
    table: TablePlan, quarantined: Mapping[str, Collection[str]], proofs: Mapping[str, TableProof]
) -> int:
    if not table.loaded:
        return table.rows_before
    if table.name in proofs:
        return proofs[table.name].rows_target
    return table.rows - len(quarantined.get(table.name, ()))


def _column_reports(table: TablePlan, catalog: SourceCatalog) -> tuple[ColumnReport, ...]:
    source = catalog.table(table.name)
    return tuple(
        ColumnReport(
            name=column.name,
            declared_type=source.column(column.name).declared_type,
            target_type=column.type,
            codec=column.codec,
            reason=column.reason,
        )
        for column in table.columns
    )


def count_objects(plan: Plan, outcomes: Mapping[str, StepOutcome]) -> dict[str, int]:
    """Count the objects that were built, by kind, those left out not included."""
    missing = ids_left_out(outcomes.values())
    counted = Counter(
        step.kind.value
        for step in plan.steps
        if step.kind not in _MAKING_NOTHING
        # Steps without SQL of their own are about an application's schema, in which nothing is made.
        and step.sql
        and step.id in outcomes
        and step.id not in missing
    )
    return dict(counted)


def outcome_findings(plan: Plan, outcomes: Mapping[str, StepOutcome]) -> tuple[Finding, ...]:
    """Return the findings of the plan, then those that carrying it out added."""
    added = [finding for outcome in outcomes.values() for finding in outcome.findings]
    return (*plan.findings, *added)


def render_stubs(plan: Plan, outcomes: Mapping[str, StepOutcome]) -> str:
    """Return triggers.sql: the triggers that were not made, "" where all were."""
    missing = ids_left_out(outcomes.values())
    stubs = [trigger.stub for trigger in plan.triggers if not trigger.step_id or trigger.step_id in missing]
    return "\n".join([_TRIGGERS_HEADER, *stubs]) if stubs else ""


def build_run_report(
    *,
    verb: str,
    run_id: str,
    source: str,
    target: str,
    rehearsal: bool,
    snapshot: Snapshot,
    tables: Sequence[TableReport],
    findings: Sequence[Finding],
    phases: Sequence[PhaseReport],
    differences: Sequence[Difference],
    difference_count: int,
    verification: str,
    objects: Mapping[str, int],
    started_at: str,
    finished_at: str,
    howdah_version: str,
    server_version: str,
    report_dir: str,
    repaired: int = 0,
    touched: Sequence[TouchedValue] = (),
) -> RunReport:
    """Put the report together; the exit status follows from what is in it."""
    status = choose_status(
        verified=bool(verification),
        differences=difference_count,
        quarantined=sum(table.rows_quarantined for table in tables),
        damaged=any(finding.code in DAMAGE_CODES for finding in (*snapshot.findings, *findings)),
    )
    return RunReport(
        verb=verb,
        status=status_word(status),
        exit_status=int(status),
        source=source,
        target=target,
        snapshot=SnapshotReport(
            path=snapshot.path, sha256=snapshot.sha256, size=snapshot.size, taken_at=snapshot.taken_at
        ),
        tables=tuple(tables),
        findings=tuple(findings),
        phases=tuple(phases),
        differences=tuple(differences),
        verification=verification,
        run_id=run_id,
        rehearsal=rehearsal,
        started_at=started_at,
        finished_at=finished_at,
        howdah_version=howdah_version,
        server_version=server_version,
        report_dir=report_dir,
        objects=dict(objects),
        repaired=repaired,
        touched=tuple(touched),
    )
