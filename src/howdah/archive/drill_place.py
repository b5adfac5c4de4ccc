"""
The throw-away place of a drill: a server of our own in a temporary directory, or a database on a scratch
server.

A server of our own listens on a private socket alone, runs without root's rights, gives up durability,
ends with this process and is removed with everything in it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from howdah.archive.passing_database import drop_abandoned, hold_database
from howdah.archive.place import (
    create_like,
    create_roles,
    missing_roles,
    require_extensions,
    require_major,
)
from howdah.model.backup import Manifest
from howdah.postgres.binaries import find_server_binaries
from howdah.postgres.connect import connect
from howdah.postgres.conninfo import Target, parse_target
from howdah.postgres.databases import drop_database
from howdah.postgres.embedded import start_embedded
from howdah.process.phases import PhaseLog
from howdah.scratch import scratch_directory

_DATABASE = "howdah_drill"


@dataclass(frozen=True, kw_only=True)
class DrillPlace:
    #: Of the new, empty database. It holds a password.
    conninfo: str
    #: For people.
    display: str
    notes: tuple[str, ...]
    #: amcheck may be installed: we are the server's superuser.
    superuser: bool


@contextmanager
def throw_away_server(manifest: Manifest, bindir: Path | None, phases: PhaseLog) -> Iterator[DrillPlace]:
    """
    Start a server of the backup's major, make the database in it, and remove all of it afterwards.

    Raises EnvironmentFailedError where programs (E-101), extensions (B-420) or rights are missing here.
    """
    binaries = find_server_binaries(bindir, major=manifest.major)
    # Not below the state directory: its path may be too long for a socket, or on a small disk.
    with scratch_directory("howdah-drill-") as directory:
        with phases.phase("server"):
            server = start_embedded(
                directory / "pg",
                bindir=binaries.bindir,
                durable=False,
                settings={"shared_buffers": "128MB", "max_connections": "30", "autovacuum": "off"},
                end_with_parent=True,
            )
        try:
            target = parse_target(server.conninfo(), origin="drill")
            with phases.phase("database"):
                notes = _make_database(target, manifest, _DATABASE, own_server=True)
            yield DrillPlace(
                conninfo=target.with_database(_DATABASE).conninfo,
                display=f"a throw-away PostgreSQL {binaries.version} ({binaries.provider})",
                notes=notes,
                superuser=True,
            )
        finally:
            server.stop(mode="immediate")


@contextmanager
def scratch_database(server: Target, manifest: Manifest, phases: PhaseLog) -> Iterator[DrillPlace]:
    """Make a database on a server that was named, and drop it afterwards; roles are not made there."""
    name = f"{_DATABASE}_{secrets.token_hex(4)}"
    with connect(server.conninfo, application_name="howdah drill", autocommit=True) as admin:
        drop_abandoned(admin, f"{_DATABASE}_")
        hold_database(admin, name)
        try:
            with phases.phase("database"):
                notes = _make_database(server, manifest, name, own_server=False)
            yield DrillPlace(
                conninfo=server.with_database(name).conninfo,
                display=server.redacted,
                notes=notes,
                superuser=False,
            )
        finally:
            drop_database(admin, name)


def _make_database(server: Target, manifest: Manifest, name: str, *, own_server: bool) -> tuple[str, ...]:
    assert manifest.database is not None
    with connect(server.conninfo, application_name="howdah drill", autocommit=True) as admin:
        require_major(admin, manifest)
        require_extensions(admin, manifest)
        if own_server:
            create_roles(admin, missing_roles(admin, manifest.roles), login=False)
        return create_like(admin, name, manifest.database, any_locale=True)
