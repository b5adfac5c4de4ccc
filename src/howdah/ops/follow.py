"""
follow: keep PostgreSQL current while the application goes on writing to SQLite.

Journal first, then the snapshot and an ordinary migration, then batches: what the journal caught
while the snapshot was taken is simply applied again.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field, replace

from howdah.capture.deferred_constraints import put_constraints_up, validate_foreign_keys
from howdah.capture.machine import Goal, Phase, Step
from howdah.capture.record import Capture, CaptureRecord
from howdah.capture.source_journal import JOURNAL_LIMIT, begin_statements, design_journal
from howdah.capture.write_lock import holding_off_writes
from howdah.errors import ExitStatus, RefusedError, UsageError
from howdah.model.plan import ORPHAN_CHOICES, PlanOptions
from howdah.model.report import RunReport
from howdah.model.verb_reports import LiveReport
from howdah.ops.live_fence import unfence
from howdah.ops.live_keyless import require_small_keyless
from howdah.ops.live_run import LiveOptions, LiveRun, open_live_run
from howdah.ops.live_standing import Rate, Tell, build_standing, telling
from howdah.ops.live_steps import take_step
from howdah.ops.migrate import MigrateRequest, migrate, require_same_options
from howdah.ops.target import TargetRequest, open_target
from howdah.planning.orphans import choose_orphans
from howdah.planning.selection import select_tables
from howdah.process.phases import PhaseLog
from howdah.process.progress import NullProgress, Progress
from howdah.sqlite.live_file import LiveFile
from howdah.state.ledger import Ledger, Run
from howdah.state.store import Connection, StateSchema, exclusive_run, state_exists

#: Seconds that writers may wait for the snapshot.
SNAPSHOT_PATIENCE = 2.0


@dataclass(frozen=True, kw_only=True)
class FollowRequest:
    source: str
    target: TargetRequest = field(default_factory=TargetRequest)
    options: PlanOptions = field(default_factory=PlanOptions)
    jobs: int | None = None
    #: Agrees to an application's schema while others are connected to the database.
    allow_connections: bool = False
    #: Agrees to tables and triggers named _howdah_… in the SQLite file.
    consent: bool = False
    #: False: nothing is put into the SQLite file; both sides are compared over and over.
    triggers: bool = True
    #: Entries that the journal may hold before it disarms itself.
    journal_limit: int = JOURNAL_LIMIT
    #: Ends as soon as nothing is left to apply.
    until_caught_up: bool = False
    #: Told at each step where it stands.
    tell: Tell = lambda standing: None
    #: Port on this machine for /metrics (0: any that is free), None for none.
    metrics_port: int | None = None


def follow(request: FollowRequest, progress: Progress | None = None) -> LiveReport:
    """
    Begin, or go on, until another command takes over or the process is interrupted.

    Raises UsageError for a policy that it cannot keep; RefusedError without consent, for a target that
    another migration holds, for other options than it was begun with, or where the source's schema has
    changed; EnvironmentFailedError where a side is gone: the same command goes on.
    """
    if choose_orphans(request.options, None).default != ORPHAN_CHOICES[0]:
        raise UsageError(
            "L-123",
            "Nothing can be done to orphans while the application writes: their parents may still come.",
            hint="Leave the policy out: their foreign key is NOT VALID after the cutover. Or use migrate.",
        )
    phases = PhaseLog(progress=progress or NullProgress())
    state = StateSchema(name=request.target.state_schema)
    with telling(request.tell, request.target, request.source, request.metrics_port) as tell:
        return _follow(replace(request, tell=tell), state, phases)


def _follow(request: FollowRequest, state: StateSchema, phases: PhaseLog) -> LiveReport:
    capture = read_capture(request.target, state, request.source)
    if capture is None:
        _begin(request, state, phases.progress)
    elif capture.journaled and not request.triggers:
        raise RefusedError(
            "L-128",
            "The source is followed with triggers already.",
            hint='"howdah follow --stop" removes them, "howdah rollback" and "howdah follow" begin anew.',
        )
    with (
        open_target(request.target, source=request.source) as target,
        exclusive_run(target.connection, state),
        open_live_run(target, state, request.source, LiveOptions(), phases) as live,
    ):
        return _go_on(live, request)


#: An application that never rests always leaves something; after so many batches in a row that took no
#: longer than this the target has caught up with it.
_CLOSE_SECONDS, _CLOSE_BATCHES = 2.0, 5


def _go_on(live: LiveRun, request: FollowRequest) -> LiveReport:
    require_same_options(live.run, request.options)
    live.phases.progress.phase("follow")
    if live.capture().goal is Goal.YIELD:
        # Said to an earlier follow by somebody who went away; whoever wants this one to go says it again.
        with live.connection.transaction():
            live.record.set(live.connection, goal=str(Goal.FOLLOW))
    rate = Rate()
    close = 0
    while True:
        capture = live.capture()
        request.tell(build_standing(capture, live.count_waiting(capture), rate))
        began = time.monotonic()
        step = take_step(live, Goal.YIELD if capture.goal is Goal.YIELD else Goal.FOLLOW)
        if step is Step.LET_GO:
            with live.connection.transaction():
                live.record.set(live.connection, goal=str(Goal.FOLLOW))
            return live.report("follow", "yielded")
        # A batch is everything noted until it begins: the target is behind by what the batch took.
        quick = step is Step.APPLY and time.monotonic() - began < _CLOSE_SECONDS
        close = close + 1 if quick else 0
        done = step is Step.WAIT or (step is Step.APPLY and not capture.journaled) or close == _CLOSE_BATCHES
        if done and request.until_caught_up:
            report = live.report("follow", "caught-up")
            quarantined = ExitStatus.QUARANTINED if report.rows_quarantined else ExitStatus.OK
            return replace(report, exit_status=int(quarantined))
        if step is Step.APPLY and not capture.journaled:
            _rest(live, time.monotonic() - began)


def _rest(live: LiveRun, seconds: float) -> None:
    """Leave both databases alone for as long as the comparison took, or until somebody wants to take over."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and live.capture().goal is not Goal.YIELD:
        time.sleep(min(0.5, max(0.0, until - time.monotonic())))


