"""
Check the parameter `sort`: names with directions, through relations and components.

Pure. Written as text ("name:desc,session.title"), a list of those, an object or a list of objects.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from howdah.content.query.faults import invalid, invalid_key
from howdah.content.query.limits import Asking
from howdah.content.query.schema import Field, Schema
from howdah.content.query.tree import SortKey

_MALFORMED = (
    "Invalid sort parameter."
    " Expected a string, an array of strings, a sort object or an array of sort objects"
)
_DIRECTIONS = ("asc", "desc")
#: Keys at most; each is a join or a comparison of the whole list.
_KEYS_MAX = 50


def check_sort(asking: Asking, schema: Schema, sort: Any, *, param: str = "sort") -> tuple[SortKey, ...]:
    """Return the keys in order. Raises RequestFault."""
    keys = []
    for path, direction in _spell(sort):
        fields = tuple(_follow(asking, schema, path, param))
        if direction.lower() not in _DIRECTIONS:
            raise invalid("Invalid order. order can only be one of asc|desc|ASC|DESC")
        keys.append(SortKey(path=fields, descending=direction.lower() == "desc"))
    if len(keys) > _KEYS_MAX:
        raise invalid(f"Too many sort keys, at most {_KEYS_MAX} are allowed")
    return tuple(keys)


def _spell(sort: Any) -> Iterator[tuple[list[str], str]]:
    """Return names and direction of each key, whatever the spelling."""
    if isinstance(sort, str):
        for part in sort.split(","):
            if part.strip():
                name, colon, direction = part.partition(":")
                if name.strip():
                    order = direction.partition(":")[0].strip() if colon else "asc"
                    yield [item.strip() for item in name.split(".")], order
    elif isinstance(sort, list):
        if any(isinstance(item, str) for item in sort) and not all(isinstance(item, str) for item in sort):
            raise invalid_key("0", None, param="sort")
        for item in sort:
            if item is not None:
                yield from _spell(item)
    elif isinstance(sort, Mapping):
        yield from _spell_object(sort, [])
    else:
        raise invalid(_MALFORMED)


def _spell_object(sort: Mapping[str, Any], above: list[str]) -> Iterator[tuple[list[str], str]]:
    for name, value in sort.items():
        if isinstance(value, Mapping):
            if not value:
                raise invalid(_MALFORMED)
            yield from _spell_object(value, [*above, name])
        elif isinstance(value, str):
            if value.strip():
                yield [*above, name], value.strip()
        else:
            kind = "undefined" if value is None else "object"
            raise invalid(f"Invalid sort type expected object or string got {kind}")


def _follow(asking: Asking, schema: Schema, path: list[str], param: str) -> Iterator[Field]:
    trail: str | None = None
    for position, name in enumerate(path):
        field = schema.field(name)
        if field is None:
            raise invalid_key(name, trail, param=param)
        trail = name if trail is None else f"{trail}.{name}"
        last = position == len(path) - 1
        restricted = field.kind == "relation" and not asking.may_find(field.target)
        if not field.readable or field.kind == "zone" or field.morph or restricted:
            raise invalid_key(name, trail, param=param)
        if field.kind == "scalar":
            yield field
            if not last:
                raise invalid("Invalid order. order can only be one of asc|desc|ASC|DESC")
            return
        if last:
            raise invalid_key(name, trail, param=param)
        yield field
        schema = asking.schemas[field.target]
