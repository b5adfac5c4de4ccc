"""
The parameters of a read: everything checked, ready to become one statement.

Pure. Pages are those of Strapi: by page or by offset, never both, bounded by the configured limits.
"""

from __future__ import annotations

import re
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
from howdah.content.query.values import TRUTHS, UNTRUTHS, as_text

#: PostgreSQL's LIMIT and OFFSET are bigint; nobody turns more pages than this.
_FAR = 2**53


def check_read(asking: Asking, schema: Schema, parameters: Mapping[str, Any], *, locale: str) -> ReadQuery:
    """
    Return the query of a read; `locale` is the default one.

    Raises RequestFault for the first parameter that is not as it should be.
    """
    filters, sort = parameters.get("filters"), parameters.get("sort")
    conditions: list[Condition] = []
    if filters:
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
        locales=locales_of(schema, parameters, locale),
    )


def is_draft(schema: Schema, parameters: Mapping[str, Any]) -> bool:
    """Tell whether drafts are meant: anything but "published", for types that have drafts."""
    status = parameters.get("status")
    if status is None or status == "":
        return False
    return bool(status != "published" if schema.type.draft_and_publish else status == "draft")


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
    """Return the page of a list. Raises RequestFault."""
    pagination = parameters.get("pagination")
    if pagination is None or pagination == "":
        pagination = {}
    if not isinstance(pagination, Mapping):
        raise invalid("Invalid pagination parameter. Expected an object")
    given = {key: pagination[key] for key in ("page", "pageSize", "start", "limit") if key in pagination}
    by_page = given.get("page") is not None or given.get("pageSize") is not None
    by_offset = given.get("start") is not None or given.get("limit") is not None
    if by_page and by_offset:
        raise RequestFault(
            400, "PaginationError", "Cannot use both page & offset pagination in the same query"
        )
    if by_page:
        size = max(_number(given.get("pageSize"), limits.default_limit), 1)
        size = _bounded(size, limits)
        page = max(_number(given.get("page"), 1), 1)
        start, limit = min((page - 1) * size, _FAR), size
    else:
        start = max(_number(given.get("start"), 0), 0)
        asked = _number(given.get("limit"), limits.default_limit)
        limit = _bounded(asked if asked == -1 else max(asked, 1), limits)
    return Page(
        start=start,
        limit=None if limit == -1 else limit,
        paged=by_page or not ("start" in given or "limit" in given),
        counted=_counted(pagination, limits),
    )


def _bounded(limit: int, limits: Limits) -> int:
    if limits.max_limit is None:
        return limit
    return limits.max_limit if limit == -1 else min(limit, limits.max_limit)


def _number(value: Any, default: int) -> int:
    if value is None:
        return default
    text = str(value).strip()
    if not re.fullmatch(r"[+-]?\d{1,15}(\.0*)?", text or "0"):
        raise invalid(f"Invalid pagination parameter. Expected an integer, received: {value}")
    return int(float(text or "0"))


def _counted(pagination: Mapping[str, Any], limits: Limits) -> bool:
    if "withCount" not in pagination:
        return limits.with_count
    wanted = pagination["withCount"]
    if wanted is None:
        return False
    if isinstance(wanted, str | int | bool) and wanted in TRUTHS:
        return True
    if isinstance(wanted, str | int | bool) and wanted in UNTRUTHS:
        return False
    raise invalid('Invalid withCount parameter. Expected "t","1","true","false","0","f"')


def one_document(query: ReadQuery, condition: Condition) -> ReadQuery:
    """Return a query narrowed by a further condition."""
    selection = query.selection
    items = tuple(item for item in (condition, selection.condition) if item != ALWAYS)
    return replace(query, selection=replace(selection, condition=Group(operator="and", items=items)))
