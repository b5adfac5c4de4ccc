"""
Whether something between this program and the server gives each transaction another server process.

A pooler in transaction mode breaks what a migration stands on: the advisory lock that keeps others out
stays on a process that somebody else is given next, settings of the session are lost or found by
strangers, temporary tables are gone. One in session mode is no obstacle.
"""

from __future__ import annotations

from howdah.postgres.connect import Connection, connect


def pools_transactions(connection: Connection, conninfo: str) -> bool:
    """
    Find out by trying, on a connection that is in no transaction; opens another where there is any doubt.

    A pooler tells its clients of a server process that is none (the protocol's BackendKeyData), so the
    second connection is made only behind one.
    """
    own = _process_of(connection)
    connection.rollback()
    if own == connection.info.backend_pid:
        return False
    with connect(conninfo) as other:
        if _process_of(other) == own:
            return True
        # Each has a process now. Given back in either order, for poolers that hand out the last one first
        # and those that take turns, ours comes back as the other's.
        for first, second in ((connection, other), (other, connection)):
            found = {_process_of(connection)}
            _process_of(other)
            first.rollback()
            second.rollback()
            found.add(_process_of(connection))
            connection.rollback()
            if found != {own}:
                return True
    return False


def _process_of(connection: Connection) -> int:
    row = connection.execute("SELECT pg_catalog.pg_backend_pid()").fetchone()
    assert row is not None
    return int(row[0])
