"""SQLite's literals of stored values, for people. Pure."""

from __future__ import annotations

from math import isinf

from howdah.model.quarantine import Cell
from howdah.model.source import StorageClass

#: Characters of a text, or bytes of a blob, that are shown.
_SHOWN = 60


def sqlite_literal(value: int | float | str | bytes) -> str:
    """
    Return the value as SQLite would read it; bytes are a BLOB.

    Long values are cut off after 60 characters or bytes and end in "…", which no literal does.
    """
    if isinstance(value, str):
        return text_literal(value.encode())
    if isinstance(value, bytes):
        return _hexadecimal(value)
    if isinstance(value, float) and isinf(value):
        return "9e999" if value > 0 else "-9e999"
    return repr(value)


def cell_literal(cell: Cell) -> str:
    """Return the value of a cell as SQLite would read it, cut off as by `sqlite_literal`."""
    content = cell.content
    if content is None:
        return "NULL"
    if cell.storage_class is StorageClass.TEXT and isinstance(content, bytes):
        return text_literal(content)
    return sqlite_literal(content)


def text_literal(content: bytes) -> str:
    """Return a text, given as bytes; with NUL, or not valid UTF-8, it cannot stand between quotes."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        return f"CAST({_hexadecimal(content)} AS TEXT)"
    return _cut("'" + text[:_SHOWN].replace("'", "''") + "'", len(text))


def _hexadecimal(content: bytes) -> str:
    return _cut(f"x'{content[:_SHOWN].hex()}'", len(content))


def _cut(literal: str, length: int) -> str:
    return literal[:-1] + "…'" if length > _SHOWN else literal
