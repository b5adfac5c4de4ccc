"""clean: remove every trace of Howdah from a target, and the files of its runs."""

from __future__ import annotations

from howdah.capture.machine import Phase
from howdah.capture.record import CaptureRecord
from howdah.errors import RefusedError
from howdah.model.verb_reports import CleanReport
from howdah.ops.target import TargetRequest, open_target
from howdah.ops.workspace import run_workspace
from howdah.places import state_directory
from howdah.state.ledger import Ledger, Run
from howdah.state.saved import SavedState
from howdah.state.store import Connection, StateSchema, exclusive_run, remove_state, state_exists


def clean(request: TargetRequest, *, keep_files: bool = False) -> CleanReport:
    """
    Drop the state schema and remove the run directories (snapshot, reports, quarantine).

    The migrated tables stay; after it nothing can be resumed, undone or retried.
    Raises RefusedError while a run is unfinished (M-501) or a live migration has not ended (M-503).
    """
    state = StateSchema(name=request.state_schema)
    with open_target(request) as target:
        connection = target.connection
        if not state_exists(connection, state):
            return CleanReport(status="nothing", target=target.display, runs=(), directories=())
        with exclusive_run(connection, state):
            runs = Ledger(state=state).runs(connection)
            connection.rollback()
            unfinished = [run for run in runs if run.status == "running"]
            if unfinished:
                raise RefusedError(
                    "M-501",
                    f"Run {unfinished[0].id} is not finished: its half-copied tables would look whole.",
                    hint=f'Finish it with "howdah migrate {unfinished[0].source}" or undo it with'
                    ' "howdah rollback".',
                )
            _require_ended(connection, state, runs)
            with connection.transaction():
                remove_state(connection, state)
                # Before the ledger is gone for good: it alone says which files these are.
                directories = () if keep_files else _remove_files(runs)
        return CleanReport(
            target=target.display,
            runs=tuple(run.id for run in runs),
            directories=directories,
        )


def _remove_files(runs: list[Run]) -> tuple[str, ...]:
    """Remove the directories of the runs and return them."""
    removed = []
    for run in runs:
        workspace = run_workspace(state_directory(), run.id)
        if workspace.path.exists():
            workspace.remove()
            removed.append(str(workspace.path))
    return tuple(removed)


def _require_ended(connection: Connection, state: StateSchema, runs: list[Run]) -> None:
    """
    What is ours in the SQLite file, and what of an application's schema is out of the way, comes back by the
    records that would go.
    """
    capture = CaptureRecord(state=state).read(connection)
    aside = any(
        run.plan.owned is not None and SavedState(state=state, run_id=run.id).taken(connection)
        for run in runs
    )
    connection.rollback()
    if capture is None and not aside:
        return
    released = capture is not None and capture.phase in (Phase.RELEASED, Phase.COMPLETE)
    raise RefusedError(
        "M-503",
        "A live migration into this target has not ended, and its record would go.",
        detail=f"It is in phase {capture.phase}; its source is {capture.source}." if capture else "",
        hint='"howdah finalize" ends its way back and puts the SQLite file away.'
        if released
        else '"howdah cutover" finishes it, "howdah follow --stop" and "howdah rollback" give it up.',
    )
