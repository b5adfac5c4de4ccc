"""
The state schema itself: is it there, make it, take it away, and who may work now.

Everything Howdah keeps in the target lives in this one schema. `exclusive_run`
is held for as long as a command changes the target; it is tied to the session,
so a killed process leaves nothing behind that must be cleared.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, cast

import psycopg
from psycopg import sql

from howdah.errors import RefusedError
from howdah.names import quote

#: What this program reads and writes; a schema of any other version is refused.
STATE_VERSION = 1

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, kw_only=True)
class StateSchema:
    """The state schema of one target, by name."""

    name: str = "howdah"

    def query(self, text: str) -> sql.Composed:
        """Compose `text` with {schema} replaced by the quoted name."""
        return sql.SQL(cast("Any", text)).format(schema=sql.Identifier(self.name))

    def has_table(self, connection: Connection, name: str) -> bool:
        """Whether the schema is there and has that table; some are made by the first run that wants them."""
        row = connection.execute(
            "SELECT to_regclass(quote_ident(%s) || '.' || quote_ident(%s)) IS NOT NULL", (self.name, name)
        ).fetchone()
        return bool(row and row[0])


def state_exists(connection: Connection, state: StateSchema) -> bool:
    """
    Tell whether our state schema is there.

    Raises RefusedError for a schema of that name that is not ours, or that another version of Howdah made.
    """
    found = connection.execute(
        "SELECT to_regclass(quote_ident(%s) || '.version') IS NOT NULL,"
        " EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = %s)",
        (state.name, state.name),
    ).fetchone()
    assert found is not None
    has_version, has_schema = found
    if has_schema and not has_version:
        raise RefusedError(
            "T-301",
            f'Schema "{state.name}" exists in the target and is not one of Howdah\'s.',
            hint="Choose another name with --state-schema.",
        )
    if not has_version:
        return False
    row = connection.execute(state.query("SELECT max(version) FROM {schema}.version")).fetchone()
    version = row[0] if row else None
    if version != STATE_VERSION:
        raise RefusedError(
            "T-302",
            f'The state in schema "{state.name}" has version {version},'
            f" and this Howdah understands {STATE_VERSION}.",
            hint="Use the version of Howdah that made it.",
        )
    return True


def require_state_possible(connection: Connection, state: StateSchema) -> None:
    """Raise RefusedError (T-304) with what to grant where the state schema is missing and may not be made."""
    row = connection.execute(
        "SELECT current_user, current_database(),"
        " has_database_privilege(current_database(), 'CREATE'),"
        " EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = %s)",
        (state.name,),
    ).fetchone()
    assert row is not None
    role, database, may_create, exists = row
    if not exists and not may_create:
        raise RefusedError(
            "T-304",
            f'Role "{role}" may not create schema "{state.name}", in which Howdah keeps its records.',
            hint=f"GRANT CREATE ON DATABASE {quote(database)} TO {quote(role)};",
        )


def install_state(connection: Connection, state: StateSchema) -> None:
    """Create the state schema in the caller's transaction; do nothing where it exists."""
    if state_exists(connection, state):
        return
    text = files("howdah.state").joinpath("schema.sql").read_text(encoding="utf-8")
    connection.execute(state.query(text))


def remove_state(connection: Connection, state: StateSchema) -> None:
    """Drop the state schema with everything in it, in the caller's transaction."""
    if state_exists(connection, state):
        connection.execute(state.query("DROP SCHEMA {schema} CASCADE"))


@contextmanager
def exclusive_run(connection: Connection, state: StateSchema) -> Iterator[None]:
    """
    Hold the right to change this target, until the block or the session ends.

    The block begins outside of any transaction: what the caller has not committed is rolled back.
    Raises RefusedError naming the session that holds it.
    """
    lock = f"howdah run {state.name}"
    row = connection.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (lock,)).fetchone()
    if row is None or not row[0]:
        raise RefusedError(
            "T-303",
            "Another Howdah is working on this target.",
            detail=_describe_holder(connection, lock),
            hint='Wait for it, or look at "howdah status".',
        )
    # The lock is the session's and stays. In the transaction that the query began, a block's own
    # "transaction()" would be a savepoint, and its work would never be committed.
    connection.rollback()
    try:
        yield
    finally:
        if not connection.closed and not connection.broken:
            connection.rollback()
            connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (lock,))
            connection.rollback()


def _describe_holder(connection: Connection, lock: str) -> str:
    # An advisory lock on a bigint shows its two halves in classid and objid (objsubid 1).
    row = connection.execute(
        """
        SELECT a.pid, a.application_name, a.client_addr, a.backend_start
          FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid)
         WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
           AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
           AND ((l.classid::bigint << 32) | l.objid::bigint) = hashtextextended(%s, 0)
        """,
        (lock,),
    ).fetchone()
    if row is None:
        return ""
    process, application, address, since = row
    origin = address or "this machine"
    return f"Server process {process} ({application or 'unnamed'}) from {origin}, since {since}."
