"""
End what a live migration keeps for its way home, after its cutover.

The journal leaves the SQLite file, which stays where it is: whole in one file, read-only, with
its checksum beside it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from howdah.capture.autovacuum import resume_autovacuum
from howdah.capture.machine import Phase
from howdah.capture.record import CaptureRecord
from howdah.errors import RefusedError
from howdah.sqlite.live_file import LiveFile
from howdah.sqlite.snapshot import hash_file
from howdah.state.ledger import Ledger
from howdah.state.store import Connection, StateSchema


def end_live(connection: Connection, state: StateSchema, *, unproven: bool) -> tuple[str, ...]:
    """
    Put the source away and forget the record; return the files, () where there is no live migration.

    Begins outside of a transaction. Raises RefusedError before a cutover, or (unless agreed to)
    without its proof.
    """
    record = CaptureRecord(state=state)
    capture = record.read(connection)
    connection.rollback()
    if capture is None:
        return ()
    if capture.phase not in (Phase.RELEASED, Phase.COMPLETE):
        raise RefusedError(
            "L-120",
            f'The way back can only end after a cutover; the phase is "{capture.phase}".',
            hint='"howdah cutover" finishes, "howdah follow --stop" gives up.',
        )
    if capture.phase is Phase.RELEASED and not unproven:
        raise RefusedError(
            "L-121",
            "The fenced file is not proven yet: this would give up the only way home.",
            hint='Run "howdah cutover" again to prove it, or say --unproven.',
        )
    # A source that was not to be changed stays as it is.
    files = _archive(capture.source) if capture.journaled and os.path.exists(capture.source) else ()
    with connection.transaction():
        # Only the proof lets it back, and it may never have ended.
        plan = Ledger(state=state).run(connection, capture.run_id).plan
        resume_autovacuum(connection, plan, capture.autovacuum)
        record.remove(connection)
    return files


def _archive(source: str) -> tuple[str, ...]:
    """Take our objects out of the file, make it one file that nobody may write, and note its digest."""
    with LiveFile(source) as live:
        with live.looking():
            ours = live.our_objects()
        # Without anything of ours an earlier call may have come so far that nobody may write to it any more.
        if ours or os.access(source, os.W_OK):
            live.remove_our_objects()
            live.leave_wal_mode()
    os.chmod(source, stat.S_IMODE(os.stat(source).st_mode) & ~0o222)
    checksum = Path(source + ".sha256")
    # Nobody writes any more, and our own connection is closed: reading drops nobody's locks.
    checksum.write_text(f"{hash_file(source)}  {os.path.basename(source)}\n", encoding="utf-8")
    return source, str(checksum)
