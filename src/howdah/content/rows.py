"""
Count the rows of tables, in one statement each, on a connection that others lend.

A table that may not be read has no count; that is for the comparison to say.
"""

from __future__ import annotations

from collections.abc import Iterable

import psycopg
from psycopg import sql

from howdah.content.compare import RowFacts
from howdah.model.target import TargetTable
from howdah.postgres.connect import Connection

_INTEGERS = frozenset({"smallint", "integer", "bigint"})


def read_row_facts(connection: Connection, schema: str, tables: Iterable[TargetTable]) -> dict[str, RowFacts]:
    """Return rows and largest id by table, in the caller's transaction."""
    facts = {}
    for table in tables:
        has_id = any(column.name == "id" and column.type in _INTEGERS for column in table.columns)
        query = sql.SQL("SELECT count(*), {largest} FROM {table}").format(
            largest=sql.SQL("max(id)") if has_id else sql.SQL("NULL"),
            table=sql.Identifier(schema, table.name),
        )
        try:
            with connection.transaction():
                row = connection.execute(query).fetchone()
        except psycopg.errors.InsufficientPrivilege:
            continue
        assert row is not None
        facts[table.name] = RowFacts(rows=row[0], largest_id=row[1])
    return facts
