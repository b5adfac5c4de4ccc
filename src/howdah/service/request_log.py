"""
One line for each request, and an id that ties everything logged for it together.

The id is the client's X-Request-ID where it is harmless, else made here; the answer carries it
back. Logged are method, path, status, bytes, milliseconds and the peer: never the query string nor
a header, where tokens and search terms stand.
"""

from __future__ import annotations

import logging
import re
import secrets
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from howdah.service.logs import current_request_id

_HEADER = "x-request-id"
#: What an id of a client may be: it is written into logs and headers as it is.
_HARMLESS = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class RequestLog:
    """
    ASGI middleware, outermost; `quiet` requests are logged at debug level.

    An exception that reaches it is logged with its traceback and passed on.
    """

    def __init__(
        self, app: ASGIApp, *, logger: str = "howdah.access", quiet_paths: frozenset[str] = frozenset()
    ) -> None:
        self._app = app
        self._logger = logging.getLogger(logger)
        self._quiet_paths = quiet_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, and log how it went."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(_HEADER, "")
        request_id = given if _HARMLESS.fullmatch(given) else secrets.token_hex(8)
        token = current_request_id.set(request_id)
        began = time.perf_counter()
        status, sent = 0, 0

        async def send_counted(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[_HEADER] = request_id
            else:
                sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, send_counted)
        except Exception:
            self._logger.exception("request failed", extra={"method": scope["method"], "path": scope["path"]})
            raise
        finally:
            self._log(scope, status, sent, time.perf_counter() - began)
            current_request_id.reset(token)

    def _log(self, scope: Scope, status: int, sent: int, seconds: float) -> None:
        quiet = scope["path"] in self._quiet_paths and status < 500
        level = logging.DEBUG if quiet else logging.ERROR if status >= 500 or not status else logging.INFO
        if not self._logger.isEnabledFor(level):
            return
        client = scope.get("client")
        self._logger.log(
            level,
            "request",
            extra={
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "bytes": sent,
                "ms": round(seconds * 1000, 1),
                "peer": client[0] if client else "",
            },
        )
