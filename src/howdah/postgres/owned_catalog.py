"""
Read a schema that its application created: triggers, foreign keys, sequences, rows, who else is there.

Stands on `postgres.catalog` (columns, indexes, constraints) and `postgres.target_types`.
Queries are constants and schema-qualified; names in definitions come out qualified because
the session's search path is pg_catalog.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from psycopg import sql
from psycopg.rows import namedtuple_row

from howdah.model.owned import (
    OwnedFacts,
    OwnedForeignKey,
    OwnedSequence,
    OwnedTable,
    OwnedTrigger,
    SequenceUse,
    TableKind,
)
from howdah.model.target import TargetFacts
from howdah.postgres.catalog import read_sequence_state
from howdah.postgres.connect import Connection
from howdah.postgres.target_types import read_target_types

_TABLES = """
SELECT c.relname AS name, c.relkind::text AS kind, c.relispartition AS is_partition,
       pg_catalog.pg_has_role(c.relowner, 'USAGE') AS may_alter,
       c.relrowsecurity AS row_security, pg_catalog.row_security_active(c.oid) AS filtered,
       coalesce((SELECT p.relname::text
                   FROM pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_class AS p ON p.oid = i.inhparent
                  WHERE i.inhrelid = c.oid AND c.relispartition), '') AS partition_of
  FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname = %(schema)s AND c.relkind IN ('r', 'p')
"""

_TRIGGERS = """
SELECT c.relname AS table_name, t.tgname AS name, t.tgenabled::text AS enabled,
       t.tgparentid <> 0 AS inherited,
       pg_catalog.pg_get_triggerdef(t.oid) AS definition
  FROM pg_catalog.pg_trigger AS t
       JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
       JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname = %(schema)s AND NOT t.tgisinternal AND c.relkind IN ('r', 'p')
 ORDER BY t.tgparentid <> 0, c.relname, t.tgname
"""

#: In the order in which they were made: they are made again in it, so that a dump lists them alike.
#: Those of partitions come and go with the partitioned table's.
_FOREIGN_KEYS = """
SELECT cn.nspname AS schema, c.relname AS table_name, k.conname AS name,
       pn.nspname AS parent_schema, p.relname AS parent_table,
       ARRAY(SELECT a.attname::text
               FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY AS u (number, place)
                    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.number
              ORDER BY u.place) AS columns,
       ARRAY(SELECT a.attname::text
               FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY AS u (number, place)
                    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = u.number
              ORDER BY u.place) AS parent_columns,
       pg_catalog.pg_get_constraintdef(k.oid) AS definition, k.convalidated AS validated,
       coalesce((pg_catalog.to_jsonb(k) ->> 'conenforced')::bool, true) AS enforced,
       k.confmatchtype = 'f' AS match_full,
       pg_catalog.obj_description(k.oid, 'pg_constraint') AS comment,
       pg_catalog.pg_has_role(c.relowner, 'USAGE') AS may_alter
  FROM pg_catalog.pg_constraint AS k
       JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid
       JOIN pg_catalog.pg_namespace AS cn ON cn.oid = c.relnamespace
       JOIN pg_catalog.pg_class AS p ON p.oid = k.confrelid
       JOIN pg_catalog.pg_namespace AS pn ON pn.oid = p.relnamespace
 WHERE k.contype = 'f' AND k.conparentid = 0 AND %(schema)s IN (cn.nspname, pn.nspname)
 ORDER BY k.oid
"""

#: A column uses a sequence that it owns (serial, identity) or that its default names (shared ones).
_SEQUENCES = """
WITH used AS (
    SELECT s.oid AS sequence, d.refobjid AS table_oid, d.refobjsubid AS number
      FROM pg_catalog.pg_class AS s
           JOIN pg_catalog.pg_depend AS d
             ON d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = s.oid
            AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i')
            AND d.refobjsubid > 0
     WHERE s.relkind = 'S'
    UNION
    SELECT d.refobjid, a.adrelid, a.adnum::int4
      FROM pg_catalog.pg_attrdef AS a
           JOIN pg_catalog.pg_depend AS d
             ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.objid = a.oid
            AND d.refclassid = 'pg_catalog.pg_class'::regclass
           JOIN pg_catalog.pg_class AS s ON s.oid = d.refobjid AND s.relkind = 'S'
)
SELECT sn.nspname AS schema, s.relname AS name, q.seqstart AS start, q.seqincrement AS increment,
       q.seqmin AS minimum, q.seqmax AS maximum, q.seqcycle AS cycles,
       pg_catalog.pg_has_role(s.relowner, 'USAGE') AS may_alter,
       tn.nspname AS table_schema, t.relname AS table_name, a.attname AS column
  FROM used AS u
       JOIN pg_catalog.pg_class AS s ON s.oid = u.sequence
       JOIN pg_catalog.pg_namespace AS sn ON sn.oid = s.relnamespace
       JOIN pg_catalog.pg_sequence AS q ON q.seqrelid = s.oid
       JOIN pg_catalog.pg_class AS t ON t.oid = u.table_oid
       JOIN pg_catalog.pg_namespace AS tn ON tn.oid = t.relnamespace
       JOIN pg_catalog.pg_attribute AS a ON a.attrelid = u.table_oid AND a.attnum = u.number
 WHERE EXISTS (SELECT FROM used AS o
                      JOIN pg_catalog.pg_class AS oc ON oc.oid = o.table_oid
                      JOIN pg_catalog.pg_namespace AS ocn ON ocn.oid = oc.relnamespace
                WHERE o.sequence = u.sequence AND ocn.nspname = %(schema)s)
 ORDER BY sn.nspname, s.relname, tn.nspname, t.relname, a.attnum
