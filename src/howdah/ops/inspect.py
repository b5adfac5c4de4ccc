"""inspect: what is in the file and what will be hard; read-only."""

from __future__ import annotations

from howdah.model.plan import PlanOptions
from howdah.model.verb_reports import InspectReport
from howdah.ops.source_facts import look_for_orphans, read_source
from howdah.ops.workspace import temporary_workspace
from howdah.places import state_directory
from howdah.planning.build import build_plan
from howdah.process.phases import PhaseLog
from howdah.process.progress import NullProgress, Progress


def inspect(source: str, *, progress: Progress | None = None) -> InspectReport:
    """
    Read catalog and census of a SQLite file from a private copy, which is removed again.

    Raises the errors of `sqlite.connect` for a file that cannot be read, and
    IntegrityError for one that is damaged.
    """
    phases = PhaseLog(progress=progress or NullProgress())
    with temporary_workspace(state_directory()) as workspace:
        facts = look_for_orphans(read_source(source, workspace, phases), phases)
        plan = build_plan(facts.catalog, facts.census, PlanOptions(), None)
    return InspectReport(
        source=source,
        catalog=facts.catalog,
        census=facts.census,
        findings=(*facts.findings, *plan.findings),
        estimate=plan.estimate,
        phases=tuple(phases.reports),
        size=facts.snapshot.size,
    )
