"""
The pool's connections: each tells the pool's `Connector` whether it came about, and can be seen to be dead.

A connection whose server went away is readable: the farewell or the end of the stream lies in its
socket. Looking costs a microsecond, so it is done whenever a connection is lent; a question
to the server costs a round trip and is asked after a pause only.
"""

from __future__ import annotations

import asyncio
import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import ref

import psycopg

from howdah.errors import HowdahError
from howdah.postgres.conninfo import secrets_in
from howdah.postgres.errors import translate_connect_error

#: Failures that repeating does not cure: password, role, database, pg_hba.conf.
_HOPELESS = frozenset({"T-112", "T-113", "T-114", "T-115", "T-116"})


class PooledConnection(psycopg.AsyncConnection[tuple[Any, ...]]):
    """A connection of the pool; times are those of `time.monotonic`."""

    opened_at: float = 0.0
    #: When it came back to the pool last, or was opened.
    idle_since: float = 0.0
    #: When it was lent last.
    lent_at: float = 0.0

    def has_something_to_read(self) -> bool:
        """Tell whether the server said something to a connection that asked nothing, or hung up."""
        poller = select.poll()
        poller.register(self.pgconn.socket, select.POLLIN)
        return bool(poller.poll(0))


class Connector:
    """
    Opens connections and remembers how the last attempts went.

    `on_created` is told how many seconds each took, `on_failed` its error.
    """

    def __init__(
        self,
        conninfo: str,
        *,
        on_created: Callable[[float], None],
        on_failed: Callable[[HowdahError], None],
    ) -> None:
        self._secrets = secrets_in(conninfo)
        self._on_created = on_created
        self._on_failed = on_failed
        self._refusal_waiters: set[asyncio.Future[HowdahError]] = set()
        self._open: dict[int, ref[PooledConnection]] = {}
        #: The newest failure where no attempt has succeeded since.
        self.failure: HowdahError | None = None
        self.failed_at = 0.0
        #: How many connections came about.
        self.created = 0

    @property
    def hopeless(self) -> HowdahError | None:
        """The failure where repeating does not help and no connection is left."""
        failure = self.failure
        if failure is None or failure.code not in _HOPELESS or self.has_open_connection():
            return None
        return failure

    def has_open_connection(self) -> bool:
        """Tell whether any connection still stands; safe from any thread."""
        return any(_stands(reference) for reference in tuple(self._open.values()))

    def connection_class(self) -> type[PooledConnection]:
        """Return the class that the pool makes connections of: they report here."""
        connector = self

        class Reported(PooledConnection):
            @classmethod
            async def connect(cls, *args: Any, **kwargs: Any) -> Any:
                began = time.monotonic()
                try:
                    connection = await super().connect(*args, **kwargs)
                except psycopg.Error as error:
                    connector.note_failure(error)
                    raise
                connection.opened_at = connection.idle_since = time.monotonic()
                connector.note_success(connection, connection.opened_at - began)
                return connection

        return Reported

    def note_success(self, connection: PooledConnection, seconds: float) -> None:
        """Remember that a connection came about."""
        self.failure = None
        self.created += 1
        self._open = {number: one for number, one in self._open.items() if _stands(one)}
        self._open[id(connection)] = ref(connection)
        self._on_created(seconds)

    def note_failure(self, error: psycopg.Error) -> None:
        """Remember why a connection did not come about, and tell those who wait."""
        self.failure = translate_connect_error(error, secrets=self._secrets)
        self.failed_at = time.monotonic()
        self._on_failed(self.failure)
        if self.hopeless is not None:
            for waiter in self._refusal_waiters:
                if not waiter.done():
                    waiter.set_result(self.failure)

    @contextmanager
    def next_refusal(self) -> Iterator[asyncio.Future[HowdahError]]:
        """Return what becomes done when the server refuses us for good."""
        waiter: asyncio.Future[HowdahError] = asyncio.get_running_loop().create_future()
        self._refusal_waiters.add(waiter)
        try:
            yield waiter
        finally:
            self._refusal_waiters.discard(waiter)
            waiter.cancel()


def _stands(reference: ref[PooledConnection]) -> bool:
    connection = reference()
    return connection is not None and not connection.closed


@contextmanager
def answer_within(connection: psycopg.AsyncConnection[Any], seconds: float) -> Iterator[None]:
    """
    End the connection when the server has not answered in time; psycopg then raises OperationalError.

    Cancelling a statement politely needs an answer of the very server that gives none, so the socket
    is shut down instead. A connection that this happened to is closed.
    """
    handle = asyncio.get_running_loop().call_later(seconds, _shut_down, connection)
    try:
        yield
    finally:
        handle.cancel()


def _shut_down(connection: psycopg.AsyncConnection[Any]) -> None:
    if connection.closed:
        return
    # A second descriptor of the same socket: libpq keeps and closes its own.
    duplicate = socket.socket(fileno=socket.dup(connection.pgconn.socket))
    try:
        duplicate.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
    finally:
        duplicate.close()
