"""
Nested parameters of a query string or form: `filters[name][$eq]=x`, `sort[0]=id`.

Pure. Keys with brackets become objects, whole numbers up to 100 and empty brackets become lists,
a key without `=` is null, a repeated key is a list. What is deeper than 20 levels is one key.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_plus

from howdah.content.query.faults import invalid

_DEPTH_MAX = 20
_INDEX_MAX = 100
_PARAMETERS_MAX = 1000


def parse_query(text: str) -> dict[str, Any]:
    """Return the parameters. Raises RequestFault for more than a thousand of them."""
    root: dict[str, Any] = {}
    parts = [part for part in text.split("&") if part]
    if len(parts) > _PARAMETERS_MAX:
        raise invalid(f"Too many parameters: {len(parts)}, at most {_PARAMETERS_MAX}")
    for part in parts:
        key, equals, value = part.partition("=")
        name = unquote_plus(key)
        if name:
            _insert(root, _segments(name), unquote_plus(value) if equals else None)
    return {key: _with_lists(value) for key, value in root.items()}


def _segments(name: str) -> list[str]:
    if name.startswith("[") and "]" in name[2:]:
        name = name[1:].replace("]", "", 1)
    head, bracket, rest = name.partition("[")
    if not bracket or not head:
        return [name]
    segments, rest = [head], bracket + rest
    while rest.startswith("[") and "]" in rest and len(segments) <= _DEPTH_MAX:
        inner, _, rest = rest[1:].partition("]")
        segments.append(inner)
    if rest.startswith("["):
        segments.append(rest)
    return segments


class _Node(dict[str, Any]):
    """An object while it is being read; `appended` counts empty brackets."""

    appended = 0


def _insert(root: dict[str, Any], segments: list[str], value: str | None) -> None:
    here: dict[str, Any] = root
    for position, segment in enumerate(segments):
        key = segment
        if not segment and isinstance(here, _Node):
            key = str(here.appended)
            here.appended += 1
        if position == len(segments) - 1:
            _put(here, key, value)
            return
        below = here.get(key)
        if not isinstance(below, _Node):
            node = _Node()
            if key in here:
                # A scalar that turns out to be an object: kept, as a key of its own.
                node[str(below)] = True
            here[key] = below = node
        here = below


def _put(here: dict[str, Any], key: str, value: str | None) -> None:
    if key not in here:
        here[key] = value
    elif isinstance(here[key], list):
        here[key].append(value)
    elif isinstance(here[key], _Node):
        here[key][str(value)] = True
    else:
        here[key] = [here[key], value]


def _is_index(key: str) -> bool:
    return key.isascii() and key.isdigit() and len(key) <= len(str(_INDEX_MAX)) and int(key) <= _INDEX_MAX


def _with_lists(value: Any) -> Any:
    if not isinstance(value, _Node):
        return value
    if value and all(_is_index(key) for key in value):
        return [_with_lists(value[key]) for key in sorted(value, key=int)]
    return {key: _with_lists(item) for key, item in value.items()}
