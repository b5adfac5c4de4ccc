"""
The way home after a cutover: catch up → fence PostgreSQL → drain → prove → the file takes writes again.
"""

from __future__ import annotations

from howdah.capture.machine import Goal, Phase, Step
from howdah.errors import ExitStatus, RefusedError
from howdah.model.verb_reports import LiveReport
from howdah.ops.cutover import taking_over
from howdah.ops.follow import read_capture
from howdah.ops.home_checks import require_unaltered
from howdah.ops.live_proof import prove_home
from howdah.ops.live_run import LiveOptions, LiveRun, nothing_followed, open_live_run
from howdah.ops.live_schema import plans_that_hold
from howdah.ops.live_steps import take_step
from howdah.ops.target import TargetRequest, open_target
from howdah.postgres.catalog import read_target_facts
from howdah.process.phases import PhaseLog
from howdah.process.progress import NullProgress, Progress
from howdah.state.store import StateSchema

#: Phases from which the way home leads through PostgreSQL's journal.
_AWAY = (Phase.RELEASED, Phase.COMPLETE, Phase.HOME_FENCING, Phase.HOME_DRAINED, Phase.HOME)


def is_away(request: TargetRequest) -> bool:
    """Whether a cutover has happened in this target, so that going home is more than undoing."""
    capture = read_capture(request, StateSchema(name=request.state_schema), None)
    return capture is not None and capture.phase in _AWAY


def go_home(request: TargetRequest, options: LiveOptions, progress: Progress | None = None) -> LiveReport:
    """
    Bring every write home and let the SQLite file take writes again.

    Raises RefusedError where the schema on PostgreSQL has changed or a value has no exact form,
    DifferenceError where the rows that moved last differ.
    """
    phases = PhaseLog(progress=progress or NullProgress())
    state = StateSchema(name=request.state_schema)
    capture = read_capture(request, state, None)
    if capture is None:
        raise nothing_followed()
    if not capture.journaled:
        raise RefusedError(
            "L-127",
            "A source that is followed without triggers is not written to, so nothing goes home into it.",
            hint='"howdah rollback --carry-back" writes a new SQLite file with everything.',
        )
    with (
        open_target(request) as target,
        taking_over(target, state),
        open_live_run(target, state, capture.source, options, phases) as live,
    ):
        _require_fenced_file(live)
        _require_schema(live)
        phases.progress.phase("go home")
        while True:
            step = take_step(live, Goal.GO_HOME)
            if step in (Step.HOME_RELEASE, Step.DONE):
                break
        prove_home(live)
        if live.difference_count:
            return live.report("rollback", "different", exit_status=int(ExitStatus.DIFFERENT))
        return live.report("rollback", "home")


def _require_fenced_file(live: LiveRun) -> None:
    """Rows that were written on PostgreSQL go into the file that the cutover fenced, and into no other."""
    capture = live.capture()
    if capture.phase is Phase.HOME:
        return
    with live.file.looking():
        state = live.file.journal_state()
    if state is None or state.epoch != capture.epoch:
        reason = "It has no journal, or that of another migration."
    elif not state.fenced or state.newest < capture.watermark:
        reason = "It is what it was at an earlier time, and may have been written to since."
    elif len(plans_that_hold(live.run.plan, live.catalog).tables) < len(live.run.plan.tables):
        reason = "Tables or columns of it are gone."
    else:
        return
    raise RefusedError(
        "L-131",
        f'file "{live.file.path}" is not as the cutover left it',
        detail=reason,
        hint='Put that file back, or say "howdah rollback --carry-back", which writes another one.',
    )


def _require_schema(live: LiveRun) -> None:
    """Report what the application altered on PostgreSQL before anything moves."""
    facts = read_target_facts(live.connection, live.run.target_schema)
    live.connection.rollback()
    live.findings += require_unaltered(
        live.run.plan, facts, without_new_objects=live.options.without_new_objects
    )
    gone = live.way_back.missing_triggers(live.connection)
    live.connection.rollback()
    if gone:
        raise RefusedError(
            "H-108",
            "The journal of the way back was switched off for some tables, so it does not know all writes.",
            detail=", ".join(table.source_table for table in gone),
            hint='"howdah rollback --carry-back --all-rows" reads every row instead.',
        )
