"""Which repository, backup and keys a command means: options, environment, and a backup's whole location."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from howdah.archive.manifest import is_plain_name
from howdah.archive.repository import ListedBackup, Repository, list_repository_names
from howdah.archive.store import Store, open_store
from howdah.errors import RefusedError, UsageError
from howdah.model.backup import Manifest
from howdah.places import state_directory
from howdah.process.phases import PhaseLog
from howdah.settings import read_variable

#: Authenticates manifests; never an option, which others could read in the list of processes.
KEY_VARIABLE = "HOWDAH_BACKUP_KEY"

LATEST = "latest"
LATEST_VERIFIED = "latest-verified"


@dataclass(frozen=True, kw_only=True)
class RepositoryRequest:
    """The repository as a person names it."""

    #: Directory or s3://BUCKET/PREFIX.
    location: str | None = None
    #: Whose backups; None where there is only one database's.
    name: str | None = None


def read_key(environ: Mapping[str, str] = os.environ) -> bytes | None:
    """
    Return the key of manifests. Raises UsageError for a file that cannot be read or a key that is too short.
    """
    text = read_variable(environ, KEY_VARIABLE)
    if not text:
        return None
    if len(text) < 16:
        raise UsageError(
            "B-109",
            f"{KEY_VARIABLE} is shorter than 16 characters.",
            hint='Make one with "openssl rand -hex 32".',
        )
    return text.encode()


def require_location(request: RepositoryRequest) -> str:
    """Return where the repository is. Raises UsageError (B-100) where nobody said."""
    if not request.location:
        raise UsageError(
            "B-100",
            "No backup repository was named.",
            hint="Name a directory or s3://BUCKET/PREFIX with --repo or HOWDAH_REPO.",
        )
    return request.location


def open_repository(request: RepositoryRequest, *, environ: Mapping[str, str] = os.environ) -> Repository:
    """
    Open the repository of one database.

    Raises UsageError (B-100, B-113 several databases and none named), RefusedError (B-114 empty).
    """
    store = open_store(require_location(request))
    return Repository(store, request.name or _only_name(store), key=read_key(environ))


def _only_name(store: Store) -> str:
    names = list_repository_names(store)
    if not names:
        raise RefusedError(
            "B-114",
            f"There are no backups in {store.location}.",
            hint='Make one with "howdah backup", or name another --repo.',
        )
    if len(names) > 1:
        raise UsageError(
            "B-113",
            f"{store.location} holds backups of several databases.",
            detail=f"Of {', '.join(names)}.",
            hint="Say which with --name.",
        )
    return names[0]


def find_backup(
    request: RepositoryRequest, backup: str, *, environ: Mapping[str, str] = os.environ
) -> tuple[Repository, str]:
    """
    Find a backup by id, by "latest" or "latest-verified", or by its whole location.

    Raises what `open_repository` raises and RefusedError (B-114) where none fits.
    """
    if "/" in backup:
        location, _, rest = backup.rstrip("/").rpartition("/backups/")
        location, _, name = location.rpartition("/")
        if not location or not is_plain_name(rest) or not is_plain_name(name):
            raise UsageError(
                "B-115",
                f"{backup!r} is not where a backup lies.",
                hint="It is REPOSITORY/NAME/backups/ID; or give the id and --repo.",
            )
        return Repository(open_store(location), name, key=read_key(environ)), rest
    repository = open_repository(request, environ=environ)
    if backup not in (LATEST, LATEST_VERIFIED):
        return repository, backup
    return repository, choose_backup(repository, verified=backup == LATEST_VERIFIED).id


@contextmanager
def fetched(
    repository: Repository, manifest: Manifest, phases: PhaseLog, *, identities: Sequence[object]
) -> Iterator[Path]:
    """
    Give the directory with a backup's files, checked and decrypted; getting them is a phase of its own.

    Raises what `Repository.fetched` raises, before the block.
    """
    with ExitStack() as stack:
        with phases.phase("check and fetch", byte_count=manifest.size) as count:
            directory = stack.enter_context(
                repository.fetched(manifest, state_directory() / "temporary", identities=identities)
            )
            count.bytes = manifest.size
        yield directory


def choose_backup(repository: Repository, *, verified: bool = False) -> ListedBackup:
    """
    Return the newest backup, or the newest that passed a drill.

    Raises RefusedError (B-114). A newest one that cannot be read is raised as such: an older one is not
    taken in its place without a word.
    """
    listed = repository.list_backups()
    found = next((item for item in listed if not verified or item.verified), None)
    if found is None:
        raise RefusedError(
            "B-114",
            f"There is no backup in {repository.title}{' that passed a drill' if verified else ''}.",
            hint='See "howdah backups list".',
        )
    if found.failure is not None:
        raise found.failure
    return found
