"""
What tables of a PostgreSQL database hold: counts and digests that the server computes.

A row is hashed column by column: as PostgreSQL hashes the value where that hash is one of all its
bytes, else as PostgreSQL sends it in binary. Where what is sent would name types by their numbers in
this one database, the row is hashed as the text that is written for it. The hashes are summed twice:
the same rows give the same digest in whatever order they lie, on any server of the same major. The
sums find accidents; who alters rows on purpose is found by the SHA-256 of the files.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from howdah.model.backup import SequenceContent, TableContent
from howdah.names import qualified, quote
from howdah.postgres.connect import Connection

#: Large objects are digested as one more table by this name.
LARGE_OBJECTS = TableContent(schema="pg_catalog", name="pg_largeobject", rows=0, digest="")

#: Settings that change how values are written, beyond those of every session of ours.
_WRITTEN_FORM = "SELECT set_config('lc_monetary', 'C', false), set_config('IntervalStyle', 'postgres', false)"

# Tables of extensions come with the extension; pg_dump leaves them to it unless they hold settings.
_TABLES = """
SELECT n.nspname, c.relname
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND c.relpersistence <> 't'
   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass
                      AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY pg_catalog.pg_relation_size(c.oid) DESC, 1, 2
"""

_SEQUENCES = """
SELECT n.nspname, c.relname, s.last_value, s.increment_by, coalesce(tn.nspname, ''), coalesce(t.relname, ''),
       coalesce(a.attname, '')
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_sequences s ON s.schemaname = n.nspname AND s.sequencename = c.relname
  LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid
        AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
  LEFT JOIN pg_catalog.pg_class t ON t.oid = d.refobjid
  LEFT JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
  LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
 WHERE c.relkind = 'S' AND c.relpersistence <> 't'
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 'pg_catalog.pg_class'::regclass
                      AND e.objid = c.oid AND e.deptype = 'e')
 ORDER BY 1, 2
"""

# OFFSET 0 keeps the server from computing each row's hash twice. No column can be called like the alias:
# "alias.*" means the row even where one is.
_DIGEST = """
SELECT count(*), coalesce(sum({hash}, 0)), 0), coalesce(sum({hash}, 1)), 0)
  FROM ({rows} OFFSET 0) AS lines
"""
#: Of a row as text. The mark is what digests of that form begin with.
_WRITTEN_MARK, _WRITTEN, _HASH_OF_WRITTEN = (
    "",
    "(r.*)::pg_catalog.text",
    "pg_catalog.hashtextextended(hashed",
)
# The hash of a row is a polynomial of its columns' hashes: sums of it would not see two values that changed
# places between rows. Hashed once more it is none. Of a number's hashes that of numeric alone looks at every
# digit.
_COLUMNS_MARK, _COLUMNS, _HASH_OF_COLUMNS = (
    "columns:",
    "pg_catalog.hash_record_extended(ROW({columns}), 0)::pg_catalog.numeric",
    "pg_catalog.hash_numeric_extended(hashed",
)
#: As older backups took it. bytea has no hash function of its own that SQL can call; a row of one has.
_SENT_MARK, _SENT, _HASH_OF_SENT = (
    "sent:",
    "pg_catalog.record_send(r.*)",
    "pg_catalog.hash_record_extended(ROW(hashed)",
)

#: The first major whose rows can be hashed.
_COLUMNS_MAJOR = 14

# For each column whether its value can be sent, the function that does it, and whether its own hash is one of
# all its bytes. What is sent for types of one's own names them by number, which differs from database to
# database; and values of the types reg… are such numbers themselves. The hash of an int8 halves it first;
# those of float8, numeric and interval take different values for the same.
_COLUMN_FORMS = """
SELECT a.attname,
       t.oid < 16384 AND t.typsend <> 0 AND t.typtype <> 'c'
       AND coalesce(e.typsend, t.typsend) <> 0 AND coalesce(e.typtype, t.typtype) <> 'c'
       AND coalesce(e.typname, t.typname) !~ '^reg',
       f.proname,
       t.typname IN ('bool', 'bytea', 'date', 'int2', 'int4', 'oid', 'uuid')
       OR t.typname IN ('text', 'varchar') AND c.collisdeterministic
  FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
  LEFT JOIN pg_catalog.pg_proc f ON f.oid = t.typsend
  LEFT JOIN pg_catalog.pg_collation c ON c.oid = a.attcollation
 WHERE a.attrelid = %s::pg_catalog.regclass AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum
