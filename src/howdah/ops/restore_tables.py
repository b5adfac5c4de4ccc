"""
Restore single tables into a database that lives on, or into a new one.

A table that is there is never overwritten. All of it happens in one transaction: rows, keys, indexes,
triggers,
or nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from howdah.archive.compare import compare_tables
from howdah.archive.digests import TableName, digest_table, list_tables, prepare_session
from howdah.archive.load import LoadRequest, archive_path, run_section
from howdah.archive.place import create_like, require_major
from howdah.archive.repository import Repository
from howdah.archive.toc import ArchiveEntry, entries_of_tables, list_archive
from howdah.errors import DifferenceError, ExitStatus, RefusedError, UsageError
from howdah.model.backup import Manifest, TableContent
from howdah.model.backup_reports import RestoreReport
from howdah.ops.repositories import fetched
from howdah.postgres.binaries import find_client_tool
from howdah.postgres.client_tools import tool_access
from howdah.postgres.connect import Connection, connect
from howdah.postgres.conninfo import Target
from howdah.postgres.databases import database_exists, drop_database
from howdah.process.phases import PhaseLog
from howdah.scratch import scratch_directory


def restore_tables(
    repository: Repository,
    manifest: Manifest,
    target: Target,
    names: Sequence[str],
    *,
    identities: Sequence[object],
    bindir: Path | None,
    phases: PhaseLog,
) -> RestoreReport:
    """Restore the named tables. Raises UsageError (B-125), RefusedError (B-126) for a table that is there."""
    # Of ops.restore, which imports this module.
    from howdah.ops.restore import connect_beside

    tables = choose_tables(manifest, names)
    with connect_beside(target) as admin:
        require_major(admin, manifest)
        is_new = not database_exists(admin, target.dbname)
        alone = is_new or not _refuse_present(target, tables)
        with (
            fetched(repository, manifest, phases, identities=identities) as directory,
            phases.phase("tables") as count,
        ):
            if is_new:
                assert manifest.database is not None
                create_like(admin, target.dbname, manifest.database, any_locale=True)
            try:
                found = _load(directory, manifest, target, tables, bindir, alone=alone)
                count.rows = sum(table.rows for table in found)
            except BaseException:
                if is_new:
                    drop_database(admin, target.dbname)
                raise
    differences = tuple(compare_tables(tables, found))
    return RestoreReport(
        status="different" if differences else "done",
        exit_status=DifferenceError.exit_status if differences else ExitStatus.OK,
        backup=manifest.id,
        repository=repository.store.location,
        name=repository.name,
        target=target.redacted,
        taken_at=manifest.taken_at,
        tables=len(tables),
        rows=sum(table.rows for table in tables),
        differences=differences,
        difference_count=len(differences),
        notes=tuple(_missing_references(manifest, alone=alone)),
        phases=tuple(phases.reports),
    )


def choose_tables(manifest: Manifest, names: Sequence[str]) -> tuple[TableContent, ...]:
    """
    Find the named tables in a manifest. Raises UsageError (B-125) for one that is not there, or is twice.
    """
    chosen: list[TableContent] = []
    for name in names:
        found = [table for table in manifest.tables if name in (table.title, table.name)]
        if len(found) != 1:
            raise UsageError(
                "B-125",
                f"The backup holds {'no table' if not found else 'several tables'} {name!r}.",
                detail=f"It has {', '.join(table.title for table in manifest.tables[:30])}.",
                hint="Write it as schema.table.",
            )
        if found[0] not in chosen:
            chosen.append(found[0])
    return tuple(chosen)


def _refuse_present(target: Target, tables: Sequence[TableContent]) -> bool:
    """Refuse to overwrite; tell whether the database holds any table."""
    with connect(target.conninfo, application_name="howdah restore", autocommit=True) as connection:
        present = set(list_tables(connection))
    for table in tables:
        if TableName(schema=table.schema, name=table.name) in present:
            raise RefusedError(
                "B-126",
                f"Table {table.title} exists in the target and is not overwritten.",
                detail="Nothing was done.",
                hint="Restore it into a database that does not exist yet and copy what you miss from there,"
                " or rename the table that is there.",
            )
    return bool(present)


def _load(
    directory: Path,
    manifest: Manifest,
    target: Target,
    tables: Sequence[TableContent],
    bindir: Path | None,
    *,
    alone: bool,
) -> list[TableContent]:
    request = LoadRequest(
        conninfo=target.conninfo,
        archive=archive_path(directory),
        manifest=manifest,
        bindir=bindir,
        keep_owners=False,
    )
    program = find_client_tool("pg_restore", manifest.major, explicit=bindir)
    with connect(target.conninfo, application_name="howdah restore", autocommit=True) as connection:
        with (
            tool_access(connection, target.conninfo) as access,
            scratch_directory("howdah-list-") as place,
        ):
            entries = list_archive(access, program, request.archive)
            wanted = [*_missing_schemas(connection, entries, tables), *_entries(manifest, entries, tables)]
            if alone:
                # What they refer to is not there.
                wanted = [entry for entry in wanted if entry.kind not in ("FK CONSTRAINT", "TRIGGER")]
            listing = place / "list"
            listing.write_text(
                "".join(f"{entry.line}\n" for entry in wanted), encoding="utf-8", errors="surrogateescape"
            )
            run_section(access, program, request, "", use_list=listing, one_transaction=True)
        prepare_session(connection)
        return [
            digest_table(connection, TableName(schema=table.schema, name=table.name), like=table.digest)
            for table in tables
        ]


def _entries(
    manifest: Manifest, entries: Sequence[ArchiveEntry], tables: Sequence[TableContent]
) -> tuple[ArchiveEntry, ...]:
    names = {(table.schema, table.name) for table in tables}
    return entries_of_tables(
        entries,
        names,
        sequences=[
            (item.schema, item.name)
            for item in manifest.sequences
            if (item.table_schema, item.table) in names
        ],
        indexes=[
            (item.schema, item.name)
            for item in manifest.objects
            if item.kind == "index" and (item.schema, item.table) in names
        ],
    )


def _missing_schemas(
    connection: Connection, entries: Sequence[ArchiveEntry], tables: Sequence[TableContent]
) -> list[ArchiveEntry]:
    present = {name for (name,) in connection.execute("SELECT nspname FROM pg_catalog.pg_namespace")}
    missing = {table.schema for table in tables} - present
    return [
        entry
        for entry in entries
        if entry.kind == "SCHEMA" and any(entry.rest.startswith(f"- {name} ") for name in missing)
    ]


def _missing_references(manifest: Manifest, *, alone: bool) -> list[str]:
    if alone:
        return ["Foreign keys and triggers are left out: what they refer to is not in this database."]
    if not any(item.kind == "foreign key" for item in manifest.objects):
        return []
    return [
        "Foreign keys of other tables that referred to a restored table went with it if it was dropped with"
        " CASCADE: look at them, and at the owners and rights of the restored tables."
    ]
