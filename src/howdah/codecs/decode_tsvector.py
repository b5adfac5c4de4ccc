"""Spell full-text vectors as PostgreSQL prints them, read character by character; for the proof."""

from __future__ import annotations

from howdah.codecs.base import Params
from howdah.codecs.decode_each import Spell, Stored, project_each
from howdah.codecs.values import SourceColumn


def spell_tsvector(params: Params) -> Spell:
    """Return the speller for tsvector."""

    def spell(value: Stored) -> str | None:
        if not isinstance(value, str):
            return None
        found: dict[str, dict[int, str]] = {}
        at = 0
        while at < len(value):
            if value[at].isspace():
                at += 1
                continue
            word, at = _take_word(value, at)
            places, at = _take_places(value, at)
            known = found.setdefault(word, {})
            for place, weight in places:
                known[place] = min(known.get(place, "D"), weight)
        return " ".join(
            f"'{_double(word)}'{_print_places(found[word])}"
            for word in sorted(found, key=lambda word: word.encode())
        )

    return spell


def _take_word(text: str, at: int) -> tuple[str, int]:
    """Return the lexeme that begins there, and where it ends."""
    quoted = text[at] == "'"
    word = ""
    at += quoted
    while at < len(text):
        character = text[at]
        if character == "\\":
            at += 1
            word += text[at]
        elif quoted and character == "'":
            if text[at + 1 : at + 2] != "'":
                return word, at + 1
            word += "'"
            at += 1
        elif not quoted and (character.isspace() or character == ":"):
            break
        else:
            word += character
        at += 1
    return word, at


def _take_places(text: str, at: int) -> tuple[list[tuple[int, str]], int]:
    """Return the positions behind a lexeme with their weights, and where they end."""
    if text[at : at + 1] != ":":
        return [], at
    end = at
    while end < len(text) and not text[end].isspace():
        end += 1
    places = []
    for item in text[at + 1 : end].split(","):
        weight = item[-1].upper() if item[-1].isalpha() else "D"
        places.append((int(item.strip("ABCDabcd")), weight))
    return places, end


def _print_places(places: dict[int, str]) -> str:
    if not places:
        return ""
    return ":" + ",".join(
        f"{place}{weight if weight != 'D' else ''}" for place, weight in sorted(places.items())
    )


def _double(word: str) -> str:
    return word.replace("\\", "\\\\").replace("'", "''")


def project_tsvector(column: SourceColumn, params: Params) -> SourceColumn:
    """Spell every value as PostgreSQL prints the tsvector."""
    return project_each(column, spell_tsvector(params))
