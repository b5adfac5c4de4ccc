"""
What a body says about a relation: which rows to connect and disconnect, or the whole of them, and where.

Pure. `"id"`, `["id", …]`, `{"set": […]}`, `{"connect": […], "disconnect": […]}`; a row is a documentId, an
id, or an object with one of them, locale, status and position.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from howdah.content.query.faults import RequestFault, invalid, invalid_body_key
from howdah.content.query.values import as_text


@dataclass(frozen=True, kw_only=True)
class Reference:
    """One row that is meant: by documentId or by id."""

    document: str = ""
    row: int = 0
    locale: str | None = None
    status: str | None = None
    #: Type, for relations to any type.
    type: str = ""
    #: Name of the position, "" for the end: before, after, start, end.
    place: str = ""
    #: The row that before and after speak of.
    beside: Reference | None = None


@dataclass(frozen=True, kw_only=True)
class RelationChange:
    """What becomes of a relation; `whole` None leaves the others as they are."""

    whole: tuple[Reference, ...] | None = None
    connect: tuple[Reference, ...] = ()
    disconnect: tuple[Reference, ...] = ()


def parse_change(value: Any, path: str) -> RelationChange:
    """Return the change. Raises RequestFault for what is none."""
    if value is None:
        return RelationChange(whole=())
    if isinstance(value, Mapping) and {"set", "connect", "disconnect"} & set(value):
        whole = value.get("set")
        if whole is not None:
            return RelationChange(whole=_references(whole, path))
        return RelationChange(
            connect=_references(value.get("connect"), path),
            disconnect=_references(value.get("disconnect"), path),
        )
    if isinstance(value, Mapping) and not ({"id", "documentId"} & set(value)):
        if set(value) <= {"options"}:
            return RelationChange()
        raise _malformed()
    return RelationChange(whole=_references(value, path))


def _references(value: Any, path: str) -> tuple[Reference, ...]:
    if value is None:
        return ()
    items = value if isinstance(value, list) else [value]
    return tuple(_reference(item, path) for item in items if item is not None)


def _reference(value: Any, path: str) -> Reference:
    if isinstance(value, str) and value and "\0" not in value:
        return _by_text(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31:
        return Reference(row=value)
    if isinstance(value, list) and value:
        raise invalid_body_key("0", path)
    if not isinstance(value, Mapping):
        raise _malformed()
    document, row = value.get("documentId"), value.get("id")
    place, beside = _position(value.get("position"), path)
    found: Reference
    if document not in (None, "", 0):
        # Whatever it is, what JavaScript writes for it is looked for: a list of one is that one.
        found = Reference(document=as_text(document))
    elif row is not None and not isinstance(row, Mapping | list):
        found = _reference(row, path)
        if not found.row:
            # A number is asked for, and nothing else.
            raise _malformed()
    elif "documentId" in value or "id" in value:
        raise _malformed()
    else:
        raise invalid_body_key(str(next(iter(value), "")), path)
    locale, status, kind = value.get("locale"), value.get("status"), value.get("__type")
    return Reference(
        document=found.document,
        row=found.row,
        locale=locale if isinstance(locale, str) else None,
        status=status if isinstance(status, str) else None,
        type=kind if isinstance(kind, str) else "",
        place=place,
        beside=beside,
    )


def _by_text(value: str) -> Reference:
    # An id may come as text, from a form.
    if value.isascii() and value.isdigit() and len(value) < 10:
        return Reference(row=int(value))
    return Reference(document=value)


def _position(value: Any, path: str) -> tuple[str, Reference | None]:
    if not isinstance(value, Mapping):
        return "", None
    for name in ("before", "after"):
        if value.get(name) is not None:
            return name, _reference(value[name], path)
    for name in ("start", "end"):
        if value.get(name) is True:
            return name, None
    return "", None


def _malformed() -> RequestFault:
    return invalid("Invalid relations")
