"""
Encode maps of texts into hstore, from a JSON object or hstore's own spelling.

Format (hstore_send): int32 number of pairs, then for each key length and key, value
length and value; length -1 for NULL. hstore_recv sorts them itself.
"""

from __future__ import annotations

import json
import re
import struct

from howdah.codecs.base import Params
from howdah.codecs.encode_each import Convert, Notes, Stored, Unfit, encode_each, only_blanks
from howdah.codecs.values import Encoded, SourceColumn

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_PAIR = re.compile(rf"\s*{_QUOTED}\s*=>\s*(?:{_QUOTED}|(NULL))\s*(,|$)", re.DOTALL | re.IGNORECASE)
_BYTES_MAX = 2**28 - 1


def any_hstore(params: Params) -> Convert:
    """Return the converter of one value → hstore."""

    def convert(value: Stored, notes: Notes) -> bytes:
        if not isinstance(value, str):
            raise Unfit("not-a-map")
        pairs = _read_json(value) if value.lstrip().startswith("{") else _read_hstore(value)
        pieces = [struct.pack(">i", len(pairs))]
        for key, content in pairs.items():
            if "\0" in key + (content or ""):
                raise Unfit("nul-in-text")
            pieces += [_field(key), struct.pack(">i", -1) if content is None else _field(content)]
        return b"".join(pieces)

    return convert


def _field(text: str) -> bytes:
    content = text.encode()
    if len(content) > _BYTES_MAX:
        raise Unfit("field-too-long")
    return struct.pack(">i", len(content)) + content


def _read_json(text: str) -> dict[str, str | None]:
    try:
        # Numbers keep their spelling: hstore holds texts.
        document = json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        raise Unfit("not-a-map") from None
    pairs: dict[str, str | None] = {}
    for key, value in document.items():
        if isinstance(value, bool):
            value = "true" if value else "false"
        if value is not None and not isinstance(value, str):
            raise Unfit("not-a-map")
        try:
            (key + (value or "")).encode()
        except UnicodeEncodeError:
            raise Unfit("invalid-utf8") from None
        pairs[key] = value
    return pairs


def _read_hstore(text: str) -> dict[str, str | None]:
    pairs: dict[str, str | None] = {}
    position = 0
    while not only_blanks(text, position):
        match = _PAIR.match(text, position)
        if match is None:
            raise Unfit("not-a-map")
        key = _unescape(match[1])
        if key not in pairs:
            # Of a key that is repeated, hstore keeps the first.
            pairs[key] = None if match[3] else _unescape(match[2])
        position = match.end()
        if match[4] == "," and only_blanks(text, position):
            raise Unfit("not-a-map")
    return pairs


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def encode_hstore(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """TEXT → hstore."""
    return encode_each(column, any_hstore(params))
