"""
Every decision of a migration, as data.

A plan is built by `planning.build` from facts alone, shown by `howdah plan`, and
carried out by `howdah migrate`: both use the same object. Source names are
SQLite's, target names PostgreSQL's, both unquoted. `Step.sql` is complete SQL for
PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from howdah.model.findings import Finding
from howdah.model.orphans import Orphans
from howdah.model.owned import OwnedPlan, RowPolicy

#: Values of `PlanOptions.schema_mode`.
SCHEMA_MODES = ("auto", "create", "owned")


#: Values of `TablePlan.orphans`, the default first.
ORPHAN_CHOICES = ("keep", "quarantine", "null", "delete")


class Phase(StrEnum):
    PRE_DATA = "pre-data"
    DATA = "data"
    POST_DATA = "post-data"


class StepKind(StrEnum):
    SCHEMA = "schema"
    TABLE = "table"
    #: Owned schema: save rows that are there, take constraints and triggers out of the way.
    PREPARE = "prepare"
    COPY = "copy"
    #: Owned schema: bring back rows that stay beside the source's.
    MERGE = "merge"
    #: Owned schema: set aside what constraints cannot hold, put everything back.
    RESTORE = "restore"
    PRIMARY_KEY = "primary-key"
    UNIQUE = "unique"
    INDEX = "index"
    CHECK = "check"
    FOREIGN_KEY = "foreign-key"
    SEQUENCE = "sequence"
    VIEW = "view"
    #: Executes what was translated on both sides and removes it where the answers differ.
    COMPARISON = "comparison"
    ANALYZE = "analyze"
    #: Tries the translated triggers on both sides, and leaves nothing behind but what it found.
    TRIAL = "trial"
    TRIGGER = "trigger"


@dataclass(frozen=True, kw_only=True)
class Output:
    """One column of a query that is executed on both sides."""

    #: Codec by which a stored value comes out, "" for a computed one, which is compared as it is.
    codec: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    #: A computed floating point number: the order of a sum may change its last digits.
    inexact: bool = False


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The same question to SQLite and to PostgreSQL."""

    #: E.g. 'view "v"'.
    object: str
    source_sql: str
    target_sql: str
    outputs: tuple[Output, ...]
    #: The object that is removed where the answers differ: its step, and the SQL that removes it.
    step_id: str
    drop_sql: str
    #: The SQL by which it was made.
    translated_sql: str
    #: Steps of what goes with it: the views that read it.
    dependants: tuple[str, ...] = ()
    #: The application's own statement, for people.
    written_sql: str = ""
    #: Its answer changes with the moment or by chance, so that two answers may differ.
    changing: bool = False


@dataclass(frozen=True, kw_only=True)
class TriggerTrial:
    """A trigger that is tried on both sides with the same statements; names are the source's."""

    name: str
    table: str
    #: DELETE, INSERT or UPDATE.
    event: str
    #: Of UPDATE OF.
    columns: tuple[str, ...] = ()
    #: Columns of its table that its text speaks of.
    mentioned: tuple[str, ...] = ()
    #: Constants of its text, near which it may act otherwise.
    numbers: tuple[float, ...] = ()
    texts: tuple[str, ...] = ()
    #: Tables that its statements write to.
    writes: tuple[str, ...] = ()
    #: Columns of other tables that its text speaks of, as (table, column).
    related: tuple[tuple[str, str], ...] = ()
    #: Its answer changes by chance.
    changing: bool = False
    #: The step that makes it, the SQL of that step, and the application's own statement.
    step_id: str
    translated_sql: str
    drop_sql: str
    written_sql: str


