"""
Content types of a Strapi project, the tables they are stored in, and what was found of them in a database.

Frozen facts only. `content.derive` fills `ContentModel` from schema files; `content.compare`
and `content.probe` fill the checks; the reports at the end are what text and JSON are rendered from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

#: "content-type": a type of the project; "component": part of an entry of another;
#: "built-in": a type that every Strapi has (files, users, locales, API tokens…).
TypeOrigin = Literal["content-type", "component", "built-in"]

#: What a table holds: entries (or components) themselves, or what belongs to them.
TableRole = Literal["entries", "links", "components", "morph-links"]


@dataclass(frozen=True, kw_only=True)
class ColumnStorage:
    """A scalar attribute: a column of the type's own table."""

    column: str
    #: As `format_type()` prints it.
    type: str


@dataclass(frozen=True, kw_only=True)
class JoinColumnStorage:
    """A relation kept in a column of the type's own table (created_by_id, updated_by_id)."""

    column: str
    target: str


@dataclass(frozen=True, kw_only=True)
class LinkStorage:
    """A relation kept in a link table, seen from one of its two sides."""

    table: str
    #: Column with the id of this type's row.
    own_column: str
    #: Column with the id of the other type's row.
    other_column: str
    target: str
    #: Column that orders the other rows for one of this type, "" where there is none.
    order_column: str
    #: Column that orders this type's rows for one of the other, "" where there is none.
    inverse_order_column: str
    to_many: bool
    #: False on the side that says mappedBy.
    owner: bool


@dataclass(frozen=True, kw_only=True)
class ComponentStorage:
    """A component or dynamic zone: rows of component tables, joined by the `_cmps` table."""

    table: str
    #: Value of the join table's column "field".
    field: str
    #: Components allowed here, by uid.
    components: tuple[str, ...]
    repeatable: bool
    dynamic_zone: bool


@dataclass(frozen=True, kw_only=True)
class MorphColumnsStorage:
    """morphToOne: id and type of any row, in two columns of the type's own table."""

    id_column: str
    type_column: str


@dataclass(frozen=True, kw_only=True)
class MorphTableStorage:
    """morphToMany: ids and types of any rows, in a table of its own."""

    table: str
    own_column: str
    id_column: str
    type_column: str


@dataclass(frozen=True, kw_only=True)
class MorphInverseStorage:
    """morphOne, morphMany and media: kept by the attribute `morph_by` of the target type."""

    target: str
    morph_by: str
    #: Value of the morph table's column "field".
    field: str
    to_many: bool


Storage = (
    ColumnStorage
    | JoinColumnStorage
    | LinkStorage
    | ComponentStorage
    | MorphColumnsStorage
    | MorphTableStorage
    | MorphInverseStorage
)


@dataclass(frozen=True, kw_only=True)
class Attribute:
    name: str
    #: Strapi's word: "string", "relation", "component", "media"…
    type: str
    #: The definition as the schema file has it.
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ContentType:
    #: "api::agent.agent", "agent.tool-config", "plugin::upload.file".
    uid: str
    origin: TypeOrigin
    #: "collectionType", "singleType"; "" for components.
    kind: str
    #: Singular name; link tables name their columns by it.
    singular_name: str
    #: "" for components.
    plural_name: str
    #: Name of the table as the file gives it, before shortening.
    collection_name: str
    #: Own attributes and those that Strapi adds, in the order of the columns.
    attributes: tuple[Attribute, ...]
    draft_and_publish: bool = False
    localized: bool = False
    #: Entries have documentId, timestamps, creators and locale; components and plain models do not.
    has_documents: bool = True
    #: Further indexes that the file asks for: name, columns, type.
    indexes: tuple[Mapping[str, Any], ...] = ()
    #: Schema file, "" for a built-in type.
    file: str = ""
    #: Member "options" of the file: draftAndPublish, populateCreatorFields, privateAttributes…
    options: Mapping[str, Any] = field(default_factory=dict)

    def attribute(self, name: str) -> Attribute | None:
        """Return an attribute by name."""
        return next((item for item in self.attributes if item.name == name), None)


@dataclass(frozen=True, kw_only=True)
class ColumnDefinition:
    name: str
    #: As `format_type()` prints it: "character varying(255)", "timestamp(6) without time zone".
    type: str
    not_null: bool = False
    #: Literal or expression as SQL, None for no default.
    default_sql: str | None = None
    #: The id: integer with a sequence of its own.
    serial: bool = False


@dataclass(frozen=True, kw_only=True)
class IndexDefinition:
    name: str
    columns: tuple[str, ...]
    #: A unique one is a constraint, as Strapi makes it.
    unique: bool = False


@dataclass(frozen=True, kw_only=True)
class ForeignKeyDefinition:
    name: str
    column: str
    referenced_table: str
    #: "CASCADE" or "SET NULL".
    on_delete: str
    referenced_column: str = "id"


@dataclass(frozen=True, kw_only=True)
class TableDefinition:
    name: str
    #: Uid of the type that owns it.
    owner: str
    role: TableRole
    columns: tuple[ColumnDefinition, ...]
    indexes: tuple[IndexDefinition, ...] = ()
    foreign_keys: tuple[ForeignKeyDefinition, ...] = ()

    @property
    def primary_key_name(self) -> str:
        """Name that PostgreSQL gives the key of the id."""
        return f"{self.name}_pkey"

    @property
    def sequence_name(self) -> str:
        """Name that PostgreSQL gives the sequence of the id."""
        return f"{self.name}_id_seq"

    def column(self, name: str) -> ColumnDefinition | None:
        """Return a column by name."""
        return next((item for item in self.columns if item.name == name), None)


