"""
Bring JSON columns of mixed classes to one form on both sides, for the proof.

The target's JSON and the source's are both canonical afterwards. What the plan lets the load
write for a text that is no JSON is built here from Python strings, never from the load's.
"""

from __future__ import annotations

import json
import math
import re

import pyarrow as pa

from howdah.codecs.base import Params
from howdah.codecs.canonical_json import canonical_json
from howdah.codecs.decode_each import Spell, Stored, project_each
from howdah.codecs.decode_parts import read_storage, source_column
from howdah.codecs.decode_text import repair_texts
from howdah.codecs.values import SourceColumn

#: In canonical JSON: any escape, or a surrogate that stands alone (pairs are one character there).
_ESCAPES = re.compile(r"\\u0000(?!number:)|\\.|[\ud800-\udfff]", re.DOTALL)


def decode_any_json(array: pa.Array, params: Params) -> SourceColumn:
    """json, jsonb → TEXT in canonical form."""
    shown = read_storage(array, "any-json", pa.types.is_string).cast(pa.binary()).to_pylist()
    canonical = [None if text is None else canonical_json(text) for text in shown]
    return source_column(len(array), text=pa.array(canonical, pa.binary()))


def spell_json(params: Params) -> Spell:
    """Return the speller for json, jsonb: the canonical form."""
    depth = {"string": 1, "string-in-string": 2}.get(params.get("bare", "reject"), 0)
    replace = params.get("escapes") == "replace"

    def spell(value: Stored) -> str | None:
        if isinstance(value, bytes) or (isinstance(value, float) and math.isinf(value)):
            return None
        text = f"{value!r}" if not isinstance(value, str) else value
        canonical = canonical_json(text.encode("utf-8", "surrogatepass"))
        if canonical.startswith(b"\xff"):
            if not depth:
                return None
            for _ in range(depth):
                text = json.JSONEncoder(ensure_ascii=False).encode(text)
            canonical = canonical_json(text.encode())
        shown = canonical.decode("utf-8", "surrogatepass")
        return _ESCAPES.sub(_repair, shown) if replace else shown

    return spell


def _repair(match: re.Match[str]) -> str:
    found = match[0]
    return found if found.startswith("\\") and found != "\\u0000" else "\ufffd"


def project_any_json(column: SourceColumn, params: Params) -> SourceColumn:
    """Bring every value to canonical JSON."""
    text = None if column.text is None else repair_texts(column.text, params)
    repaired = source_column(
        column.length, integer=column.integer, real=column.real, text=text, blob=column.blob
    )
    return project_each(repaired, spell_json(params))
