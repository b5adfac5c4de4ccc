"""SQLite's literals of stored values, for people. Pure."""

from __future__ import annotations

from math import isinf

#: Characters of a text, or bytes of a blob, that are shown.
_SHOWN = 60


def sqlite_literal(value: int | float | str | bytes, *, is_text: bool = False) -> str:
    """
    Return the value as SQLite would read it; bytes are a BLOB unless `is_text`.

    Long values are cut off after 60 characters or bytes and end in "…", which no literal does.
    """
    if isinstance(value, str):
        if "\0" in value:
            return _text_from_bytes(value.encode())
        return _cut("'" + value[:_SHOWN].replace("'", "''") + "'", len(value))
    if isinstance(value, bytes):
        return _text_from_bytes(value) if is_text else _hexadecimal(value)
    if isinstance(value, float) and isinf(value):
        return "9e999" if value > 0 else "-9e999"
    return repr(value)


def _text_from_bytes(content: bytes) -> str:
    """Text that cannot stand between quotes: with NUL, or not valid UTF-8."""
    return f"CAST({_hexadecimal(content)} AS TEXT)"


def _hexadecimal(content: bytes) -> str:
    return _cut(f"x'{content[:_SHOWN].hex()}'", len(content))


def _cut(literal: str, length: int) -> str:
    return literal[:-1] + "…'" if length > _SHOWN else literal
