"""
Read what a PostgreSQL database holds: server, role, and every object of one schema.

Queries are constants, fetching is one pass over each, building is pure. Everything in the
queries is schema-qualified, and names in definitions come out qualified because the
session's search path is pg_catalog. Members of extensions belong to nobody's schema and are left out.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any

from psycopg import sql
from psycopg.rows import namedtuple_row

from howdah.model.target import (
    TargetColumn,
    TargetConstraint,
    TargetFacts,
    TargetIndex,
    TargetSequence,
    TargetTable,
)
from howdah.postgres.connect import Connection

_SERVER = """
SELECT pg_catalog.current_setting('server_version_num')::int4 AS server_version,
       d.datname AS database,
       pg_catalog.pg_encoding_to_char(d.encoding) AS encoding,
       pg_catalog.to_jsonb(d) AS attributes,
       CURRENT_USER::text AS role,
       pg_catalog.has_database_privilege(d.oid, 'CREATE') AS may_create_schema,
       coalesce(pg_catalog.has_schema_privilege(n.oid, 'CREATE')
                AND pg_catalog.has_schema_privilege(n.oid, 'USAGE'), false) AS may_create_in_schema,
       n.oid IS NOT NULL AS schema_exists,
       pg_catalog.pg_is_in_recovery() AS in_recovery
  FROM pg_catalog.pg_database AS d
       LEFT JOIN pg_catalog.pg_namespace AS n ON n.nspname = %(schema)s
 WHERE d.datname = pg_catalog.current_database()
"""

_COLUMNS = """
SELECT c.oid AS table_oid, c.relname AS table_name, a.attname AS name, a.attnum AS number,
       pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
       a.attnotnull AS not_null, a.attidentity::text AS identity, a.attgenerated::text AS generated,
       pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS expression
  FROM pg_catalog.pg_class AS c
       JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
       LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
       LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE n.nspname = %(schema)s AND c.relkind IN ('r', 'p') AND {not_in_extension}
 ORDER BY c.relname, a.attnum
"""

_INDEXES = """
SELECT i.indrelid AS table_oid, c.relname AS name, pg_catalog.pg_get_indexdef(i.indexrelid) AS definition,
       i.indisunique AS is_unique, i.indisprimary AS is_primary,
       i.indisvalid AND i.indisready AS is_valid,
       CASE WHEN i.indpred IS NULL AND i.indexprs IS NULL THEN
            ARRAY(SELECT a.attname::text
                    FROM pg_catalog.generate_series(0, i.indnkeyatts - 1) AS k (place)
                         JOIN pg_catalog.pg_attribute AS a
                           ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k.place]
                   ORDER BY k.place)
            ELSE '{}' END AS columns
  FROM pg_catalog.pg_index AS i
       JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
       JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
       JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
 WHERE n.nspname = %(schema)s
 ORDER BY c.relname
"""

_CONSTRAINTS = """
SELECT c.conrelid AS table_oid, c.conname AS name, c.contype::text AS kind,
       pg_catalog.pg_get_constraintdef(c.oid) AS definition, c.convalidated AS is_validated
  FROM pg_catalog.pg_constraint AS c
       JOIN pg_catalog.pg_class AS t ON t.oid = c.conrelid
       JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
 WHERE n.nspname = %(schema)s
 ORDER BY c.conname
"""

#: Sequences that a column owns: deptype "a" is serial or OWNED BY, "i" is identity.
_SEQUENCES = """
SELECT d.refobjid AS table_oid, sn.nspname AS schema, s.relname AS name, a.attname AS column
  FROM pg_catalog.pg_class AS s
       JOIN pg_catalog.pg_namespace AS sn ON sn.oid = s.relnamespace
       JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = s.oid
        AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
       JOIN pg_catalog.pg_class AS t ON t.oid = d.refobjid
       JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
       JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
 WHERE s.relkind = 'S' AND n.nspname = %(schema)s
 ORDER BY t.relname, a.attnum
"""

#: Row types of tables, arrays, multiranges and owned sequences come with something else that is listed.
_OBJECTS = """
SELECT CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view'
            WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'foreign table'
            WHEN 'c' THEN 'type' END AS kind,
       c.relname AS name
  FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname = %(schema)s AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c') AND {not_in_extension}
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS o
                    WHERE c.relkind = 'S' AND o.classid = 'pg_catalog.pg_class'::regclass
                      AND o.objid = c.oid AND o.deptype IN ('a', 'i') AND o.refobjsubid > 0)
UNION ALL
SELECT CASE c.typtype WHEN 'd' THEN 'domain' ELSE 'type' END, c.typname
  FROM pg_catalog.pg_type AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.typnamespace
 WHERE n.nspname = %(schema)s AND c.typtype IN ('d', 'e', 'r', 'b') AND c.typelem = 0
   AND {not_in_extension}
UNION ALL
SELECT CASE c.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END, c.proname
  FROM pg_catalog.pg_proc AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.pronamespace
 WHERE n.nspname = %(schema)s AND {not_in_extension}
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS o  -- constructors of range types
                    WHERE o.classid = c.tableoid AND o.objid = c.oid AND o.deptype = 'i')
 ORDER BY 1, 2
