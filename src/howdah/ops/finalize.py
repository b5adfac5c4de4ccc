"""finalize: end the way back of a finished run, and give up what was kept for it."""

from __future__ import annotations

from howdah.capture.way_back import WayBack
from howdah.errors import RefusedError
from howdah.model.verb_reports import FinalizeReport
from howdah.ops.end_live import end_live
from howdah.ops.target import TargetRequest, open_target
from howdah.state.ledger import Ledger
from howdah.state.saved import SavedState
from howdah.state.store import StateSchema, exclusive_run, state_exists


def finalize(request: TargetRequest, *, unproven: bool = False) -> FinalizeReport:
    """
    Drop the rows that were replaced in an application's tables, and the journal of the way back.

    Ledger, proofs and quarantine stay. After a cutover the SQLite file is put away too.
    Raises RefusedError where there is no run, or one is not finished.
    """
    state = StateSchema(name=request.state_schema)
    with open_target(request) as target:
        connection = target.connection
        runs = Ledger(state=state).runs(connection) if state_exists(connection, state) else []
        connection.rollback()
        runs = [run for run in runs if run.status != "undone"]
        if not runs:
            raise RefusedError(
                "M-611",
                "There is no run in this target whose way back could be ended.",
                hint='"howdah status" lists the runs; name the target and --state-schema of the run.',
            )
        unfinished = [run for run in runs if run.status == "running"]
        if unfinished:
            raise RefusedError(
                "M-612",
                f"Run {unfinished[0].id} is not finished: what it owes the application must be kept.",
                hint=f'Finish it with "howdah migrate {unfinished[0].source}" or undo it with'
                ' "howdah rollback".',
            )
        tables: list[str] = []
        rows = 0
        with exclusive_run(connection, state):
            files = end_live(connection, state, unproven=unproven)
            with connection.transaction():
                for run in runs:
                    for saved in SavedState(state=state, run_id=run.id).finalize(connection):
                        tables.append(saved.table)
                        rows += saved.rows - saved.rows_kept
                WayBack(state=state).remove(connection)
        return FinalizeReport(
            target=target.display,
            runs=tuple(run.id for run in runs),
            tables=tuple(tables),
            rows=rows,
            files=files,
        )
