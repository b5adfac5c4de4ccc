"""
restore: check the backup → restore beside → compare all of it → swap by rename, with the way back printed.

Nothing of the target is touched before the restored database is what the manifest says. What was there
is kept under another name; replacing it wants consent.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from howdah.archive.encryption import read_identities
from howdah.archive.load import LoadRequest, archive_path, load_archive
from howdah.archive.passing_database import drop_abandoned, hold_database
from howdah.archive.place import (
    apply_settings,
    create_like,
    create_roles,
    missing_roles,
    require_extensions,
    require_major,
)
from howdah.archive.repository import Repository
from howdah.archive.statistics import analyze_rest
from howdah.archive.swap import Swap, name_beside, swap_databases
from howdah.errors import (
    DifferenceError,
    EnvironmentFailedError,
    ExitStatus,
    HowdahError,
    RefusedError,
    UsageError,
)
from howdah.model.backup import ContentDifference, Manifest
from howdah.model.backup_reports import RestoreReport
from howdah.ops.drill import compare_loaded
from howdah.ops.repositories import RepositoryRequest, fetched, find_backup
from howdah.ops.restore_sqlite import restore_sqlite
from howdah.ops.restore_tables import restore_tables
from howdah.ops.target import TargetRequest, find_target
from howdah.postgres.connect import Connection, connect, translate_error
from howdah.postgres.conninfo import Target, secrets_in
from howdah.postgres.databases import database_exists, drop_database
from howdah.process.phases import PhaseLog
from howdah.process.progress import NullProgress, Progress

_LISTED = 50

_HAS_TABLES = """
SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relpersistence <> 't'
   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass
                      AND d.objid = c.oid AND d.deptype = 'e')
