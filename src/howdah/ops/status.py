"""status: which runs there are, what is proven, what can be resumed or undone."""

from __future__ import annotations

import shlex
from datetime import datetime
from pathlib import Path

from howdah.capture.machine import Phase
from howdah.capture.record import Capture, CaptureRecord
from howdah.loading.not_valid import list_not_valid
from howdah.model.verb_reports import LiveStatus, RunStatus, StatusReport
from howdah.ops.target import TargetRequest, open_target
from howdah.state.ledger import Ledger, Run
from howdah.state.quarantine import Quarantine
from howdah.state.saved import SavedState
from howdah.state.store import StateSchema, state_exists


def status(request: TargetRequest) -> StatusReport:
    """Read the ledger of a target. Raises the errors of connecting."""
    state = StateSchema(name=request.state_schema)
    with open_target(request) as target:
        connection = target.connection
        runs: tuple[RunStatus, ...] = ()
        capture = CaptureRecord(state=state).read(connection)
        if state_exists(connection, state):
            ledger = Ledger(state=state)
            runs = tuple(
                _describe(
                    run,
                    steps_done=len(outcomes := ledger.outcomes(connection, run.id)),
                    not_valid=list_not_valid(connection, run.plan, outcomes),
                    quarantined=sum(
                        len(keys) for keys in Quarantine(state=state, run_id=run.id).keys(connection).values()
                    ),
                    proof=ledger.last_proof(connection, run.id),
                    finalized=(capture is None and run.plan.options.defer_foreign_keys)
                    or any(
                        saved.finalized for saved in SavedState(state=state, run_id=run.id).tables(connection)
                    ),
                )
                for run in ledger.runs(connection)
            )
        connection.rollback()
        return StatusReport(
            target=target.display, runs=runs, live=None if capture is None else _describe_live(capture)
        )


def _describe_live(capture: Capture) -> LiveStatus:
    return LiveStatus(
        run_id=capture.run_id,
        phase=str(capture.phase),
        rows_applied=capture.rows_applied,
        behind_seconds=round(capture.behind_seconds, 3) if capture.phase is Phase.FOLLOWING else 0.0,
        proof=capture.proof,
    )


def _describe(
    run: Run,
    *,
    steps_done: int,
    quarantined: int,
    proof: tuple[datetime, str] | None,
    finalized: bool,
    not_valid: tuple[str, ...],
) -> RunStatus:
    return RunStatus(
        id=run.id,
        status=run.status,
        source=run.source,
        target_schema=run.target_schema,
        started_at=_format(run.started_at),
        finished_at=_format(run.finished_at),
        tables=len(run.plan.tables),
        rows=sum(table.rows for table in run.plan.tables),
        rows_quarantined=quarantined,
        steps_done=steps_done,
        steps=len(run.plan.steps),
        proof=proof[1] if proof else "",
        proven_at=_format(proof[0]) if proof else "",
        snapshot=run.snapshot.path,
        snapshot_present=Path(run.snapshot.path).exists(),
        next=_next_command(run, finalized=finalized),
        not_valid=not_valid,
    )


def _format(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _next_command(run: Run, *, finalized: bool) -> str:
    match run.status:
        case "running" | "loaded":
            return f"howdah migrate {shlex.quote(run.source)}"
        case "done" if not finalized:
            return "howdah rollback"
        case _:
            return ""
