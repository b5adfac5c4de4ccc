"""
The admin port's application: liveness, startup, readiness, health in detail, metrics.

Machines look at the status code alone; the bodies are for people and name no host, role or SQL. No
endpoint takes a connection of the application's pool, and /livez asks nobody at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from howdah.model.health import HealthReport, HealthStatus
from howdah.service.admin_access import AdminAccess
from howdah.service.health import HealthMonitor, Readiness
from howdah.service.heartbeat import Heartbeat
from howdah.service.metrics import CONTENT_TYPE, ServiceMetrics
from howdah.service.probe import ProbeAnswer


class _HealthJson(JSONResponse):
    media_type = "application/health+json"


def build_admin_app(
    monitor: HealthMonitor,
    *,
    metrics: ServiceMetrics,
    heartbeat: Heartbeat | None = None,
    token: str = "",
    further_routes: tuple[BaseRoute, ...] = (),
) -> Starlette:
    """Put the endpoints together; `further_routes` stand behind the same access check."""

    async def livez(_: Request) -> Response:
        stuck = heartbeat is not None and heartbeat.stuck
        return PlainTextResponse("stuck\n" if stuck else "alive\n", status_code=503 if stuck else 200)

    async def startupz(_: Request) -> Response:
        if not monitor.started:
            await monitor.read()
        started = monitor.started
        return PlainTextResponse("started\n" if started else "starting\n", 200 if started else 503)

    async def readyz(request: Request) -> Response:
        readiness = await monitor.read_readiness()
        if readiness.ready and monitor.answer is not None:
            try:
                readiness = fit_role(monitor.answer, request.query_params)
            except ValueError as error:
                return PlainTextResponse(f"{error}\n", status_code=400)
        text = "ready" if readiness.ready else f"not ready: {readiness.reason}"
        return PlainTextResponse(f"{text}\n", status_code=200 if readiness.ready else 503)

    async def strapi_health(_: Request) -> Response:
        readiness = await monitor.read_readiness()
        return Response(status_code=204 if readiness.ready else 503)

    async def health(_: Request) -> Response:
        report = await monitor.read()
        failed = report.status is HealthStatus.FAIL
        return _HealthJson(build_health_document(report), status_code=503 if failed else 200)

    async def metrics_page(_: Request) -> Response:
        return Response(metrics.render(await monitor.read()), headers={"Content-Type": CONTENT_TYPE})

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        measuring = asyncio.create_task(monitor.keep_measuring())
        try:
            yield
        finally:
            measuring.cancel()
            with suppress(asyncio.CancelledError):
                await measuring
            await monitor.close()

    return Starlette(
        routes=[
            Route("/livez", livez),
            Route("/startupz", startupz),
            Route("/readyz", readyz),
            Route("/_health", strapi_health),
            Route("/health", health),
            Route("/metrics", metrics_page),
            *further_routes,
        ],
        middleware=[Middleware(AdminAccess, token=token)],
        lifespan=lifespan,
    )


def fit_role(answer: ProbeAnswer, wishes: Any) -> Readiness:
    """
    Tell whether the server has the role asked for: `role=primary`, or `role=replica` and `lag` in seconds.

    Raises ValueError for wishes that cannot be read.
    """
    role, lag = wishes.get("role", ""), wishes.get("lag", "")
    if role not in ("", "primary", "replica"):
        raise ValueError("role is primary or replica")
    if lag and not lag.isdigit():
        raise ValueError("lag is a whole number of seconds")
    if role == "primary" and (answer.in_recovery or answer.read_only):
        return Readiness(ready=False, reason="The database takes no writes.")
    if role == "replica" and not answer.in_recovery:
        return Readiness(ready=False, reason="The database is no replica.")
    if lag and answer.in_recovery and (answer.lag_seconds is None or answer.lag_seconds > int(lag)):
        return Readiness(ready=False, reason="The replica is behind.")
    return Readiness(ready=True)


def build_health_document(report: HealthReport) -> dict[str, Any]:
    """Return a report in the draft's form; what only an operator may read is left out."""
    document: dict[str, Any] = {
        "status": report.status.value,
        "version": "1",
        "releaseId": version("howdah"),
        "serviceId": "howdah",
        "checks": {},
    }
    for check in report.checks:
        entry = {
            "componentType": check.component_type,
            "status": check.status.value,
            "observedValue": check.observed_value,
            "observedUnit": check.observed_unit,
            "output": check.output,
            "time": report.time,
        }
        kept = {name: value for name, value in entry.items() if value not in (None, "")}
        document["checks"].setdefault(check.name, []).append(kept)
    return document
