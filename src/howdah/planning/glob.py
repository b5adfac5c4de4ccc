"""
Turn a GLOB pattern into a regular expression that PostgreSQL reads the same way.

Pure. SQLite's patterns (src/func.c, patternCompare): * any characters, ? one
character, [abc] [a-z] [^abc] one of a set, where ] stands first for itself.
"""

from __future__ import annotations

from howdah.planning.sql_values import Untranslatable

_SPECIAL = frozenset("\\^$.|?*+()[]{}")


def glob_to_regex(pattern: str) -> str:
    """Return an anchored regular expression. Raises Untranslatable for a set without an end."""
    parts = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        position += 1
        if character == "*":
            parts.append(".*")
        elif character == "?":
            parts.append(".")
        elif character == "[":
            members, position = _read_set(pattern, position)
            parts.append(members)
        else:
            parts.append(_escaped(character))
    return "^" + "".join(parts) + "$"


def _read_set(pattern: str, start: int) -> tuple[str, int]:
    position = start
    negated = pattern[position : position + 1] == "^"
    position += negated
    # A ] that stands first belongs to the set.
    end = pattern.find("]", position + 1)
    if end < 0:
        raise Untranslatable("a GLOB pattern with an open bracket")
    members = pattern[position:end]
    if not all(member.isalnum() or member in " -_.,:;@/+#" for member in members):
        raise Untranslatable("a GLOB pattern with special characters in brackets")
    return f"[{'^' if negated else ''}{members}]", end + 1


def _escaped(character: str) -> str:
    return "\\" + character if character in _SPECIAL else character
