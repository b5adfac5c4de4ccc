"""
Carry out what the state machine of a live migration says, one step at a time.

Every step may be done again after a crash. The verbs `follow`, `cutover` and `rollback` differ in what
they want and when they stop.
"""

from __future__ import annotations

from howdah.capture.machine import CLOSE_ENOUGH, Facts, Goal, Phase, Step, next_step
from howdah.capture.record import Capture
from howdah.errors import DifferenceError, RefusedError
from howdah.ops.live_apply import apply_noted, keyless_aside, note_caught_up
from howdah.ops.live_compare import reconcile
from howdah.ops.live_fence import drop_fence, fence, run_release_hook, unfence
from howdah.ops.live_home import carry_home, home_drain, home_fence, home_release, reopen
from howdah.ops.live_proof import prove_all
from howdah.ops.live_run import LiveRun
from howdah.ops.live_switch import drain, prepare, prove_dirty, release
from howdah.ops.live_watch import require_journal
from howdah.state.quarantine import Quarantine


def read_facts(live: LiveRun, capture: Capture, goal: Goal) -> Facts:
    """Read what the state machine decides by."""
    quarantine = Quarantine(state=live.state, run_id=live.run.id).keys(live.connection)
    prepared = bool(live.way_back.tables(live.connection))
    home_backlog = (
        live.way_back.count(live.connection)
        if goal is Goal.GO_HOME and prepared and capture.phase in (Phase.RELEASED, Phase.COMPLETE)
        else 0
    )
    live.connection.rollback()
    with live.file.looking():
        state = live.file.journal_state()
        backlog = 0 if state is None else live.file.count_entries(capture.watermark)
        touched = 0 if state is None else len(keyless_aside(live, capture, quarantine))
        fenced = state is not None and state.fenced
        if not capture.journaled:
            backlog, fenced = _not_compared(live, goal), live.file.held
    return Facts(
        phase=capture.phase,
        goal=goal,
        backlog=backlog + (CLOSE_ENOUGH + 1) * touched,
        quarantined=sum(map(len, quarantine.values())),
        quarantine_accepted=live.options.accept_quarantine,
        prepared=prepared and live.orphans_known,
        fenced=fenced,
        dirty_proven=live.dirty_proven,
        home_backlog=home_backlog,
        told=capture.goal is not Goal.GO_HOME,
    )


def _not_compared(live: LiveRun, goal: Goal) -> int:
    """Without a journal: whether both sides are to be compared; before a fence once is enough."""
    if live.compared_at is None:
        return CLOSE_ENOUGH + 1
    return int(goal is Goal.FOLLOW and live.file.data_version() != live.compared_at)


def take_step(live: LiveRun, goal: Goal) -> Step:
    """Do what comes next, and return what that was."""
    capture = live.capture()
    step = next_step(read_facts(live, capture, goal))
    match step:
        case Step.APPLY if not capture.journaled:
            live.file.require_same_file()
            reconcile(live)
        case Step.WAIT if not capture.journaled:
            note_caught_up(live)
        case Step.APPLY:
            require_journal(live, capture)
            apply_noted(live, live.capture())
        case Step.WAIT:
            require_journal(live, capture)
            note_caught_up(live)
        case Step.UNFENCE:
            drop_fence(live)
        case Step.PREPARE:
            prepare(live)
        case Step.FENCE:
            fence(live)
        case Step.DRAIN:
            drain(live, capture)
        case Step.PROVE_DIRTY:
            prove_dirty(live)
        case Step.RELEASE:
            release(live)
        case Step.PROVE_ALL:
            if capture.goal is Goal.CUTOVER:
                # Whoever released was killed before the application was told.
                run_release_hook(live)
            prove_all(live)
        case Step.REOPEN:
            reopen(live)
        case Step.HOME_APPLY:
            carry_home(live)
        case Step.HOME_FENCE:
            home_fence(live)
        case Step.HOME_DRAIN:
            home_drain(live)
        case Step.HOME_RELEASE:
            home_release(live)
        case Step.REFUSE:
            _refuse(live, capture, goal)
        case Step.LET_GO | Step.DONE:
            pass
    return step


def _refuse(live: LiveRun, capture: Capture, goal: Goal) -> None:
    if live.dirty_proven is False:
        if capture.phase is Phase.DRAINED:
            unfence(live)
        raise DifferenceError(
            "L-108",
            "The rows that moved last are not the same on both sides; nothing was released.",
            detail="; ".join(
                f"{found.table} {found.key} {found.column} {found.kind}" for found in live.differences[:5]
            ),
            hint="The old side takes writes again."
            if capture.phase is Phase.DRAINED
            else "PostgreSQL is still fenced; the file is too.",
        )
    if capture.phase in (Phase.FOLLOWING, Phase.DRAINED):
        quarantined = Quarantine(state=live.state, run_id=live.run.id).keys(live.connection)
        live.connection.rollback()
        if capture.phase is Phase.DRAINED:
            unfence(live)
        raise RefusedError(
            "L-109",
            "Rows are in quarantine: a cutover would leave them behind.",
            detail=", ".join(f"{len(keys)} of table {name}" for name, keys in quarantined.items()),
            hint='See them with "howdah quarantine list"; --accept-quarantine leaves them behind.',
        )
    raise RefusedError(
        "L-112",
        f'"{goal}" is not possible in phase "{capture.phase}".',
        hint='"howdah status" shows the phase; "howdah cutover" goes on, "howdah rollback" goes home.',
    )