def read_capture(request: TargetRequest, state: StateSchema, source: str | None) -> Capture | None:
    """Return the record of a target, None where nothing is followed into it."""
    with open_target(request, source=source) as target:
        found = CaptureRecord(state=state).read(target.connection)
        target.connection.rollback()
        return found


def _begin(request: FollowRequest, state: StateSchema, progress: Progress) -> None:
    if request.triggers and not request.consent:
        raise RefusedError(
            "L-113",
            "Following puts tables and triggers named _howdah_… into the SQLite file, and wants consent.",
            detail="They note the keys of changed rows. Every write of the application costs about half"
            ' as much again while they are there; "howdah follow --stop" removes them.',
            hint="Say --install-triggers, or --no-triggers to compare both sides over and over instead.",
        )
    _require_new(request, state)
    epoch = ""
    if request.triggers:
        with LiveFile(request.source) as live:
            _require_small_keyless(live, request.options)
            _require_open_to_triggers(live)
            epoch = _install_journal(live, request.journal_limit)
    # A service that runs already writes nothing between the load and the record that shuts its gate.
    with (
        open_target(request.target, source=request.source) as target,
        holding_off_writes(target.connection, state),
    ):
        try:
            report = _load(request, progress)
        except RefusedError:
            _leave_unchanged(request, state)
            raise
        run = Ledger(state=state).run(target.connection, report.run_id)
        target.connection.rollback()
        if epoch:
            _require_journal_in_snapshot(run, epoch)
        with target.connection.transaction():
            # The schema cookie is looked at anew by the first batch.
            CaptureRecord(state=state).begin(target.connection, run.id, run.source, epoch, -1)


def _load(request: FollowRequest, progress: Progress) -> RunReport:
    return migrate(
        MigrateRequest(
            source=request.source,
            target=request.target,
            options=replace(
                request.options,
                defer_foreign_keys=True,
                # No trigger can note what changes in a virtual table.
                virtual_tables=False,
            ),
            jobs=request.jobs,
            allow_connections=request.allow_connections,
            patience=SNAPSHOT_PATIENCE if request.triggers else None,
        ),
        progress,
    )


def _leave_unchanged(request: FollowRequest, state: StateSchema) -> None:
    """Take the journal out again where the target refused; a run that is begun goes on with it."""
    with open_target(request.target, source=request.source) as target:
        begun = _live_runs(target.connection, state)
        target.connection.rollback()
    if not begun:
        with LiveFile(request.source) as live:
            live.remove_our_objects()


