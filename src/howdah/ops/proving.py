"""Verify a plan against the target, knowing what the run itself left NOT VALID or could not build."""

from __future__ import annotations

from collections.abc import Mapping

from howdah.loading.runner import deferred_steps
from howdah.model.plan import Plan
from howdah.model.source import Snapshot, SourceCatalog
from howdah.ops.target import OpenTarget
from howdah.process.phases import PhaseLog
from howdah.proof.result import Proof
from howdah.proof.verify import LISTED_MAX, verify
from howdah.state.ledger import StepOutcome, ids_left_out


def prove(
    target: OpenTarget,
    plan: Plan,
    catalog: SourceCatalog,
    snapshot: Snapshot,
    *,
    outcomes: Mapping[str, StepOutcome],
    quarantined: Mapping[str, frozenset[str]],
    phases: PhaseLog,
    jobs: int,
    name: str = "verify",
    listed_max: int = LISTED_MAX,
) -> Proof:
    """Compare everything as one phase of a verb. Raises what `proof.verify.verify` raises."""
    tables = {table.name: table.rows for table in plan.tables}
    with phases.phase(name, rows=sum(tables.values()), tables=tables) as count:
        proof = verify(
            plan,
            catalog,
            snapshot,
            target.conninfo,
            quarantined=quarantined,
            expected_not_valid=steps_not_valid(outcomes),
            expected_missing=steps_missing(plan, outcomes),
            jobs=jobs,
            progress=phases.progress,
            listed_max=listed_max,
        )
        count.rows = proof.rows
    return proof


def steps_not_valid(outcomes: Mapping[str, StepOutcome]) -> list[str]:
    """Return the steps whose constraint the run left NOT VALID."""
    return [key for key, outcome in outcomes.items() if outcome.fell_back]


def steps_missing(plan: Plan, outcomes: Mapping[str, StepOutcome]) -> list[str]:
    """Return the steps that the run could not carry out, or has put off until a cutover."""
    return [
        *ids_left_out(outcomes.values()),
        *(step.id for step in deferred_steps(plan) if step.id not in outcomes),
    ]
