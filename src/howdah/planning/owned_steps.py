"""
The steps of a load into the application's tables, and the SQL of what must be put back.

Pure. Foreign keys are dropped rather than deferred or ordered: one way serves cycles that are
not deferrable, orphans, rows that are replaced, and loads by several processes, and it
needs no more than the owner's rights.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from howdah.model.owned import (
    ENABLE_TRIGGER,
    FilledColumn,
    Interim,
    OwnedFacts,
    OwnedForeignKey,
    OwnedSequence,
    OwnedTable,
    OwnedTrigger,
)
from howdah.model.plan import Phase, PlanOptions, Step, StepKind
from howdah.model.target import TargetColumn
from howdah.names import qualified, quote, quote_literal
from howdah.planning.design import TableDesign
from howdah.planning.owned_match import TableMatch
from howdah.planning.sharing import choose_tables_to_cut
from howdah.planning.steps import build_analyze_step, build_copy_steps

#: Ids of the steps that stand for the whole schema.
PREPARE_STEP, RESTORE_STEP, SEQUENCES_STEP = "prepare", "restore", "sequences"


def build_owned_steps(designs: Sequence[TableDesign], options: PlanOptions) -> list[Step]:
    """Return the steps in their order: save and empty, copy, merge, restore, number, analyze."""
    loaded = [design for design in designs if design.plan.loaded]
    if not loaded:
        return []
    cut = choose_tables_to_cut({design.name: design.plan.bytes for design in loaded}, options.jobs)
    copies = [
        step
        for design in loaded
        for step in build_copy_steps(design, options.jobs if design.name in cut else 1)
    ]
    merges = [
        Step(
            id=f"merge:{design.name}",
            phase=Phase.DATA,
            kind=StepKind.MERGE,
            table=design.name,
            object=design.plan.target_name,
        )
        for design in loaded
        if design.plan.merge_key
    ]
    return [
        Step(id=PREPARE_STEP, phase=Phase.PRE_DATA, kind=StepKind.PREPARE),
        *copies,
        *merges,
        Step(id=RESTORE_STEP, phase=Phase.POST_DATA, kind=StepKind.RESTORE),
        Step(id=SEQUENCES_STEP, phase=Phase.POST_DATA, kind=StepKind.SEQUENCE),
        *map(build_analyze_step, loaded),
    ]


def choose_foreign_keys(owned: OwnedFacts, loaded: Collection[str]) -> tuple[OwnedForeignKey, ...]:
    """Return the foreign keys from or to a table that takes rows, in the order in which they were made."""

    def takes_rows(schema: str, table: str) -> bool:
        return schema == owned.schema and table in loaded

    return tuple(
        key
        for key in owned.foreign_keys
        if takes_rows(key.schema, key.table) or takes_rows(key.parent_schema, key.parent_table)
    )


def choose_sequences(owned: OwnedFacts, loaded: Collection[str]) -> tuple[OwnedSequence, ...]:
    """Return the sequences that a table which takes rows uses, also beside others."""
    return tuple(
        sequence
        for sequence in owned.sequences
        if any(use.schema == owned.schema and use.table in loaded for use in sequence.uses)
    )


def build_interims(
    owned: OwnedFacts,
    loaded: Collection[str],
    foreign_keys: Iterable[OwnedForeignKey],
    fills: Iterable[FilledColumn],
    options: PlanOptions,
) -> tuple[Interim, ...]:
    """Return everything that is out of the way while rows are loaded, in the order of its return."""
    interims = [_foreign_key_interim(key) for key in foreign_keys]
    tables = [table for table in owned.tables if table.name in loaded]
    if not options.fire_triggers:
        # A partition's trigger follows its parent's, whose state it need not share.
        triggers = [trigger for table in tables for trigger in table.triggers if trigger.enabled != "D"]
        interims += [_trigger_interim(trigger) for trigger in triggers]
    facts = {(table.name, column.name): column for table in tables for column in table.facts.columns}
    interims += [
        _fill_interim(owned.schema, fill, facts[fill.table, fill.column])
        for fill in fills
        if fill.table in loaded
    ]
    return tuple(interims)


def _foreign_key_interim(key: OwnedForeignKey) -> Interim:
    table, name = qualified(key.schema, key.table), quote(key.name)
    return Interim(
        id=key.interim_id,
        kind="foreign key",
        object=f'foreign key "{key.name}" of table "{key.table}"',
        take_sql=f"ALTER TABLE {table} DROP CONSTRAINT {name}",
        restore_sql=compose_foreign_key(key),
    )


def compose_foreign_key(key: OwnedForeignKey, *, not_valid: bool = False) -> str:
    """Return the SQL that makes it again, its comment included; on request without looking at the rows."""
    table, name = qualified(key.schema, key.table), quote(key.name)
    made = f"ALTER TABLE {table} ADD CONSTRAINT {name} {key.definition}{' NOT VALID' if not_valid else ''}"
    if key.comment is not None:
        made += f"; COMMENT ON CONSTRAINT {name} ON {table} IS {quote_literal(key.comment)}"
    return made


def _trigger_interim(trigger: OwnedTrigger) -> Interim:
    # ONLY: each partition's trigger is put back by itself.
    table, name = qualified(trigger.schema, trigger.table), quote(trigger.name)
    return Interim(
        id=f"trigger:{trigger.table}.{trigger.name}",
        kind="trigger",
        object=f'trigger "{trigger.name}" of table "{trigger.table}"',
        take_sql=f"ALTER TABLE ONLY {table} DISABLE TRIGGER {name}",
        restore_sql=f"ALTER TABLE ONLY {table} {ENABLE_TRIGGER[trigger.enabled]} {name}",
    )


def _fill_interim(schema: str, fill: FilledColumn, facts: TargetColumn) -> Interim:
    # ONLY: the partitions keep their own defaults, and rows come through the table.
    altered = f"ALTER TABLE ONLY {qualified(schema, fill.table)} ALTER COLUMN {quote(fill.column)}"
    before = facts.default_sql
    return Interim(
        id=f"default:{fill.table}.{fill.column}",
        kind="default",
        object=f'default of column "{fill.table}"."{fill.column}"',
        take_sql=f"{altered} SET DEFAULT {quote_literal(fill.value)}",
        restore_sql=f"{altered} DROP DEFAULT" if before is None else f"{altered} SET DEFAULT {before}",
    )


def choose_merge_key(pair: TableMatch) -> tuple[str, ...]:
    """Return the target columns of a key that the source has too, the primary key first; () without one."""
    carried = {column.name for column in pair.columns.values()}
    not_null = {column.name for column in pair.target.facts.columns if column.not_null}
    keys = [index for index in pair.target.facts.indexes if index.unique and index.valid and index.columns]
    for index in sorted(keys, key=lambda index: not index.primary):
        if set(index.columns) <= carried and set(index.columns) <= not_null:
            return index.columns
    return ()


def has_deferrable_key(table: OwnedTable) -> bool:
    """Whether a unique constraint is deferrable, which ON CONFLICT cannot look at."""
    return any(
        constraint.kind in ("p", "u", "x")
        and " DEFERRABLE" in f" {constraint.definition}"
        and "NOT DEFERRABLE" not in constraint.definition
        for constraint in table.facts.constraints
    )
