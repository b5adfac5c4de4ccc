"""
Cross-origin requests: which pages may read answers, by the configured origins. Pure.

Any origin (`*`) is without cookies; the API has none, credentials are headers that a page sends itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from howdah.service.api.messages import Answer, Request

_METHODS = b"GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS"
_ALLOWED_HEADERS = b"Content-Type,Authorization,Origin,Accept"
_EXPOSED = b"X-Request-Id"


class Cors:
    """Decides by origin."""

    def __init__(self, origins: Sequence[str]) -> None:
        self._any = "*" in origins
        self._origins = frozenset(origins)

    def headers(self, request: Request) -> list[tuple[bytes, bytes]]:
        """Return what an answer says about who may read it."""
        origin = request.headers.get("origin")
        if origin is None:
            return [] if self._any else [(b"vary", b"Origin")]
        if self._any:
            return [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", _EXPOSED)]
        if origin in self._origins:
            return [
                (b"access-control-allow-origin", origin.encode("latin-1")),
                (b"access-control-expose-headers", _EXPOSED),
                (b"vary", b"Origin"),
            ]
        return [(b"vary", b"Origin")]

    def preflight(self, request: Request) -> Answer | None:
        """Return the answer to a browser that asks whether it may ask, None for anything else."""
        if request.method != "OPTIONS" or "access-control-request-method" not in request.headers:
            return None
        if "origin" not in request.headers:
            return None
        if not self._any and request.headers["origin"] not in self._origins:
            return Answer(status=204, content_type="")
        headers = request.headers.get("access-control-request-headers", "")
        return Answer(
            status=204,
            content_type="",
            headers=(
                (b"access-control-allow-methods", _METHODS),
                (b"access-control-allow-headers", headers.encode("latin-1") or _ALLOWED_HEADERS),
                (b"access-control-max-age", b"600"),
            ),
        )
