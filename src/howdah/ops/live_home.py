"""From PostgreSQL home to the SQLite file: fence there, carry over what was noted, release the file."""

from __future__ import annotations

import time

from psycopg import sql

from howdah.capture.deferred_constraints import take_constraints_down
from howdah.capture.homecoming import Home, is_changed, rebuild_search, write_sequences, write_table
from howdah.capture.machine import Goal, Phase
from howdah.capture.target_side import fence_target, unfence_target
from howdah.capture.write_lock import await_writes
from howdah.model.plan import TablePlan
from howdah.ops.home_checks import list_inexact, require_exact
from howdah.ops.live_fence import drop_fence, let_autovacuum_back, run_hook, run_release_hook
from howdah.ops.live_moved import find_moved_rows
from howdah.ops.live_run import LiveRun
from howdah.postgres.connect import Connection
from howdah.sqlite.home_file import HomeFile
from howdah.state.quarantine import Quarantine


def reopen(live: LiveRun) -> None:
    """After a way home: PostgreSQL is followed into once more."""
    with live.connection.transaction():
        unfence_target(live.connection, live.state)
        live.way_back.disarm(live.connection)
        take_constraints_down(live.connection, live.job)
        live.record.set(
            live.connection,
            phase=str(Phase.FOLLOWING),
            goal=str(Goal.FOLLOW),
            fenced_at=None,
            released_at=None,
            proof="",
        )


def home_fence(live: LiveRun) -> None:
    """Refuse every write on PostgreSQL from here on."""
    carry_home(live)
    live.sessions.open_ahead(readers=2)
    with live.connection.transaction():
        live.connection.execute("SET LOCAL lock_timeout = '30s'")
        # A write that has asked the gate ends first: it is carried home, and none comes after the fence.
        await_writes(live.connection, live.state)
        fence_target(live.connection, live.state, live.run.plan, live.file.path)
        # Where the proof after the cutover never ended, it is still off.
        let_autovacuum_back(live)
        live.record.set(live.connection, phase=str(Phase.HOME_FENCING), goal=str(Goal.GO_HOME))
    live.pause.began = time.monotonic()
    run_hook(live, "on-fence", live.options.on_fence)


def home_drain(live: LiveRun) -> None:
    """The last entries, and the numbering."""
    if not live.pause.began:
        live.pause.began = time.monotonic()
    with live.pause.part("drain"):
        carry_home(live, sequences=True)
    with live.connection.transaction():
        live.record.set(live.connection, phase=str(Phase.HOME_DRAINED))


def carry_home(live: LiveRun, *, sequences: bool = False) -> None:
    """
    Bring what was noted on PostgreSQL into the fenced file.

    The file commits first, then the entries go: after a crash in between the same keys come again.
    """
    tables = live.way_back.tables(live.connection)
    live.connection.rollback()
    find_moved_rows(live)
    with live.sessions.exporting_session() as exporting:
        exporting.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ WRITE")
        row = exporting.execute("SELECT pg_catalog.pg_export_snapshot()").fetchone()
        assert row is not None
        quarantine = Quarantine(state=live.state, run_id=live.run.id)
        home = Home(
            plan=live.run.plan,
            state_name=live.state.name,
            catalog=live.catalog,
            noted={table.source_table: table for table in tables},
            whole=live.way_back.whole(exporting),
            quarantined=quarantine.keys(exporting),
        )
        noted = _noted_tables(live, exporting, home)
        with HomeFile(live.file.path) as file, live.sessions.take_reader() as reader, file.transaction():
            reader.see(row[0])
            # Not empty where a process was killed before quarantine heard of it.
            home.overwritten = file.read_overwritten()
            reports = [write_table(file, reader, home, plan) for plan in noted]
            if sequences:
                write_sequences(file, reader, home)
            live.findings += rebuild_search(
                file, live.catalog, {item.name for item in reports if is_changed(item)}
            )
            if home.overwritten:
                file.note_overwritten(home.overwritten)
            live.findings += home.findings
            live.inexact += list_inexact(home)
            require_exact(home, nearest=live.options.nearest)
            file.connection.execute("UPDATE _howdah_state SET home = home + 1")
        for table in tables:
            live.way_back.forget(exporting, table)
        quarantine.mark_overwritten(exporting, home.overwritten)
        exporting.execute("COMMIT")
    live.dirty = {name: keys for name, keys in home.written.items() if keys}
    live.phases.progress.advance("home", sum(map(len, home.written.values())))


def _noted_tables(live: LiveRun, connection: Connection, home: Home) -> list[TablePlan]:
    """Return the tables of which anything was noted."""
    found = []
    for plan in live.run.plan.loaded_tables:
        table = home.noted[plan.name]
        if table.number in home.whole:
            found.append(plan)
        elif table.key:
            row = connection.execute(
                sql.SQL("SELECT EXISTS (SELECT FROM {})").format(live.way_back.dirty(table.number))
            ).fetchone()
            if row is not None and row[0]:
                found.append(plan)
    return found


def home_release(live: LiveRun) -> None:
    """From here on the data is the file's again."""
    with live.pause.part("release"):
        newest = _newest_entry(live)
        with live.connection.transaction():
            live.connection.execute("SET LOCAL synchronous_commit = on")
            live.record.set(live.connection, phase=str(Phase.HOME), watermark=newest)
        drop_fence(live)
    live.pause.seconds = time.monotonic() - live.pause.began - live.pause.hooks if live.pause.began else 0.0
    run_release_hook(live)


def _newest_entry(live: LiveRun) -> int:
    capture = live.capture()
    with live.file.looking():
        # Nobody could write since the fence: every entry there is was applied before it.
        return live.file.read_noted(capture.watermark, {}).upto
