"""
Open connections to PostgreSQL with the session settings that a migration needs.

Nothing about the session is left to what the role, the database or the
environment happen to set: time zone, output styles, time limits and search path are ours.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from howdah.postgres.conninfo import Target, parse_target, redact, redact_url, secrets_in
from howdah.postgres.errors import as_howdah_error, translate_connect_error, translate_error

__all__ = [
    "Connection",
    "Target",
    "as_howdah_error",
    "connect",
    "parse_target",
    "redact",
    "translate_error",
]

Connection = psycopg.Connection[tuple[Any, ...]]

#: Set by name in every session, where the server knows the name.
SESSION_SETTINGS = {
    "search_path": "pg_catalog, pg_temp",
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "iso_8601",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "standard_conforming_strings": "on",
    "default_transaction_isolation": "read committed",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "transaction_timeout": "0",
    # Somebody else's lock: say so rather than wait for ever.
    "lock_timeout": "10s",
    "client_min_messages": "warning",
    "jit": "off",
    # A policy that hides rows is an error, not a smaller result.
    "row_security": "off",
}

#: Parameters of the connection itself, unless the target says otherwise. Seconds; a dead peer is noticed
#: after about a minute.
_PARAMETERS = {
    "connect_timeout": "10",
    "keepalives": "1",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
}

_APPLY_SETTINGS = """
SELECT pg_catalog.set_config(wanted.name, wanted.value, false)
  FROM ROWS FROM (pg_catalog.unnest(%s::pg_catalog.text[]), pg_catalog.unnest(%s::pg_catalog.text[]))
       AS wanted (name, value)
  JOIN pg_catalog.pg_settings AS known ON known.name = wanted.name
"""

#: Builds of keys and indexes sort in memory: 256 MB at least.
_MORE_MEMORY = """
SELECT pg_catalog.set_config('maintenance_work_mem', '256MB', false)
 WHERE pg_catalog.pg_size_bytes(pg_catalog.current_setting('maintenance_work_mem')) < 268435456
"""


def connect(
    conninfo: str, *, application_name: str = "howdah", autocommit: bool = False, bulk: bool = False
) -> Connection:
    """
    Connect and set the session up.

    `conninfo` must have been through `parse_target` (`Target.conninfo`) or come from us. With `bulk` commits
    do not wait for the disk (the ledger is in the same log: what is recorded as done is done) and index
    builds get memory.

    Raises UsageError or EnvironmentFailedError (T-11x) that says why there is no connection.
    """
    try:
        connection: Connection = psycopg.connect(
            session_conninfo(conninfo, application_name=application_name), autocommit=True
        )
        try:
            apply_session_settings(connection, bulk=bulk)
        except BaseException:
            connection.close()
            raise
    except psycopg.Error as error:
        # From None: the driver's exception may carry the connection string.
        raise translate_connect_error(
            error, where=redact_url(conninfo), secrets=secrets_in(conninfo)
        ) from None
    connection.autocommit = autocommit
    return connection


def session_conninfo(conninfo: str, *, application_name: str) -> str:
    """Add what every session of ours says of itself, and keepalives unless the target has its own."""
    parameters = conninfo_to_dict(conninfo)
    missing = {name: value for name, value in _PARAMETERS.items() if name not in parameters}
    return make_conninfo(conninfo, **missing, application_name=application_name, client_encoding="UTF8")


def apply_session_settings(connection: Connection, *, bulk: bool = False) -> None:
    """Set the session up, on a connection in autocommit mode."""
    settings = SESSION_SETTINGS | ({"synchronous_commit": "off"} if bulk else {})
    connection.execute(_APPLY_SETTINGS, (list(settings), list(settings.values())))
    if bulk:
        connection.execute(_MORE_MEMORY)
