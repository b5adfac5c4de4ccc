"""One step of a plan, whatever its kind, in the caller's transaction."""

from __future__ import annotations

from howdah.loading.comparison_step import run_comparison_step
from howdah.loading.copy_step import Advance, run_copy_step
from howdah.loading.job import LoadJob
from howdah.loading.object_step import run_object_step
from howdah.loading.owned_prepare import application_path, run_prepare_step
from howdah.loading.owned_restore import run_restore_step
from howdah.loading.owned_rows import run_merge_step
from howdah.loading.owned_sequences import run_sequences_step
from howdah.loading.trial_step import run_trial_step, run_trigger_step
from howdah.model.plan import Step, StepKind
from howdah.state.ledger import StepOutcome
from howdah.state.store import Connection


def run_step(connection: Connection, job: LoadJob, step: Step, advance: Advance) -> StepOutcome:
    """Do the work of one step in the caller's transaction."""
    if job.plan.owned is not None:
        # A deferred constraint of the application would reject a row when nobody can say which any more.
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    match step.kind:
        case StepKind.COPY:
            with application_path(connection, job.plan):
                return run_copy_step(connection, job, step, advance)
        case StepKind.PREPARE:
            return run_prepare_step(connection, job, step)
        case StepKind.MERGE:
            with application_path(connection, job.plan):
                return run_merge_step(connection, job, step)
        case StepKind.RESTORE:
            return run_restore_step(connection, job, step)
        case StepKind.COMPARISON:
            return run_comparison_step(connection, job, step)
        case StepKind.TRIAL:
            return run_trial_step(connection, job, step)
        case StepKind.TRIGGER:
            return run_trigger_step(connection, job, step)
        case StepKind.SEQUENCE if not step.sql:
            return run_sequences_step(connection, job, step)
        case _:
            return run_object_step(connection, job, step)
