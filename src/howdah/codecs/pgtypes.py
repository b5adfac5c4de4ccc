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
}


@dataclass(frozen=True, kw_only=True)
class PgType:
    #: One of "int2", "int4", "int8", "bool", "float4", "float8", "numeric", "text", "varchar", "char",
    #: "bpchar" (unlimited), "bytea", "json", "jsonb", "uuid", "date", "time", "timestamp", "timestamptz".
    base: str
    #: What stands in parentheses: (10, 2) of numeric(10,2).
    modifiers: tuple[int, ...] = ()


def parse_type(pg_type: str) -> PgType:
    """
    Read a type as written in DDL or printed by `format_type()`.

    Raises UsageError C-104 for a type that no codec can write.
    """
    name, modifiers = _split_modifiers(" ".join(pg_type.lower().split()))
    base = _BASE_NAMES.get(name)
    if base is None or modifiers is None:
        raise UsageError(
            "C-104",
            f'type "{pg_type}" is not one that Howdah writes',
            hint="Known types: " + ", ".join(sorted(set(_BASE_NAMES))) + ".",
        )
    if base == "char" and not modifiers:
        modifiers = (1,)  # character without a length is character(1)
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
