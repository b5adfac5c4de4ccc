"""Take a followed migration apart before it is undone: nothing of the application's may be lost by that."""

from __future__ import annotations

from howdah.capture.machine import Goal, Phase
from howdah.capture.record import CaptureRecord
from howdah.errors import DifferenceError, RefusedError
from howdah.model.report import ROW_KINDS
from howdah.ops.live_compare import compare
from howdah.ops.live_fence import unfence
from howdah.ops.live_run import LiveOptions, LiveRun, open_live_run
from howdah.ops.target import OpenTarget
from howdah.process.phases import PhaseLog
from howdah.state.store import StateSchema


def end_following(target: OpenTarget, state: StateSchema, phases: PhaseLog) -> None:
    """
    Remove the journal from the source and the record from the target.

    Raises RefusedError after a cutover, DifferenceError where somebody else wrote to the target.
    """
    capture = CaptureRecord(state=state).read(target.connection)
    target.connection.rollback()
    assert capture is not None
    if capture.phase not in (Phase.FOLLOWING, Phase.FENCING, Phase.DRAINED):
        raise RefusedError(
            "L-122",
            f'The migration is in phase "{capture.phase}": undoing it would lose what was written since.',
            hint='Go home first: "howdah rollback" without --carry-back does, after a cutover.',
        )
    with open_live_run(target, state, capture.source, LiveOptions(), phases) as run:
        if capture.phase in (Phase.FENCING, Phase.DRAINED):
            unfence(run)
        if capture.goal is not Goal.UNDO:
            _require_unwritten(run)
            # From here on the journal may be gone, and without it nobody can compare again.
            with target.connection.transaction():
                run.record.set(target.connection, goal=str(Goal.UNDO))
        run.file.remove_our_objects()
        with target.connection.transaction():
            run.way_back.remove(target.connection)
            run.record.remove(target.connection)


def _require_unwritten(run: LiveRun) -> None:
    proof = compare(run)
    # Sequences are set at the cutover; what is behind here is nobody's write.
    written = [found for found in proof.differences if found.kind in ROW_KINDS]
    if written:
        first = written[0]
        raise DifferenceError(
            "M-402",
            "Somebody else wrote to the target: undoing the run would lose what was written.",
            detail=f"{len(written)} differences, the first in table {first.table!r}:"
            f" {first.kind} {first.key} {first.column} {first.detail}".rstrip(),
            hint="Keep the target, or save what was written before you drop the tables yourself.",
        )