def _require_small_keyless(live: LiveFile, options: PlanOptions) -> None:
    """Refuse before anything is touched what the cutover would have to refuse."""
    with live.looking():
        catalog = live.read_catalog()
    chosen = {
        table.name for table in select_tables(catalog, options.include, options.exclude, frozenset()).tables
    }
    keyless = [table.name for table in design_journal(catalog).tables if not table.key]
    require_small_keyless(live, [name for name in keyless if name in chosen])


def _require_open_to_triggers(live: LiveFile) -> None:
    with live.looking():
        catalog = live.read_catalog()
    closed = [table for table in catalog.tables if table.kind == "table" and table.shadow_of]
    if closed:
        raise RefusedError(
            "L-130",
            f'By its name SQLite takes table "{closed[0].name}" for one of "{closed[0].shadow_of}".',
            detail="An application that opens the file in SQLite's defensive mode could not read it any more "
            "with a trigger on such a table.",
            hint="Say --no-triggers, or rename the table.",
        )


def _require_new(request: FollowRequest, state: StateSchema) -> None:
    with open_target(request.target, source=request.source) as target:
        runs = _live_runs(target.connection, state)
        target.connection.rollback()
    for run in runs:
        if run.target_schema == request.options.schema and not run.plan.options.defer_foreign_keys:
            raise RefusedError(
                "L-114",
                "The target holds a migration that was not begun by follow.",
                detail=f"Run {run.id}, {run.status}, from {run.source}.",
                hint='Undo it with "howdah rollback", or follow into another --schema or database.',
            )


def _live_runs(connection: Connection, state: StateSchema) -> list[Run]:
    if not state_exists(connection, state):
        return []
    return [run for run in Ledger(state=state).runs(connection) if run.status != "undone"]


def _install_journal(live: LiveFile, limit: int) -> str:
    """Begin the journal, or find the one that an interrupted begin left; return its epoch."""
    with live.writing():
        state = live.journal_state()
        if state is not None:
            if state.base or state.fenced or not state.armed:
                raise RefusedError(
                    "L-115",
                    "The SQLite file holds the journal of another migration.",
                    hint='Remove it with "howdah follow --stop SOURCE TARGET".',
                )
            return state.epoch
        epoch = secrets.token_hex(8)
        live.execute_all(begin_statements(design_journal(live.read_catalog()), epoch, limit))
        return epoch


def _require_journal_in_snapshot(run: Run, epoch: str) -> None:
    with LiveFile(run.snapshot.path) as frozen, frozen.looking():
        state = frozen.journal_state()
    if state is None or state.epoch != epoch:
        raise RefusedError(
            "L-116",
            "The snapshot was taken before the journal began, so changes between the two would be lost.",
            hint='Undo the run with "howdah rollback", then follow again.',
        )


def stop(source: str, request: TargetRequest, progress: Progress | None = None) -> LiveReport:
    """
    Remove every trace of us from the SQLite file, and the record of following from the target.

    Raises RefusedError after a cutover: there the journal is the way back, and `finalize` ends it.
    """
    phases = PhaseLog(progress=progress or NullProgress())
    state = StateSchema(name=request.state_schema)
    with open_target(request, source=source) as target, exclusive_run(target.connection, state):
        record = CaptureRecord(state=state)
        capture = record.read(target.connection)
        target.connection.rollback()
        if capture is None:
            with LiveFile(source) as live:
                live.remove_our_objects()
            return LiveReport(
                verb="follow", status="stopped", source=source, target=target.display, run_id="", phase=""
            )
        with open_live_run(target, state, source, LiveOptions(), phases) as run:
            if capture.phase not in (Phase.FOLLOWING, Phase.FENCING, Phase.DRAINED, Phase.HOME):
                raise RefusedError(
                    "L-117",
                    f'The migration is in phase "{capture.phase}": following has ended already.',
                    hint='"howdah finalize" ends the way back, "howdah rollback" goes home.',
                )
            if capture.phase in (Phase.FENCING, Phase.DRAINED):
                unfence(run)
            if run.run.plan.owned is not None:
                # The application's schema is to be what it was, whatever becomes of the rows.
                with target.connection.transaction():
                    put_constraints_up(target.connection, run.job)
                run.findings += validate_foreign_keys(target.connection, run.job)
            report = run.report("follow", "stopped")
            run.file.remove_our_objects()
            with target.connection.transaction():
                run.way_back.remove(target.connection)
                record.remove(target.connection)
        return report
