"""
The reserved connection of the health checks: what the server says of itself, and how quickly.

It is never one of the application's pool, so that a pool without a free connection is
seen as what it is. One question at a time; used from one event loop.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row

from howdah.errors import EnvironmentFailedError, HowdahError
from howdah.postgres.conninfo import secrets_in
from howdah.postgres.errors import translate_connect_error, translate_error
from howdah.service.database_settings import DatabaseSettings
from howdah.service.pooled_connection import answer_within

_QUESTION = """
SELECT pg_catalog.pg_is_in_recovery() AS in_recovery,
       pg_catalog.current_setting('transaction_read_only') = 'on' AS read_only,
       CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN NULL
            -- Nothing to replay is no lag, however long ago the last commit was.
            WHEN pg_catalog.pg_last_wal_receive_lsn() = pg_catalog.pg_last_wal_replay_lsn() THEN 0
            ELSE extract(epoch FROM pg_catalog.clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp())
       END::float8 AS lag_seconds,
       (SELECT sum(numbackends) FROM pg_catalog.pg_stat_database)::int4 AS sessions,
       pg_catalog.current_setting('max_connections')::int4
         - pg_catalog.current_setting('superuser_reserved_connections')::int4
         - coalesce(pg_catalog.current_setting('reserved_connections', true), '0')::int4 AS sessions_max,
       pg_catalog.current_setting('server_version') AS server_version,
       CASE WHEN pg_catalog.current_setting('archive_mode') <> 'off'
            THEN (SELECT coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false)
                    FROM pg_catalog.pg_stat_archiver) END AS archive_failing,
       CASE WHEN pg_catalog.current_setting('archive_mode') <> 'off'
            THEN (SELECT extract(epoch FROM pg_catalog.clock_timestamp() - last_archived_time)
                    FROM pg_catalog.pg_stat_archiver) END::float8 AS archive_age_seconds
"""


@dataclass(frozen=True, kw_only=True)
class ProbeAnswer:
    """What one question brought."""

    #: Seconds that the answer took, connecting included where that was needed.
    seconds: float
    #: Why there is no answer; everything below is then without meaning.
    failure: HowdahError | None = None
    in_recovery: bool = False
    read_only: bool = False
    #: Seconds behind the primary, None on a primary or where it is not known.
    lag_seconds: float | None = None
    #: Sessions on the server, and how many ordinary roles may have.
    sessions: int = 0
    sessions_max: int = 0
    server_version: str = ""
    #: The newest attempt to archive WAL failed; None where none is archived.
    archive_failing: bool | None = None
    #: Seconds since WAL was last archived, None where it never was.
    archive_age_seconds: float | None = None


class Probe:
    """Asks the server how it is; keeps its one connection between questions."""

    def __init__(
        self,
        settings: DatabaseSettings,
        *,
        connect_seconds: float = 2.0,
        answer_seconds: float = 1.0,
    ) -> None:
        self._settings = settings
        self._connect_seconds = connect_seconds
        self._answer_seconds = answer_seconds
        self._resources = ExitStack()
        self._conninfo = ""
        self._connection: psycopg.AsyncConnection[Any] | None = None

    async def ask(self) -> ProbeAnswer:
        """Ask once; a connection that was closed meanwhile is replaced. A failure is part of the answer."""
        began = time.monotonic()
        kept = self._connection
        if kept is not None:
            answer = await self._question(kept, began)
            # A server that is silent would be so on a new connection too; one that hung up was restarted.
            if answer.failure is None or time.monotonic() - began >= self._answer_seconds:
                return answer
        try:
            self._connection = await self._connect()
        except psycopg.Error as error:
            failure = translate_connect_error(error, secrets=secrets_in(self._conninfo))
            return ProbeAnswer(seconds=time.monotonic() - began, failure=failure)
        except TimeoutError:
            failure = EnvironmentFailedError(
                "T-111",
                "The PostgreSQL server cannot be reached.",
                detail=f"No connection within {self._connect_seconds:g} seconds.",
            )
            return ProbeAnswer(seconds=time.monotonic() - began, failure=failure)
        return await self._question(self._connection, began)

    async def close(self) -> None:
        """Close the connection."""
        await self._drop()
        self._resources.close()

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        if not self._conninfo:
            self._conninfo = self._resources.enter_context(self._settings.open_conninfo("howdah/health"))
        async with asyncio.timeout(self._connect_seconds):
            return await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)

    async def _question(self, connection: psycopg.AsyncConnection[Any], began: float) -> ProbeAnswer:
        try:
            with answer_within(connection, self._answer_seconds):
                cursor = connection.cursor(row_factory=namedtuple_row)
                row: Any = await (await cursor.execute(_QUESTION)).fetchone()
        except psycopg.Error as error:
            await self._drop()
            failure = translate_error(
                error, doing="asking for its health", secrets=secrets_in(self._conninfo)
            )
            return ProbeAnswer(seconds=time.monotonic() - began, failure=failure)
        return ProbeAnswer(seconds=time.monotonic() - began, **row._asdict())

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                await connection.close()
