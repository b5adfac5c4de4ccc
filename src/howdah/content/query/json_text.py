"""
JSON that came as text, in a body or as a value: what it says, within what can be gone through and stored.

Pure. Python's reader takes words and characters that no other does, and is recursive, as is everything
that looks at what it read.
"""

from __future__ import annotations

import json
import re
from typing import Any

from howdah.content.query.faults import invalid

#: Levels of lists and objects within each other.
_DEPTH_MAX = 100
#: NUL as JSON writes it: its backslash is not itself escaped.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def read_json(text: str) -> Any:
    """
    Return what a value says that is a text of JSON.

    Raises ValueError for a text that is none, RequestFault for one that is nested too deeply.
    """
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
        require_plain(document)
    except RecursionError:
        raise invalid("Invalid value: JSON is nested too deeply") from None
    return document


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def require_plain(document: Any, depth: int = 0) -> None:
    """
    Raise for a document that cannot be gone through, or written as UTF-8.

    RecursionError beyond 100 levels of lists and objects, RequestFault for half of a surrogate pair.
    """
    if depth > _DEPTH_MAX:
        raise RecursionError
    if isinstance(document, dict):
        for key, item in document.items():
            require_unicode(key)
            require_plain(item, depth + 1)
    elif isinstance(document, list):
        for item in document:
            require_plain(item, depth + 1)
    elif isinstance(document, str):
        require_unicode(document)


def require_unicode(text: str) -> str:
    """Return a text. Raises RequestFault where it holds half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise invalid("Invalid value: it is not valid Unicode") from None
    return text


def holds_nul(text: str) -> bool:
    """Tell whether a text of JSON says NUL, which no column holds."""
    return _NUL.search(text) is not None
