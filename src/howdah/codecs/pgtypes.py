"""
Names of PostgreSQL types as people write them, reduced to one base name and modifiers.

Pure. Codecs ask which wire format a type has and what its modifiers forbid; a
type that is not in the table is an error, never taken for text.
"""

from __future__ import annotations

from dataclasses import dataclass

from howdah.errors import UsageError

#: Spelling (PostgreSQL documentation, table 8.1, and pg_type) → base name used in `Codec.target_types`.
_BASE_NAMES = {
    "smallint": "int2",
    "int2": "int2",
    "integer": "int4",
    "int": "int4",
    "int4": "int4",
    "bigint": "int8",
    "int8": "int8",
    "boolean": "bool",
    "bool": "bool",
    "real": "float4",
    "float4": "float4",
    "double precision": "float8",
    "float8": "float8",
    "numeric": "numeric",
    "decimal": "numeric",
    "text": "text",
    "character varying": "varchar",
    "varchar": "varchar",
    "character": "char",
    "char": "char",
    "bpchar": "bpchar",
    "bytea": "bytea",
    "json": "json",
    "jsonb": "jsonb",
    "uuid": "uuid",
    "date": "date",
    "time": "time",
    "time without time zone": "time",
    "timestamp": "timestamp",
    "timestamp without time zone": "timestamp",
    "timestamptz": "timestamptz",
    "timestamp with time zone": "timestamptz",
    "timetz": "timetz",
    "time with time zone": "timetz",
    "interval": "interval",
    "inet": "inet",
    "cidr": "cidr",
    "macaddr": "macaddr",
    "macaddr8": "macaddr8",
    "bit": "bit",
    "bit varying": "varbit",
    "varbit": "varbit",
    "xml": "xml",
    "tsvector": "tsvector",
    "money": "money",
    "oid": "oid",
    "name": "name",
    # With its quotes: one byte, another type than character.
    '"char"': "byte-char",
    # Made by the application or by an extension: the planner names them so, wherever they live.
    "enum": "enum",
    "citext": "citext",
    "hstore": "hstore",
    "vector": "vector",
}

#: Base names of what an array or a range may be made of.
ELEMENT_TYPES = frozenset(
    {
        *("int2", "int4", "int8", "oid", "bool", "float4", "float8", "numeric"),
        *("text", "varchar", "char", "bpchar", "citext", "enum", "bytea", "bit", "varbit"),
        *("uuid", "inet", "cidr", "macaddr", "macaddr8"),
        *("date", "time", "timetz", "timestamp", "timestamptz", "interval"),
    }
)

#: Base names of the elements of arrays of documents, which have a codec of their own.
DOCUMENT_TYPES = frozenset({"json", "jsonb"})
#: Base names of the bounds of ranges whose multiranges can be put in order as the server does it.
ORDERED_TYPES = frozenset(
    {"int2", "int4", "int8", "oid", "float4", "float8", "numeric", "date", "timestamp", "timestamptz"}
)

#: How the planner writes a range or multirange type, built in or not: "range<integer>".
_BRACKETED = {"range<": "range", "multirange<": "multirange"}


@dataclass(frozen=True, kw_only=True)
class PgType:
    #: A value of `_BASE_NAMES` ("bpchar" without a length, "char" with one), "array", "range" or
    #: "multirange".
    base: str
    #: What stands in parentheses: (10, 2) of numeric(10,2).
    modifiers: tuple[int, ...] = ()
    #: Of an array its elements, of a range or multirange its bounds.
    element: PgType | None = None


def parse_type(pg_type: str) -> PgType:
    """
    Read a type as written in DDL or printed by `format_type()`.

    Raises UsageError C-104 for a type that no codec can write.
    """
    written = " ".join(pg_type.lower().split())
    if written.endswith("[]"):
        return PgType(base="array", element=parse_type(written.rstrip("[]")))
    for opening, kind in _BRACKETED.items():
        if written.startswith(opening) and written.endswith(">"):
            return PgType(base=kind, element=parse_type(written[len(opening) : -1]))
    name, modifiers = _split_modifiers(written)
    base = _BASE_NAMES.get(name)
    if base is None or modifiers is None:
        raise UsageError(
            "C-104",
            f'type "{pg_type}" is not one that Howdah writes',
            hint="Known types: " + ", ".join(sorted(set(_BASE_NAMES))) + ".",
        )
    if base in ("char", "bit") and not modifiers:
        modifiers = (1,)  # character without a length is character(1), bit without one is bit(1)
    return PgType(base=base, modifiers=modifiers)


def _split_modifiers(text: str) -> tuple[str, tuple[int, ...] | None]:
    """Part "timestamp(3) with time zone" into its name and (3,); None for modifiers that are no integers."""
    before, parenthesis, rest = text.partition("(")
    if not parenthesis:
        return text, ()
    inside, closing, after = rest.partition(")")
    name = " ".join((before + " " + after).split())
    try:
        return name, tuple(int(part) for part in inside.split(",")) if closing else None
    except ValueError:
        return name, None
