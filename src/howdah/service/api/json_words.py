"""
What Node says of text that is no JSON, from what Python says of it.

Pure. Both find the first mistake; they name it otherwise, and within numbers, words and escapes elsewhere.
"""

from __future__ import annotations

import json
import re

#: Text of fewer characters is shown whole.
_SHORT = 21
_HEX = frozenset("0123456789abcdefABCDEF")
#: A number that ends here, and whether it has a fraction.
_NUMBER_BEFORE = re.compile(r"-?(?<![\w.])\d+(\.\d+)?$")
#: A string, or one of the words of Python's JSON alone.
_CONSTANT = re.compile(r'"(?:[^"\\]|\\.)*"|(NaN|-?Infinity)', re.DOTALL)


def node_words(text: str, error: json.JSONDecodeError) -> str:
    """Return what Node says of the mistake that Python found."""
    position = error.pos
    special = _number_words(text, error) or _escape_words(text, error)
    if special:
        return special
    if error.msg == "Expecting value":
        position = _end_of_word(text, position)
    at_end = position >= len(text.rstrip())
    before = text[:position].rstrip()[-1:]
    words = {
        "Expecting ':' delimiter": "Expected ':' after property name in JSON",
        "Unterminated string starting at": "Unterminated string in JSON",
        "Extra data": "Unexpected non-whitespace character after JSON",
    }
    if error.msg.startswith("Expecting property name"):
        words[error.msg] = (
            "Expected double-quoted property name in JSON"
            if before == ","
            else "Expected property name or '}' in JSON"
        )
    elif error.msg.startswith("Illegal trailing comma"):
        words[error.msg] = "Expected double-quoted property name in JSON"
    elif error.msg.startswith("Invalid control character"):
        words[error.msg] = "Bad control character in string literal in JSON"
    elif error.msg == "Expecting ',' delimiter":
        inside = _innermost(text[:position])
        words[error.msg] = (
            "Expected ',' or ']' after array element in JSON"
            if inside == "["
            else "Expected ',' or '}' after property value in JSON"
        )
    if error.msg in words:
        place = len(text) if error.msg.startswith("Unterminated") else position
        return f"{words[error.msg]} at position {place}"
    if at_end:
        return "Unexpected end of JSON input"
    return f"Unexpected token '{text[position]}', {_excerpt(text, position)} is not valid JSON"


def _innermost(text: str) -> str:
    opened: list[str] = []
    quoted = escaped = False
    for letter in text:
        if quoted:
            quoted = escaped or letter != '"'
            escaped = letter == "\\" and not escaped
        elif letter == '"':
            quoted = True
        elif letter in "{[":
            opened.append(letter)
        elif letter in "}]" and opened:
            opened.pop()
    return opened[-1] if opened else ""


def _excerpt(text: str, position: int) -> str:
    if len(text) < _SHORT:
        return f'"{text}"'
    start, end = max(0, position - 10), min(len(text), position + 10)
    before, after = "..." if start else "", "..." if end < len(text) else ""
    return f'{before}"{text[start:end]}"{after}'


def _number_words(text: str, error: json.JSONDecodeError) -> str:
    """Return what is said of a number that does not go on as numbers do, "" for anything else."""
    position = error.pos
    here = text[position : position + 1]
    if error.msg == "Expecting value" and here == "-":
        return f"No number after minus sign in JSON at position {position + 1}"
    if error.msg != "Expecting ',' delimiter":
        return ""
    number = _NUMBER_BEFORE.search(text[:position])
    if number is None:
        return ""
    if here.isdigit():
        return f"Unexpected number in JSON at position {position}"
    if here == "." and not number[1]:
        return f"Unterminated fractional number in JSON at position {position + 1}"
    if here in ("e", "E"):
        place = position + 1 + (text[position + 1 : position + 2] in ("+", "-"))
        return f"Exponent part is missing a number in JSON at position {place}"
    return ""


def _escape_words(text: str, error: json.JSONDecodeError) -> str:
    """Return what is said of a backslash that begins nothing, "" for anything else."""
    if error.msg.startswith("Invalid \\u"):
        place = error.pos + 1
        while text[place : place + 1] in _HEX and place < len(text):
            place += 1
        return f"Bad Unicode escape in JSON at position {place}"
    if error.msg.startswith("Invalid \\"):
        return f"Bad escaped character in JSON at position {error.pos + 1}"
    return ""


def _end_of_word(text: str, position: int) -> int:
    """Return where a word ceases to be true, false or null."""
    for word in ("true", "false", "null"):
        if text[position : position + 1] == word[0]:
            length = next(
                (
                    place
                    for place in range(len(word))
                    if text[position + place : position + place + 1] != word[place]
                ),
                len(word),
            )
            return position + length
    return position


def constant_words(text: str) -> str:
    """Return what Node says of the first NaN or Infinity beyond strings."""
    for found in _CONSTANT.finditer(text):
        if found[1]:
            if found[1].startswith("-"):
                return f"No number after minus sign in JSON at position {found.start() + 1}"
            place = found.start()
            return f"Unexpected token '{text[place]}', {_excerpt(text, place)} is not valid JSON"
    return "Unexpected end of JSON input"
