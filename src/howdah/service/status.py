"""
The status page at `/` of the admin port, and the same as /status.json.

Everything is what was measured anyway, but for the tables and the newest migration, which are asked
for at most every half minute (`database_news`).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from importlib.metadata import version

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from howdah.model.report import to_json
from howdah.model.service_status import BackupNews, PoolGauges, ServiceStatus
from howdah.report.status_page import read_status_asset, render_status_page
from howdah.service.database_news import DatabaseNewsReader
from howdah.service.health import HealthMonitor
from howdah.service.pool import PoolFacts

BackupReader = Callable[[], BackupNews | None]


class StatusPage:
    """Gathers a ServiceStatus, and serves it; `backups` may read from a disk or a network."""

    def __init__(
        self,
        monitor: HealthMonitor,
        news: DatabaseNewsReader,
        *,
        pool: Callable[[], PoolFacts] | None = None,
        backups: BackupReader | None = None,
    ) -> None:
        self._monitor = monitor
        self._news = news
        self._pool = pool
        self._backups = backups
        self._began = time.monotonic()

    def routes(self) -> tuple[BaseRoute, ...]:
        """Return what belongs behind the admin port's access check."""
        return (
            Route("/", self._page),
            Route("/status.json", self._document),
            Route("/status.css", _asset("status.css", "text/css")),
            Route("/status.js", _asset("status.js", "text/javascript")),
        )

    async def read(self) -> ServiceStatus:
        """Return the service as it is now."""
        readiness = await self._monitor.read_readiness()
        answer = self._monitor.answer
        backup = await asyncio.to_thread(self._backups) if self._backups is not None else None
        return ServiceStatus(
            version=version("howdah"),
            uptime=round(time.monotonic() - self._began, 1),
            ready=readiness.ready,
            reason=readiness.reason,
            server_version=answer.server_version if answer is not None else "",
            health=await self._monitor.read(),
            pool=self._gauges(self._pool()) if self._pool is not None else None,
            database=await self._news.read(),
            backup=backup,
        )

    def _gauges(self, facts: PoolFacts) -> PoolGauges:
        return PoolGauges(
            used=facts.used,
            idle=facts.idle,
            waiting=facts.waiting,
            max_size=facts.max_size,
            max_waiting=facts.max_waiting,
            min_size=facts.min_size,
            history=tuple(self._monitor.history),
        )

    async def _page(self, _: Request) -> Response:
        return HTMLResponse(render_status_page(await self.read()))

    async def _document(self, _: Request) -> Response:
        # What only an operator may read stays out, as in /health: this goes where the token goes.
        document = json.loads(json.dumps(to_json(await self.read()), default=str))
        for check in document["health"]["checks"]:
            check.pop("detail", None)
        return JSONResponse(document)


def _asset(name: str, media_type: str) -> Callable[[Request], Response]:
    def serve(_: Request) -> Response:
        return Response(read_status_asset(name), media_type=media_type)

    return serve
