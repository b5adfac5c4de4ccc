"""
A SQLite file in a backup: a consistent copy of the live file, compressed, and back again.

The copy is `sqlite.snapshot`'s, WAL included. What is stored is its bytes, so whether a restored file is
the same is a question of one SHA-256.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from howdah.durable import CHUNK
from howdah.errors import EnvironmentFailedError, IntegrityError
from howdah.model.backup import ContentDifference, Manifest, SchemaObject, TableContent
from howdah.process.progress import Progress
from howdah.sqlite.contents import library_version, read_contents
from howdah.sqlite.integrity import check_integrity
from howdah.sqlite.snapshot import take_snapshot

FILE = "database.sqlite.zst"


@dataclass(frozen=True, kw_only=True)
class SqliteCopy:
    taken_at: datetime
    library_version: str
    journal_mode: str
    tables: tuple[TableContent, ...]
    objects: tuple[SchemaObject, ...]
    #: Of the copy before it was compressed.
    sha256: str
    size: int
    notes: tuple[str, ...]


def copy_database(source: str, directory: Path, progress: Progress) -> SqliteCopy:
    """
    Put a compressed copy of a live file into `directory`.

    Raises what `take_snapshot` raises, IntegrityError (B-406) for a source that is damaged.
    """
    # Rows committed while the copy begins may be in it; what was committed before certainly is.
    taken_at = datetime.now(UTC)
    private = directory / "database.sqlite"
    progress.phase("copy", 0, os.path.getsize(source) if os.path.exists(source) else 0)
    snapshot = take_snapshot(source, str(private), digest=False)
    return keep_copy(private, directory, taken_at=taken_at, journal_mode=snapshot.journal_mode)


def keep_copy(private: Path, directory: Path, *, taken_at: datetime, journal_mode: str) -> SqliteCopy:
    """Compress a private copy into `directory` and say what is in it; a copy that lies there itself goes."""
    damage = check_integrity(str(private))
    if damage:
        raise IntegrityError(
            "B-406",
            "The SQLite file is damaged; no backup was made of it.",
            detail="; ".join(damage[:5]),
            hint="Older backups are as they were. Restore one, or recover the file with SQLite's .recover.",
        )
    contents = read_contents(str(private))
    sha256, size = _compress(private, directory / FILE)
    if private.parent == directory:
        private.unlink()
    notes = (
        [f"The file holds {contents.orphans} rows that refer to rows which do not exist."]
        if contents.orphans
        else []
    )
    return SqliteCopy(
        taken_at=taken_at,
        library_version=library_version(),
        journal_mode=journal_mode,
        tables=tuple(
            TableContent(schema="", name=name, rows=max(rows, 0), digest="")
            for name, rows in contents.rows.items()
        ),
        objects=tuple(
            SchemaObject(kind=kind, schema="", table=table, name=name)
            for kind, table, name in contents.objects
        ),
        sha256=sha256,
        size=size,
        notes=tuple(notes),
    )


def _compress(source: Path, destination: Path) -> tuple[str, int]:
    """Compress a file; return SHA-256 and length of its content."""
    # Imported here: a backup of PostgreSQL does not need it, and waits a third of a second for it.
    import pyarrow as pa

    digest, size = hashlib.sha256(), 0
    try:
        with (
            open(source, "rb") as content,
            pa.OSFile(str(destination), "wb") as raw,
            pa.CompressedOutputStream(raw, "zstd") as packed,
        ):
            while chunk := content.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
                packed.write(chunk)
        os.chmod(destination, 0o600)
    except OSError as error:
        raise EnvironmentFailedError(
            "B-201",
            "The disk became full, or failed, while the backup was written.",
            detail=f"{destination}: {error.strerror or error}.",
            hint="Make space there: nothing older was removed.",
        ) from None
    return digest.hexdigest(), size


def unpack_database(directory: Path, destination: Path, manifest: Manifest) -> tuple[ContentDifference, ...]:
    """
    Unpack the database of a fetched backup into a new private file; return how it differs from the manifest.

    Nothing is returned where SHA-256, rows and the trees of the file are as they should be. Raises OSError.
    """
    import pyarrow as pa

    digest = hashlib.sha256()
    with (
        open(os.open(destination, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as content,
        pa.OSFile(str(directory / FILE), "rb") as raw,
        pa.CompressedInputStream(raw, "zstd") as packed,
    ):
        while chunk := packed.read(CHUNK):
            digest.update(chunk)
            content.write(chunk)
        content.flush()
        os.fsync(content.fileno())
    found: list[ContentDifference] = []
    if digest.hexdigest() != manifest.content_sha256:
        found.append(
            ContentDifference(
                kind="digest", object="file", expected=manifest.content_sha256, found=digest.hexdigest()
            )
        )
    found += [
        ContentDifference(kind="integrity", object="file", expected="whole", found=problem)
        for problem in check_integrity(str(destination))
    ]
    if not found:
        rows = read_contents(str(destination)).rows
        found += [
            ContentDifference(
                kind="rows",
                object=table.name,
                expected=str(table.rows),
                found=str(rows.get(table.name, "missing")),
            )
            for table in manifest.tables
            if max(rows.get(table.name, -2), 0 if table.name in rows else -1) != table.rows
        ]
    return tuple(found)