"""


@dataclass(frozen=True, kw_only=True)
class TableName:
    schema: str
    name: str


def prepare_session(connection: Connection) -> None:
    """Make the session write values in one form; in autocommit mode or the caller's transaction."""
    connection.execute(_WRITTEN_FORM)


def list_tables(connection: Connection) -> tuple[TableName, ...]:
    """List the tables whose rows a dump holds, partitions by themselves, the largest first."""
    return tuple(TableName(schema=schema, name=name) for schema, name in connection.execute(_TABLES))


def list_sequences(connection: Connection) -> tuple[SequenceContent, ...]:
    """List the sequences with what they gave out last."""
    return tuple(
        SequenceContent(
            schema=schema,
            name=name,
            last_value=last,
            increment=increment,
            table_schema=table_schema,
            table=table,
            column=column,
        )
        for schema, name, last, increment, table_schema, table, column in connection.execute(_SEQUENCES)
    )


def lock_tables(connection: Connection, tables: Iterable[TableName]) -> None:
    """Keep tables from being dropped or truncated while they are read, in the caller's transaction."""
    names = [f"ONLY {qualified(table.schema, table.name)}" for table in tables]
    for start in range(0, len(names), 200):
        some = ", ".join(names[start : start + 200])
        connection.execute(f"LOCK TABLE {some} IN ACCESS SHARE MODE".encode())


def digest_table(connection: Connection, table: TableName, *, like: str = "") -> TableContent:
    """
    Read one table to its end.

    `like` is a digest to compare with: the new one is taken in the same form. Without it the cheaper form is
    chosen that the table allows.
    """
    if like.startswith(_SENT_MARK):
        mark, form, hashed = _SENT_MARK, _SENT, _HASH_OF_SENT
    elif (not like or like.startswith(_COLUMNS_MARK)) and (columns := _read_columns(connection, table)):
        mark, form, hashed = _COLUMNS_MARK, _COLUMNS.format(columns=columns), _HASH_OF_COLUMNS
    else:
        mark, form, hashed = _WRITTEN_MARK, _WRITTEN, _HASH_OF_WRITTEN
    rows = f"SELECT {form} AS hashed FROM ONLY {qualified(table.schema, table.name)} AS r"
    row = connection.execute(_DIGEST.format(rows=rows, hash=hashed).encode()).fetchone()
    assert row is not None
    return TableContent(
        schema=table.schema, name=table.name, rows=row[0], digest=mark + _as_hex(row[1], row[2])
    )


def _read_columns(connection: Connection, table: TableName) -> str:
    """Return what of each column is hashed, in SQL; "" where the table is hashed as text."""
    if connection.info.server_version < _COLUMNS_MAJOR * 10000:
        return ""
    found = connection.execute(_COLUMN_FORMS, (qualified(table.schema, table.name),)).fetchall()
    if not all(can_be_sent for _, can_be_sent, _, _ in found):
        return ""
    return ", ".join(
        f"r.{quote(name)}" if as_it_is else f"pg_catalog.{quote(function)}(r.{quote(name)})"
        for name, _, function, as_it_is in found
    )


def digest_large_objects(connection: Connection) -> TableContent | None:
    """Digest the large objects, None where there are none. One is in the server's memory at a time."""
    row = connection.execute("SELECT count(*) FROM pg_catalog.pg_largeobject_metadata").fetchone()
    if row is None or row[0] == 0:
        return None
    rows = (
        "SELECT m.oid::pg_catalog.text || ':' || pg_catalog.md5(pg_catalog.lo_get(m.oid)) AS hashed"
        " FROM pg_catalog.pg_largeobject_metadata m"
    )
    found = connection.execute(_DIGEST.format(rows=rows, hash=_HASH_OF_WRITTEN).encode()).fetchone()
    assert found is not None
    return TableContent(
        schema=LARGE_OBJECTS.schema,
        name=LARGE_OBJECTS.name,
        rows=found[0],
        digest=_as_hex(found[1], found[2]),
    )


def largest_value(connection: Connection, sequence: SequenceContent) -> int | None:
    """Return the furthest value of the column that a sequence fills, None where there is none."""
    function = "max" if sequence.increment > 0 else "min"
    table = qualified(sequence.table_schema, sequence.table)
    query = f"SELECT {function}({quote(sequence.column)}) FROM {table}"
    row = connection.execute(query.encode()).fetchone()
    return int(row[0]) if row is not None and isinstance(row[0], int) else None


def _as_hex(first: int, second: int) -> str:
    return f"{int(first) % 2**64:016x}{int(second) % 2**64:016x}"
