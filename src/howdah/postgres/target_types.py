"""
Read the types of all columns of one schema, with what they stand on.

One query finds every type that is needed, however deep (a domain over an array of
enums); building is pure. The session's search path is pg_catalog, so names of other
schemas come out qualified.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from psycopg.rows import dict_row

from howdah.model.target_type import TargetType, TypeKind
from howdah.postgres.connect import Connection

#: Table and column, unquoted.
ColumnName = tuple[str, str]

_TYPES = """
WITH RECURSIVE needed (oid) AS (
    SELECT a.atttypid
      FROM pg_catalog.pg_attribute AS a
           JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
           JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname = %(schema)s AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
    UNION
    SELECT below.oid
      FROM needed
           JOIN pg_catalog.pg_type AS t ON t.oid = needed.oid
           LEFT JOIN pg_catalog.pg_range AS r
                  ON r.rngtypid = t.oid
                  OR (pg_catalog.to_jsonb(r) ->> 'rngmultitypid')::pg_catalog.oid = t.oid
           CROSS JOIN LATERAL (VALUES (t.typelem), (t.typbasetype), (r.rngtypid), (r.rngsubtype))
                              AS below (oid)
     WHERE below.oid <> 0
)
SELECT t.oid::int8 AS oid, n.nspname AS schema, t.typname AS name, t.typtype::text AS kind,
       t.typcategory::text AS category, t.typlen AS width, t.typelem::int8 AS element,
       t.typbasetype::int8 AS base, t.typtypmod AS base_modifier,
       t.typndims AS base_dimensions, t.typnotnull AS not_null,
       pg_catalog.format_type(t.oid, NULL) AS text,
       pg_catalog.format_type(t.typbasetype, t.typtypmod) AS base_text,
       (SELECT r.rngsubtype::int8 FROM pg_catalog.pg_range AS r WHERE r.rngtypid = t.oid) AS subtype,
       (SELECT r.rngtypid::int8 FROM pg_catalog.pg_range AS r
         WHERE (pg_catalog.to_jsonb(r) ->> 'rngmultitypid')::int8 = t.oid::int8) AS range,
       ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum AS e
              WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder) AS labels,
       ARRAY(SELECT pg_catalog.pg_get_constraintdef(k.oid) FROM pg_catalog.pg_constraint AS k
              WHERE k.contypid = t.oid AND k.contype = 'c' ORDER BY k.conname) AS checks,
       coalesce((SELECT x.extname::text
                   FROM pg_catalog.pg_depend AS d JOIN pg_catalog.pg_extension AS x ON x.oid = d.refobjid
                  WHERE d.classid = 'pg_catalog.pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'
                    AND d.refclassid = 'pg_catalog.pg_extension'::regclass), '') AS extension
  FROM needed
       JOIN pg_catalog.pg_type AS t ON t.oid = needed.oid
       JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
"""

_COLUMNS = """
SELECT c.relname AS table_name, a.attname AS name, a.atttypid::int8 AS type, a.atttypmod AS modifier,
       a.attndims AS dimensions, pg_catalog.format_type(a.atttypid, a.atttypmod) AS text
  FROM pg_catalog.pg_attribute AS a
       JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
       JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname = %(schema)s AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY c.relname, a.attnum
"""

#: Arrays of their own binary format (pg_type.dat).
_VECTORS = ("int2vector", "oidvector")

Row = Mapping[str, Any]


def read_target_types(connection: Connection, schema: str) -> dict[ColumnName, TargetType]:
    """Return the type of every column of every table of the schema, by table and column."""
    with connection.cursor(row_factory=dict_row) as cursor:
        types = cursor.execute(_TYPES, {"schema": schema}).fetchall()
        columns = cursor.execute(_COLUMNS, {"schema": schema}).fetchall()
    return build_target_types(types, columns)


def build_target_types(types: Iterable[Row], columns: Iterable[Row]) -> dict[ColumnName, TargetType]:
    """Put the types of the columns together; pure."""
    known = {row["oid"]: row for row in types}
    return {
        (row["table_name"], row["name"]): _build(
            known, row["type"], row["modifier"], row["text"], row["dimensions"]
        )
        for row in columns
    }


def _build(known: Mapping[int, Row], oid: int, modifier: int, text: str, dimensions: int = 0) -> TargetType:
    row = known[oid]
    kind = _kind_of(row)
    element = base = subtype = None
    if kind is TypeKind.ARRAY:
        inner = text.removesuffix("[]") if text.endswith("[]") else known[row["element"]]["text"]
        element = _build(known, row["element"], modifier, inner)
    elif kind is TypeKind.DOMAIN:
        base = _build(known, row["base"], row["base_modifier"], row["base_text"], row["base_dimensions"])
    elif kind in (TypeKind.RANGE, TypeKind.MULTIRANGE):
        below = row["subtype"] if kind is TypeKind.RANGE else row["range"]
        subtype = _build(known, below, -1, known[below]["text"])
    return TargetType(
        oid=oid,
        schema=row["schema"],
        name=row["name"],
        text=text,
        kind=kind,
        modifiers=() if kind is not TypeKind.BASE else read_modifiers(row["name"], modifier),
        element=element,
        dimensions=max(dimensions, 1) if kind is TypeKind.ARRAY else 0,
        labels=tuple(row["labels"]),
        base=base,
        checks=tuple(row["checks"]),
        not_null=kind is TypeKind.DOMAIN and row["not_null"],
        subtype=subtype,
        extension=row["extension"],
    )


def _kind_of(row: Row) -> TypeKind:
    match row["kind"]:
        case "e":
            return TypeKind.ENUM
        case "d":
            return TypeKind.DOMAIN
        case "r":
            return TypeKind.RANGE
        case "m":
            return TypeKind.MULTIRANGE
        case "c":
            return TypeKind.COMPOSITE
        case _ if row["category"] == "A" and row["width"] == -1 and row["name"] not in _VECTORS:
            return TypeKind.ARRAY
        case _:
            return TypeKind.BASE


def read_modifiers(name: str, modifier: int) -> tuple[int, ...]:
    """
    Return what atttypmod means for a base type, () where it means nothing.

    numeric.c packs precision and scale (11 bits, signed) over VARHDRSZ; varchar and bpchar add
    VARHDRSZ; interval keeps the fields above 16 bits of precision.
    """
    if modifier < 0:
        return ()
    match name:
        case "numeric":
            packed = modifier - 4
            return (packed >> 16) & 0xFFFF, ((packed & 0x7FF) ^ 1024) - 1024
        case "varchar" | "bpchar":
            return (modifier - 4,)
        case "interval":
            precision = modifier & 0xFFFF
            return () if precision == 0xFFFF else (precision,)
        case _:
            return (modifier,)
