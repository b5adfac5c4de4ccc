"""The fence in the SQLite file: up, down, and the commands that a person wants run around the pause."""

from __future__ import annotations

import subprocess
import sys
import time

from howdah.capture.apply import is_keyed
from howdah.capture.autovacuum import pause_autovacuum, resume_autovacuum
from howdah.capture.deferred_constraints import take_constraints_down
from howdah.capture.machine import Goal, Phase
from howdah.capture.source_journal import fence_triggers
from howdah.errors import EnvironmentFailedError
from howdah.model.finding_kinds import make_finding
from howdah.ops.live_keyless import require_small_keyless
from howdah.ops.live_run import LiveRun
from howdah.ops.live_schema import require_counterparts
from howdah.ops.live_watch import require_journal


def fence(live: LiveRun) -> None:
    """Refuse every write on SQLite from here on; the pause begins when this is committed."""
    live.sessions.open_ahead(readers=1)
    capture = live.capture()
    if not capture.journaled:
        # Nothing in the file can refuse a write: the person's command does, and then a lock.
        run_hook(live, "on-fence", live.options.on_fence)
    else:
        require_journal(live, capture)
    require_counterparts(live)
    keyed = {plan.name: is_keyed(live.design, plan) for plan in live.run.plan.loaded_tables}
    require_small_keyless(live.file, [name for name, has_key in keyed.items() if not has_key])
    with live.connection.transaction():
        # With the phase, so that whoever takes the migration out of it knows to undo this.
        paused = capture.autovacuum or pause_autovacuum(live.connection, live.run.plan)
        live.record.set(
            live.connection,
            phase=str(Phase.FENCING),
            goal=str(Goal.CUTOVER),
            fenced_at="now",
            autovacuum=dict(paused),
        )
    if not capture.journaled:
        live.file.hold()
        live.pause.began = time.monotonic()
        return
    triggers = fence_triggers(live.catalog, live.target.display)
    with live.file.writing():
        objects = live.file.our_objects()
        live.file.execute_all(sql for name, sql in triggers.items() if name not in objects)
        live.file.execute_all(["UPDATE _howdah_state SET fenced = 1"])
        live.pause.began = time.monotonic()
    run_hook(live, "on-fence", live.options.on_fence)


def unfence(live: LiveRun) -> None:
    """Let the SQLite file take writes again, and PostgreSQL be only followed into."""
    with live.connection.transaction():
        live.connection.execute("SET LOCAL lock_timeout = '30s'")
        live.way_back.disarm(live.connection)
        take_constraints_down(live.connection, live.job)
        let_autovacuum_back(live)
        live.record.set(live.connection, phase=str(Phase.FOLLOWING), goal=str(Goal.FOLLOW), fenced_at=None)
    drop_fence(live)


def let_autovacuum_back(live: LiveRun) -> None:
    """Undo what the fence did to it, in the caller's transaction."""
    found = live.record.read(live.connection)
    if found is not None and found.autovacuum:
        resume_autovacuum(live.connection, live.run.plan, found.autovacuum)
        live.record.set(live.connection, autovacuum={})


def drop_fence(live: LiveRun) -> None:
    """Let the SQLite file take writes again; the record's phase is the caller's."""
    if not live.capture().journaled:
        live.file.let_go()
        return
    if live.file.replaced:
        # Nobody reaches it any more; what a copy in its place has of the fence goes with the next command.
        return
    with live.file.writing():
        objects = live.file.our_objects()
        live.file.execute_all(f"DROP TRIGGER {name}" for name in objects if name.startswith("_howdah_fence_"))
        if "_howdah_state" in objects:
            live.file.execute_all(["UPDATE _howdah_state SET fenced = 0"])
        live.file.execute_all(["DROP TABLE IF EXISTS _howdah_overwritten"])
    with live.file.looking():
        version = live.file.schema_version()
    with live.connection.transaction():
        live.record.set(live.connection, schema_version=version)


def run_release_hook(live: LiveRun) -> None:
    """Tell the application where to write, and note that it was told: at least once, whoever is killed."""
    run_hook(live, "on-release", live.options.on_release)
    with live.connection.transaction():
        live.record.set(live.connection, goal=str(Goal.FOLLOW))


def run_hook(live: LiveRun, name: str, command: str) -> None:
    """Run a person's command. Raises EnvironmentFailedError where --on-fence fails: nothing has moved yet."""
    if not command:
        return
    started = time.monotonic()
    # Through the shell on purpose: it is the person's own command line, from the command line alone.
    done = subprocess.run(command, shell=True, check=False, stdout=sys.stderr)  # noqa: S602
    live.pause.hooks += time.monotonic() - started
    if done.returncode and name == "on-fence":
        unfence(live)
        raise EnvironmentFailedError(
            "L-105",
            f"The command of --on-fence ended with status {done.returncode}; the cutover was called off.",
            hint="The SQLite file takes writes again. Correct the command and run the cutover again.",
        )
    if done.returncode:
        live.findings.append(
            make_finding("F-613", f"command of --{name}", f"it ended with status {done.returncode}")
        )
