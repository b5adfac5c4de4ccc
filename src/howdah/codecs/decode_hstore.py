"""Spell maps as hstore prints them: keys by length, then by bytes; for the proof."""

from __future__ import annotations

import json

from howdah.codecs.base import Params
from howdah.codecs.decode_each import Spell, Stored, project_each
from howdah.codecs.values import SourceColumn


def spell_hstore(params: Params) -> Spell:
    """Return the speller for hstore."""

    def spell(value: Stored) -> str | None:
        if not isinstance(value, str):
            return None
        pairs = _from_json(value) if value.strip().startswith("{") else _from_tokens(value)
        ordered = sorted(pairs.items(), key=lambda pair: (len(pair[0].encode()), pair[0].encode()))
        return ", ".join(
            f"{_quote(key)}=>{'NULL' if text is None else _quote(text)}" for key, text in ordered
        )

    return spell


def _quote(text: str) -> str:
    escaped = "".join("\\" + character if character in '"\\' else character for character in text)
    return f'"{escaped}"'


def _from_json(text: str) -> dict[str, str | None]:
    words = {True: "true", False: "false"}
    decoder = json.JSONDecoder(parse_int=lambda digits: digits, parse_float=lambda digits: digits)
    read = decoder.decode(text.strip())
    return {key: words[value] if isinstance(value, bool) else value for key, value in read.items()}


def _from_tokens(text: str) -> dict[str, str | None]:
    """Read "key"=>"value" pairs character by character."""
    pairs: dict[str, str | None] = {}
    words: list[str | None] = []
    current: list[str] | None = None
    escaped = False
    bare = ""
    for character in text:
        if current is not None:
            if escaped:
                current.append(character)
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                words.append("".join(current))
                current = None
            else:
                current.append(character)
        elif character == '"':
            current = []
        else:
            bare = (bare + character)[-4:]
            if bare.upper() == "NULL":
                words.append(None)
                bare = ""
    for key, value in zip(words[::2], words[1::2], strict=True):
        if key is None:
            raise ValueError(text)
        pairs.setdefault(key, value)
    return pairs


def project_hstore(column: SourceColumn, params: Params) -> SourceColumn:
    """Spell every value as hstore prints it."""
    return project_each(column, spell_hstore(params))
