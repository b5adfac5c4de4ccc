"""What a PostgreSQL database says about itself: the server, the role, and the objects in a schema."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TargetColumn:
    name: str
    #: As `format_type()` prints it, with modifiers: "numeric(10,2)", "timestamp with time zone".
    type: str
    not_null: bool = False
    default_sql: str | None = None
    #: "", "always" or "by default".
    identity: str = ""
    #: Expression of GENERATED ALWAYS AS … STORED, None for an ordinary column.
    generated_sql: str | None = None


@dataclass(frozen=True, kw_only=True)
class TargetIndex:
    name: str
    definition: str
    unique: bool
    primary: bool
    valid: bool
    #: Its columns in order where it is over plain columns of all rows, () where not.
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TargetConstraint:
    name: str
    #: pg_constraint.contype: p, u, f, c, x, n.
    kind: str
    definition: str
    validated: bool


@dataclass(frozen=True, kw_only=True)
class TargetSequence:
    schema: str
    name: str
    #: Column that owns it.
    column: str
    last_value: int
    is_called: bool

    @property
    def next_value(self) -> int:
        """The value that nextval() returns next (increment 1)."""
        return self.last_value + 1 if self.is_called else self.last_value


@dataclass(frozen=True, kw_only=True)
class TargetTable:
    schema: str
    name: str
    columns: tuple[TargetColumn, ...]
    indexes: tuple[TargetIndex, ...] = ()
    constraints: tuple[TargetConstraint, ...] = ()
    sequences: tuple[TargetSequence, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TargetFacts:
    #: server_version_num, e.g. 160015.
    server_version: int
    database: str
    #: server_encoding, "UTF8" is the only one that Howdah loads into.
    encoding: str
    #: datcollate of the database.
    collation: str
    role: str
    #: The role may CREATE in the database (a new schema) and in the target schema.
    may_create_schema: bool
    may_create_in_schema: bool
    schema_exists: bool
    in_recovery: bool = False
    #: Tables of the target schema.
    tables: tuple[TargetTable, ...] = ()
    #: Everything in the target schema, kind first: 'table "x"', 'view "y"', 'type "z"', 'function "f"'.
    objects: tuple[str, ...] = ()

    @property
    def major(self) -> int:
        """Major version of the server."""
        return self.server_version // 10000
