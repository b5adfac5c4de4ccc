"""From SQLite to PostgreSQL: make ready, drain behind the fence, prove what moved last, release."""

from __future__ import annotations

import time

from howdah.capture.apply import is_keyed, read_changes, tables_to_copy_whole
from howdah.capture.machine import Phase
from howdah.capture.prove_dirty import prove_keys
from howdah.capture.record import Capture
from howdah.capture.reversibility import find_irreversible
from howdah.capture.target_side import add_foreign_keys, set_autovacuum, set_sequences
from howdah.errors import RefusedError
from howdah.ops.live_apply import apply_batch
from howdah.ops.live_fence import run_hook, unfence
from howdah.ops.live_run import LiveRun
from howdah.state.quarantine import Quarantine

#: Rows that a table without a key may have to be copied again while nobody can write.
KEYLESS_ROWS_MAX = 200_000


def prepare(live: LiveRun) -> None:
    """Make what the pause would otherwise pay for. Raises RefusedError for large tables without a key."""
    with live.connection.transaction():
        live.way_back.prepare(live.connection, live.run.id, live.run.plan)
        # An autovacuum on a table would hold up the foreign keys for a second, until it gives way.
        set_autovacuum(live.connection, live.run.plan, enabled=False)
    live.findings += find_irreversible(live.run.plan)
    _require_small_keyless(live)


def _require_small_keyless(live: LiveRun) -> None:
    with live.file.looking():
        large = [
            plan.name
            for plan in live.run.plan.tables
            if not is_keyed(live.design, plan) and live.file.count_rows(plan.name) > KEYLESS_ROWS_MAX
        ]
    if large:
        raise RefusedError(
            "L-104",
            "Tables without a key are too large to be copied while nobody can write.",
            detail=f"More than {KEYLESS_ROWS_MAX} rows: {', '.join(large)}.",
            hint='Give them a primary key, or stop the application and use "howdah migrate".',
        )


def drain(live: LiveRun, capture: Capture) -> None:
    """The last batch, and everything that PostgreSQL needs to take writes, in one transaction."""
    if not live.pause.began:
        live.pause.began = time.monotonic()
    with live.pause.part("drain"), live.file.looking():
        state = live.file.journal_state()
        version = live.file.schema_version()
        if state is None or not state.fenced or not state.armed:
            raise RefusedError(
                "L-106",
                "The journal was cut off while the fence went up; nothing was released.",
                hint='"howdah cutover --abort" lets the SQLite file take writes again.',
            )
        noted = live.file.read_noted(capture.watermark, live.key_widths())
        whole = tables_to_copy_whole(live.design, live.job, noted, capture.touched)
        changes = read_changes(live.file, live.design, live.job, noted, whole)
        with live.connection.transaction():
            apply_batch(live, changes, noted, touched=noted.touched)
            set_sequences(live.connection, live.run.plan, live.file)
            add_foreign_keys(live.connection, live.job)
            live.way_back.disarm(live.connection)
            live.way_back.arm(live.connection)
            live.record.set(live.connection, phase=str(Phase.DRAINED), schema_version=version)


def prove_dirty(live: LiveRun) -> None:
    """Compare the rows that moved last on both sides, while neither takes writes."""
    quarantined = Quarantine(state=live.state, run_id=live.run.id).keys(live.connection)
    live.connection.rollback()
    with live.pause.part("prove the last rows"), live.sessions.take_reader() as reader:
        differences = prove_keys(live.connection, reader, live.file, live.job, live.dirty, quarantined)
    live.dirty_proven = not differences
    live.differences += differences
    live.difference_count += len(differences)


def release(live: LiveRun) -> None:
    """From here on the data is PostgreSQL's. The SQLite file must be what it was at the drain."""
    capture = live.capture()
    with live.pause.part("release"):
        with live.file.looking():
            version = live.file.schema_version()
        if version != capture.schema_version:
            unfence(live)
            raise RefusedError(
                "L-107",
                "The schema of the SQLite file was changed behind the fence; nothing was released.",
                hint="The file takes writes again. Look for what altered it, then run the cutover again.",
            )
        live.exported = live.sessions.export()
        with live.connection.transaction():
            live.connection.execute("SET LOCAL synchronous_commit = on")
            live.record.set(live.connection, phase=str(Phase.RELEASED), released_at="now")
    live.pause.seconds = time.monotonic() - live.pause.began - live.pause.hooks
    run_hook(live, "on-release", live.options.on_release)
