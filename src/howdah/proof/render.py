"""
Values and keys as a person reads them in a difference. Pure.

Values take SQLite's literal form, which shows the storage class: 5, 5.0, '5',
X'35', NULL. Long ones are cut around the place where the two sides part, and
what the eye cannot tell apart is said in words.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import groupby

from howdah.model.quarantine import Cell
from howdah.model.source import StorageClass

#: Longest rendered part of a value, in characters (text) or bytes (blob).
SHOWN = 60
#: Of which so many before the first difference.
BEFORE = 20

#: Unicode categories that have no look of their own: controls, format marks, private and unassigned
#: characters, line and paragraph separators.
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cn", "Zl", "Zp"})


def render_cell(cell: Cell, around: int = 0) -> str:
    """Return the value as a SQLite literal; a long one cut so that byte `around` is in sight."""
    content = cell.content
    if isinstance(content, bytes):
        start = max(0, around - BEFORE) if len(content) > SHOWN else 0
        return _render_bytes(cell.storage_class, content, start)
    if content is None:
        return "NULL"
    if content in (float("inf"), float("-inf")):
        return "9e999" if content > 0 else "-9e999"
    return repr(content)


def _render_bytes(storage_class: StorageClass, content: bytes, start: int) -> str:
    # Cut between characters: a continuation byte of UTF-8 is 10xxxxxx.
    while storage_class is StorageClass.TEXT and 0 < start < len(content) and content[start] & 0xC0 == 0x80:
        start -= 1
    stop = min(len(content), start + SHOWN)
    while storage_class is StorageClass.TEXT and start < stop < len(content) and content[stop] & 0xC0 == 0x80:
        stop -= 1
    shown = content[start:stop]
    literal = _blob_literal(shown)
    if storage_class is StorageClass.TEXT:
        literal = _text_literal(shown)
    if len(shown) == len(content):
        return literal
    return f"{'…' if start else ''}{literal}{'…' if stop < len(content) else ''} ({len(content):,} bytes)"


def _text_literal(content: bytes) -> str:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return f"CAST({_blob_literal(content)} AS TEXT)"
    # Nothing that moves a terminal's cursor or hides itself may reach it as it is.
    runs = groupby(text, lambda character: unicodedata.category(character) in _HIDDEN)
    parts = [
        f"char({', '.join(str(ord(character)) for character in run)})"
        if hidden
        else "'" + "".join(run).replace("'", "''") + "'"
        for hidden, run in runs
    ]
    return " || ".join(parts) or "''"


def _blob_literal(content: bytes) -> str:
    return f"X'{content.hex().upper()}'"


def first_difference(source: bytes, target: bytes) -> int:
    """Return the index of the first byte in which the two differ, or the length of the shorter one."""
    shorter = min(len(source), len(target))
    low, high = 0, shorter
    # Halving over prefixes compares in C; a loop over bytes would not.
    while low < high:
        middle = (low + high + 1) // 2
        if source[low:middle] == target[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def render_pair(source: Cell, target: Cell) -> tuple[str, str, str]:
    """Return both values and, where the values alone do not show it, what differs."""
    left, right = source.content, target.content
    if not (isinstance(left, bytes) and isinstance(right, bytes)):
        return render_cell(source), render_cell(target), _detail_of_classes(source, target)
    around = first_difference(left, right)
    detail = _detail_of_classes(source, target) or _detail_of_bytes(left, right, around)
    return render_cell(source, around), render_cell(target, around), detail


def _detail_of_classes(source: Cell, target: Cell) -> str:
    if source.storage_class is target.storage_class:
        return ""
    if StorageClass.NULL in (source.storage_class, target.storage_class):
        return ""
    return f"{source.storage_class.value} in the source, {target.storage_class.value} in the target"


def _detail_of_bytes(left: bytes, right: bytes, around: int) -> str:
    if _same_to_the_eye(left, right):
        return (
            f"same text in another Unicode form: bytes {left[around : around + 8].hex(' ')} "
            f"against {right[around : around + 8].hex(' ')} at byte {around:,}"
        )
    if len(left) > SHOWN or len(right) > SHOWN:
        return f"first difference at byte {around:,}"
    return ""


def _same_to_the_eye(left: bytes, right: bytes) -> bool:
    # Normalising is linear but slow; beyond some kilobytes the position says enough.
    if max(len(left), len(right)) > 65_536 or left == right:
        return False
    try:
        return unicodedata.normalize("NFC", left.decode()) == unicodedata.normalize("NFC", right.decode())
    except UnicodeDecodeError:
        return False


def render_key(cells: Sequence[Cell]) -> str:
    """Return a key for people: the literal alone, or (a, b) for a key of several columns; "" for none."""
    literals = [render_cell(cell) for cell in cells]
    if len(literals) == 1:
        return literals[0]
    return f"({', '.join(literals)})" if literals else ""


def cut_row(values: Sequence[str]) -> str:
    """Return rendered values in parentheses, all of it cut at 200 characters."""
    text = f"({', '.join(values)})"
    return text if len(text) <= 200 else f"{text[:199]}…"
