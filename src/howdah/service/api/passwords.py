"""Passwords as bcrypt has them; comparing one takes a tenth of a second of a processor, so in a thread."""

from __future__ import annotations

import asyncio

import bcrypt

#: Of bcrypt's 72 bytes none is cut off in silence.
PASSWORD_BYTES_MAX = 72
_ROUNDS = 10
#: Compared with where there is no such user, so that answering takes as long.
_NOBODY = b"$2b$10$ONVm78rYmrzXgjlm5/QxAeMb3uipQwcv0ZJ0haLS0mH1fgVW1YHBS"


def hash_password(password: str) -> str:
    """Return bcrypt's hash of a password."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(_ROUNDS)).decode()


async def is_password(password: str, hashed: str | None) -> bool:
    """Tell whether a hash is of a password; where there is none it takes as long to say no."""
    matches = await asyncio.to_thread(_matches, password, hashed.encode() if hashed else _NOBODY)
    return matches and bool(hashed)


def _matches(password: str, hashed: bytes) -> bool:
    secret = password.encode("utf-8", "replace")
    try:
        return len(secret) <= PASSWORD_BYTES_MAX and bcrypt.checkpw(secret, hashed)
    except ValueError:
        # What is stored is no hash of bcrypt's: nobody can log in with it.
        return False
