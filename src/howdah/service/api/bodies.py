"""
Bodies of requests: read within a limit, as JSON or as a form, refused with Node's words.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.types import Receive

from howdah.content.query.faults import RequestFault
from howdah.content.query.json_text import require_plain
from howdah.content.query.qs import parse_query
from howdah.service.api.json_words import constant_words, node_words


class SyntaxFault(RequestFault):
    """A body that is no JSON; its answer has no details."""

    def __init__(self, message: str) -> None:
        super().__init__(400, "SyntaxError", message)

    def document(self) -> dict[str, Any]:
        error = {"status": self.status, "name": self.name, "message": self.message}
        return {"data": None, "error": error}


async def read_body(receive: Receive, headers: Mapping[str, str], limit: int) -> bytes:
    """Return the body. Raises RequestFault 413 beyond the limit."""
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large()
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large()
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)


def _too_large() -> RequestFault:
    return RequestFault(413, "PayloadTooLargeError", "request entity too large")


def parse_body(body: bytes, content_type: str) -> Any:
    """Return what a body says; an absent one says {}. Raises RequestFault."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return parse_query(body.decode("utf-8", "replace"))
    if kind == "application/json" or kind.endswith("+json"):
        return parse_json(body)
    return {}


def parse_json(body: bytes) -> Any:
    """Return the object or list in a body. Raises RequestFault."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SyntaxFault("Unexpected token in JSON: the body is not UTF-8") from None
    if not text:
        return {}
    if text.strip()[:1] not in ("{", "["):
        raise SyntaxFault("invalid JSON, only supports object and array")
    try:
        document = json.loads(text, parse_constant=_refuse_constant, parse_int=_parse_int)
        require_plain(document)
    except json.JSONDecodeError as error:
        raise SyntaxFault(node_words(text, error)) from None
    except _ConstantError:
        raise SyntaxFault(constant_words(text)) from None
    except RecursionError:
        raise SyntaxFault("JSON is nested too deeply") from None
    return document


def _parse_int(text: str) -> int | float:
    # Longer ones are no number that JavaScript, or any column, could hold.
    return int(text) if len(text) <= 400 else float("1e999")


class _ConstantError(Exception):
    """NaN or Infinity, which are words of Python's JSON alone."""


def _refuse_constant(_: str) -> Any:
    raise _ConstantError
