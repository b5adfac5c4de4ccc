"""
Restore an archive into an empty database and read what came of it.

pg_restore runs section by section. While it copies one table, the one before it is read,
digested and analyzed on another connection, so that knowing what was restored costs hardly any time of its
own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from howdah.archive.database_facts import read_objects
from howdah.archive.digests import (
    LARGE_OBJECTS,
    TableName,
    digest_large_objects,
    largest_value,
    list_sequences,
    list_tables,
    prepare_session,
)
from howdah.archive.readers import TableReaders
from howdah.archive.statistics import list_plain_tables
from howdah.archive.toc import creates_public, list_archive
from howdah.errors import EnvironmentFailedError, HowdahError, IntegrityError
from howdah.model.backup import Manifest, SchemaObject, SequenceContent, TableContent
from howdah.postgres.binaries import find_client_tool
from howdah.postgres.client_tools import ToolAccess, ToolResult, tool_access
from howdah.postgres.connect import Connection, connect
from howdah.process.phases import PhaseLog

_PROCESSING = re.compile(r'pg_restore: processing data for table "(.+)"$')


@dataclass(frozen=True, kw_only=True)
class LoadRequest:
    #: Of the new, empty database.
    conninfo: str
    #: "dump.pgc" or "dump.d", checked and decrypted.
    archive: Path
    manifest: Manifest
    bindir: Path | None = None
    jobs: int = 1
    #: Objects go to their owners with their rights; else all to the role that restores.
    keep_owners: bool = True
    #: Gather statistics of each table as soon as it is read; `statistics.analyze_rest` does what is left.
    analyze: bool = False


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What a restored database holds."""

    tables: tuple[TableContent, ...]
    sequences: tuple[SequenceContent, ...]
    objects: tuple[SchemaObject, ...]
    #: Sequence → furthest value of the column that it fills.
    largest: Mapping[tuple[str, str], int | None]
    #: Tables whose statistics were gathered on the way.
    analyzed: frozenset[TableName]


def archive_path(directory: Path) -> Path:
    """Return the archive in a directory with a backup's files."""
    single = directory / "dump.pgc"
    return single if single.exists() else directory / "dump.d"


def load_archive(request: LoadRequest, phases: PhaseLog) -> Loaded:
    """
    Restore everything. Raises EnvironmentFailedError (E-102, B-411) and IntegrityError (B-404, B-410).
    """
    with connect(request.conninfo, application_name="howdah restore", autocommit=True) as connection:
        program = find_client_tool("pg_restore", request.manifest.major, explicit=request.bindir)
        with tool_access(connection, request.conninfo) as access:
            entries = list_archive(access, program, request.archive)
            if creates_public(access, program, request.archive, entries):
                # The archive makes it; the new database has one already.
                connection.execute("DROP SCHEMA IF EXISTS public")
            with phases.phase("tables"):
                run_section(access, program, request, "pre-data")
            return _load_rows(connection, access, program, request, phases)


def _load_rows(
    connection: Connection,
    access: ToolAccess,
    program: Path,
    request: LoadRequest,
    phases: PhaseLog,
) -> Loaded:
    expected = [TableName(schema=table.schema, name=table.name) for table in request.manifest.tables]
    present = set(list_tables(connection))
    tables = [table for table in expected if table in present]
    by_title = {f"{table.schema}.{table.name}": table for table in tables}
    readers = TableReaders(
        request.conninfo,
        request.manifest.tables,
        readers=max(1, request.jobs),
        analyze=list_plain_tables(connection) if request.analyze else (),
    )
    current: list[TableName] = []

    def on_line(line: str) -> None:
        found = _PROCESSING.match(line)
        if found is None or request.jobs > 1:
            return
        # The one before is committed when the next begins.
        for table in current:
            readers.add(table)
        current.clear()
        title = found[1].replace('"."', ".")
        phases.progress.advance(title, 1)
        if title in by_title:
            current.append(by_title[title])

    try:
        with phases.phase("rows", rows=len(tables)) as count:
            run_section(access, program, request, "data", on_line=on_line)
            count.rows = request.manifest.rows
        for table in tables:
            readers.add(table)
        with phases.phase("keys and indexes"):
            run_section(access, program, request, "post-data")
        with phases.phase("digests"):
            contents = readers.finish()
            large_objects = (
                digest_large_objects(_prepared(connection)) if _has_large_objects(request) else None
            )
    except BaseException:
        readers.abandon()
        raise
    with phases.phase("objects"):
        sequences = list_sequences(connection)
        largest = {
            (item.schema, item.name): largest_value(connection, item)
            for item in sequences
            if item.column and not item.table.startswith("pg_")
        }
        objects = read_objects(connection)
    return Loaded(
        tables=(*contents, *([large_objects] if large_objects is not None else [])),
        sequences=sequences,
        objects=objects,
        largest=largest,
        analyzed=readers.analyzed,
    )


def run_section(
    access: ToolAccess,
    program: Path,
    request: LoadRequest,
    section: str,
    *,
    on_line: Callable[[str], None] | None = None,
    use_list: Path | None = None,
    one_transaction: bool = False,
) -> None:
    """Run pg_restore for one section ("" for all). Raises what `explain_restore` gives."""
    command = [
        str(program),
        "--dbname=service=howdah",
        "--exit-on-error",
        "--no-password",
        *([f"--section={section}"] if section else []),
        *(["--verbose"] if on_line is not None else []),
        *(["--no-owner", "--no-acl"] if not request.keep_owners else []),
        *(
            [f"--jobs={request.jobs}"]
            if request.jobs > 1 and section != "pre-data" and not one_transaction
            else []
        ),
        *(["--single-transaction"] if one_transaction else []),
        *([f"--use-list={use_list}"] if use_list is not None else []),
        str(request.archive),
    ]
    result = access.run(command, on_line=on_line)
    if result.status != 0:
        raise explain_restore(result)


#: What pg_restore or the server says when the fault is not the archive's.
_NOT_THE_ARCHIVE = re.compile(
    r"No space left|could not extend file|permission denied|must be (superuser|owner|able)|is not available"
    r"|could not (connect|open extension control)|server closed the connection|connection to server"
    r"|out of (shared )?memory|terminating connection|does not support compression|shutting down",
    re.IGNORECASE,
)


def explain_restore(result: ToolResult) -> HowdahError:
    """Say why pg_restore failed: the place (B-411) or the archive, which was whole as files go (B-410)."""
    wanted = [line for line in result.complaint.splitlines() if "error" in line.lower() or "FATAL" in line]
    said = "\n".join((wanted or result.complaint.splitlines())[-6:])
    detail = f"pg_restore ended with status {result.status} and said:\n{said}"
    if _NOT_THE_ARCHIVE.search(result.complaint):
        return EnvironmentFailedError(
            "B-411",
            "The server could not take the backup.",
            detail=detail,
            hint="See to what it says, then run the same command again: nothing that was there was touched.",
        )
    return IntegrityError(
        "B-410",
        "The backup cannot be restored as it is.",
        detail=detail,
        hint="Nothing that was there was touched. What it says tells which object stands in the way.",
    )


def _has_large_objects(request: LoadRequest) -> bool:
    return any(table.schema == LARGE_OBJECTS.schema for table in request.manifest.tables)


def _prepared(connection: Connection) -> Connection:
    prepare_session(connection)
    return connection
