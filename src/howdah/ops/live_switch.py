"""From SQLite to PostgreSQL: make ready, drain behind the fence, prove what moved last, release."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from howdah.capture.apply import is_keyed, read_changes, tables_to_copy_whole
from howdah.capture.deferred_constraints import put_constraints_up
from howdah.capture.machine import Phase
from howdah.capture.prove_dirty import prove_keys
from howdah.capture.proven import forget_pieces
from howdah.capture.record import Capture
from howdah.capture.reversibility import find_irreversible, plan_without_computed
from howdah.capture.target_side import set_sequences
from howdah.errors import RefusedError
from howdah.loading.owned_orphans import count_owned_orphans
from howdah.ops.live_apply import apply_batch, apply_noted
from howdah.ops.live_compare import reconcile
from howdah.ops.live_fence import run_release_hook, unfence
from howdah.ops.live_moved import find_moved_rows
from howdah.ops.live_proof import prove_home
from howdah.ops.live_run import LiveRun
from howdah.ops.live_schema import require_counterparts
from howdah.ops.live_watch import require_journal
from howdah.sqlite.live_file import NotedKey
from howdah.state.quarantine import Quarantine


def prepare(live: LiveRun) -> None:
    """
    Make what the pause would otherwise pay for.

    Raises RefusedError (L-129) where rows violate foreign keys of the application, and nobody agreed to that.
    """
    capture = live.capture()
    if capture.journaled:
        # What is asked of the tables below is of those that the plan knows.
        require_journal(live, capture)
    if not live.orphans_known:
        _require_parents(live)
        live.orphans_known = True
    prepared = bool(live.way_back.tables(live.connection))
    live.connection.rollback()
    if prepared:
        return
    with live.connection.transaction():
        live.way_back.prepare(live.connection, live.run.id, live.run.plan)
    live.findings += find_irreversible(live.run.plan, live.catalog)


def _require_parents(live: LiveRun) -> None:
    assert live.run.plan.owned is not None
    capture = live.capture()
    if capture.journaled:
        # What is left for the pause may be what has no parent.
        require_journal(live, capture)
        apply_noted(live, live.capture())
    keys = [key for key in live.run.plan.owned.foreign_keys if key.to_validate]
    found = [(key, *count_owned_orphans(live.connection, key)) for key in keys]
    live.connection.rollback()
    violated = [
        f'{count} rows of table "{key.table}" ({", ".join(samples)}) violate "{key.name}"'
        for key, count, samples in found
        if count
    ]
    if violated and not live.options.accept_orphans:
        raise RefusedError(
            "L-129",
            "Rows of the SQLite file violate foreign keys of the application's tables.",
            detail="; ".join(violated) + ".",
            hint="Correct the rows in the SQLite file, which is followed, and run the same command again;"
            " --accept-orphans moves them as they are and leaves those keys NOT VALID.",
        )


def drain(live: LiveRun, capture: Capture) -> None:
    """The last batch, and everything that PostgreSQL needs to take writes, in one transaction."""
    if not live.pause.began:
        live.pause.began = time.monotonic()
    with live.pause.part("check"):
        # Behind the fence of a file that is gone nobody is kept from writing to the one in its place.
        live.file.require_same_file()
        require_counterparts(live)
        find_moved_rows(live)
    if not capture.journaled:
        with live.pause.part("drain"):
            _drain_by_comparing(live)
        return
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
            _let_write(live, version)


def _drain_by_comparing(live: LiveRun) -> None:
    live.dirty = {}
    reconcile(live)
    with live.file.looking(), live.connection.transaction():
        _let_write(live, live.file.schema_version())


def _let_write(live: LiveRun, version: int) -> None:
    """Everything that PostgreSQL needs to take writes, in the caller's transaction and look."""
    live.findings += set_sequences(live.connection, live.job, live.file)
    put_constraints_up(live.connection, live.job)
    live.way_back.disarm(live.connection)
    live.way_back.arm(live.connection)
    live.record.set(live.connection, phase=str(Phase.DRAINED), schema_version=version)


def prove_dirty(live: LiveRun) -> None:
    """Compare the rows that moved last on both sides, while neither takes writes."""
    if live.dirty is None and live.capture().phase is Phase.HOME_DRAINED:
        # Whoever moved them was killed, and the journal on PostgreSQL is empty: every row is compared.
        prove_home(live)
        live.dirty_proven = not live.difference_count
        return
    dirty = live.dirty if live.dirty is not None else _keys_that_may_have_moved(live)
    quarantined = Quarantine(state=live.state, run_id=live.run.id).keys(live.connection)
    job = live.job
    if live.capture().phase is Phase.HOME_DRAINED:
        job = replace(job, plan=plan_without_computed(job.plan, job.catalog))
    live.connection.rollback()
    with live.pause.part("prove the last rows"), live.sessions.take_reader() as reader:
        differences = prove_keys(live.connection, reader, live.file, job, dirty, quarantined)
    live.dirty_proven = not differences
    live.differences += differences
    live.difference_count += len(differences)


def _keys_that_may_have_moved(live: LiveRun) -> dict[str, Sequence[NotedKey]]:
    """Return every key that still lies in the journal of the fenced file, by source name."""
    with live.file.looking():
        noted = live.file.read_noted(0, live.key_widths())
    return {
        plan.name: noted.keys[live.design.table(plan.name).number]
        for plan in live.run.plan.loaded_tables
        if is_keyed(live.design, plan) and live.design.table(plan.name).number in noted.keys
    }


def release(live: LiveRun) -> None:
    """From here on the data is PostgreSQL's. The SQLite file must be what it was at the drain."""
    capture = live.capture()
    live.file.require_same_file()
    with live.pause.part("release"):
        with live.file.looking():
            version = live.file.schema_version()
            written = not capture.journaled and live.file.data_version() != live.compared_at
        if version != capture.schema_version or written:
            unfence(live)
            raise RefusedError(
                "L-107",
                "The SQLite file was written to behind the fence, or its schema was; nothing was released.",
                hint="The file takes writes again. Look for what did it, then run the cutover again.",
            )
        live.exported = live.sessions.export()
        with live.connection.transaction():
            live.connection.execute("SET LOCAL synchronous_commit = on")
            forget_pieces(live.connection, live.state)
            live.record.set(live.connection, phase=str(Phase.RELEASED), released_at="now")
    live.pause.seconds = time.monotonic() - live.pause.began - live.pause.hooks
    run_release_hook(live)
