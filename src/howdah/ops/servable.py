"""Whether the tables that are there have types that the content API can read, asked before it serves."""

from __future__ import annotations

import re

import psycopg

from howdah.errors import EnvironmentFailedError, RefusedError
from howdah.model.content import ContentModel
from howdah.postgres.connect import connect
from howdah.service.database_settings import DatabaseSettings

_SHOWN = 6
_NUMBERS = frozenset(("int2", "int4", "int8", "numeric", "float4", "float8"))
_TEXTS = frozenset(("varchar", "text", "bpchar", "citext", "name"))
#: What a column may be, by the first word of what Strapi makes it. A migration that creates the tables makes
#: JSON of text, and moments with a zone.
_SERVED = {
    "timestamp": frozenset(("timestamp", "timestamptz")),
    "jsonb": frozenset(("json", "jsonb")),
    "boolean": frozenset(("bool",)),
    "date": frozenset(("date",)),
    "time": frozenset(("time", "timetz")),
    "character": _TEXTS,
    "text": _TEXTS,
    **dict.fromkeys(("integer", "bigint", "numeric", "double"), _NUMBERS),
}

_TYPES = """
SELECT c.relname, a.attname, t.typname, pg_catalog.format_type(a.atttypid, a.atttypmod)
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
 WHERE n.nspname = %s AND c.relname = ANY(%s)
"""


def require_servable(model: ContentModel, database: DatabaseSettings, schema: str) -> None:
    """
    Raise RefusedError (A-151) where a column is of a type that the API cannot read.

    Tables and columns that are not there are no reason, nor is a database that does not answer: both may
    come later.
    """
    wanted = {table.name: {column.name: column.type for column in table.columns} for table in model.tables}
    with database.open_conninfo("howdah/serve") as conninfo:
        try:
            with connect(conninfo, application_name="howdah/serve") as connection:
                found = connection.execute(_TYPES, (schema, list(wanted))).fetchall()
                connection.rollback()
        except (EnvironmentFailedError, psycopg.OperationalError):
            return
    others = [
        f"{table}.{column} is {shown}, not {wanted[table][column]}"
        for table, column, kind, shown in sorted(found)
        if column in wanted[table] and kind not in _served(wanted[table][column])
    ]
    if others:
        more = f", and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
        raise RefusedError(
            "A-151",
            "The tables have columns of types that the content API cannot read.",
            detail="; ".join(others[:_SHOWN]) + more + ".",
            hint='"howdah content verify" lists every difference. Moments kept as numbers and JSON kept as'
            " text become what the content types say where the plan names their types, or where Strapi or"
            ' "howdah content create" makes the tables before the migration.',
        )


def _served(declared: str) -> frozenset[str]:
    """Return the types that may stand for one that Strapi makes."""
    return _SERVED[re.split(r"[ (]", declared, maxsplit=1)[0]]
