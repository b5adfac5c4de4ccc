"""One step of a plan, whatever its kind, in the caller's transaction."""

from __future__ import annotations

from howdah.loading.copy_step import Advance, run_copy_step
from howdah.loading.job import LoadJob
from howdah.loading.object_step import run_object_step
from howdah.model.plan import Step, StepKind
from howdah.state.ledger import StepOutcome
from howdah.state.store import Connection


def run_step(connection: Connection, job: LoadJob, step: Step, advance: Advance) -> StepOutcome:
    """Do the work of one step in the caller's transaction."""
    if step.kind is StepKind.COPY:
        return run_copy_step(connection, job, step, advance)
    return run_object_step(connection, job, step)
