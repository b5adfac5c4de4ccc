"""
Read what a server must offer for a database to be restored, and which objects it has besides rows.

Roles come without passwords: whoever restores sets new ones.
"""

from __future__ import annotations

import re

from howdah.model.backup import DatabaseFacts, RoleFacts, SchemaObject
from howdah.postgres.connect import Connection

_DATABASE = """
SELECT d.datname, r.rolname, pg_catalog.pg_encoding_to_char(d.encoding), pg_catalog.to_jsonb(d),
       pg_catalog.version()
  FROM pg_catalog.pg_database d JOIN pg_catalog.pg_roles r ON r.oid = d.datdba
 WHERE d.datname = pg_catalog.current_database()
"""
_EXTENSIONS = "SELECT extname, extversion FROM pg_catalog.pg_extension WHERE extname <> 'plpgsql' ORDER BY 1"
_SETTINGS = """
SELECT pg_catalog.unnest(s.setconfig) FROM pg_catalog.pg_db_role_setting s
  JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
 WHERE s.setrole = 0 AND d.datname = pg_catalog.current_database() ORDER BY 1
"""
# Whoever owns something here, may use something here, or is a member or a group of one of those.
_ROLES = """
WITH RECURSIVE used AS (
    SELECT refobjid AS oid FROM pg_catalog.pg_shdepend
     WHERE refclassid = 'pg_catalog.pg_authid'::regclass
       AND dbid IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
       AND (dbid <> 0 OR classid = 'pg_catalog.pg_database'::regclass
            AND objid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
    UNION SELECT datdba FROM pg_catalog.pg_database WHERE datname = current_database()
    -- What the server's first role owns is not in pg_shdepend.
    UNION SELECT relowner FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    UNION SELECT m.roleid FROM pg_catalog.pg_auth_members m JOIN used ON used.oid = m.member
)
SELECT r.rolname, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin,
       coalesce((SELECT pg_catalog.array_agg(g.rolname::text ORDER BY g.rolname)
                   FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles g ON g.oid = m.roleid
                  WHERE m.member = r.oid), '{}'),
       coalesce(r.rolconfig, '{}')
  FROM pg_catalog.pg_roles r JOIN used USING (oid)
 WHERE r.rolname !~ '^pg_' ORDER BY 1
"""
_OBJECTS = """
WITH ours AS (
    SELECT oid, nspname FROM pg_catalog.pg_namespace
     WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), members AS (SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e')
SELECT 'index', n.nspname, t.relname, c.relname, i.indisvalid AND i.indisready
  FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_class t ON t.oid = i.indrelid JOIN ours n ON n.oid = t.relnamespace
 WHERE t.relpersistence <> 't' AND t.relkind <> 't'
   AND (('pg_catalog.pg_class'::regclass)::oid, t.oid) NOT IN (SELECT classid, objid FROM members)
UNION ALL
SELECT CASE k.contype WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique constraint'
            WHEN 'f' THEN 'foreign key' WHEN 'c' THEN 'check' WHEN 'x' THEN 'exclusion constraint'
            ELSE 'constraint' END,
       n.nspname, t.relname, k.conname, k.convalidated
  FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class t ON t.oid = k.conrelid
  JOIN ours n ON n.oid = t.relnamespace
 WHERE t.relpersistence <> 't' AND k.contype IN ('p', 'u', 'f', 'c', 'x')
   AND (('pg_catalog.pg_class'::regclass)::oid, t.oid) NOT IN (SELECT classid, objid FROM members)
UNION ALL
SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table'
            WHEN 'p' THEN 'partitioned table' ELSE 'table' END, n.nspname, '', c.relname, true
  FROM pg_catalog.pg_class c JOIN ours n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't'
   AND (('pg_catalog.pg_class'::regclass)::oid, c.oid) NOT IN (SELECT classid, objid FROM members)
UNION ALL
SELECT 'function', n.nspname, '',
       p.proname || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')', true
  FROM pg_catalog.pg_proc p JOIN ours n ON n.oid = p.pronamespace
 WHERE (('pg_catalog.pg_proc'::regclass)::oid, p.oid) NOT IN (SELECT classid, objid FROM members)
UNION ALL
SELECT 'trigger', n.nspname, t.relname, g.tgname, g.tgenabled <> 'D'
  FROM pg_catalog.pg_trigger g JOIN pg_catalog.pg_class t ON t.oid = g.tgrelid
  JOIN ours n ON n.oid = t.relnamespace
 WHERE NOT g.tgisinternal
   AND (('pg_catalog.pg_class'::regclass)::oid, t.oid) NOT IN (SELECT classid, objid FROM members)
ORDER BY 1, 2, 3, 4
"""


def read_database_facts(connection: Connection) -> DatabaseFacts:
    """Read name, owner, encoding, locale, extensions and settings of the connected database."""
    row = connection.execute(_DATABASE).fetchone()
    assert row is not None
    name, owner, encoding, attributes, version = row
    platform = re.search(r" on \S*?-linux-(\w+)", version)
    return DatabaseFacts(
        name=name,
        owner=owner,
        encoding=encoding,
        collate=attributes["datcollate"],
        ctype=attributes["datctype"],
        provider=attributes.get("datlocprovider") or "c",
        # Its name changed in PostgreSQL 17.
        locale=attributes.get("datlocale") or attributes.get("daticulocale") or "",
        collation_version=attributes.get("datcollversion") or "",
        platform=platform[1] if platform is not None else "",
        extensions=dict(connection.execute(_EXTENSIONS).fetchall()),
        settings=tuple(setting for (setting,) in connection.execute(_SETTINGS)),
    )


def read_roles(connection: Connection) -> tuple[RoleFacts, ...]:
    """Read the roles that the database refers to, and the groups that they are in."""
    return tuple(
        RoleFacts(
            name=name,
            superuser=superuser,
            inherit=inherit,
            create_role=create_role,
            create_db=create_db,
            login=login,
            member_of=tuple(member_of),
            settings=tuple(settings),
        )
        for (
            name,
            superuser,
            inherit,
            create_role,
            create_db,
            login,
            member_of,
            settings,
        ) in connection.execute(_ROLES)
    )


def read_objects(connection: Connection) -> tuple[SchemaObject, ...]:
    """List tables, indexes, constraints, views, functions and triggers that belong to no extension."""
    return tuple(
        SchemaObject(kind=kind, schema=schema, table=table, name=name, valid=valid)
        for kind, schema, table, name, valid in connection.execute(_OBJECTS)
    )