@dataclass(frozen=True, kw_only=True)
class ContentModel:
    """Everything that the content types of a project are in a database."""

    types: tuple[ContentType, ...]
    tables: tuple[TableDefinition, ...]
    #: Uid → attribute name → where it is kept.
    storage: Mapping[str, Mapping[str, Storage]]

    def type(self, uid: str) -> ContentType:
        """Return a type by uid. Raises KeyError."""
        for item in self.types:
            if item.uid == uid:
                return item
        raise KeyError(uid)

    def table(self, name: str) -> TableDefinition:
        """Return a table by name. Raises KeyError."""
        for item in self.tables:
            if item.name == name:
                return item
        raise KeyError(name)

    def tables_of(self, uid: str) -> tuple[TableDefinition, ...]:
        """Return the tables that a type owns, its entries first."""
        owned = [table for table in self.tables if table.owner == uid]
        return tuple(sorted(owned, key=lambda table: table.role != "entries"))


@dataclass(frozen=True, kw_only=True)
class ContentDifference:
    """One thing in the database that is not as the content types say."""

    #: "table", "column", "type", "default", "index", "foreign-key", "primary-key", "sequence", "probe".
    kind: str
    table: str
    #: Name of the column, index, constraint or sequence; "" where it is the table.
    object: str
    expected: str
    found: str


@dataclass(frozen=True, kw_only=True)
class TableCheck:
    """One table, compared."""

    name: str
    role: TableRole
    present: bool
    #: None where the table is missing or cannot be read.
    rows: int | None
    differences: tuple[ContentDifference, ...] = ()
    #: Columns that no attribute asks for; they are left alone and are no difference.
    extra_columns: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ProbeResult:
    """Create, read, update, delete of one entry with everything that belongs to it; rolled back."""

    #: "passed", "failed" or "not run".
    status: str
    #: What failed, in the order create, read, update, delete.
    step: str = ""
    detail: str = ""
    #: Values taken from sequences, which a rollback does not give back, by sequence.
    sequence_values: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TypeCheck:
    """One content type, component or built-in type, compared and probed."""

    uid: str
    origin: TypeOrigin
    #: Table of its entries.
    table: str
    #: Rows in it, None where it is missing.
    rows: int | None
    #: Aspect ("tables", "columns", "types", "indexes"…) → (as expected, expected).
    counts: Mapping[str, tuple[int, int]]
    tables: tuple[TableCheck, ...]
    probe: ProbeResult
    ok: bool


@dataclass(frozen=True, kw_only=True)
class ContentVerifyReport:
    verb: str = "content verify"
    #: "verified" or "different".
    status: str
    exit_status: int
    target: str
    schema: str
    content: str
    #: SHA-256 of what was derived.
    digest: str
    types: tuple[TypeCheck, ...]
    differences: tuple[ContentDifference, ...]
    #: What is worth knowing and is no difference.
    notes: tuple[str, ...] = ()
    probed: bool = True


@dataclass(frozen=True, kw_only=True)
class MigrationStep:
    """One statement, and what it does in words."""

    #: "create-table", "add-column", "alter-type", "add-index", "drop-column"…
    kind: str
    table: str
    object: str
    sql: str
    description: str
    #: Something that is stored may be lost.
    destructive: bool = False


@dataclass(frozen=True, kw_only=True)
class ContentCreateReport:
    verb: str = "content create"
    #: "created", "migrated", "adopted" (was there already), "unchanged" or "planned" (nothing was done).
    status: str
    exit_status: int = 0
    target: str
    schema: str
    content: str
    digest: str
    #: Number of this migration in the history, 0 where nothing was recorded.
    version: int
    steps: tuple[MigrationStep, ...]
    #: Of ours in the database but no longer in the files; kept, for want of consent to drop.
    kept: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    tables: int = 0


@dataclass(frozen=True, kw_only=True)
class AttributeListing:
    name: str
    type: str
    #: Where it is kept: a column, a table; "" where the other side keeps it.
    kept_in: str


@dataclass(frozen=True, kw_only=True)
class TypeListing:
    uid: str
    origin: TypeOrigin
    kind: str
    draft_and_publish: bool
    localized: bool
    attributes: tuple[AttributeListing, ...]
    tables: tuple[str, ...]
    #: Rows of the table of entries; None without a target or where the table is missing.
    rows: int | None


@dataclass(frozen=True, kw_only=True)
class ContentListReport:
    verb: str = "content list"
    status: str = "done"
    exit_status: int = 0
    #: "" without one.
    target: str
    schema: str
    content: str
    digest: str
    types: tuple[TypeListing, ...]


@dataclass(frozen=True, kw_only=True)
class ContentTokenReport:
    verb: str = "content token"
    status: str = "created"
    exit_status: int = 0
    target: str
    schema: str
    name: str
    #: "full-access", "read-only" or "custom".
    type: str
    actions: tuple[str, ...] = ()
    #: The token itself, which is shown this once.
    token: str
    id: int
