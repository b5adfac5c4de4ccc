"""
Read everything a SQLite database declares, in one consistent look.

Works the same on the live file and on a snapshot. The parts: `catalog_queries`
(what is asked), `catalog_fetch` (rows), `catalog_build` (pure, the model).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import apsw

from howdah.model.source import SourceCatalog, Table, Trigger, View
from howdah.sqlite.catalog_build import build_tables
from howdah.sqlite.catalog_fetch import (
    fetch_schema,
    fetch_sequences,
    fetch_table_facts,
    fetch_tables,
    fetch_view_facts,
    refuse_name,
)
from howdah.sqlite.catalog_queries import SchemaRow
from howdah.sqlite.connect import BUILT_IN_COLLATIONS
from howdah.sqlite.ddl import read_trigger
from howdah.sqlite.ddl_cursor import UnreadSqlError
from howdah.sqlite.failures import explain_failure
from howdah.sqlite.location import source_path

#: What `howdah follow` puts into a file begins so.
OUR_PREFIX = "_howdah_"
#: Nothing else that begins so is left out or dropped: it is the application's.
_OUR_NAMES = re.compile(
    rf"{OUR_PREFIX}(?:journal|tables|state|cap|overwritten|(?:\d+|fence_\d+)_(?:evict_)?(?:insert|update|delete))"
)


def read_catalog(
    connection: apsw.Connection, path: str, *, journal_mode: str | None = None, every_row: bool = False
) -> SourceCatalog:
    """
    Return what the database declares; `path` is what the person calls the source.

    A snapshot is never in WAL mode: pass its `Snapshot.journal_mode`, which is the
    live file's. With `every_row` generated columns are computed for all rows of a private copy, to find
    those that fail on some. Raises IntegrityError or EnvironmentFailedError where the file cannot be
    read, RefusedError (S-017) for a name that is not Unicode.
    """
    begins = not connection.in_transaction
    try:
        if begins:
            connection.execute("BEGIN").fetchall()
        return _read(connection, path, journal_mode, every_row=every_row)
    except (apsw.CorruptError, apsw.BusyError, apsw.IOError) as error:
        raise explain_failure(error, source_path(path)) from error
    except UnicodeDecodeError as error:
        raise refuse_name(error) from error
    finally:
        if begins and connection.in_transaction:
            connection.execute("ROLLBACK").fetchall()


def _read(
    connection: apsw.Connection, path: str, journal_mode: str | None, *, every_row: bool
) -> SourceCatalog:
    schema = [row for row in fetch_schema(connection) if not is_ours(row.name)]
    listed = [table for table in fetch_tables(connection) if not is_ours(table.name)]
    facts = [fetch_table_facts(connection, table, every_row=every_row) for table in listed]
    tables = build_tables(facts, schema, fetch_sequences(connection, listed))
    return SourceCatalog(
        path=path,
        tables=tables,
        views=tuple(_read_view(connection, row) for row in schema if row.kind == "view"),
        triggers=tuple(build_trigger(row) for row in schema if row.kind == "trigger"),
        encoding=str(connection.pragma("encoding")),
        journal_mode=journal_mode or str(connection.pragma("journal_mode")),
        page_size=int(connection.pragma("page_size")),
        page_count=int(connection.pragma("page_count")),
        freelist_count=int(connection.pragma("freelist_count")),
        user_version=int(connection.pragma("user_version")),
        application_id=int(connection.pragma("application_id")),
        auto_vacuum=int(connection.pragma("auto_vacuum")),
        schema_version=int(connection.pragma("schema_version")),
        sqlite_version=apsw.sqlite_lib_version(),
        unknown_collations=find_unknown_collations(tables),
    )


def is_ours(name: str) -> bool:
    """Whether an object was put into the file by `howdah follow`, not by the application."""
    return _OUR_NAMES.fullmatch(name) is not None


def _read_view(connection: apsw.Connection, row: SchemaRow) -> View:
    facts = fetch_view_facts(connection, row.name)
    return View(name=row.name, sql=row.sql, columns=facts.columns, error=facts.error)


def build_trigger(row: SchemaRow) -> Trigger:
    """Build a trigger from its row of sqlite_schema; pure."""
    try:
        header = read_trigger(row.sql)
    except UnreadSqlError:
        return Trigger(name=row.name, table=row.table, sql=row.sql)
    return Trigger(
        name=row.name,
        table=row.table,
        sql=row.sql,
        timing=header.timing,
        event=header.event,
        columns=header.columns,
        when_sql=header.when_sql or "",
        body_sql=header.body_sql,
    )


def find_unknown_collations(tables: Sequence[Table]) -> tuple[str, ...]:
    """Return the collations of columns and indexes that SQLite does not bring along; pure."""
    named = [column.collation for table in tables for column in table.columns]
    named += [column.collation for table in tables for index in table.indexes for column in index.columns]
    return tuple(sorted({name for name in named if name.upper() not in BUILT_IN_COLLATIONS}))
