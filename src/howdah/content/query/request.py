"""
The parameters of a read: everything checked, ready to become one statement.

Pure. Pages are those of Strapi: by page or by offset, never both, bounded by the configured limits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from howdah.content.query.faults import RequestFault, invalid
from howdah.content.query.filters import check_filters
from howdah.content.query.limits import Asking, Limits
from howdah.content.query.schema import Schema
from howdah.content.query.selection import check_fields, check_populate
from howdah.content.query.sorting import check_sort
from howdah.content.query.tree import ALWAYS, Condition, Group, Page, ReadQuery, Search, Selection
from howdah.content.query.values import as_boolean, as_text, is_boolean_word, js_number

#: PostgreSQL's LIMIT and OFFSET are bigint; nobody turns more pages than this.
_FAR = 2**53
MISPLACED_PAGE = (
    "Invalid pagination attributes. The page parameters are incorrect and must be in the pagination object"
)


def check_read(asking: Asking, schema: Schema, parameters: Mapping[str, Any], *, locale: str) -> ReadQuery:
    """
    Return the query of a read; `locale` is the default one.

    Raises RequestFault for the first parameter that is not as it should be.
    """
    filters, sort = parameters.get("filters"), parameters.get("sort")
    conditions: list[Condition] = []
    if filters is not None:
        conditions.append(check_filters(asking, schema, filters))
    keys = check_sort(asking, schema, sort) if sort else ()
    fields = check_fields(schema, parameters.get("fields"))
    populated = check_populate(asking, schema, parameters.get("populate"))
    words = parameters.get("_q")
    if isinstance(words, str) and words:
        conditions.append(Search(words=as_text(words)))
    kept = tuple(item for item in conditions if item != ALWAYS)
    return ReadQuery(
        selection=Selection(
            uid=schema.uid,
            fields=fields,
            populated=populated,
            condition=kept[0] if len(kept) == 1 else Group(operator="and", items=kept),
            sort=keys,
        ),
        draft=is_draft(schema, parameters),
        has_published=_has_published(parameters),
        # A filter on the locale itself stands for the parameter.
        locales=(
            None
            if isinstance(filters, Mapping) and "locale" in filters
            else locales_of(schema, parameters, locale)
        ),
    )


def is_draft(schema: Schema, parameters: Mapping[str, Any]) -> bool:
    """Tell whether drafts are meant: anything but "published", for types that have drafts."""
    status = parameters.get("status", "published")
    return bool(status != "published" if schema.type.draft_and_publish else status == "draft")


def _has_published(parameters: Mapping[str, Any]) -> bool | None:
    wanted = parameters.get("hasPublishedVersion")
    if wanted is None:
        return None
    if wanted not in ("true", "false"):
        raise invalid("Invalid value for 'hasPublishedVersion'. Expected boolean or 'true'/'false' string.")
    return bool(wanted == "true")


def locales_of(schema: Schema, parameters: Mapping[str, Any], default: str) -> tuple[str, ...] | None:
    """Return the locales meant, None for all of them (or none at all, where a type has none)."""
    if not schema.type.localized:
        return None
    locale = parameters.get("locale")
    if locale == "*":
        return None
    if isinstance(locale, str) and locale:
        return (as_text(locale),)
    if isinstance(locale, list) and locale and all(isinstance(item, str) for item in locale):
        return tuple(as_text(item) for item in locale)
    if isinstance(locale, Mapping):
        raise invalid("Invalid locale parameter. Expected a string or an array of strings")
    return (default,)


def check_page(parameters: Mapping[str, Any], limits: Limits) -> Page:
    """
    Return the page of a list. Raises RequestFault.

    Numbers are read as JavaScript reads them, and bounded before anybody looks whether they are any:
    a size that is no number is the greatest one, a place that is none is refused.
    """
    given = parameters.get("pagination")
    pagination: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    by_page = pagination.get("page") is not None or pagination.get("pageSize") is not None
    by_offset = pagination.get("start") is not None or pagination.get("limit") is not None
    if by_page and by_offset:
        raise RequestFault(
            400, "PaginationError", "Cannot use both page & offset pagination in the same query"
        )
    if any(parameters.get(name) is not None for name in ("page", "pageSize")):
        raise RequestFault(400, "PaginationError", MISPLACED_PAGE)
    if by_page:
        size = _bounded(_given(pagination, "pageSize", limits.default_limit), limits)
        start = (_given(pagination, "page", 1) - 1) * size
    else:
        size = _bounded(_given(pagination, "limit", limits.default_limit), limits)
        start = _given(pagination, "start", 0)
    start = require_whole(max(start, 0) if start == start else start, "convertStartQueryParams")
    return Page(
        start=min(start, _FAR),
        limit=require_whole(size, "convertLimitQueryParams"),
        paged=by_page or not ("start" in pagination or "limit" in pagination),
        counted=_counted(pagination, limits),
    )


def _given(pagination: Mapping[str, Any], name: str, default: int) -> float:
    value = pagination.get(name)
    return float(default) if value is None else js_number(value)


def _bounded(size: float, limits: Limits) -> float:
    if size == size:
        size = max(size, 1)
    if limits.max_limit is None:
        return min(size, _FAR) if size == size else size
    return size if size < limits.max_limit else float(limits.max_limit)


def require_whole(number: float, function: str) -> int:
    """Return a number that is whole. Raises RequestFault, with the name that Strapi's message begins with."""
    if not math.isfinite(number) or number != int(number):
        shown = "NaN" if number != number else "Infinity" if math.isinf(number) else f"{number:g}"
        raise invalid(f"{function} expected a positive integer got {shown}")
    return int(number)


def _counted(pagination: Mapping[str, Any], limits: Limits) -> bool:
    if "withCount" not in pagination:
        return limits.with_count
    wanted = pagination["withCount"]
    if is_boolean_word(wanted):
        return as_boolean(wanted)
    raise invalid('Invalid withCount parameter. Expected "t","1","true","false","0","f"')


def one_document(query: ReadQuery, condition: Condition) -> ReadQuery:
    """Return a query narrowed by a further condition."""
    selection = query.selection
    items = tuple(item for item in (condition, selection.condition) if item != ALWAYS)
    return replace(query, selection=replace(selection, condition=Group(operator="and", items=items)))