"""

_NOT_IN_EXTENSION = """NOT EXISTS (
       SELECT FROM pg_catalog.pg_depend AS e
        WHERE e.classid = c.tableoid AND e.objid = c.oid AND e.deptype = 'e')"""

Row = Any


@dataclass(frozen=True, kw_only=True)
class _Fetched:
    """Rows of the queries, as they came."""

    server: Row
    columns: list[Row]
    indexes: list[Row]
    constraints: list[Row]
    #: Row and the sequence's own (last_value, is_called).
    sequences: list[tuple[Row, tuple[int, bool]]]
    objects: list[Row]


def read_target_facts(connection: Connection, schema: str) -> TargetFacts:
    """
    Read the server, the role's rights and all objects of `schema`, in the caller's transaction.

    Raises psycopg.Error where the catalog or a sequence cannot be read.
    """
    return _build_facts(_fetch(connection, schema), schema)


def read_sequences_again(connection: Connection, table: TargetTable) -> TargetTable:
    """
    Return the table with its sequences as they stand now.

    A sequence knows no snapshot. Read after the rows that it is compared with, it is never behind them
    because somebody inserted in between. Raises psycopg.Error where a sequence cannot be read.
    """
    sequences = []
    for sequence in table.sequences:
        last_value, is_called = read_sequence_state(connection, sequence.schema, sequence.name)
        sequences.append(replace(sequence, last_value=last_value, is_called=is_called))
    return replace(table, sequences=tuple(sequences))


def _fetch(connection: Connection, schema: str) -> _Fetched:
    (server,) = _fetch_all(connection, _SERVER, schema)
    sequences = [
        (row, read_sequence_state(connection, row.schema, row.name))
        for row in _fetch_all(connection, _SEQUENCES, schema)
    ]
    return _Fetched(
        server=server,
        columns=_fetch_all(connection, _COLUMNS, schema),
        indexes=_fetch_all(connection, _INDEXES, schema),
        constraints=_fetch_all(connection, _CONSTRAINTS, schema),
        sequences=sequences,
        objects=_fetch_all(connection, _OBJECTS, schema),
    )


def _fetch_all(connection: Connection, query: str, schema: str) -> list[Row]:
    text = query.replace("{not_in_extension}", _NOT_IN_EXTENSION)
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        return cursor.execute(text, {"schema": schema}).fetchall()


def read_sequence_state(connection: Connection, schema: str, name: str) -> tuple[int, bool]:
    """Return last_value and is_called of a sequence. Raises psycopg.Error where it cannot be read."""
    # pg_sequences shows last_value as NULL before the first use: only the relation itself tells is_called.
    query = sql.SQL("SELECT last_value, is_called FROM {}").format(sql.Identifier(schema, name))
    state = connection.execute(query).fetchone()
    assert state is not None
    return int(state[0]), bool(state[1])


def _build_facts(fetched: _Fetched, schema: str) -> TargetFacts:
    server = fetched.server
    return TargetFacts(
        server_version=server.server_version,
        database=server.database,
        encoding=server.encoding,
        collation=_collation_of(server.attributes),
        role=server.role,
        may_create_schema=server.may_create_schema,
        may_create_in_schema=server.may_create_in_schema,
        schema_exists=server.schema_exists,
        in_recovery=server.in_recovery,
        tables=_build_tables(fetched, schema),
        objects=tuple(f'{row.kind} "{row.name}"' for row in fetched.objects),
    )


def _collation_of(attributes: dict[str, Any]) -> str:
    """Return the name of the collation that text sorts by where nothing else is said."""
    # The column is new in 15, and its companion was called daticulocale before 17.
    provider = attributes.get("datlocprovider", "c")
    named = attributes.get("datlocale") or attributes.get("daticulocale")
    return str(named) if provider in ("b", "i") and named else str(attributes["datcollate"])


def _build_tables(fetched: _Fetched, schema: str) -> tuple[TargetTable, ...]:
    names: dict[int, str] = {}
    columns: defaultdict[int, list[TargetColumn]] = defaultdict(list)
    for row in fetched.columns:
        names[row.table_oid] = row.table_name
        if row.name is not None:  # PostgreSQL allows a table without columns
            columns[row.table_oid].append(_build_column(row))
    indexes: defaultdict[int, list[TargetIndex]] = defaultdict(list)
    for row in fetched.indexes:
        indexes[row.table_oid].append(
            TargetIndex(
                name=row.name,
                definition=row.definition,
                unique=row.is_unique,
                primary=row.is_primary,
                valid=row.is_valid,
                columns=tuple(row.columns),
            )
        )
    constraints: defaultdict[int, list[TargetConstraint]] = defaultdict(list)
    for row in fetched.constraints:
        constraints[row.table_oid].append(
            TargetConstraint(
                name=row.name, kind=row.kind, definition=row.definition, validated=row.is_validated
            )
        )
    sequences: defaultdict[int, list[TargetSequence]] = defaultdict(list)
    for row, (last_value, is_called) in fetched.sequences:
        sequences[row.table_oid].append(
            TargetSequence(
                schema=row.schema,
                name=row.name,
                column=row.column,
                last_value=last_value,
                is_called=is_called,
            )
        )
    return tuple(
        TargetTable(
            schema=schema,
            name=name,
            columns=tuple(columns[oid]),
            indexes=tuple(indexes[oid]),
            constraints=tuple(constraints[oid]),
            sequences=tuple(sequences[oid]),
        )
        for oid, name in names.items()
    )


def _build_column(row: Row) -> TargetColumn:
    return TargetColumn(
        name=row.name,
        type=row.type,
        not_null=row.not_null,
        default_sql=row.expression if not row.generated else None,
        identity={"a": "always", "d": "by default"}.get(row.identity, ""),
        generated_sql=row.expression if row.generated else None,
    )
