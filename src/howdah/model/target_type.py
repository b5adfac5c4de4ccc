"""
The type of a column that the application created: all that decides what may be written into it.

Facts of pg_type as they are, nothing decided. A type that stands on another (array,
domain, range) holds that other one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TypeKind(StrEnum):
    #: Built in or of an extension, without an inside that matters here.
    BASE = "base"
    ENUM = "enum"
    DOMAIN = "domain"
    ARRAY = "array"
    RANGE = "range"
    MULTIRANGE = "multirange"
    COMPOSITE = "composite"


@dataclass(frozen=True, kw_only=True)
class TargetType:
    #: pg_type.oid, which holds for this database only where the type is not built in.
    oid: int
    schema: str
    #: pg_type.typname: "int4", "bpchar", "_text", "mood".
    name: str
    #: As `format_type()` prints it, modifiers included, schema-qualified outside pg_catalog.
    text: str
    kind: TypeKind = TypeKind.BASE
    #: (10, 2) of numeric(10,2), (255,) of varchar(255), (3,) of timestamp(3); () without.
    modifiers: tuple[int, ...] = ()
    #: ARRAY: type of the elements, which has the modifiers; dimensions as declared, which
    #: PostgreSQL does not enforce.
    element: TargetType | None = None
    dimensions: int = 0
    #: ENUM: in their order.
    labels: tuple[str, ...] = ()
    #: DOMAIN: what it stands on, its checks as pg_get_constraintdef() prints them.
    base: TargetType | None = None
    checks: tuple[str, ...] = ()
    not_null: bool = False
    #: RANGE: type of the bounds; MULTIRANGE: the range type.
    subtype: TargetType | None = None
    #: Extension that made it ("citext", "hstore", "vector"), "" for none.
    extension: str = ""

    @property
    def stored(self) -> TargetType:
        """What a value really is: the type itself, or what a domain stands on in the end."""
        found = self
        while found.base is not None:
            found = found.base
        return found

    @property
    def built_in(self) -> bool:
        """Whether the type belongs to PostgreSQL itself."""
        return self.schema == "pg_catalog"

    @property
    def domain_checks(self) -> tuple[str, ...]:
        """Checks of the domain and of every domain below it."""
        return self.checks + (self.base.domain_checks if self.base is not None else ())
