"""
What a running service may write while its database is one side of a live migration.

The record in the database decides, at each write, so the service switches by itself: refused before
the release and after the way home, accepted between the two, and nobody restarts anything.
"""

from __future__ import annotations

import os

from howdah.capture.machine import Phase
from howdah.capture.record import CaptureRecord, Position
from howdah.capture.write_lock import join_writes
from howdah.service.api.engine import WriteGate
from howdah.service.pooled_connection import PooledConnection
from howdah.service.unavailable import NoWritesError
from howdah.state.store import StateSchema

#: PostgreSQL is the one that takes writes.
_OPEN = (Phase.RELEASED, Phase.COMPLETE)
#: Between the fence and the release on either way: about a second.
_SOON = (Phase.FENCING, Phase.DRAINED)
_LATER_SECONDS = 5


def build_write_gate(state: StateSchema) -> WriteGate:
    """Return the question that is asked before each write."""
    record = CaptureRecord(state=state)

    async def ask(connection: PooledConnection) -> None:
        if not await join_writes(connection, state):
            raise NoWritesError(
                "A-194",
                "A live migration is beginning or going home: nothing is written just now.",
                retry_after=1,
            )
        position = await record.position(connection)
        if position is not None and position.phase not in _OPEN:
            raise _refusal(position, state)

    return ask


def _refusal(position: Position, state: StateSchema) -> NoWritesError:
    if position.phase is None:
        return NoWritesError(
            "A-193",
            "A live migration into this database is recorded, and this role may not read where it stands.",
            retry_after=_LATER_SECONDS,
            hint=f'GRANT USAGE ON SCHEMA "{state.name}" and SELECT ON "{state.name}".capture to the role of'
            ' the service, or end the migration with "howdah finalize".',
        )
    # Anybody may ask: no paths in an answer.
    name = os.path.basename(position.source)
    if position.phase in (Phase.HOME_FENCING, Phase.HOME_DRAINED, Phase.HOME):
        return NoWritesError(
            "A-192",
            f"The data went home to {name}: this database takes no more writes.",
            retry_after=_LATER_SECONDS,
            detail=f"The file is {position.source}.",
            hint="Point the application at the SQLite file, or cut over once more.",
        )
    return NoWritesError(
        "A-191",
        f"The data is still in {name}: this database takes writes as soon as it is released.",
        detail=f"The file is {position.source}, the phase is {position.phase}.",
        retry_after=1 if position.phase in _SOON else _LATER_SECONDS,
        hint='"howdah cutover" releases it.',
    )
