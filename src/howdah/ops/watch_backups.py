"""The watch over the backups that the environment names, for the service."""

from __future__ import annotations

from collections.abc import Mapping

from howdah.archive.ages import read_ages
from howdah.ops.repositories import RepositoryRequest, open_repository
from howdah.service.backup_watch import BackupWatch, read_late
from howdah.settings import read_variable


def watch_backups(environ: Mapping[str, str]) -> BackupWatch | None:
    """
    Return a watch over HOWDAH_REPO, None where that is not set.

    Raises UsageError for settings that cannot be used. A repository that cannot be read is no reason not to
    start.
    """
    location = read_variable(environ, "HOWDAH_REPO")
    if not location:
        return None
    request = RepositoryRequest(location=location, name=read_variable(environ, "HOWDAH_NAME") or None)
    return BackupWatch(lambda: read_ages(open_repository(request, environ=environ)), late=read_late(environ))
