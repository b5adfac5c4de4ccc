"""
Encode full-text vectors in PostgreSQL's own spelling ('cat':3A 'fat':2) into tsvector.

Format (tsvectorsend): int32 number of lexemes, then each lexeme with a NUL, int16 number of
positions, and the positions with the weight in the two highest bits.
"""

from __future__ import annotations

import re
import struct

from howdah.codecs.base import Params
from howdah.codecs.encode_each import Convert, Notes, Stored, Unfit, encode_each, only_blanks
from howdah.codecs.values import Encoded, SourceColumn

_TOKEN = re.compile(
    r"\s*(?:'((?:[^'\\]|''|\\.)*)'|((?:[^\s':\\]|\\.)+))(:[0-9]+[A-Da-d]?(?:,[0-9]+[A-Da-d]?)*)?", re.DOTALL
)
_WEIGHTS = {"A": 3, "B": 2, "C": 1, "D": 0}
_POSITION_MAX, _POSITIONS_MAX, _LEXEME_BYTES_MAX = 16_383, 255, 2_046


def any_tsvector(params: Params) -> Convert:
    """Return the converter of one value → tsvector."""

    def convert(value: Stored, notes: Notes) -> bytes:
        if not isinstance(value, str) or "\0" in value:
            raise Unfit("not-a-tsvector")
        lexemes = _read(value)
        pieces = [struct.pack(">i", len(lexemes))]
        for lexeme in sorted(lexemes):
            positions = sorted(lexemes[lexeme].items())
            words = [weight << 14 | position for position, weight in positions]
            pieces.append(lexeme + b"\0" + struct.pack(f">{1 + len(words)}H", len(words), *words))
        return b"".join(pieces)

    return convert


def _read(text: str) -> dict[bytes, dict[int, int]]:
    """Return lexemes with the weight of each position; of a doubled position the heavier."""
    lexemes: dict[bytes, dict[int, int]] = {}
    position = 0
    while not only_blanks(text, position):
        match = _TOKEN.match(text, position)
        if match is None or (match.end() < len(text) and not text[match.end()].isspace()):
            raise Unfit("not-a-tsvector")
        position = match.end()
        quoted = match[1]
        word = (
            re.sub(r"''|\\(.)", lambda found: found[1] or "'", quoted)
            if quoted is not None
            else (re.sub(r"\\(.)", r"\1", match[2]))
        )
        lexeme = word.encode()
        if not lexeme or len(lexeme) > _LEXEME_BYTES_MAX:
            raise Unfit("not-a-tsvector")
        places = lexemes.setdefault(lexeme, {})
        for place in (match[3] or "")[1:].split(","):
            if not place:
                continue
            number = int(place.rstrip("ABCDabcd"))
            weight = _WEIGHTS[place[-1].upper() if place[-1].isalpha() else "D"]
            if not 1 <= number <= _POSITION_MAX:
                raise Unfit("not-a-tsvector")
            places[number] = max(places.get(number, 0), weight)
        if len(places) > _POSITIONS_MAX:
            raise Unfit("not-a-tsvector")
    return lexemes


def encode_tsvector(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """TEXT → tsvector."""
    return encode_each(column, any_tsvector(params))
