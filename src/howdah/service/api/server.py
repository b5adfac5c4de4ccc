"""
Serve the content API: the pool is opened with the application and closed after its last request.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
import uvloop

from howdah.content.query.schema import Schemas
from howdah.errors import EnvironmentFailedError
from howdah.model.content import ContentModel
from howdah.service.api.app import ContentApi
from howdah.service.api.engine import Engine, WriteGate, open_gate
from howdah.service.api.settings import ApiSettings
from howdah.service.database_settings import DatabaseSettings
from howdah.service.heartbeat import Heartbeat
from howdah.service.listening import open_listener, url_of
from howdah.service.pool import ApplicationPool
from howdah.service.request_log import RequestLog

#: Seconds that requests under way get when the service ends.
_GRACE_SECONDS = 10
_BACKLOG = 512
_WATCH_SECONDS = 0.1


class _Server(uvicorn.Server):
    """uvicorn's own handlers raise the signal again once it has ended; ours are the loop's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


class ApiServer:
    """The content API on its port; `listen()` first, then `serve()` in the thread that is to do the work."""

    def __init__(
        self,
        model: ContentModel,
        database: DatabaseSettings,
        settings: ApiSettings,
        *,
        schema: str = "public",
        heartbeat: Heartbeat | None = None,
        gate: WriteGate = open_gate,
    ) -> None:
        self.settings = settings
        self._heartbeat = heartbeat
        self.pool = ApplicationPool(database)
        self.api = ContentApi(Engine(Schemas(model), self.pool, settings, schema=schema, gate=gate))
        self._socket: socket.socket | None = None
        self._server: uvicorn.Server | None = None
        self._on_shutdown: Callable[[], None] | None = None

    @property
    def port(self) -> int:
        """The port that it listens on."""
        assert self._socket is not None
        port: int = self._socket.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """Where it is, for people."""
        return url_of(self.settings.host, self.port)

    def listen(self) -> None:
        """Take the port. Raises EnvironmentFailedError A-121 where it is not to be had."""
        try:
            self._socket = open_listener(self.settings.host, self.settings.port, backlog=_BACKLOG)
        except OSError as error:
            raise EnvironmentFailedError(
                "A-121",
                f"The port {self.settings.port} cannot be used: {error.strerror}.",
                hint="Choose another with --port, or stop what listens there.",
            ) from None

    def serve(self, *, on_shutdown: Callable[[], None] | None = None) -> None:
        """Serve until `stop()`, SIGTERM or Ctrl-C; requests under way are finished after `on_shutdown`."""
        self._on_shutdown = on_shutdown
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self.run())

    async def run(self) -> None:
        """Serve in the running loop."""
        assert self._socket is not None
        self._server = _Server(
            # Headers of proxies are not believed unless uvicorn is told whose.
            uvicorn.Config(
                # Outermost: whatever is logged for a request carries its id.
                RequestLog(self.api, quiet_paths=frozenset({"/_health"})),
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=True,
                proxy_headers=False,
                ws="none",
                lifespan="off",
                interface="asgi3",
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        self._stop_at_signals(self._server)
        beating = asyncio.create_task(self._heartbeat.keep_beating()) if self._heartbeat else None
        watching = asyncio.create_task(self._tell_shutdown(self._server))
        try:
            async with self.pool:
                await self._server.serve(sockets=[self._socket])
        finally:
            self._socket.close()
            for task in (beating, watching):
                if task is not None:
                    task.cancel()

    def _stop_at_signals(self, server: uvicorn.Server) -> None:
        """End in peace at SIGTERM and Ctrl-C: being told to end is no failure. A second one does not wait."""
        if threading.current_thread() is not threading.main_thread():
            return

        def stop() -> None:
            server.force_exit = server.should_exit
            server.should_exit = True

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop)

    async def _tell_shutdown(self, server: uvicorn.Server) -> None:
        """Say so when the server begins to end, by signal or otherwise."""
        while not server.should_exit:
            await asyncio.sleep(_WATCH_SECONDS)
        if self._on_shutdown is not None:
            self._on_shutdown()

    def stop(self) -> None:
        """Begin to end; safe from any thread."""
        if self._server is not None:
            self._server.should_exit = True
