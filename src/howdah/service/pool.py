"""
The application's connections: a bounded pool that notices a restarted server before requests do.

On psycopg_pool, which opens, keeps and replaces connections. Added here: a check that throws all
idle connections away as soon as one of them is found dead (the pool's own check waits 1, 2, 4…
seconds between them), attempts that never stop while somebody needs a connection, quick refusal when
the queue is full or the server does not let us in, and measures of it all. Used from one event
loop; `facts` and `meters` may be read from any thread.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Never, Self

import psycopg
import psycopg_pool

from howdah.errors import HowdahError
from howdah.service.database_settings import DatabaseSettings
from howdah.service.pool_meters import PoolMeters
from howdah.service.pooled_connection import Connector, PooledConnection, answer_within
from howdah.service.unavailable import (
    ConnectionRefusedByServerError,
    NoConnectionInTimeError,
    PoolClosedError,
    QueueFullError,
)

#: Seconds that a server may take to answer the question whether a connection is alive.
_CHECK_SECONDS = 2.0
#: Seconds for which a refusal by the server counts for requests that come after it.
_REFUSAL_COUNTS = 1.0

#: The server shuts down or crashed, or became a standby: what was opened before is of no use.
_SERVER_LEFT = frozenset({"57P01", "57P02", "57P03", "25006"})
#: Seconds that attempts to connect get to notice that the pool closes.
_ATTEMPT_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class PoolFacts:
    """The pool at one moment."""

    min_size: int
    max_size: int
    max_waiting: int
    #: Connections that exist or are being opened.
    size: int
    idle: int
    #: Requests that wait for a connection.
    waiting: int
    #: It had its least number of connections once.
    filled_once: bool
    closed: bool
    #: The newest failure to connect where no attempt has succeeded since.
    failure: HowdahError | None
    #: Some connection stands.
    connected: bool

    @property
    def used(self) -> int:
        """Connections that are lent or being opened."""
        return max(0, self.size - self.idle)

    @property
    def utilization(self) -> float:
        """Part of the connections at most that is in use, 0 to 1."""
        return self.used / self.max_size


class ApplicationPool:
    """
    Lends connections to requests.

    `async with ApplicationPool(settings) as pool:` opens it; it does not wait for the server, so that a
    service whose database comes later starts.
    """

    def __init__(self, settings: DatabaseSettings, *, name: str = "app") -> None:
        self.name = name
        self.meters = PoolMeters(name)
        self._settings = settings
        self._limits = settings.pool
        self._resources = ExitStack()
        self._pool: psycopg_pool.AsyncConnectionPool[PooledConnection] | None = None
        self._connector: Connector | None = None
        self._drained_at = 0.0

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Begin to open connections. Raises UsageError U-322 where no server is named."""
        limits = self._limits
        conninfo = self._resources.enter_context(self._settings.open_conninfo(f"howdah/{self.name}"))
        connector = Connector(
            conninfo, on_created=self.meters.connection_created, on_failed=self.meters.connection_failed
        )
        self._connector = connector
        self._pool = psycopg_pool.AsyncConnectionPool(
            conninfo,
            connection_class=connector.connection_class(),
            kwargs={"autocommit": True},
            name=self.name,
            open=False,
            min_size=limits.min_size,
            max_size=limits.max_size,
            timeout=limits.acquire_timeout,
            max_waiting=limits.max_waiting,
            max_lifetime=limits.max_lifetime,
            max_idle=limits.max_idle,
            reconnect_timeout=limits.reconnect_timeout,
            reconnect_failed=self._try_again,
            check=self._check,
        )
        await self._pool.open()

    async def close(self) -> None:
        """Close every connection; requests that still wait get PoolClosedError."""
        if self._pool is not None:
            # Where no connection stands there is none to take back; an attempt to connect is not waited for.
            stands = self._connector is not None and self._connector.has_open_connection()
            await self._pool.close(timeout=self._limits.close_timeout if stands else _ATTEMPT_SECONDS)
        self._resources.close()

    @asynccontextmanager
    async def connection(self, *, timeout: float | None = None) -> AsyncIterator[PooledConnection]:
        """
        Lend a connection in autocommit mode, after `timeout` seconds at most.

        Raises QueueFullError, NoConnectionInTimeError, ConnectionRefusedByServerError or
        PoolClosedError, all of them UnavailableError.
        """
        pool, _ = self._opened()
        limit = self._limits.acquire_timeout if timeout is None else timeout
        began = time.monotonic()
        try:
            connection = await self._borrow(limit)
        finally:
            self.meters.waited(time.monotonic() - began)
        connection.lent_at = time.monotonic()
        try:
            yield connection
        except psycopg.Error as error:
            if error.sqlstate in _SERVER_LEFT:
                await self._drain_those_like(connection)
            raise
        finally:
            connection.idle_since = time.monotonic()
            self.meters.used(connection.idle_since - connection.lent_at)
            await pool.putconn(connection)

    def facts(self) -> PoolFacts:
        """Return the pool as it is now; safe from any thread."""
        limits = self._limits
        measures = self._pool.get_stats() if self._pool is not None else {}
        idle = measures.get("pool_available", 0)
        connector = self._connector
        return PoolFacts(
            min_size=limits.min_size,
            max_size=limits.max_size,
            max_waiting=limits.max_waiting,
            size=measures.get("pool_size", 0),
            idle=idle,
            waiting=measures.get("requests_waiting", 0),
            filled_once=connector is not None and connector.created >= limits.min_size,
            closed=self._pool is None or self._pool.closed,
            failure=connector.failure if connector is not None else None,
            connected=connector is not None and connector.has_open_connection(),
        )

    def _opened(self) -> tuple[psycopg_pool.AsyncConnectionPool[PooledConnection], Connector]:
        if self._pool is None or self._connector is None or self._pool.closed:
            raise PoolClosedError
        return self._pool, self._connector

    async def _borrow(self, limit: float) -> PooledConnection:
        pool, connector = self._opened()
        try:
            if pool.get_stats()["pool_available"]:
                return await pool.getconn(timeout=limit)
            return await self._queue(limit)
        except psycopg_pool.TooManyRequests:
            self.meters.refused("queue_full")
            raise QueueFullError(self._limits.max_size, self._limits.max_waiting) from None
        except psycopg_pool.PoolTimeout:
            self.meters.refused("timeout")
            failure = connector.failure
            reason = f"{failure.message} {failure.detail}" if failure else "all connections were in use."
            raise NoConnectionInTimeError(limit, reason) from failure
        except psycopg_pool.PoolClosed:
            raise PoolClosedError from None

    async def _queue(self, limit: float) -> PooledConnection:
        """Wait for a connection, but not while the server refuses us."""
        pool, connector = self._opened()
        if connector.hopeless and time.monotonic() - connector.failed_at < _REFUSAL_COUNTS:
            self._refuse(connector.hopeless)
        with connector.next_refusal() as refusal:
            borrowing = asyncio.ensure_future(pool.getconn(timeout=limit))
            try:
                either: set[asyncio.Future[Any]] = {borrowing, refusal}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if borrowing.done():
                    return borrowing.result()
                self._refuse(refusal.result())
            except BaseException:
                await _give_back(pool, borrowing)
                raise

    def _refuse(self, failure: HowdahError) -> Never:
        self.meters.refused("refused_by_server")
        raise ConnectionRefusedByServerError(f"{failure.message} {failure.detail}", failure.hint) from failure

    async def _check(self, connection: PooledConnection) -> None:
        """Raise where a connection is dead; then those that are as old as it are thrown away with it."""
        pause = time.monotonic() - connection.idle_since
        if pause < self._limits.check_after_idle and not connection.has_something_to_read():
            return
        try:
            with answer_within(connection, _CHECK_SECONDS):
                await connection.execute("")
        except Exception:
            await self._drain_those_like(connection)
            raise

    async def _drain_those_like(self, connection: PooledConnection) -> None:
        """Replace every connection, unless it was done since this one was opened."""
        pool, _ = self._opened()
        if connection.opened_at > self._drained_at:
            self._drained_at = time.monotonic()
            self.meters.drained()
            await pool.drain()

    async def _try_again(self, pool: psycopg_pool.AsyncConnectionPool[Any]) -> None:
        """Go on opening connections where some are wanted: the pool itself stops after a while."""
        limits, measures = self._limits, pool.get_stats()
        wanted = max(limits.min_size, 1 if measures["requests_waiting"] else 0)
        missing = wanted - measures["pool_size"]
        if missing > 0:
            # A pool whose least size grows opens as many connections; then its size is ours again.
            least = limits.min_size + missing
            await pool.resize(least, max(least, limits.max_size))
            await pool.resize(limits.min_size, limits.max_size)


async def _give_back(
    pool: psycopg_pool.AsyncConnectionPool[PooledConnection],
    borrowing: asyncio.Future[PooledConnection],
) -> None:
    """Withdraw from the queue; a connection that was lent at the last moment goes back."""
    borrowing.cancel()
    await asyncio.wait({borrowing})
    if not borrowing.cancelled() and borrowing.exception() is None:
        await pool.putconn(borrowing.result())
