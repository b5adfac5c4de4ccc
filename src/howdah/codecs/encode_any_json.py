"""
Encode a JSON column that holds more than JSON texts into json and jsonb.

A column declared JSON has NUMERIC affinity, so numbers stand beside texts, and some
applications (Strapi) store a string without its quotes. A number becomes a JSON number;
what to do with a text that is no JSON is a parameter.
"""

from __future__ import annotations

import json
import math
import re

from howdah.codecs.base import Params
from howdah.codecs.encode_each import Convert, Notes, Stored, Unfit, encode_each
from howdah.codecs.encode_json import JsonbInspector, fault_of
from howdah.codecs.params import read_choice
from howdah.codecs.pgtypes import PgType, parse_type
from howdah.codecs.values import Encoded, SourceColumn

#: What becomes of a text that is no JSON: set aside, a JSON string, or a JSON string of a JSON string
#: (Strapi parses what it reads once more, where it is a string).
BARE_CHOICES = ("reject", "string", "string-in-string")
#: What becomes of \u0000 and of half a surrogate pair, which jsonb does not take.
ESCAPE_CHOICES = ("reject", "replace")

_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_REPLACEMENT = "\\ufffd"


def any_json(params: Params, pg_type: PgType) -> Convert:
    """Return the converter of one value → json, jsonb."""
    bare = read_choice(params, "bare", BARE_CHOICES)
    replace = read_choice(params, "escapes", ESCAPE_CHOICES) == "replace"
    binary = pg_type.base == "jsonb"
    inspector = JsonbInspector()

    def convert(value: Stored, notes: Notes) -> bytes:
        if isinstance(value, bytes) or (isinstance(value, float) and math.isinf(value)):
            raise Unfit("not-json")
        if isinstance(value, int | float):
            text = repr(value)
            notes.add("number-to-json")
        else:
            text = value
        fault = fault_of(text)
        if fault == "not-json" and bare != "reject":
            text = json.dumps(text, ensure_ascii=False)
            if bare == "string-in-string":
                text = json.dumps(text, ensure_ascii=False)
            notes.add("bare-text-to-string")
        elif fault:
            raise Unfit(fault)
        if replace and "\\u" in text:
            text = _replace_escapes(text, notes)
        if not binary:
            if "\0" in text:
                raise Unfit("nul-in-text")
            return text.encode()
        fault = inspector.fault_of(text)
        if fault:
            raise Unfit(fault)
        if inspector.duplicates:
            notes.add("duplicate-keys-dropped")
        return b"\x01" + text.encode()

    return convert


def _replace_escapes(text: str, notes: Notes) -> str:
    """Replace \\u0000 and escapes that are half a surrogate pair by U+FFFD."""
    pieces: list[str] = []
    end = 0
    matches = list(_ESCAPE.finditer(text))
    paired = -1
    for place, match in enumerate(matches):
        code = int(match[1], 16) if match[1] else None
        following = matches[place + 1] if place + 1 < len(matches) else None
        if code is None or place == paired:
            continue
        if 0xD800 <= code < 0xDC00 and following is not None and following.start() == match.end():
            low = int(following[1], 16) if following[1] else 0
            if 0xDC00 <= low < 0xE000:
                paired = place + 1
                continue
        if code == 0 or 0xD800 <= code < 0xE000:
            pieces += [text[end : match.start()], _REPLACEMENT]
            end = match.end()
            notes.add("escape-replaced")
    return "".join([*pieces, text[end:]])


def encode_any_json(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """INTEGER, REAL or TEXT → json, jsonb."""
    return encode_each(column, any_json(params, parse_type(pg_type)), policies=params)
