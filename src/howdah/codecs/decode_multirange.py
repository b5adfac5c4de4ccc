"""
Spell multiranges as PostgreSQL prints them, for the proof.

In order of their lower bounds, without empty ones, those that overlap or touch as one
(multirange_canonicalize).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from howdah.codecs.base import Params
from howdah.codecs.decode_array import (
    Bounds,
    bound_speller,
    json_reader,
    normal_bounds,
    print_bounds,
    read_bounds,
)
from howdah.codecs.decode_each import Spell, Stored, project_each
from howdah.codecs.values import SourceColumn

_NUMBERS = {
    **dict.fromkeys(("int2", "int4", "int8", "oid"), int),
    **dict.fromkeys(("float4", "float8"), float),
    "numeric": Decimal,
}


def spell_multirange(params: Params) -> Spell:
    """Return the speller for multiranges."""
    base = params["element"]
    spell_bound, read_json = bound_speller(params), json_reader(params)

    def spell(value: Stored) -> str | None:
        if not isinstance(value, str):
            return None
        found = []
        for text in _split(value.strip(), read_json):
            read = read_bounds(spell_bound, read_json, text)
            bounds = None if read is None else normal_bounds(base, *read)
            if bounds is not None:
                found.append(bounds)
        return "{" + ",".join(map(print_bounds, _join(base, found))) + "}"

    return spell


def _split(text: str, read_json: Callable[[str], Any]) -> Iterator[str]:
    """Give the ranges one by one; a bracket, a quote or a comma within quotes is none."""
    if text.startswith("["):
        for item in read_json(text):
            yield item if isinstance(item, str) else json.dumps(item)
        return
    word, quoted, inside = "", False, False
    characters = iter(text.removeprefix("{").removesuffix("}") + ",")
    for character in characters:
        if character == "," and not inside:
            if word.strip():
                yield word
            word = ""
            continue
        word += character
        if character == "\\":
            word += next(characters)
        elif character == '"':
            quoted = not quoted
        elif not quoted and character in "[(":
            inside = True
        elif not quoted and character in "])":
            inside = False


def _join(base: str, ranges: list[Bounds]) -> list[Bounds]:
    def key(text: str) -> Any:
        # Moments are printed so that the order of their texts is theirs.
        return _NUMBERS.get(base, str)(text)

    def begins(bounds: Bounds) -> tuple[bool, Any, bool]:
        opening, lower, _, _ = bounds
        return (True, key(lower), opening == "(") if lower is not None else (False, 0, False)

    joined: list[Bounds] = []
    for bounds in sorted(ranges, key=begins):
        opening, lower, upper, closing = bounds
        if joined:
            first_opening, first, last, last_closing = joined[-1]
            touches = (
                last is None
                or lower is None
                or key(lower) < key(last)
                or (key(lower) == key(last) and (opening == "[" or last_closing == "]"))
            )
            if touches:
                ends_later = last is not None and (
                    upper is None or (key(upper), closing == "]") > (key(last), last_closing == "]")
                )
                end, end_closing = (upper, closing) if ends_later else (last, last_closing)
                joined[-1] = (first_opening, first, end, end_closing)
                continue
        joined.append(bounds)
    return joined


def project_multirange(column: SourceColumn, params: Params) -> SourceColumn:
    """Spell every value as PostgreSQL prints the multirange."""
    return project_each(column, spell_multirange(params))