"""

#: Our verbs say what they are ("howdah verify"); the service ("howdah/…") writes as any application does.
#: Of sessions of other roles a plain role sees who they are, not of what kind; background workers have no
#: user.
_SESSIONS = """
SELECT a.usename AS role, a.application_name AS application, a.pid,
       coalesce(pg_catalog.host(a.client_addr), 'this machine') AS origin
  FROM pg_catalog.pg_stat_activity AS a
 WHERE a.datname = pg_catalog.current_database() AND a.pid <> pg_catalog.pg_backend_pid()
   AND a.usename IS NOT NULL AND coalesce(a.backend_type, 'client backend') = 'client backend'
   AND a.application_name !~ '^howdah( [a-z-]+)?$'
 ORDER BY a.pid
"""

Row = Any


def read_owned_facts(connection: Connection, target: TargetFacts, schema: str) -> OwnedFacts:
    """
    Read what `target`, read before in the same transaction, does not say of the tables of `schema`.

    Counts the rows of every table. Raises psycopg.Error where the role may not read one.
    """
    types = read_target_types(connection, schema)
    described = {row.name: row for row in _fetch(connection, _TABLES, schema)}
    triggers: defaultdict[str, list[OwnedTrigger]] = defaultdict(list)
    for trigger in read_triggers(connection, schema):
        triggers[trigger.table].append(trigger)
    return OwnedFacts(
        schema=schema,
        tables=tuple(
            OwnedTable(
                facts=table,
                types=tuple(types[table.name, column.name] for column in table.columns),
                kind=_kind_of(described[table.name]),
                partition_of=described[table.name].partition_of,
                may_alter=described[table.name].may_alter,
                row_security=described[table.name].row_security,
                filtered=described[table.name].filtered,
                triggers=tuple(triggers[table.name]),
                rows=_count_rows(connection, schema, table.name, described[table.name]),
            )
            for table in target.tables
            if table.name in described
        ),
        foreign_keys=read_foreign_keys(connection, schema),
        sequences=read_sequences(connection, schema),
        sessions=tuple(
            f'{row.role} ("{row.application}", process {row.pid}, from {row.origin})'
            for row in _fetch(connection, _SESSIONS, schema)
        ),
    )


def read_triggers(connection: Connection, schema: str) -> tuple[OwnedTrigger, ...]:
    """Return the triggers of all tables of the schema."""
    return tuple(
        OwnedTrigger(
            schema=schema,
            table=row.table_name,
            name=row.name,
            enabled=row.enabled,
            definition=row.definition,
            inherited=row.inherited,
        )
        for row in _fetch(connection, _TRIGGERS, schema)
    )


def read_foreign_keys(connection: Connection, schema: str) -> tuple[OwnedForeignKey, ...]:
    """Return the foreign keys from and to the tables of the schema, in the order in which they were made."""
    return tuple(_build_foreign_key(row) for row in _fetch(connection, _FOREIGN_KEYS, schema))


def read_sequences(connection: Connection, schema: str) -> tuple[OwnedSequence, ...]:
    """Return the sequences that columns of the schema take values from, each with all its users."""
    uses: dict[tuple[str, str], list[Row]] = {}
    for row in _fetch(connection, _SEQUENCES, schema):
        uses.setdefault((row.schema, row.name), []).append(row)
    found = []
    for (sequence_schema, name), rows in uses.items():
        last_value, is_called = read_sequence_state(connection, sequence_schema, name)
        first = rows[0]
        found.append(
            OwnedSequence(
                schema=sequence_schema,
                name=name,
                start=first.start,
                increment=first.increment,
                minimum=first.minimum,
                maximum=first.maximum,
                cycles=first.cycles,
                last_value=last_value,
                is_called=is_called,
                uses=tuple(
                    SequenceUse(schema=row.table_schema, table=row.table_name, column=row.column)
                    for row in rows
                ),
                may_alter=first.may_alter,
            )
        )
    return tuple(found)


def _fetch(connection: Connection, query: str, schema: str) -> list[Row]:
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        return cursor.execute(query, {"schema": schema}).fetchall()


def _kind_of(row: Row) -> TableKind:
    if row.is_partition:
        return TableKind.PARTITION
    return TableKind.PARTITIONED if row.kind == "p" else TableKind.TABLE


def _count_rows(connection: Connection, schema: str, table: str, described: Row) -> int:
    # Of a table whose rows policies hide nothing can be counted; such a table is refused.
    if described.filtered or described.is_partition:
        return 0
    row = connection.execute(
        sql.SQL("SELECT pg_catalog.count(*) FROM {}").format(sql.Identifier(schema, table))
    ).fetchone()
    assert row is not None
    return int(row[0])


def _build_foreign_key(row: Row) -> OwnedForeignKey:
    return OwnedForeignKey(
        schema=row.schema,
        table=row.table_name,
        name=row.name,
        columns=tuple(row.columns),
        parent_schema=row.parent_schema,
        parent_table=row.parent_table,
        parent_columns=tuple(row.parent_columns),
        definition=row.definition,
        validated=row.validated,
        enforced=row.enforced,
        match_full=row.match_full,
        comment=row.comment,
        may_alter=row.may_alter,
    )
