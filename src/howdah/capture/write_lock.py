"""
The lock between writes of the service and a live migration that begins, or goes home.

A write asks where the migration stands and writes afterwards. What changes the answer in between waits
for the writes that have asked, and those that ask meanwhile are told to come again: each holds its share of
the lock until its transaction ends. PostgreSQL keeps it, so that nothing has to be cleared after a crash.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from howdah.state.store import Connection, StateSchema

#: For the writes that are under way; then the verb gives up with LockNotAvailable.
_PATIENCE = "30s"


def _name(state: StateSchema) -> str:
    return f"howdah writes {state.name}"


async def join_writes(connection: psycopg.AsyncConnection[tuple[Any, ...]], state: StateSchema) -> bool:
    """Take a share until the caller's transaction ends; False where writes are held off."""
    query = "SELECT pg_catalog.pg_try_advisory_xact_lock_shared(pg_catalog.hashtextextended(%s, 0))"
    row = await (await connection.execute(query, (_name(state),))).fetchone()
    return row is not None and bool(row[0])


def await_writes(connection: Connection, state: StateSchema) -> None:
    """
    Wait for the writes under way and hold off others, until the caller's transaction ends.

    Comes before any lock on a table, which a write under way may want.
    """
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (_name(state),))


@contextmanager
def holding_off_writes(connection: Connection, state: StateSchema) -> Iterator[None]:
    """Wait for the writes under way and hold off others, until the block or the session ends."""
    with connection.transaction():
        connection.execute("SELECT set_config('lock_timeout', %s, true)", (_PATIENCE,))
        connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (_name(state),))
    try:
        yield
    finally:
        if not connection.closed and not connection.broken:
            connection.rollback()
            connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (_name(state),))
            connection.rollback()
