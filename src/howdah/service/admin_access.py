"""
Who may ask the admin port: this machine, and elsewhere only who has the token.

"This machine" means a loopback peer that names a loopback host and forwards for nobody: a
page in a browser that points a name at 127.0.0.1, and a proxy on this machine, are somebody else.
"""

from __future__ import annotations

import base64
import binascii
import hmac

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from howdah.service.admin_settings import is_loopback

_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")

#: On every answer: nothing of this may be kept or shown inside another page.
_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'self'; frame-ancestors 'none'"),
)


class AdminAccess:
    """Middleware that answers 401 to whoever may not ask."""

    def __init__(self, app: ASGIApp, *, token: str) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        if self._may_ask(scope):
            await self._app(scope, receive, send_with_headers)
        else:
            # A browser asks for a password then: the token, with any user name.
            refusal = Response(status_code=401, headers={"WWW-Authenticate": 'Basic realm="howdah"'})
            await refusal(scope, receive, send_with_headers)

    def _may_ask(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if self._token and scheme.lower() in ("bearer", "basic"):
            secret = given.strip() if scheme.lower() == "bearer" else _basic_password(given)
            return hmac.compare_digest(secret.encode(), self._token.encode())
        return _is_this_machine(scope, headers)


def _basic_password(given: str) -> str:
    try:
        return base64.b64decode(given.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def _is_this_machine(scope: Scope, headers: Headers) -> bool:
    client = scope.get("client")
    # No peer: a Unix socket, whose file says who may use it.
    if client is not None and not is_loopback(client[0]):
        return False
    if any(name in headers for name in _FORWARDED):
        return False
    host = headers.get("host", "")
    name = host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
    return is_loopback(name)
