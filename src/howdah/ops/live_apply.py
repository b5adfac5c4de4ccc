"""Bring what the journal holds over to PostgreSQL, batch by batch."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from howdah.capture.apply import (
    TableChange,
    apply_changes,
    keys_passed_by,
    read_changes,
    tables_to_copy_whole,
)
from howdah.capture.record import Capture
from howdah.model.plan import TablePlan
from howdah.ops.live_run import LiveRun
from howdah.sqlite.live_file import Noted
from howdah.state.quarantine import Quarantine

#: Applied entries that may lie in the journal before they are deleted.
_KEPT_ENTRIES = 5_000
#: Seconds between two looks at a journal that was empty.
_POLL = 0.1


def keyless_aside(
    live: LiveRun, capture: Capture, quarantine: Mapping[str, frozenset[str]]
) -> list[TablePlan]:
    """
    Return the tables without a key whose rows in quarantine may have been corrected; within a look.

    Other tables without a key wait for the fence: only there is a copy of them the last one.
    """
    noted = live.file.read_noted(capture.watermark, {})
    whole = tables_to_copy_whole(live.design, live.job, noted, capture.touched)
    return [plan for plan in whole if plan.name in quarantine]


def apply_noted(live: LiveRun, capture: Capture) -> None:
    """Bring what the journal holds over, and prune it now and then."""
    quarantine = Quarantine(state=live.state, run_id=live.run.id).keys(live.connection)
    live.connection.rollback()
    with live.file.looking():
        noted = live.file.read_noted(capture.watermark, live.key_widths())
        whole = keyless_aside(live, capture, quarantine)
        changes = read_changes(live.file, live.design, live.job, noted, whole)
        numbers = [live.design.table(plan.name).number for plan in whole]
        copied = {number: noted.touched.get(number, 0) for number in numbers}
        copied |= keys_passed_by(live.design, live.job, noted, whole)
        apply_batch(live, changes, noted, touched={**capture.touched, **copied})
    _prune(live, noted)


def apply_batch(
    live: LiveRun, changes: Sequence[TableChange], noted: Noted, *, touched: Mapping[int, int] | None
) -> None:
    """Apply one batch; its watermark moves in the same transaction, within a caller's where there is one."""
    with live.connection.transaction():
        applied = apply_changes(live.connection, live.job, changes)
        row = live.connection.execute(
            live.state.query("SELECT rows_applied FROM {schema}.capture FOR UPDATE")
        ).fetchone()
        assert row is not None
        values: dict[str, Any] = {
            "watermark": noted.upto,
            "rows_applied": row[0] + applied.keys,
            "applied_at": "now",
            "caught_up_at": "now",
            "backlog": 0,
        }
        if touched is not None:
            values["touched"] = {str(number): count for number, count in touched.items()}
        live.record.set(live.connection, **values)
    live.dirty = applied.by_table
    live.phases.progress.advance("journal", applied.keys)


def _prune(live: LiveRun, noted: Noted) -> None:
    if noted.entries < 1:
        return
    with live.file.looking():
        lying = live.file.count_entries(0)
    if lying > _KEPT_ENTRIES:
        with live.file.writing():
            live.file.forget_upto(noted.upto)


def note_caught_up(live: LiveRun) -> None:
    """Write down that nothing is left to apply, and wait a moment."""
    with live.connection.transaction():
        live.record.set(live.connection, caught_up_at="now", backlog=0)
    time.sleep(_POLL)
