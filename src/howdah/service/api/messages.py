"""A request and an answer, no more than the content API needs of HTTP."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from starlette.types import Receive, Scope

from howdah.content.query.qs import parse_query

JSON_TYPE = "application/json; charset=utf-8"
TEXT_TYPE = "text/plain; charset=utf-8"


@dataclass(kw_only=True)
class Request:
    """What was asked; `parameters` are read when somebody wants them."""

    method: str
    #: Without the leading "api".
    segments: tuple[str, ...]
    query: str
    headers: Mapping[str, str]
    #: Address of the peer, "" for a Unix socket.
    peer: str
    scope: Scope
    receive: Receive
    #: Segments that a route leaves open, by name.
    places: dict[str, str] = field(default_factory=dict)
    _parameters: dict[str, Any] | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """The query's parameters. Raises RequestFault."""
        if self._parameters is None:
            self._parameters = parse_query(self.query)
        return self._parameters

    @property
    def bearer(self) -> str | None:
        """The credential that was sent, None where none was."""
        authorization = self.headers.get("authorization")
        if authorization is None:
            return None
        scheme, _, token = authorization.partition(" ")
        return token.strip() if scheme.lower() == "bearer" else None


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int = 200
    body: bytes = b""
    #: "" for an answer without a body.
    content_type: str = JSON_TYPE
    headers: tuple[tuple[bytes, bytes], ...] = ()


def json_answer(document: Any, status: int = 200) -> Answer:
    """Return an answer with a document; a number that JSON has no word for is null, as in JavaScript."""
    try:
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError:
        return json_answer(_finite(document), status)
    return Answer(status=status, body=text.encode("utf-8", "replace"))


def _finite(document: Any) -> Any:
    if isinstance(document, Mapping):
        return {key: _finite(item) for key, item in document.items()}
    if isinstance(document, list | tuple):
        return [_finite(item) for item in document]
    return None if isinstance(document, float) and not math.isfinite(document) else document


def entity_answer(entity: bytes, status: int = 200) -> Answer:
    """Return one entry's JSON as the API wraps it."""
    return Answer(status=status, body=b'{"data":' + entity + b',"meta":{}}')


def redirect(url: str) -> Answer:
    """Return an answer that leads elsewhere."""
    location = quote(url, safe=":/?#[]@!$&'()*+,;=%~")
    return Answer(
        status=302,
        body=f"Redirecting to {location}.".encode(),
        content_type=TEXT_TYPE,
        headers=((b"location", location.encode()),),
    )


NO_CONTENT = Answer(status=204, content_type="")
