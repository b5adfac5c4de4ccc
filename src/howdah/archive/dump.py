"""
Dump a PostgreSQL database and say what is in the dump: pg_dump and the digests share one exported snapshot.

pg_dump runs as a program of its own while a thread of ours reads every table of the same
snapshot on the connection that exported it. The dump counts only when pg_dump ended well, the archive's
own list names every table that was read, and both have finished.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg

from howdah.archive.database_facts import read_database_facts, read_objects, read_roles
from howdah.archive.digests import (
    LARGE_OBJECTS,
    TableName,
    digest_large_objects,
    digest_table,
    list_sequences,
    list_tables,
    lock_tables,
    prepare_session,
)
from howdah.archive.toc import list_archive, tables_with_rows
from howdah.errors import BugError, EnvironmentFailedError, HowdahError, IntegrityError
from howdah.model.backup import DatabaseFacts, RoleFacts, SchemaObject, SequenceContent, TableContent
from howdah.postgres.binaries import find_client_tool
from howdah.postgres.client_tools import ToolAccess, ToolResult, tool_access
from howdah.postgres.connect import Connection, connect
from howdah.postgres.conninfo import secrets_in
from howdah.postgres.errors import translate_error
from howdah.process.progress import Progress

#: The directory format with several processes is worth it from here on, bytes of the database.
DIRECTORY_BYTES = 5 * 1024**3
#: zstd is both quicker and smaller than gzip; pg_dump has it from this major on.
_ZSTD_MAJOR = 16
#: How long pg_dump may wait for somebody's exclusive lock.
_LOCK_WAIT = "60s"

#: Tables of ours whose rows mean nothing in a restored database: who is at work, what is still to be carried,
#: and where a live migration stands, which is bound to these journals and to a file that goes on without it.
LEFT_OUT = ("capture", "proven_piece", "*lease*", "*journal*", "*watermark*", "dirty_*", "way_back*")


@dataclass(frozen=True, kw_only=True)
class DumpRequest:
    conninfo: str
    directory: Path
    #: Where PostgreSQL's programs are, None to look for them.
    bindir: Path | None = None
    #: Processes of pg_dump; None chooses by size.
    jobs: int | None = None
    #: As pg_dump's --compress takes it; "" chooses.
    compression: str = ""
    state_schema: str = "howdah"


@dataclass(frozen=True, kw_only=True)
class Dump:
    """What was dumped, and what it holds."""

    format: str
    compression: str
    taken_at: datetime
    server_version: str
    tool_version: str
    system_identifier: str
    lsn: str
    snapshot: str
    database: DatabaseFacts
    roles: tuple[RoleFacts, ...]
    tables: tuple[TableContent, ...]
    sequences: tuple[SequenceContent, ...]
    objects: tuple[SchemaObject, ...]
    notes: tuple[str, ...]


def dump_database(request: DumpRequest, progress: Progress) -> Dump:
    """
    Dump into `directory`: "dump.pgc", or "dump.d" for large databases.

    Raises what `connect` raises, EnvironmentFailedError (E-102 no client tools of the server's major, B-401
    pg_dump failed, B-402 the server is a standby that cannot export), IntegrityError (B-403) for an archive
    that is not whole.
    """
    with connect(request.conninfo, application_name="howdah backup", autocommit=True) as connection:
        prepare_session(connection)
        major = connection.info.server_version // 10000
        pg_dump = find_client_tool("pg_dump", major, explicit=request.bindir)
        pg_restore = find_client_tool("pg_restore", major, explicit=request.bindir)
        connection.execute("SET max_parallel_workers_per_gather = 0")
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        try:
            return _dump(connection, request, pg_dump, pg_restore, major, progress)
        except psycopg.Error as error:
            secrets = secrets_in(request.conninfo)
            raise translate_error(error, doing="backing the database up", secrets=secrets) from None
        finally:
            if not connection.broken:
                connection.execute("ROLLBACK")


def _dump(
    connection: Connection,
    request: DumpRequest,
    pg_dump: Path,
    pg_restore: Path,
    major: int,
    progress: Progress,
) -> Dump:
    row = connection.execute(
        "SELECT pg_export_snapshot(), clock_timestamp(), pg_is_in_recovery(),"
        " pg_database_size(current_database())"
    ).fetchone()
    assert row is not None
    snapshot, taken_at, in_recovery, size = row
    lsn_function = "pg_last_wal_replay_lsn()" if in_recovery else "pg_current_wal_lsn()"
    lsn = connection.execute(f"SELECT {lsn_function}::text".encode()).fetchone()
    left_out = _tables_left_out(connection, request.state_schema)
    tables = [table for table in list_tables(connection) if table not in left_out]
    lock_tables(connection, tables)
    sequences, objects = list_sequences(connection), read_objects(connection)
    database, roles = read_database_facts(connection), read_roles(connection)
    jobs = request.jobs if request.jobs is not None else (2 if size >= DIRECTORY_BYTES else 1)
    archive = request.directory / ("dump.d" if jobs > 1 else "dump.pgc")
    reading = _Digesting(connection, tables)
    progress.phase("dump", len(tables), size)
    with tool_access(connection, request.conninfo) as access:
        reading.start()
        try:
            compression = _run_pg_dump(
                access, pg_dump, archive, request, snapshot=snapshot, jobs=jobs, major=major,
                left_out=left_out,
                progress=progress,
            )  # fmt: skip
            contents = reading.finish()
        except BaseException:
            reading.abandon()
            raise
        listed = tables_with_rows(list_archive(access, pg_restore, archive))
    _require_all(listed, contents)
    notes = [
        f"Rows of {table.schema}.{table.name} are left out: they mean nothing elsewhere."
        for table in left_out
    ]
    notes += [
        f"{item.title} is filled by its own query and not compared."
        for item in objects
        if item.kind == "materialized view"
    ]
    return Dump(
        format="directory" if jobs > 1 else "custom",
        compression=compression,
        taken_at=taken_at,
        server_version=_server_version(connection),
        tool_version=f"pg_dump of PostgreSQL {major}",
        system_identifier=_read_system_identifier(connection),
        lsn=lsn[0] if lsn is not None and lsn[0] is not None else "",
        snapshot=snapshot,
        database=database,
        roles=roles,
        tables=contents,
        sequences=sequences,
        objects=objects,
        notes=tuple(notes),
    )


def _run_pg_dump(
    access: ToolAccess,
    program: Path,
    archive: Path,
    request: DumpRequest,
    *,
    snapshot: str,
    jobs: int,
    major: int,
    left_out: Sequence[TableName],
    progress: Progress,
) -> str:
    """Run pg_dump, without zstd where its build has none; return the compression used."""
    compression = request.compression or ("zstd:3" if major >= _ZSTD_MAJOR else "6")
    fixed = [
        str(program),
        f"--format={'directory' if jobs > 1 else 'custom'}",
        f"--file={archive}",
        f"--snapshot={snapshot}",
        f"--lock-wait-timeout={_LOCK_WAIT}",
        "--no-password",
        "--verbose",
        *([f"--jobs={jobs}"] if jobs > 1 else []),
        *(f"--exclude-table-data={_pattern(table)}" for table in left_out),
    ]
    result = access.run([*fixed, f"--compress={compression}"], on_line=lambda line: _show(line, progress))
    if result.status != 0 and not request.compression and "does not support compression" in result.complaint:
        compression = "6"
        result = access.run([*fixed, f"--compress={compression}"], on_line=lambda line: _show(line, progress))
    if result.status != 0:
        raise _explain(result)
    return f"gzip:{compression}" if compression.isdigit() else compression


def _explain(result: ToolResult) -> HowdahError:
    lines = [
        line
        for line in result.complaint.splitlines()
        if "error:" in line or "FATAL" in line or "ERROR" in line
    ]
    said = "\n".join((lines or result.complaint.splitlines())[-6:])
    full = "No space left" in result.complaint or "File too large" in result.complaint
    return EnvironmentFailedError(
        "B-201" if full else "B-401",
        "The disk became full while the backup was written."
        if full
        else "pg_dump failed; there is no backup.",
        detail=f"It ended with status {result.status} and said:\n{said}",
        hint="Make space there: nothing older was removed."
        if full
        else "See to what it says, then run the same command again. Older backups are as they were.",
    )


def _show(line: str, progress: Progress) -> None:
    found = re.search(r'dumping contents of table "(.+)"', line)
    if found is not None:
        progress.advance(found[1].replace('"."', "."), 1)


def _pattern(table: TableName) -> str:
    """Return the table as a pattern of pg_dump's that means nothing else."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in (table.schema, table.name))


