"""
Makes text from databases safe to show: nothing in it moves a cursor or turns text round.

Names and values come from files that anybody may have written. A terminal obeys
escape sequences and a browser obeys bidirectional overrides, so every control
character is shown as its escape instead. Pure.
"""

from __future__ import annotations

import re

#: C0 and C1 controls and DEL (line feed apart), surrogates, and the invisible characters that
#: change direction (Unicode TR 36, section 3.2) or break lines without being seen.
_UNSAFE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


def printable(text: str) -> str:
    """Return `text` with unsafe characters as escapes (\\x1b, \\u202e); line feeds stay."""
    return _UNSAFE.sub(_escape, text)


def printable_line(text: str) -> str:
    """Return `text` as one safe line: line feeds become escapes too."""
    return printable(text).replace("\n", "\\n")


def printable_name(name: str) -> str:
    """Return a name as one safe line; one that nobody would see (empty, blanks) in quotes."""
    line = printable_line(name)
    return line if line.strip() else f'"{line}"'


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    short = {9: "\\t", 13: "\\r"}.get(code)
    if short:
        return short
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
