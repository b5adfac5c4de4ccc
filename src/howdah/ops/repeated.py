"""A finished run that is asked for again: live rows are never replaced by an old file in passing."""

from __future__ import annotations

from pathlib import Path

from howdah.errors import RefusedError
from howdah.model.report import ROW_KINDS
from howdah.ops.proving import prove
from howdah.ops.source_facts import read_kept_catalog
from howdah.ops.target import OpenTarget
from howdah.process.phases import PhaseLog
from howdah.state.ledger import Ledger, Run
from howdah.state.quarantine import Quarantine
from howdah.state.saved import SavedState
from howdah.state.store import Connection, StateSchema
from howdah.units import format_amount


def count_kept_rows(connection: Connection, state: StateSchema, run: Run) -> dict[str, int]:
    """Return by source table how many rows of the target stayed beside the source's."""
    names = {(table.target_schema, table.target_name): table.name for table in run.plan.tables}
    found = SavedState(state=state, run_id=run.id).tables(connection)
    connection.rollback()
    return {
        names[saved.schema, saved.table]: saved.rows_kept
        for saved in found
        if (saved.schema, saved.table) in names
    }


def require_rows_unchanged(target: OpenTarget, state: StateSchema, run: Run, phases: PhaseLog) -> None:
    """
    Raise RefusedError (M-103) where rows of an application's tables are not what the run left.

    Who gives the same command again may believe that it loads again. Nothing is checked
    without the run's snapshot, and nothing is changed either way.
    """
    if run.plan.owned is None or not Path(run.snapshot.path).exists():
        return
    keys = Quarantine(state=state, run_id=run.id).keys(target.connection)
    outcomes = Ledger(state=state).outcomes(target.connection, run.id)
    target.connection.rollback()
    proof = prove(
        target,
        run.plan,
        read_kept_catalog(run),
        run.snapshot,
        outcomes=outcomes,
        quarantined=keys,
        phases=phases,
        jobs=run.plan.options.jobs,
        name="compare with the finished run",
    )
    changed = sorted({found.table for found in proof.differences if found.kind in ROW_KINDS})
    if changed:
        raise RefusedError(
            "M-103",
            f"Run {run.id} is finished, and rows have changed in the target since; nothing was changed now.",
            detail=f"{format_amount(len(changed), 'table')}: {', '.join(changed)}.",
            hint="To load tables again, rows written since included, name them with --replace-existing.",
        )
