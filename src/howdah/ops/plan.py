"""plan: every decision, before anything is written."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from howdah.errors import UsageError
from howdah.model.owned import OwnedFacts
from howdah.model.plan import Plan, PlanOptions
from howdah.ops.app_rules import read_app_rules
from howdah.ops.source_facts import SourceFacts, look_for_orphans, read_source
from howdah.ops.target import TargetRequest, open_target, read_facts_of_target
from howdah.ops.workspace import temporary_workspace
from howdah.places import state_directory
from howdah.planning.build import build_plan
from howdah.planning.edits import PlanEdits
from howdah.planning.orphans import choose_orphans
from howdah.planning.owned import NO_RULES, AppRules
from howdah.planning.plan_file import parse_plan_file
from howdah.process.phases import PhaseLog
from howdah.process.progress import NullProgress, Progress


@dataclass(frozen=True, kw_only=True)
class PlanRequest:
    source: str
    #: None plans for any server, without a look at it.
    target: TargetRequest | None = None
    options: PlanOptions = field(default_factory=PlanOptions)
    plan_file: Path | None = None
    #: Carry what can be read of a damaged source.
    salvage: bool = False


def plan(request: PlanRequest, progress: Progress | None = None) -> Plan:
    """
    Build the plan that `migrate` would carry out with the same options.

    Raises UsageError for an edited plan that does not fit the source, and the
    errors of reading source and target.
    """
    phases = PhaseLog(progress=progress or NullProgress())
    edits = read_plan_edits(request.plan_file)
    target, owned = (
        (None, None) if request.target is None else read_facts_of_target(request.target, request.options)
    )
    with temporary_workspace(state_directory()) as workspace:
        orphans = choose_orphans(request.options, edits)
        facts = read_source(request.source, workspace, phases, salvage=request.salvage, orphans=orphans)
        facts = look_for_orphans(facts, phases, orphans)
        rules = NO_RULES if request.target is None else _read_app_rules(request.target, facts, owned)
    built = build_plan(facts.catalog, facts.census, request.options, target, edits, owned, rules)
    return replace(built, findings=(*facts.findings, *built.findings))


def _read_app_rules(request: TargetRequest, facts: SourceFacts, owned: OwnedFacts | None) -> AppRules:
    with open_target(request) as opened:
        return read_app_rules(facts, opened.connection, owned)


def read_plan_edits(path: Path | None) -> PlanEdits | None:
    """Read an edited plan, None for none. Raises UsageError where it cannot be read or understood."""
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "P-101", f"The plan file {path} cannot be read.", detail=str(error), hint="Check the path."
        ) from error
    return parse_plan_file(text)
