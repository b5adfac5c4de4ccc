"""
rollback: undo a run while nobody has written to its target.

A finished run is undone only while the target still equals the snapshot that it
was made from; an unfinished one is undone as it is, since nothing in it is valid.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, cast

import psycopg
from psycopg import sql

from howdah.capture.record import CaptureRecord
from howdah.capture.way_back import WayBack
from howdah.errors import DifferenceError, RefusedError
from howdah.loading.owned_undo import undo_owned_run
from howdah.loading.triggers import drop_trigger_functions
from howdah.model.plan import StepKind
from howdah.model.verb_reports import RollbackReport
from howdah.ops.end_following import end_following
from howdah.ops.proving import prove
from howdah.ops.source_facts import read_kept_catalog
from howdah.ops.target import OpenTarget, TargetRequest, open_target
from howdah.process.phases import PhaseLog
from howdah.process.progress import NullProgress, Progress
from howdah.sqlite.live_file import LiveFile
from howdah.state.ledger import Ledger, Run, StepOutcome
from howdah.state.quarantine import Quarantine
from howdah.state.saved import SavedState
from howdah.state.store import Connection, StateSchema, exclusive_run, remove_state, state_exists


def rollback(request: TargetRequest, progress: Progress | None = None) -> RollbackReport:
    """
    Undo the newest run of a target; afterwards the target is as it was before.

    Raises RefusedError where there is nothing to undo or something else stands on
    the tables, and DifferenceError where rows have been written since.
    """
    phases = PhaseLog(progress=progress or NullProgress())
    state = StateSchema(name=request.state_schema)
    with open_target(request) as target, exclusive_run(target.connection, state):
        connection = target.connection
        run = _newest_run(connection, state)
        connection.rollback()
        if _is_followed(target, state, run):
            end_following(target, state, phases)
        elif run.status in ("loaded", "done"):
            _require_unchanged(target, state, run, phases)
        if run.plan.options.defer_foreign_keys:
            _remove_begun_journal(run)
        with connection.transaction():
            changed = forget_run(connection, state, run)
        return RollbackReport(
            target=target.display,
            run_id=run.id,
            dropped=() if run.plan.owned is not None else changed,
            restored=changed if run.plan.owned is not None else (),
            snapshot=run.snapshot.path,
        )


def _remove_begun_journal(run: Run) -> None:
    """Of a follow that ended before it began to follow: its journal is in the source already."""
    if not os.path.exists(run.source):
        return
    with LiveFile(run.source) as live:
        with live.looking():
            ours = live.our_objects()
        if ours:
            live.remove_our_objects()


def _is_followed(target: OpenTarget, state: StateSchema, run: Run) -> bool:
    capture = CaptureRecord(state=state).read(target.connection)
    target.connection.rollback()
    return capture is not None and capture.run_id == run.id


def _newest_run(connection: Connection, state: StateSchema) -> Run:
    runs = Ledger(state=state).runs(connection) if state_exists(connection, state) else []
    for run in runs:
        if run.status != "undone":
            return run
    raise RefusedError(
        "M-401",
        "There is no run to undo in this target.",
        hint='"howdah status" lists the runs; name the target and --state-schema of the run.',
    )


def _require_unchanged(target: OpenTarget, state: StateSchema, run: Run, phases: PhaseLog) -> None:
    quarantine = Quarantine(state=state, run_id=run.id)
    keys = quarantine.keys(target.connection)
    outcomes = Ledger(state=state).outcomes(target.connection, run.id)
    target.connection.rollback()
    catalog = read_kept_catalog(run)
    proof = prove(
        target,
        run.plan,
        catalog,
        run.snapshot,
        outcomes=outcomes,
        quarantined=keys,
        phases=phases,
        jobs=run.plan.options.jobs,
        name="compare with the snapshot",
    )
    if proof.difference_count:
        first = proof.differences[0]
        raise DifferenceError(
            "M-402",
            "The target has changed since the run: undoing it would lose what was written.",
            detail=f"{proof.difference_count} differences, the first in table {first.table!r}: {first.kind}"
            f" {first.key} {first.column} {first.detail}".rstrip(),
            hint="Keep the target, or save what was written before you drop the tables yourself.",
        )


def forget_run(connection: Connection, state: StateSchema, run: Run) -> tuple[str, ...]:
    """
    Drop what a run created, in the caller's transaction; return the names of the tables and views.

    Tables of an application are not dropped: they get the rows back that they held. Without another
    run in the ledger nothing of ours stays: the target is as it was. Raises what
    `drop_run_objects` raises.
    """
    WayBack(state=state).remove(connection)
    ledger = Ledger(state=state)
    if run.plan.owned is not None:
        changed = undo_owned_run(connection, run.plan, SavedState(state=state, run_id=run.id))
    else:
        changed = drop_run_objects(connection, run, ledger.outcomes(connection, run.id))
    if any(other.id != run.id for other in ledger.runs(connection)):
        ledger.set_status(connection, run.id, "undone")
    else:
        remove_state(connection, state)
    return changed


def drop_run_objects(
    connection: Connection, run: Run, outcomes: Mapping[str, StepOutcome]
) -> tuple[str, ...]:
    """
    Drop what a run created, in the caller's transaction; return the names of the views and tables.

    Raises RefusedError where something that is not the run's depends on them.
    """
    schema = run.target_schema
    views = [step.object for step in reversed(run.plan.steps) if step.kind is StepKind.VIEW]
    tables = [table.target_name for table in run.plan.tables]
    try:
        for view in views:
            connection.execute(sql.SQL("DROP VIEW IF EXISTS {}").format(sql.Identifier(schema, view)))
        if tables:
            names = sql.SQL(", ").join(sql.Identifier(schema, table) for table in tables)
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(names))
        # The triggers went with their tables.
        drop_trigger_functions(connection, run.plan, run.plan.steps, outcomes, cascade=False)
        if run.schema_created:
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {}").format(sql.Identifier(schema)))
    except psycopg.errors.DependentObjectsStillExist as error:
        raise RefusedError(
            "M-403",
            "Something in the target depends on the tables of this run.",
            detail=cast("Any", error).diag.message_detail or "",
            hint="Drop or move those objects first; nothing was changed.",
        ) from error
    return tuple(views + tables)
