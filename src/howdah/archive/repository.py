"""
A repository of backups: what lies where, and what may be believed of it.

    NAME/backups/ID/…, manifest.json     one backup; it counts from the moment its manifest is there
    NAME/drills/ID.TIME.json             what drills found
    NAME/tombstones/ID.json              the manifest of a backup that was removed, until its files go too
    NAME/lease.json, NAME/schedule.json  who works here, when the next backup is due

NAME tells the databases that share a repository apart. Nothing read from here is believed before
its manifest is opened and its files have the SHA-256 that stands there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from howdah.archive.encryption import decrypt_stream, encrypt_file
from howdah.archive.lease import Lease, hold_lease
from howdah.archive.manifest import (
    MANIFEST,
    Opened,
    is_plain_name,
    open_manifest,
    read_moment,
    seal_manifest,
    write_moment,
)
from howdah.archive.store import Store
from howdah.durable import hash_plain_file, hash_stream
from howdah.errors import HowdahError, IntegrityError, RefusedError, UsageError
from howdah.model.backup import DrillReport, Manifest, StoredFile
from howdah.model.report import to_json
from howdah.model.serialize import from_json
from howdah.scratch import scratch_directory

#: A removed backup can be brought back for so long.
PURGE_AFTER = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True)
class ListedBackup:
    """One backup of a list; `manifest` is None where `failure` says why it cannot be read."""

    id: str
    manifest: Manifest | None
    failure: HowdahError | None = None
    #: The newest drill that could judge it.
    drill: DrillReport | None = None

    @property
    def verified(self) -> bool:
        """Its newest drill passed."""
        return self.drill is not None and self.drill.status == "pass"

    @property
    def taken_at(self) -> datetime:
        """The instant whose data it holds; of one that cannot be read, by its name."""
        if self.manifest is not None:
            return read_moment(self.manifest.taken_at)
        try:
            return datetime.strptime(self.id[:20], "%Y-%m-%dT%H-%M-%SZ").replace(tzinfo=UTC)
        except ValueError:
            return datetime.fromtimestamp(0, UTC)


class Repository:
    """The backups of one database; `key` authenticates manifests where there is one."""

    def __init__(self, store: Store, name: str, *, key: bytes | None = None) -> None:
        if not is_plain_name(name):
            raise UsageError(
                "B-106",
                f"{name!r} cannot name backups.",
                hint="Letters, digits, dot, dash and underscore; name it with --name.",
            )
        self.store = store
        self.name = name
        self._key = key

    @property
    def title(self) -> str:
        """For people: where it is."""
        return f"{self.store.location.rstrip('/')}/{self.name}"

    def lease(self) -> AbstractContextManager[Lease]:
        """Hold the right to publish and remove, until the block ends."""
        return hold_lease(self.store, f"{self.name}/lease.json")

    # Reading

    def ids(self) -> list[str]:
        """List the backups that were committed, the oldest first."""
        top = f"{self.name}/backups/"
        found = [name.removeprefix(top).split("/") for name in self.store.list_names(top)]
        return [parts[0] for parts in found if parts[1:] == [MANIFEST] and is_plain_name(parts[0])]

    def open(self, backup_id: str) -> Opened:
        """
        Read a manifest. Raises RefusedError (B-107) where there is none, and what `open_manifest` raises.
        """
        found = self.store.read(self._manifest(backup_id)) if is_plain_name(backup_id) else None
        if found is None:
            raise RefusedError(
                "B-107",
                f"There is no backup {backup_id!r} in {self.title}.",
                hint='See "howdah backups list".',
            )
        return open_manifest(found.content, backup_id=backup_id, name=self.name, key=self._key)

    def list_backups(self) -> tuple[ListedBackup, ...]:
        """List all, the newest first, with those that cannot be read."""
        drills = self._newest_drills()
        listed = [self._listed(backup_id, drills) for backup_id in self.ids()]
        return tuple(sorted(listed, key=lambda item: (item.taken_at, item.id), reverse=True))

    def _listed(self, backup_id: str, drills: dict[str, DrillReport]) -> ListedBackup:
        try:
            manifest = self.open(backup_id).manifest
        except HowdahError as error:
            return ListedBackup(id=backup_id, manifest=None, failure=error)
        return ListedBackup(id=backup_id, manifest=manifest, drill=drills.get(backup_id))

    def drills(self) -> tuple[DrillReport, ...]:
        """Return every drill that is recorded, the oldest first; what is no record is passed over."""
        found = []
        for name in self.store.list_names(f"{self.name}/drills/"):
            stamped = self.store.read(name)
            if stamped is not None:
                try:
                    found.append(_read_drill(stamped.content))
                except (KeyError, TypeError, ValueError, AttributeError):
                    # A damaged record proves nothing, which is what leaving it out says.
                    continue
        return tuple(sorted(found, key=lambda drill: drill.started_at))

    def _newest_drills(self) -> dict[str, DrillReport]:
        return {drill.backup: drill for drill in self.drills() if drill.status != "environment"}

    # Checking and fetching

    def check_files(self, manifest: Manifest) -> None:
        """Read every stored file. Raises IntegrityError (B-309, B-310) for one that is not as it was."""
        for file in manifest.files:
            with self._opened(manifest, file) as stream:
                _require_same(hash_stream(stream), file.size, file.sha256, file, manifest)

    @contextmanager
    def fetched(
        self,
        manifest: Manifest,
        work: Path,
        *,
        identities: Sequence[Any] = (),
    ) -> Iterator[Path]:
        """
        Give a directory with the content of every file, checked; gone afterwards where it was made for this.

        Files that lie on this machine as they are are used where they are. Raises IntegrityError
        (B-308 to B-310) before anything is given.
        """
        encrypted = bool(manifest.recipients)
        if encrypted and not identities:
            raise UsageError(
                "B-108",
                f"Backup {manifest.id} is encrypted.",
                detail=f"To {', '.join(manifest.recipients)}.",
                hint="Name the file with the age identity: --identity FILE.",
            )
        local = [
            self.store.local_path(self._file(manifest, file))
            for file in manifest.files
            if self._exists(manifest, file)
        ]
        if not encrypted and len(local) == len(manifest.files) and None not in local:
            self.check_files(manifest)
            first = local[0]
            assert first is not None
            yield first.parents[manifest.files[0].name.count("/")]
            return
        with scratch_directory("fetched-", work) as directory:
            for file in manifest.files:
                self._fetch(manifest, file, directory, identities)
            yield directory

    def _fetch(
        self,
        manifest: Manifest,
        file: StoredFile,
        directory: Path,
        identities: Sequence[Any],
    ) -> None:
        destination = directory / file.name
        destination.parent.mkdir(mode=0o700, exist_ok=True)
        stored = destination.with_name(destination.name + ".stored")
        with self._opened(manifest, file) as stream, open(stored, "wb") as copy:
            _require_same(hash_stream(stream, copy.write), file.size, file.sha256, file, manifest)
        if not manifest.recipients:
            stored.rename(destination)
            return
        with open(stored, "rb") as sealed:
            decrypt_stream(sealed, destination, identities, what=f"{manifest.id}/{file.name}")
        stored.unlink()
        _require_same(hash_plain_file(destination), file.plain_size, file.plain_sha256, file, manifest)

    @contextmanager
    def _opened(self, manifest: Manifest, file: StoredFile) -> Iterator[Any]:
        if not self._exists(manifest, file):
            raise IntegrityError(
                "B-309",
                f"The file {file.name} of backup {manifest.id} is gone.",
                hint="Use another backup.",
            )
        with self.store.open(self._file(manifest, file)) as stream:
            yield stream

    def _exists(self, manifest: Manifest, file: StoredFile) -> bool:
        return self._file(manifest, file) in self.store.list_names(f"{self.name}/backups/{manifest.id}/")

    # Writing

    def staging(self, backup_id: str) -> AbstractContextManager[Path]:
        """Give a private directory to put a backup's files in; see `Store.staging`."""
        return self.store.staging(f"{self.name}/backups/{backup_id}")

    def publish(
        self, staged: Path, manifest: Manifest, *, plain: Path, recipients: Sequence[str], lease: Lease
    ) -> Manifest:
        """
        Hash (and encrypt) what lies in `plain`, seal the manifest, make the backup appear; return the
        manifest.

        `plain` is `staged` itself where nothing is encrypted.
        """
        files = tuple(
            _prepare_file(path, str(path.relative_to(plain)), staged, recipients)
            for path in sorted(plain.rglob("*"))
            if path.is_file()
        )
        whole = replace(
            manifest, files=files, recipients=tuple(recipients), finished_at=write_moment(datetime.now(UTC))
        )
        content = seal_manifest(whole, self._key)
        # What could not be read back must not be published.
        open_manifest(content, backup_id=whole.id, name=self.name, key=self._key)
        (staged / MANIFEST).write_bytes(content)
        lease.require()
        self.store.publish(staged, f"{self.name}/backups/{whole.id}", MANIFEST)
        return whole

    def record_drill(self, report: DrillReport) -> None:
        """Keep what a drill found."""
        moment = report.started_at.replace(":", "-")
        content = json.dumps(to_json(report), indent=1).encode()
        self.store.write(f"{self.name}/drills/{report.backup}.{moment}.json", content)

    def forget(self, backup_id: str, lease: Lease) -> None:
        """Take a backup out of the list; its files stay until `purge`."""
        lease.require()
        found = self.store.read(self._manifest(backup_id))
        if found is not None:
            # Its day begins anew, however often it was forgotten and brought back.
            self.store.delete(f"{self.name}/tombstones/{backup_id}.since")
            self.store.write(f"{self.name}/tombstones/{backup_id}.json", found.content)
            self.store.delete(self._manifest(backup_id))

    def bring_back(self, backup_id: str, lease: Lease) -> bool:
        """Undo `forget` where the files are still there; tell whether they were."""
        lease.require()
        grave = f"{self.name}/tombstones/{backup_id}.json"
        found = self.store.read(grave) if is_plain_name(backup_id) else None
        if found is None or not self.store.list_names(f"{self.name}/backups/{backup_id}/"):
            return False
        self.store.write(self._manifest(backup_id), found.content)
        self.store.delete(grave)
        self.store.delete(f"{self.name}/tombstones/{backup_id}.since")
        return True

    def purge(self, lease: Lease, *, now: datetime, everything: bool = False) -> tuple[str, ...]:
        """
        Remove the files of forgotten backups whose time to come back has passed, and of backups never
        finished.

        Returns the ids.
        """
        lease.require()
        buried, listed = self._read_graves(), set(self.ids())
        gone = [
            backup_id
            for backup_id, since in buried.items()
            # One that is listed beside its grave: whoever forgot it, or brought it back, was killed half-way.
            if backup_id not in listed and (everything or now - since >= PURGE_AFTER)
        ]
        committed = {*listed, *buried}
        for backup_id in self.store.list_directories(f"{self.name}/backups/"):
            # Whoever has the lease is alone: without a manifest and without a grave somebody was killed here.
            if is_plain_name(backup_id) and backup_id not in committed:
                gone.append(backup_id)
        for backup_id in gone:
            for name in self.store.list_names(f"{self.name}/backups/{backup_id}/"):
                self.store.delete(name)
            self.store.delete(f"{self.name}/tombstones/{backup_id}.json")
            self.store.delete(f"{self.name}/tombstones/{backup_id}.since")
        return tuple(gone)

    def _read_graves(self) -> dict[str, datetime]:
        """
        Return the forgotten backups with the moment from which their day counts; it begins when first seen.
        """
        found: dict[str, datetime] = {}
        for name in self.store.list_names(f"{self.name}/tombstones/"):
            backup_id, _, kind = name.rpartition("/")[2].rpartition(".")
            if kind != "json" or not is_plain_name(backup_id):
                continue
            since = f"{self.name}/tombstones/{backup_id}.since"
            stamped = self.store.read(since)
            if stamped is None:
                self.store.write(since, write_moment(datetime.now(UTC)).encode())
                found[backup_id] = datetime.now(UTC)
            else:
                found[backup_id] = read_moment(stamped.content.decode())
        return found

    def _manifest(self, backup_id: str) -> str:
        return f"{self.name}/backups/{backup_id}/{MANIFEST}"

    def _file(self, manifest: Manifest, file: StoredFile) -> str:
        return f"{self.name}/backups/{manifest.id}/{file.name}"


