"""
Serve the admin port in a thread and an event loop of its own, so that a busy application cannot starve it.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

import uvicorn
from starlette.routing import BaseRoute

from howdah.errors import EnvironmentFailedError
from howdah.service.admin_app import build_admin_app
from howdah.service.admin_settings import AdminSettings
from howdah.service.backup_watch import BackupWatch
from howdah.service.database_news import DatabaseNewsReader
from howdah.service.database_settings import DatabaseSettings
from howdah.service.health import FurtherCheck, HealthMonitor
from howdah.service.heartbeat import Heartbeat
from howdah.service.listening import open_listener, url_of
from howdah.service.metrics import ServiceMetrics
from howdah.service.pool import ApplicationPool
from howdah.service.probe import Probe
from howdah.service.status import StatusPage

#: Seconds for the thread to begin, and to end.
_PATIENCE = 10.0


class AdminServer:
    """
    The admin port of a service, or by itself.

    `with AdminServer(...) as admin:` listens and serves; `admin.port` is where. `content_types` are API
    names by table, for the status page; `backups` tells their ages in health, metrics and status page.
    """

    def __init__(
        self,
        settings: AdminSettings,
        database: DatabaseSettings,
        *,
        pool: ApplicationPool | None = None,
        heartbeat: Heartbeat | None = None,
        further_checks: Sequence[FurtherCheck] = (),
        further_routes: tuple[BaseRoute, ...] = (),
        content_types: Mapping[str, str] | None = None,
        backups: BackupWatch | None = None,
    ) -> None:
        self._settings = settings
        self.metrics = ServiceMetrics(pool)
        facts = pool.facts if pool is not None else None
        further = [*further_checks]
        if backups is not None:
            further.append(backups.check)
            self.metrics.add(backups.collect)
        self._monitor = HealthMonitor(Probe(database), pool=facts, further=further)
        news = DatabaseNewsReader(database, content_types=content_types)
        page = StatusPage(self._monitor, news, pool=facts, backups=backups)
        app = build_admin_app(
            self._monitor,
            metrics=self.metrics,
            heartbeat=heartbeat,
            token=settings.token,
            further_routes=(*page.routes(), *further_routes),
        )
        self._server = uvicorn.Server(
            # Headers of proxies are not believed: the peer is who is connected.
            uvicorn.Config(
                app, log_config=None, access_log=False, server_header=False, proxy_headers=False, ws="none"
            )
        )
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, name="howdah-admin", daemon=True)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        assert self._socket is not None
        port: int = self._socket.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """Where it is, for people."""
        return url_of(self._settings.host, self.port)

    def start(self) -> None:
        """Listen and serve. Raises EnvironmentFailedError A-111 where the port is not to be had."""
        try:
            self._socket = open_listener(self._settings.host, self._settings.port, backlog=128)
        except OSError as error:
            raise EnvironmentFailedError(
                "A-111",
                f"The admin port {self._settings.port} cannot be used: {error.strerror}.",
                hint="Choose another with --admin-port, or stop what listens there.",
            ) from None
        self._thread.start()

    def begin_shutdown(self) -> None:
        """Say not ready from now on; requests under way are not touched."""
        self._monitor.begin_shutdown()

    def stop(self) -> None:
        """End the thread and close the port."""
        self._server.should_exit = True
        self._thread.join(_PATIENCE)
        if self._socket is not None:
            self._socket.close()

    def wait(self) -> None:
        """Serve until the thread ends or the process is interrupted."""
        while self._thread.is_alive():
            self._thread.join(0.5)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _run(self) -> None:
        assert self._socket is not None
        self._server.run(sockets=[self._socket])
