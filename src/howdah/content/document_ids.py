"""New documentIds, in the form of Strapi's: 24 letters and digits of which the first is a letter."""

from __future__ import annotations

import secrets
import string

_LETTERS = string.ascii_lowercase
_ALL = string.ascii_lowercase + string.digits
_LENGTH = 24


def new_document_id() -> str:
    """Return one that nobody has."""
    return secrets.choice(_LETTERS) + "".join(secrets.choice(_ALL) for _ in range(_LENGTH - 1))