"""


@dataclass(frozen=True, kw_only=True)
class RestoreRequest:
    repository: RepositoryRequest
    backup: str
    target: TargetRequest = field(default_factory=TargetRequest)
    #: Agrees to put the backup in the place of a database or file that holds something.
    replace: bool = False
    #: Only these tables, as "name" or "schema.name"; () for everything.
    tables: tuple[str, ...] = ()
    identity: Path | None = None
    jobs: int = 1
    #: Make the roles that the server does not have, without passwords.
    create_roles: bool = False


def restore(request: RestoreRequest, progress: Progress | None = None) -> RestoreReport:
    """
    Restore a backup. Raises HowdahError where it was refused or could not be done; the target is then as it
    was.
    """
    phases = PhaseLog(progress=progress or NullProgress())
    identities = read_identities(request.identity)
    repository, backup_id = find_backup(request.repository, request.backup)
    manifest = repository.open(backup_id).manifest
    if manifest.kind == "sqlite":
        if request.tables:
            raise UsageError(
                "B-119",
                "--table is for backups of PostgreSQL.",
                hint="Restore the file beside and copy the table.",
            )
        return restore_sqlite(
            repository,
            manifest,
            request.target.target,
            consent=request.replace,
            identities=identities,
            phases=phases,
            announce=request.target.announce,
        )
    target = find_target(request.target, None)
    try:
        if request.tables:
            return restore_tables(
                repository,
                manifest,
                target,
                request.tables,
                identities=identities,
                bindir=request.target.pg_bindir,
                phases=phases,
            )
        return _restore_database(repository, manifest, target, request, identities, phases)
    except psycopg.Error as error:
        raise translate_error(
            error, doing="restoring the backup", secrets=secrets_in(target.conninfo)
        ) from None


def _restore_database(
    repository: Repository,
    manifest: Manifest,
    target: Target,
    request: RestoreRequest,
    identities: Sequence[object],
    phases: PhaseLog,
) -> RestoreReport:
    name = target.dbname
    if not name:
        raise UsageError("B-120", "The target names no database.", hint="End the URI with /DATABASE.")
    mark = secrets.token_hex(3)
    with connect_beside(target) as admin:
        with phases.phase("look at the target"):
            occupied = _look_at_target(admin, target, manifest, request)
            roles, notes = _settle_roles(admin, manifest, create=request.create_roles)
            notes += [
                f'Database "{other}" was left by a restore that was cut short, and is gone now.'
                for other in drop_abandoned(admin, name_beside(name, "howdah_restoring", ""))
            ]
        with fetched(repository, manifest, phases, identities=identities) as directory:
            beside = name_beside(name, "howdah_restoring", mark)
            hold_database(admin, beside)
            try:
                assert manifest.database is not None
                create_like(admin, beside, manifest.database, any_locale=False)
                new = target.with_database(beside)
                loaded = load_archive(
                    LoadRequest(
                        conninfo=new.conninfo,
                        archive=archive_path(directory),
                        manifest=manifest,
                        bindir=request.target.pg_bindir,
                        jobs=request.jobs,
                        keep_owners=roles,
                        analyze=True,
                    ),
                    phases,
                )
                differences = compare_loaded(manifest, loaded)
                if not differences:
                    with phases.phase("analyze"), connect(new.conninfo, autocommit=True) as restored:
                        analyze_rest(restored, loaded.analyzed)
                    notes += _dress(admin, beside, manifest, keep_owner=roles)
                    swap = Swap(
                        name=name,
                        restored=beside,
                        kept=name_beside(name, "before", mark) if occupied else "",
                        undone=name_beside(name, "restored", mark),
                    )
                    # Said before it happens: whoever is killed in between must know how to go back.
                    for line in swap.undo:
                        request.target.announce(f"undo: {line}")
                    with phases.phase("swap"):
                        swap_databases(admin, swap)
                    return _report(repository, manifest, target, (), notes, phases, swap=swap)
            except BaseException:
                _drop_quietly(admin, beside)
                raise
            drop_database(admin, beside)
    return _report(repository, manifest, target, differences, notes, phases)


def _report(
    repository: Repository,
    manifest: Manifest,
    target: Target,
    differences: Sequence[ContentDifference],
    notes: Sequence[str],
    phases: PhaseLog,
    *,
    swap: Swap | None = None,
) -> RestoreReport:
    return RestoreReport(
        status="different" if differences else "done",
        exit_status=DifferenceError.exit_status if differences else ExitStatus.OK,
        backup=manifest.id,
        repository=repository.store.location,
        name=repository.name,
        target=target.redacted,
        taken_at=manifest.taken_at,
        tables=len(manifest.tables),
        rows=manifest.rows,
        kept_as=swap.kept if swap is not None else "",
        undo=swap.undo if swap is not None else (),
        differences=tuple(differences[:_LISTED]),
        difference_count=len(differences),
        notes=tuple(notes),
        phases=tuple(phases.reports),
    )


@contextmanager
def connect_beside(target: Target) -> Iterator[Connection]:
    """Connect to another database of the target's server, from which the target's can be renamed."""
    failure: HowdahError | None = None
    for name in ("postgres", "template1"):
        if name == target.dbname:
            continue
        try:
            connection = connect(
                target.with_database(name).conninfo, application_name="howdah restore", autocommit=True
            )
        except HowdahError as error:
            failure = failure or error
            continue
        with connection:
            yield connection
        return
    assert failure is not None
    raise failure


def _look_at_target(admin: Connection, target: Target, manifest: Manifest, request: RestoreRequest) -> bool:
    """Refuse what cannot or may not be done; tell whether there is a database of that name."""
    require_major(admin, manifest)
    require_extensions(admin, manifest)
    if target.dbname in ("postgres", "template0", "template1"):
        raise RefusedError(
            "B-121",
            f'Database "{target.dbname}" is one that every server needs, and is not replaced.',
            hint="Restore into a database of its own.",
        )
    if not database_exists(admin, target.dbname):
        return False
    if not _takes_connections(admin, target.dbname):
        # As a restore leaves it that was killed in the middle of its swap.
        if request.replace:
            return True
        raise RefusedError(
            "B-122",
            f'Database "{target.dbname}" takes no connections, and a restore would take its place.',
            hint="Say --replace, which keeps it under another name, or let it take connections again.",
        )
    with connect(target.conninfo, application_name="howdah restore", autocommit=True) as there:
        row = there.execute(_HAS_TABLES).fetchone()
        count = row[0] if row is not None else 0
    if count > 0 and not request.replace:
        raise RefusedError(
            "B-122",
            f'Database "{target.dbname}" holds something, and a restore would take its place.',
            detail=f"{count} tables, views and sequences are in it. Nothing was done.",
            hint="Name a database that does not exist to look at the backup beside it; or say --replace:"
            " what is there is then kept under another name.",
        )
    return True


def _takes_connections(admin: Connection, name: str) -> bool:
    row = admin.execute(
        "SELECT datallowconn FROM pg_catalog.pg_database WHERE datname = %s", (name,)
    ).fetchone()
    return bool(row and row[0])


def _settle_roles(admin: Connection, manifest: Manifest, *, create: bool) -> tuple[bool, list[str]]:
    """Decide whether objects can go to their owners; return that and what a person should know."""
    missing = missing_roles(admin, manifest.roles)
    notes: list[str] = []
    if missing and create:
        notes += create_roles(admin, missing, login=True)
        names = ", ".join(role.name for role in missing)
        notes.append(f"Roles made, without passwords: {names}. Set them with ALTER ROLE … PASSWORD.")
        missing = ()
    if missing:
        names = ", ".join(role.name for role in missing)
        notes.append(
            f"Roles missing on the server: {names}. All objects belong to the role that restored them."
        )
        return False, notes
    row = admin.execute(
        "SELECT bool_and(pg_catalog.pg_has_role(name, 'MEMBER')) FROM pg_catalog.unnest(%s::text[]) AS name",
        ([role.name for role in manifest.roles],),
    ).fetchone()
    if row is not None and row[0] is False:
        notes.append(
            "This role may not give objects to all their owners: they belong to the role that restored them."
        )
        return False, notes
    return True, notes


def _dress(admin: Connection, name: str, manifest: Manifest, *, keep_owner: bool) -> tuple[str, ...]:
    """Give the restored database the owner and the settings of the old one; return what was not possible."""
    assert manifest.database is not None
    if keep_owner and not missing_roles(
        admin, [role for role in manifest.roles if role.name == manifest.database.owner]
    ):
        admin.execute(
            sql.SQL("ALTER DATABASE {} OWNER TO {}").format(
                sql.Identifier(name), sql.Identifier(manifest.database.owner)
            )
        )
    return apply_settings(admin, "DATABASE", name, manifest.database.settings)


def _drop_quietly(admin: Connection, name: str) -> None:
    """Drop what was restored half-way; where even that fails, the failure before it is what counts."""
    try:
        drop_database(admin, name)
    except (psycopg.Error, EnvironmentFailedError):
        return
