"""
What a schema that the application created holds beyond tables, and what a run owes it.

`OwnedFacts` is what the catalog says before anything is decided; `OwnedPlan` is the
part of a plan that must be put back: constraints, triggers and defaults that are out
of the way while rows are loaded, rows that were there before, sequences.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from howdah.model.target import TargetTable
from howdah.model.target_type import TargetType

#: In the rows that a run saved: true where the row went back into its table beside the source's.
KEPT_COLUMN = "_howdah_kept"


class RowPolicy(StrEnum):
    """What becomes of the rows that a table holds already."""

    #: They give way, and are kept in the state schema until `finalize`.
    REPLACE = "replace"
    #: They stay and the source's rows are not carried.
    KEEP = "keep"
    #: They stay where the source has no row of the same key.
    MERGE = "merge"
    #: A run with such rows is refused.
    REFUSE = "refuse"


class TableKind(StrEnum):
    TABLE = "table"
    PARTITIONED = "partitioned"
    PARTITION = "partition"


#: pg_trigger.tgenabled → what ALTER TABLE says to have it so.
ENABLE_TRIGGER = {"O": "ENABLE TRIGGER", "R": "ENABLE REPLICA TRIGGER", "A": "ENABLE ALWAYS TRIGGER"}


@dataclass(frozen=True, kw_only=True)
class OwnedTrigger:
    schema: str
    table: str
    name: str
    #: pg_trigger.tgenabled: O origin, D disabled, R replica, A always.
    enabled: str
    #: As pg_get_triggerdef() prints it.
    definition: str
    #: The trigger of a partition that came with its parent's.
    inherited: bool = False


@dataclass(frozen=True, kw_only=True)
class OwnedForeignKey:
    schema: str
    table: str
    name: str
    columns: tuple[str, ...]
    parent_schema: str
    parent_table: str
    parent_columns: tuple[str, ...]
    #: As pg_get_constraintdef() prints it, deferrability and NOT VALID included.
    definition: str
    validated: bool = True
    enforced: bool = True
    #: MATCH FULL: all columns or none are NULL.
    match_full: bool = False
    comment: str | None = None
    #: The role may drop and add it (it owns the table).
    may_alter: bool = True

    @property
    def interim_id(self) -> str:
        """The id of the interim that puts it out of the way."""
        return f"foreign-key:{self.schema}.{self.table}.{self.name}"

    @property
    def to_validate(self) -> bool:
        """Whether it comes back NOT VALID where nobody may wait for a scan, and is validated later."""
        return self.validated and self.enforced


@dataclass(frozen=True, kw_only=True)
class SequenceUse:
    """A column that takes its values from a sequence."""

    schema: str
    table: str
    column: str


@dataclass(frozen=True, kw_only=True)
class OwnedSequence:
    schema: str
    name: str
    start: int
    increment: int
    minimum: int
    maximum: int
    cycles: bool
    last_value: int
    is_called: bool
    uses: tuple[SequenceUse, ...] = ()
    #: The role owns it; else it may only be set, which is not undone with a transaction.
    may_alter: bool = True

    @property
    def coming(self) -> int:
        """The number that nextval() gives next, beyond its end where it gives none."""
        return self.last_value + (self.increment if self.is_called else 0)

    def behind(self, used: int | None) -> int:
        """Return the first number behind `used` on the sequence's way, `coming` where that is behind it."""
        if used is None:
            return self.coming
        distance = used - self.coming if self.increment > 0 else self.coming - used
        if distance < 0:
            return self.coming
        return self.coming + (distance // abs(self.increment) + 1) * self.increment


@dataclass(frozen=True, kw_only=True)
class OwnedTable:
    """One table as its application created it."""

    facts: TargetTable
    #: By position, those of `facts.columns`.
    types: tuple[TargetType, ...]
    kind: TableKind = TableKind.TABLE
    #: The partitioned table that it belongs to, "" for none.
    partition_of: str = ""
    #: The role has the rights of the owner.
    may_alter: bool = True
    row_security: bool = False
    #: Policies would hide rows from this role.
    filtered: bool = False
    triggers: tuple[OwnedTrigger, ...] = ()
    rows: int = 0

    @property
    def name(self) -> str:
        """Name within the schema, unquoted."""
        return self.facts.name

    def type_of(self, column: str) -> TargetType:
        """Return the type of the column of exactly that name. Raises KeyError."""
        for facts, kind in zip(self.facts.columns, self.types, strict=True):
            if facts.name == column:
                return kind
        raise KeyError(column)


@dataclass(frozen=True, kw_only=True)
class OwnedFacts:
    """The application's schema."""

    schema: str
    tables: tuple[OwnedTable, ...]
    #: Foreign keys of these tables and those of other schemas that refer to them.
    foreign_keys: tuple[OwnedForeignKey, ...] = ()
    sequences: tuple[OwnedSequence, ...] = ()
    #: Sessions of others in the same database, for people.
    sessions: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Interim:
    """Something that is out of the way while rows are loaded, and the SQL for either direction."""

    #: Unique within the plan.
    id: str
    #: "foreign key", "trigger" or "default".
    kind: str
    #: For people: 'foreign key "x" of table "y"'.
    object: str
    take_sql: str
    restore_sql: str


@dataclass(frozen=True, kw_only=True)
class FilledColumn:
    """A column that only the target has, and the value that every loaded row gets in it."""

    table: str
    column: str
    value: str


@dataclass(frozen=True, kw_only=True)
class OwnedPlan:
    """What the run must leave as it was, and how."""

    #: The tables that take rows, as they were, partitions included.
    tables: tuple[TargetTable, ...]
    triggers: tuple[OwnedTrigger, ...] = ()
    foreign_keys: tuple[OwnedForeignKey, ...] = ()
    sequences: tuple[OwnedSequence, ...] = ()
    interims: tuple[Interim, ...] = ()
    #: Names of the schema's other tables: they take no rows.
    others: tuple[str, ...] = ()
    #: Where rows that were there before are kept: schema, and what their tables' names begin with.
    saved_schema: str = ""
    saved_prefix: str = ""