@dataclass(frozen=True, kw_only=True)
class Step:
    """
    One independent, idempotently recorded piece of work.

    A step runs in one transaction together with its record in the ledger. It
    needs no memory shared with another step, so it may run in any process.
    """

    #: Unique within the plan and stable between builds of the same plan.
    id: str
    phase: Phase
    kind: StepKind
    #: Source name of the table it works on, "" for the schema and for views.
    table: str = ""
    #: The object it makes, unquoted target name ("" for COPY).
    object: str = ""
    sql: str = ""
    #: Tried when the data rejects `sql` (class 23): the constraint as NOT VALID. "" for none.
    fallback_sql: str = ""
    #: COPY: rowids in [low, high]; None for the whole table.
    rowid_range: tuple[int, int] | None = None
    #: Estimated bytes to read (COPY), for progress and balance.
    weight: int = 0
    #: A failure of the server to take `sql` becomes a finding and the run goes on.
    optional: bool = False
    #: PRIMARY_KEY, UNIQUE: what must be unique, as SQL expressions over the target table (quoted
    #: columns mostly), so that duplicates can be found; with the predicate of a partial index.
    key_sql: tuple[str, ...] = ()
    where_sql: str = ""
    #: FOREIGN_KEY: referencing columns, the parent's source name, referenced columns (source names).
    columns: tuple[str, ...] = ()
    parent_table: str = ""
    parent_columns: tuple[str, ...] = ()
    #: COMPARISON: what is asked, one question after the other.
    comparisons: tuple[Comparison, ...] = ()
    #: TRIAL: the triggers, in the order of their steps.
    trials: tuple[TriggerTrial, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ColumnPlan:
    name: str
    target_name: str
    #: PostgreSQL type as written in DDL.
    type: str
    #: Name in the codec registry.
    codec: str
    #: The type as the codec knows it, where that is not `type`: a domain's base, "enum", "int4[]".
    wire_type: str = ""
    #: Parameters of the codec, e.g. {"format": "T3Z"}.
    params: Mapping[str, str] = field(default_factory=dict)
    not_null: bool = False
    #: DEFAULT expression for PostgreSQL, None for none.
    default_sql: str | None = None
    identity: bool = False
    #: Expression of a GENERATED … STORED column, None for a column that is copied.
    generated_sql: str | None = None
    #: Name for COLLATE, unquoted; None for the database's.
    collation: str | None = None
    #: What the codec makes of the smallest, the largest and some stored values, for people.
    minimum: str = ""
    maximum: str = ""
    samples: tuple[str, ...] = ()
    #: Why this type, one sentence.
    reason: str = ""

    @property
    def written_as(self) -> str:
        """The type to hand to the codec."""
        return self.wire_type or self.type

    @property
    def copied(self) -> bool:
        """Whether the column's values are carried (a generated column computes its own)."""
        return self.generated_sql is None


@dataclass(frozen=True, kw_only=True)
class TablePlan:
    name: str
    target_name: str
    target_schema: str
    columns: tuple[ColumnPlan, ...]
    #: Columns (source names) that identify a row in both databases, () when there is none; all are
    #: NOT NULL and unique in what is stored.
    key: tuple[str, ...] = ()
    #: The key is one INTEGER PRIMARY KEY column carried by the codec "integer".
    integer_key: bool = False
    #: By which the source row is named in quarantine and ranges; None for WITHOUT ROWID.
    rowid_name: str | None = "rowid"
    rows: int = 0
    bytes: int = 0
    #: Rows with a big value: copied one by one after the batches.
    big_rows: int = 0
    #: Rows whose foreign key points nowhere: "keep" leaves the key NOT VALID, "quarantine" sets them aside;
    #: "null" and "delete" have been done to the copy that is read (`Plan.corrections`).
    orphans: str = ORPHAN_CHOICES[0]
    #: Owned schema: what becomes of rows that were there; None where the table is ours to create.
    row_policy: RowPolicy | None = None
    rows_before: int = 0
    #: Owned schema: the target spreads its rows over partitions.
    partitioned: bool = False
    #: Owned schema: source columns without a counterpart → values that are not carried.
    left_out: Mapping[str, int] = field(default_factory=dict)
    #: MERGE: target columns by which rows are the same row.
    merge_key: tuple[str, ...] = ()

    @property
    def loaded(self) -> bool:
        """Whether the source's rows are carried (a table that keeps its own rows is left alone)."""
        return self.row_policy is not RowPolicy.KEEP

    @property
    def copied_columns(self) -> tuple[ColumnPlan, ...]:
        return tuple(column for column in self.columns if column.copied)

    def column(self, name: str) -> ColumnPlan:
        """Return the plan of the source column of exactly that name. Raises KeyError."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


class RejectPolicy(StrEnum):
    QUARANTINE = "quarantine"
    STOP = "stop"


@dataclass(frozen=True, kw_only=True)
class PlanOptions:
    """What a person may ask for; each has a default that keeps every stored value exactly."""

    #: fnmatch patterns over source table names; empty include means all.
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    schema: str = "public"
    #: Tables, columns, indexes and constraints are named in snake_case; else exactly as in SQLite.
    fold_names: bool = False
    #: Collation for text columns, None for the database's own.
    collation: str | None = None
    on_reject: RejectPolicy = RejectPolicy.QUARANTINE
    #: "name=choice": what becomes of values that cannot go as they are (docs/reference/policies.md).
    policies: tuple[str, ...] = ()
    #: PostgreSQL type for columns declared JSON that hold only valid JSON: json, jsonb or text.
    json_type: str = "json"
    #: Convert integers in date columns, ISO texts in date columns (else they stay as stored).
    convert_dates: bool = True
    #: Carry the rows that full-text and R*Tree tables keep themselves, as ordinary tables.
    virtual_tables: bool = True
    #: Make the tsvector column and its index that the plan offers for each full-text table.
    full_text: bool = False
    #: Ranges of big tables are made for so many processes.
    jobs: int = 1
    #: create: the tables are ours to make; owned: the application made them; auto: as the target shows.
    schema_mode: str = "auto"
    #: Owned schema: "pattern=policy" over source tables, the last that matches holds (`RowPolicy`).
    rows: tuple[str, ...] = ()
    #: Owned schema: patterns of tables to load again after a completed run; all others keep their rows.
    replace_existing: tuple[str, ...] = ()
    #: Owned schema: "table.column=value" (target names) for NOT NULL columns that the source lacks.
    fill: tuple[str, ...] = ()
    #: Zone of times without one, where the target wants a moment or the other way round.
    source_tz: str = "UTC"
    #: Owned schema: the application's triggers fire for loaded rows.
    fire_triggers: bool = False
    #: Foreign keys are planned and not built: rows are still to come, in the order in which they change.
    defer_foreign_keys: bool = False


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Seconds and bytes that the run will take, from the census; coarse."""

    seconds: float
    snapshot_bytes: int
    target_bytes: int


@dataclass(frozen=True, kw_only=True)
class TriggerPlan:
    """What becomes of a trigger of the source."""

    name: str
    table: str
    #: "create", or "stub": it is written to triggers.sql and not run.
    policy: str
    #: Why no translation is certain, "" where one is.
    reason: str = ""
    #: The step that makes it, "" for a stub.
    step_id: str = ""
    #: What triggers.sql has of it where it is not made.
    stub: str = ""


@dataclass(frozen=True, kw_only=True)
class Plan:
    source_path: str
    options: PlanOptions
    tables: tuple[TablePlan, ...]
    steps: tuple[Step, ...]
    findings: tuple[Finding, ...] = ()
    estimate: Estimate | None = None
    triggers: tuple[TriggerPlan, ...] = ()
    #: Source tables left out, with the reason.
    skipped: tuple[tuple[str, str], ...] = ()
    #: What must be left as it was, where the application created the tables.
    owned: OwnedPlan | None = None
    #: What differs between the source and the copy that is carried, as a policy asked.
    corrections: tuple[Orphans, ...] = ()

    @property
    def loaded_tables(self) -> tuple[TablePlan, ...]:
        """The tables whose rows are carried."""
        return tuple(table for table in self.tables if table.loaded)

    def table(self, name: str) -> TablePlan:
        """Return the plan of the source table of exactly that name. Raises KeyError."""
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, TablePlan]:
        return {table.name: table for table in self.tables}
