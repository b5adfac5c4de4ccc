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
        raise _malformed(path)
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
    if not isinstance(value, Mapping):
        raise _malformed(path)
    document, row = value.get("documentId"), value.get("id")
    place, beside = _position(value.get("position"), path)
    found: Reference
    if isinstance(document, str) and document and "\0" not in document:
        found = Reference(document=document)
    elif row is not None and not isinstance(row, Mapping | list):
        found = _reference(row, path)
        if not found.row:
            # A number is asked for, and nothing else.
            raise _malformed(path)
    else:
        raise _malformed(path, value)
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


def _malformed(path: str, value: Any = None) -> RequestFault:
    if isinstance(value, Mapping) and value:
        return invalid_body_key(str(next(iter(value))), path)
    return invalid("Invalid relations")
