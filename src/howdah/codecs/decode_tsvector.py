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
        rest = value.strip()
        while rest:
            word, rest = _take_word(rest)
            places, rest = _take_places(rest)
            known = found.setdefault(word, {})
            for place, weight in places:
                known[place] = min(known.get(place, "D"), weight)
            rest = rest.lstrip()
        return " ".join(
            f"'{_double(word)}'{_print_places(found[word])}"
            for word in sorted(found, key=lambda word: word.encode())
        )

    return spell


def _take_word(text: str) -> tuple[str, str]:
    quoted = text[0] == "'"
    word = ""
    place = 1 if quoted else 0
    while place < len(text):
        character = text[place]
        if character == "\\":
            place += 1
            word += text[place]
        elif quoted and character == "'":
            if text[place + 1 : place + 2] != "'":
                return word, text[place + 1 :]
            word += "'"
            place += 1
        elif not quoted and (character.isspace() or character == ":"):
            break
        else:
            word += character
        place += 1
    return word, text[place:]


def _take_places(text: str) -> tuple[list[tuple[int, str]], str]:
    if not text.startswith(":"):
        return [], text
    body, _, rest = text[1:].partition(" ")
    places = []
    for item in body.split(","):
        weight = item[-1].upper() if item[-1].isalpha() else "D"
        places.append((int(item.strip("ABCDabcd")), weight))
    return places, rest


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