def _tables_left_out(connection: Connection, state_schema: str) -> list[TableName]:
    found: list[TableName] = []
    for table in list_tables(connection):
        if table.schema == state_schema and any(
            re.fullmatch(pattern.replace("*", ".*"), table.name) for pattern in LEFT_OUT
        ):
            found.append(table)
    return found


def _require_all(listed: frozenset[tuple[str, str]], contents: Sequence[TableContent]) -> None:
    missing = [
        table.title
        for table in contents
        if table.schema != LARGE_OBJECTS.schema and (table.schema, table.name) not in listed
    ]
    if missing:
        raise IntegrityError(
            "B-403",
            "The dump does not hold every table that was there; it is thrown away.",
            detail=f"Missing: {', '.join(missing[:10])}.",
            hint="Run the same command again. Older backups are as they were.",
        )


def _server_version(connection: Connection) -> str:
    return str(connection.info.parameter_status("server_version") or "").split(" ")[0]


def _read_system_identifier(connection: Connection) -> str:
    try:
        with connection.transaction():
            row = connection.execute("SELECT system_identifier::text FROM pg_control_system()").fetchone()
    except psycopg.errors.InsufficientPrivilege:
        return ""
    return str(row[0]) if row is not None else ""


class _Digesting:
    """
    Reads the tables in a thread, on the connection that exported the snapshot, which nobody else uses then.
    """

    def __init__(self, connection: Connection, tables: Sequence[TableName]) -> None:
        self._connection = connection
        self._tables = tables
        self._contents: list[TableContent] = []
        self._failure: BaseException | None = None
        self._abandoned = False
        self._thread = threading.Thread(target=self._read, name="howdah-digests", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def finish(self) -> tuple[TableContent, ...]:
        """Wait for the last table and return all. Raises what went wrong."""
        self._thread.join()
        if isinstance(self._failure, psycopg.Error):
            raise translate_error(self._failure, doing="reading the tables for their digests") from None
        if self._failure is not None:
            raise BugError(
                "B-901", "The tables could not be digested.", detail=str(self._failure)
            ) from self._failure
        return tuple(sorted(self._contents, key=lambda table: (table.schema, table.name)))

    def abandon(self) -> None:
        """Stop reading: something else went wrong."""
        self._abandoned = True
        if self._thread.is_alive():
            self._connection.cancel()
            self._thread.join(timeout=10)

    def _read(self) -> None:
        try:
            for table in self._tables:
                if self._abandoned:
                    return
                self._contents.append(digest_table(self._connection, table))
            objects = digest_large_objects(self._connection)
            if objects is not None:
                self._contents.append(objects)
        except BaseException as error:
            self._failure = error
