"""
cutover: check → catch up → fence → drain → prove → release → full proof, and the way back.

Whoever follows lets go first; every step is durable, so the same command goes on after a crash.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import psycopg

from howdah.capture.machine import Goal, Phase, Step
from howdah.capture.record import CaptureRecord
from howdah.errors import ExitStatus, HowdahError, RefusedError
from howdah.model.verb_reports import LiveReport
from howdah.ops.live_fence import unfence
from howdah.ops.live_run import LiveOptions, LiveRun, open_live_run
from howdah.ops.live_steps import take_step
from howdah.ops.target import OpenTarget, TargetRequest, open_target
from howdah.postgres.connect import connect
from howdah.process.phases import PhaseLog
from howdah.process.progress import NullProgress, Progress
from howdah.state.store import StateSchema, exclusive_run

#: Seconds for which a lost server is asked once more before a fence is left standing.
_RECONNECTING = 5.0
#: Seconds that a running follow has to let go.
_PATIENCE = 60.0


@dataclass(frozen=True, kw_only=True)
class CutoverRequest:
    source: str
    target: TargetRequest = field(default_factory=TargetRequest)
    live: LiveOptions = field(default_factory=LiveOptions)
    #: Give an unfinished cutover up: the SQLite file takes writes again.
    abort: bool = False


def cutover(request: CutoverRequest, progress: Progress | None = None) -> LiveReport:
    """
    Make PostgreSQL the one that takes writes, and prove every row of the fenced file.

    Raises RefusedError while rows are in quarantine, DifferenceError where the rows that moved last
    differ (nothing is released then), EnvironmentFailedError where a side is gone.
    """
    phases = PhaseLog(progress=progress or NullProgress())
    state = StateSchema(name=request.target.state_schema)
    with (
        open_target(request.target, source=request.source) as target,
        taking_over(target, state),
        open_live_run(target, state, request.source, request.live, phases) as live,
    ):
        if request.abort:
            return _abort(live)
        _require_stop(live)
        phases.progress.phase("cutover")
        try:
            return _cut_over(live)
        except BaseException:
            give_up_fence(live)
            raise


def _require_stop(live: LiveRun) -> None:
    """Without a journal there is no fence in the file either: the application has to stop by itself."""
    capture = live.capture()
    if capture.journaled or capture.phase not in (Phase.FOLLOWING, Phase.FENCING, Phase.DRAINED):
        return
    if not live.options.on_fence:
        raise RefusedError(
            "L-126",
            "Nothing in the SQLite file refuses writes of an application that is followed without triggers.",
            detail="A write that it makes after the release would be lost.",
            hint="Name the command that stops it with --on-fence.",
        )
    if capture.phase is not Phase.FOLLOWING:
        # The lock that kept writers waiting went with the process that held it.
        unfence(live)


def _cut_over(live: LiveRun) -> LiveReport:
    while True:
        step = take_step(live, Goal.CUTOVER)
        if step is Step.PROVE_ALL and live.difference_count:
            return live.report("cutover", "different", exit_status=int(ExitStatus.DIFFERENT))
        if step is Step.DONE:
            report = live.report("cutover", "complete")
            failed = any(finding.code == "F-613" for finding in report.findings)
            return live.report(
                "cutover", "complete", exit_status=int(ExitStatus.ENVIRONMENT if failed else ExitStatus.OK)
            )


def _abort(live: LiveRun) -> LiveReport:
    phase = live.capture().phase
    if phase is Phase.HOME:
        # SQLite takes writes, and no cutover is under way.
        return live.report("cutover", "home")
    if phase not in (Phase.FENCING, Phase.DRAINED, Phase.FOLLOWING):
        raise RefusedError(
            "L-118",
            f'The cutover is past the point where it can be called off: phase "{phase}".',
            hint='"howdah rollback" goes home with what was written since.',
        )
    unfence(live)
    return live.report("cutover", "following")


def give_up_fence(live: LiveRun) -> None:
    """Whatever went wrong before the release: do not leave the application without a place to write."""
    if not live.connection.closed and not live.connection.broken:
        live.connection.rollback()
        _unfence_before_release(live)
        return
    deadline = time.monotonic() + _RECONNECTING
    while True:
        # Of the lost session nothing is known: whether it released is in the record, which a new one reads.
        with suppress(psycopg.Error, HowdahError):
            with (
                connect(live.target.conninfo, application_name="howdah live", bulk=True) as connection,
                exclusive_run(connection, live.state),
            ):
                live.connection = connection
                _unfence_before_release(live)
            return
        if time.monotonic() > deadline:
            # The server does not answer. The same command goes on later, or --abort gives up.
            return
        time.sleep(0.2)


def _unfence_before_release(live: LiveRun) -> None:
    if live.capture().phase in (Phase.FENCING, Phase.DRAINED):
        unfence(live)


@contextmanager
def taking_over(target: OpenTarget, state: StateSchema) -> Iterator[None]:
    """Hold the right to change this target; ask a running follow to let go of it first."""
    deadline = time.monotonic() + _PATIENCE
    asked = False
    while True:
        lock = exclusive_run(target.connection, state)
        try:
            lock.__enter__()
            break
        except RefusedError:
            target.connection.rollback()
            if time.monotonic() > deadline:
                raise
        record = CaptureRecord(state=state)
        found = record.read(target.connection)
        target.connection.rollback()
        if not asked or (found is not None and found.goal is not Goal.YIELD):
            # Asked once more where a follow has begun meanwhile, which does not heed what was said before it.
            if found is None:
                raise RefusedError(
                    "T-303",
                    "Another Howdah is working on this target.",
                    hint='Wait for it, or look at "howdah status".',
                )
            with target.connection.transaction():
                record.set(target.connection, goal=str(Goal.YIELD))
            asked = True
        time.sleep(0.1)
    try:
        if asked:
            with target.connection.transaction():
                CaptureRecord(state=state).set(target.connection, goal=str(Goal.FOLLOW))
        yield
    finally:
        lock.__exit__(None, None, None)
