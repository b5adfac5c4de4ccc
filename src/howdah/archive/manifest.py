"""
A manifest as bytes, sealed: read back only where it is whole and, with a key, ours.

The envelope carries the SHA-256 of the body, which finds damage, and with a key a keyed
BLAKE2b of it, which finds whoever rewrote files and manifest both. Names in a manifest
are checked before anything is opened by them: a backup may come from anywhere.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from howdah.errors import IntegrityError, RefusedError
from howdah.model.backup import MANIFEST_VERSION, Manifest
from howdah.model.report import to_json
from howdah.model.serialize import from_json

MANIFEST = "manifest.json"
_FORMAT = "howdah-backup"

#: What a name of a backup, a deployment or a file may be made of; no path, nothing hidden.
_PLAIN_NAME = re.compile(r"[0-9A-Za-z_][0-9A-Za-z._-]{0,199}")
_FILE_NAME = re.compile(r"(dump\.d/)?[0-9A-Za-z_][0-9A-Za-z._-]{0,199}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A manifest that was read, and whether a key vouched for it."""

    manifest: Manifest
    authenticated: bool


def new_backup_id(now: datetime | None = None) -> str:
    """Return an id that sorts by time and is not used twice."""
    moment = now or datetime.now(UTC)
    return f"{moment:%Y-%m-%dT%H-%M-%SZ}_{secrets.token_hex(4)}"


def is_plain_name(text: str) -> bool:
    """Tell whether the text may name a directory of a repository."""
    return _PLAIN_NAME.fullmatch(text) is not None


def seal_manifest(manifest: Manifest, key: bytes | None) -> bytes:
    """Return the file's content; with `key` it can be told from everybody else's."""
    body = to_json(manifest)
    canonical = _canonical(body)
    envelope: dict[str, Any] = {
        "format": _FORMAT,
        "version": MANIFEST_VERSION,
        "sha256": hashlib.sha256(canonical).hexdigest(),
        "mac": _mac(canonical, key) if key is not None else None,
        "manifest": body,
    }
    return json.dumps(envelope, indent=1, ensure_ascii=True).encode("ascii") + b"\n"


def open_manifest(content: bytes, *, backup_id: str, name: str, key: bytes | None) -> Opened:
    """
    Read a manifest that lies under that id and name.

    Raises IntegrityError (B-301 unreadable, B-302 damaged, B-303 not made with this key, B-304 names that
    lead elsewhere, B-305 another backup's) and RefusedError (B-306) for a newer format.
    """
    try:
        envelope = json.loads(content)
        body = envelope["manifest"]
        format_name, version, digest = envelope["format"], envelope["version"], envelope["sha256"]
        mac = envelope["mac"]
    except (ValueError, KeyError, TypeError):
        raise _unreadable(backup_id, "It is no JSON of Howdah's.") from None
    if format_name != _FORMAT or not isinstance(version, int):
        raise _unreadable(backup_id, "It is not in Howdah's format.")
    if version > MANIFEST_VERSION:
        raise RefusedError(
            "B-306",
            f"Backup {backup_id} was made by a newer Howdah.",
            detail=f"Its format is {version}, this program reads up to {MANIFEST_VERSION}.",
            hint="Use the version of Howdah that made it, or a newer one.",
        )
    canonical = _canonical(body)
    if not hmac.compare_digest(hashlib.sha256(canonical).hexdigest(), str(digest)):
        raise IntegrityError(
            "B-302",
            f"The manifest of backup {backup_id} is damaged.",
            detail="Its content does not have the SHA-256 that stands in it.",
            hint="Use another backup; look after the disk that this one lies on.",
        )
    if key is not None:
        _require_mac(canonical, mac, key, backup_id)
    try:
        manifest = from_json(Manifest, body)
        _require_sane(manifest)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _unreadable(
            backup_id, f"A field is missing or of another kind ({type(error).__name__})."
        ) from None
    _require_plain_files(manifest, backup_id)
    if manifest.id != backup_id or manifest.name != name:
        raise IntegrityError(
            "B-305",
            f"The backup that lies under {name}/{backup_id} is another one.",
            detail=f"Its manifest says {manifest.name}/{manifest.id}.",
            hint="Somebody moved or swapped it: put it back under its own name.",
        )
    return Opened(manifest=manifest, authenticated=key is not None)


def _canonical(body: Any) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def _mac(canonical: bytes, key: bytes) -> str:
    return hashlib.blake2b(canonical, key=hashlib.sha256(key).digest(), person=b"howdah-manifest").hexdigest()


def _require_mac(canonical: bytes, mac: Any, key: bytes, backup_id: str) -> None:
    if mac is None:
        raise IntegrityError(
            "B-303",
            f"Backup {backup_id} does not say who made it, and a key is configured.",
            detail="Its manifest carries no authentication: it was made without a key, or was replaced.",
            hint="Where you trust it, leave HOWDAH_BACKUP_KEY out for this one command.",
        )
    if not hmac.compare_digest(_mac(canonical, key), str(mac)):
        raise IntegrityError(
            "B-303",
            f"The manifest of backup {backup_id} was not made with this key.",
            detail="Either the key is another one, or manifest and files were replaced.",
            hint="Check HOWDAH_BACKUP_KEY; do not restore this backup otherwise.",
        )


def _require_sane(manifest: Manifest) -> None:
    """Raise ValueError where a field that others rely on does not hold what it should."""
    for file in manifest.files:
        if not (_SHA256.fullmatch(file.sha256) and _SHA256.fullmatch(file.plain_sha256)):
            raise ValueError("sha256")
        if not (isinstance(file.size, int) and isinstance(file.plain_size, int)):
            raise TypeError("size")
    for moment in (manifest.taken_at, manifest.started_at, manifest.finished_at):
        read_moment(moment)
    if manifest.kind not in ("postgresql", "sqlite") or not manifest.files:
        raise ValueError("kind")
    if manifest.kind == "postgresql" and (manifest.database is None or manifest.major <= 0):
        raise ValueError("database")


def _require_plain_files(manifest: Manifest, backup_id: str) -> None:
    names = [file.name for file in manifest.files]
    bad = [name for name in names if not _FILE_NAME.fullmatch(name) or name == MANIFEST]
    if bad or len(set(names)) != len(names):
        raise IntegrityError(
            "B-304",
            f"The manifest of backup {backup_id} names files that it may not.",
            detail=f"For example {bad[0]!r}." if bad else "A file is named twice.",
            hint="Howdah did not write this. Do not restore it.",
        )


def _unreadable(backup_id: str, detail: str) -> IntegrityError:
    return IntegrityError(
        "B-301",
        f"The manifest of backup {backup_id} cannot be read.",
        detail=detail,
        hint="Use another backup; look after the disk that this one lies on.",
    )


def write_moment(moment: datetime) -> str:
    """Return an instant as manifests have it: microseconds, UTC."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def read_moment(text: str) -> datetime:
    """Read what `write_moment` wrote. Raises ValueError, also for one without a zone: it is no instant."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment
