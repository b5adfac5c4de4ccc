"""The journal of the way back, as verbs begin it and tell of it."""

from __future__ import annotations

from howdah.capture.way_back import WayBack
from howdah.state.ledger import Run
from howdah.state.store import Connection, StateSchema


def begin_way_back(connection: Connection, state: StateSchema, run: Run) -> None:
    """Begin to note changes of a run's tables, in a transaction of its own; once begun, leave it alone."""
    way_back = WayBack(state=state)
    with connection.transaction():
        if not any(table.run_id == run.id for table in way_back.tables(connection)):
            way_back.install(connection, run.id, run.plan)
