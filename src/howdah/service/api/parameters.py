"""Parameters of the resources of plugins, which are not those of content types: ids in paths, offsets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from howdah.content.query.faults import invalid, not_found
from howdah.content.query.request import check_read, require_whole
from howdah.content.query.schema import Schema
from howdah.content.query.tree import ReadQuery
from howdah.content.query.values import js_number
from howdah.service.api.access import AccessFacts, Caller
from howdah.service.api.bodies import parse_body, read_body
from howdah.service.api.engine import Engine
from howdah.service.api.messages import Request


def row_id(text: str) -> int:
    """Return an id in a path; one below zero is no row's. Raises RequestFault 404 for what is no id."""
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        raise not_found()
    return int(text)


def plain_query(
    engine: Engine, schema: Schema, request: Request, caller: Caller, facts: AccessFacts
) -> ReadQuery:
    """Return the query of a request's parameters. Raises RequestFault."""
    return check_read(engine.asking(caller), schema, request.parameters, locale=facts.default_locale)


def offset_page(request: Request, query: ReadQuery) -> ReadQuery:
    """Return a query of users or files with its start and limit, which stand beside the other parameters."""
    start = _offset(request.parameters.get("start"), "convertStartQueryParams", least=0)
    limit = _offset(request.parameters.get("limit"), "convertLimitQueryParams", least=-1)
    selection = replace(query.selection, start=start or 0, limit=None if limit == -1 else limit)
    return replace(query, selection=selection)


def _offset(value: Any, function: str, *, least: int) -> int | None:
    if value is None:
        return None
    number = require_whole(js_number(value), function)
    if number < least:
        raise invalid(f"{function} expected a positive integer got {number}")
    return min(number, 2**53)


async def object_body(engine: Engine, request: Request) -> Mapping[str, Any]:
    """Return the body, which is an object. Raises RequestFault."""
    raw = await read_body(request.receive, request.headers, engine.settings.body_limit)
    body = parse_body(raw, request.headers.get("content-type", ""))
    if not isinstance(body, dict):
        raise invalid("Expected an object in the request body")
    return body
