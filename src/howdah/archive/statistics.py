"""
Gather the planner's statistics of a restored database; neither pg_dump nor pg_restore carries them.

In two parts: a table as soon as it holds its rows, and at the end what was not there by then. Together they
are what ANALYZE of the whole database does.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from howdah.archive.digests import TableName
from howdah.names import qualified
from howdah.postgres.connect import Connection

#: Tables named in one statement.
_AT_ONCE = 200

# Of an index on an expression, of extended statistics and of children there are statistics too; these come
# after the rows. A partition is analyzed with the table that it is part of.
_ANALYZABLE = """
SELECT n.nspname, c.relname,
       c.relkind = 'p' OR c.relhassubclass
       OR EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indexprs IS NOT NULL)
       OR EXISTS (SELECT FROM pg_catalog.pg_statistic_ext s WHERE s.stxrelid = c.oid)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't' AND n.nspname <> 'pg_toast'
   AND NOT c.relispartition
 ORDER BY 1, 2
"""


def list_plain_tables(connection: Connection) -> frozenset[TableName]:
    """List the tables that can be analyzed as soon as their rows are there, as far as is known by now."""
    return frozenset(table for table, has_more in _list_analyzable(connection) if not has_more)


def analyze_tables(connection: Connection, tables: Sequence[TableName]) -> None:
    """Analyze tables, on a connection in autocommit mode; one that is not the role's is left out, as ever."""
    for start in range(0, len(tables), _AT_ONCE):
        names = ", ".join(qualified(table.schema, table.name) for table in tables[start : start + _AT_ONCE])
        connection.execute(f"ANALYZE {names}".encode())


def analyze_rest(connection: Connection, analyzed: Collection[TableName]) -> None:
    """Analyze what is not among `analyzed`, or has got more to be analyzed since; in autocommit mode."""
    analyze_tables(
        connection,
        [table for table, has_more in _list_analyzable(connection) if has_more or table not in analyzed],
    )


def _list_analyzable(connection: Connection) -> list[tuple[TableName, bool]]:
    return [
        (TableName(schema=schema, name=name), has_more)
        for schema, name, has_more in connection.execute(_ANALYZABLE).fetchall()
    ]
