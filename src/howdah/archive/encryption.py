"""
Encrypt files to age recipients and decrypt them again (age-encryption.org, by pyrage).

Decryption always goes to a file that counts only when it has come to its end: age notices a
changed byte, but only after what stood before it has been given out.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

from howdah.errors import EnvironmentFailedError, IntegrityError, UsageError


def require_recipients(recipients: Sequence[str]) -> None:
    """
    Raise UsageError (B-103) for a text that is no recipient, EnvironmentFailedError (B-104) without pyrage.
    """
    _parse_recipients(recipients)


def encrypt_file(source: Path, destination: Path, recipients: Sequence[str]) -> None:
    """Encrypt a file so that each of the recipients can read it; the source stays. Raises OSError."""
    pyrage = _pyrage()
    parsed = _parse_recipients(recipients)
    with open(source, "rb") as content, open(_private(destination), "wb") as sealed:
        pyrage.encrypt_io(content, sealed, parsed)
        sealed.flush()
        os.fsync(sealed.fileno())


def decrypt_stream(source: BinaryIO, destination: Path, identities: Sequence[Any], *, what: str) -> None:
    """
    Decrypt into a new private file.

    Raises IntegrityError (B-308) where no identity fits or a byte was changed; the file is then gone.
    """
    pyrage = _pyrage()
    try:
        with open(_private(destination), "wb") as content:
            pyrage.decrypt_io(source, content, list(identities))
    except pyrage.DecryptError as error:
        destination.unlink(missing_ok=True)
        raise IntegrityError(
            "B-308",
            f"The file {what} cannot be decrypted.",
            detail=f"{error}.",
            hint="Name the identity that it was encrypted to, with --identity.",
        ) from None
    except BaseException:
        destination.unlink(missing_ok=True)
        raise


def read_identities(path: Path | None) -> tuple[Any, ...]:
    """
    Read an age identity file ("AGE-SECRET-KEY-1…" lines and comments), () without one.

    Raises UsageError (B-105) for a file that cannot be read or holds none; no part of it is shown.
    """
    if path is None:
        return ()
    pyrage = _pyrage()
    try:
        lines = path.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError("B-105", f"The identity file {path} cannot be read: {reason}.") from None
    found = []
    for line in lines:
        if line.startswith("AGE-SECRET-KEY-1"):
            try:
                found.append(pyrage.x25519.Identity.from_str(line))
            except pyrage.IdentityError:
                raise UsageError("B-105", f"The identity file {path} holds a key that is none.") from None
    if not found:
        raise UsageError(
            "B-105",
            f"The identity file {path} holds no age identity.",
            hint='Make one with "age-keygen"; its line begins with AGE-SECRET-KEY-1.',
        )
    return tuple(found)


def _parse_recipients(recipients: Sequence[str]) -> list[Any]:
    pyrage = _pyrage()
    parsed = []
    for recipient in recipients:
        try:
            kind = pyrage.ssh if recipient.startswith("ssh-") else pyrage.x25519
            parsed.append(kind.Recipient.from_str(recipient))
        except pyrage.RecipientError:
            raise UsageError(
                "B-103",
                "A recipient is neither an age recipient nor an SSH public key.",
                hint='It begins with "age1" or "ssh-"; "age-keygen -y FILE" prints that of an identity.',
            ) from None
    return parsed


def _pyrage() -> ModuleType:
    try:
        import pyrage
    except ImportError:
        raise EnvironmentFailedError(
            "B-104",
            "Encrypted backups need the package pyrage, which is not installed.",
            hint='Install it with: pip install "howdah[age]".',
        ) from None
    return pyrage  # type: ignore[no-any-return]


def _private(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