def list_repository_names(store: Store) -> list[str]:
    """List the databases that a repository holds backups of."""
    return [name for name in store.list_directories("") if is_plain_name(name)]


def _read_drill(content: bytes) -> DrillReport:
    report = from_json(DrillReport, json.loads(content))
    for moment in (report.started_at, report.finished_at):
        if moment:
            read_moment(moment)
    return report


def _prepare_file(path: Path, name: str, staged: Path, recipients: Sequence[str]) -> StoredFile:
    plain_size, plain_sha256 = hash_plain_file(path)
    if not recipients:
        return StoredFile(
            name=name, size=plain_size, sha256=plain_sha256, plain_size=plain_size, plain_sha256=plain_sha256
        )
    sealed = staged / name
    sealed.parent.mkdir(mode=0o700, exist_ok=True)
    encrypt_file(path, sealed, recipients)
    size, sha256 = hash_plain_file(sealed)
    return StoredFile(name=name, size=size, sha256=sha256, plain_size=plain_size, plain_sha256=plain_sha256)


def _require_same(
    found: tuple[int, str], size: int, sha256: str, file: StoredFile, manifest: Manifest
) -> None:
    if found != (size, sha256):
        raise IntegrityError(
            "B-310",
            f"The file {file.name} of backup {manifest.id} is not what was written.",
            detail=f"{found[0]} bytes with SHA-256 {found[1]}; the manifest says {size} bytes with {sha256}.",
            hint="Nothing was restored from it. Use another backup; look after the disk of this one.",
        )
