"""
Bring noted rows from SQLite to PostgreSQL: what is there now replaces what was there.

All rows with a noted key are taken out before any is put back, so that unique values may
change places, as they did in SQLite. The watermark moves in the same transaction, so a batch
counts once or not at all, and doing it twice changes nothing. Rows pass the same codecs as in
the load; one that cannot go is set aside, and comes out of quarantine when it can.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from psycopg import sql

from howdah.capture.source_journal import JournalDesign
from howdah.codecs.registry import get_codec
from howdah.codecs.values import Wire
from howdah.loading.copy_statement import ROW_REJECTED, compose_copy, compose_table
from howdah.loading.copy_step import copy_or_bisect
from howdah.loading.encode_batch import EncodedBatch, encode_batch
from howdah.loading.job import LoadJob
from howdah.loading.owned_prepare import application_path
from howdah.model.plan import TablePlan
from howdah.model.quarantine import Cell
from howdah.postgres.copy import build_copy_rows, copy_in
from howdah.sqlite.live_file import LiveFile, Noted, NotedKey, fetch_all, fetch_present
from howdah.sqlite.python_columns import column_of
from howdah.sqlite.row_select import ColumnChunk
from howdah.state.store import Connection

#: Stands in a count of copied writes: keys were noted, and passed by, of a table that goes over as a whole.
PASSED_BY = -1
#: So many keys' rows are held in memory, and the look at the file ends before PostgreSQL is asked anything.
KEYS_IN_MEMORY = 20_000


@dataclass
class TableChange:
    """What one table gets: the rows of some keys, or all rows."""

    plan: TablePlan
    #: Noted keys, None where the table is replaced as a whole.
    keys: Sequence[NotedKey] | None
    batches: Iterable[EncodedBatch] = ()


@dataclass
class Applied:
    rows: int = 0
    keys: int = 0
    quarantined: int = 0
    #: Source name → keys, to be proven afterwards.
    by_table: dict[str, Sequence[NotedKey]] = field(default_factory=dict)


def is_keyed(design: JournalDesign, plan: TablePlan) -> bool:
    """Whether the journal notes what the plan matches rows by; else the table goes over as a whole."""
    return bool(plan.key) and design.table(plan.name).key == plan.key


def tables_to_copy_whole(
    design: JournalDesign, job: LoadJob, noted: Noted, copied: Mapping[int, int]
) -> list[TablePlan]:
    """Return the tables that were written to and have no key to tell which rows."""
    return [
        plan
        for plan in job.plan.loaded_tables
        if not is_keyed(design, plan)
        and (
            noted.touched.get(design.table(plan.name).number, 0)
            != copied.get(design.table(plan.name).number, 0)
            or design.table(plan.name).number in noted.keys
        )
    ]


def keys_passed_by(
    design: JournalDesign, job: LoadJob, noted: Noted, whole: Sequence[TablePlan]
) -> dict[int, int]:
    """
    Return what to remember in the counts when the watermark passes these keys.

    A key that the plan does not match rows by, because values of it are not carried exactly, says only that
    its table was written to. It lies behind the watermark when the table is copied at the fence.
    """
    numbers = (design.table(plan.name).number for plan in job.plan.loaded_tables if plan not in whole)
    keyed = {design.table(plan.name).number for plan in job.plan.loaded_tables if is_keyed(design, plan)}
    return {number: PASSED_BY for number in numbers if number in noted.keys and number not in keyed}


def read_changes(
    live: LiveFile, design: JournalDesign, job: LoadJob, noted: Noted, whole: Sequence[TablePlan] = ()
) -> list[TableChange]:
    """
    Read the rows of what was noted, within the caller's look at the file.

    The tables `whole` go over as a whole, and those of which some key cannot be read.
    Few rows are in memory when this returns; many are read while they are sent, and the look must last.
    """
    changes = []
    in_memory = sum(map(len, noted.keys.values())) <= KEYS_IN_MEMORY
    whole = list(whole)
    for plan in job.plan.loaded_tables:
        number = design.table(plan.name).number
        if number in noted.unreadable and plan not in whole:
            whole.append(plan)
        keys = noted.keys.get(number, ())
        if not keys or not is_keyed(design, plan):
            continue
        batches = _encode(live, job, plan, keys)
        changes.append(TableChange(plan=plan, keys=keys, batches=list(batches) if in_memory else batches))
    changes += [TableChange(plan=plan, keys=None, batches=_encode(live, job, plan, None)) for plan in whole]
    return changes


def _encode(
    live: LiveFile, job: LoadJob, plan: TablePlan, keys: Sequence[NotedKey] | None
) -> Iterator[EncodedBatch]:
    table = job.source_table(plan)
    columns = [column.name for column in plan.copied_columns]
    batches = (
        fetch_all(live.connection, table, columns)
        if keys is None
        else fetch_present(live.connection, table, columns, plan.key, keys)
    )
    for batch in batches:
        yield encode_batch(batch, plan, table)


def apply_changes(connection: Connection, job: LoadJob, changes: Iterable[TableChange]) -> Applied:
    """Take out and put back, in the caller's transaction."""
    applied = Applied()
    # Statistics of a table that was made a moment ago say nothing: the index of the key is always right.
    connection.execute("SET LOCAL enable_hashjoin = off")
    connection.execute("SET LOCAL enable_mergejoin = off")
    connection.execute("SELECT set_config('howdah.applying', 'on', true)")
    if job.plan.owned is not None:
        # A deferred constraint of the application would reject a row when nobody can say which any more.
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    with application_path(connection, job.plan):
        for change in changes:
            _apply(connection, job, change, applied)
    return applied


def _apply(connection: Connection, job: LoadJob, change: TableChange, applied: Applied) -> None:
    _take_out(connection, change)
    _forget_quarantine(connection, job, change)
    for batch in change.batches:
        rejected = list(batch.quarantined)
        rejected += _put_in(connection, job, change.plan, batch)
        applied.rows += batch.row_count
        applied.quarantined += len(rejected)
        if rejected:
            job.quarantine.add(connection, rejected)
    if change.keys is not None:
        applied.keys += len(change.keys)
        applied.by_table[change.plan.name] = change.keys


def _put_in(connection: Connection, job: LoadJob, plan: TablePlan, batch: EncodedBatch) -> list[Any]:
    if not batch.row_count:
        return []
    try:
        with connection.transaction():
            copy_in(connection, compose_copy(plan), [batch.copy_rows()])
    except ROW_REJECTED:
        return list(copy_or_bisect(connection, job, plan, batch))
    return []


def _take_out(connection: Connection, change: TableChange) -> None:
    plan = change.plan
    if change.keys is None:
        connection.execute(sql.SQL("DELETE FROM {}{}").format(_only(plan), compose_table(plan)))
        return
    stage_keys(connection, plan, change.keys, sql.Identifier("pg_temp", "howdah_keys"), "TEMPORARY")
    connection.execute(
        sql.SQL("DELETE FROM {only}{table} t USING pg_temp.howdah_keys d WHERE {match}").format(
            only=_only(plan), table=compose_table(plan), match=_match(plan)
        )
    )
    connection.execute("DROP TABLE pg_temp.howdah_keys")


def _only(plan: TablePlan) -> sql.SQL:
    # A partitioned table has no rows of its own.
    return sql.SQL("" if plan.partitioned else "ONLY ")


def _match(plan: TablePlan) -> sql.Composed:
    return sql.SQL(" AND ").join(
        sql.SQL("t.{0} = d.{0}").format(sql.Identifier(plan.column(name).target_name)) for name in plan.key
    )


def stage_keys(
    connection: Connection,
    plan: TablePlan,
    keys: Sequence[NotedKey],
    name: sql.Identifier,
    kind: Literal["TEMPORARY", "UNLOGGED"],
) -> None:
    """Make a table of those keys as PostgreSQL has them; what no codec carries cannot be there."""
    columns = sql.SQL(", ").join(sql.Identifier(plan.column(key).target_name) for key in plan.key)
    connection.execute(
        sql.SQL("CREATE {kind} TABLE {name} AS SELECT {columns} FROM {table} WITH NO DATA").format(
            kind=sql.SQL(kind),
            name=name,
            columns=columns,
            table=compose_table(plan),
        )
    )
    block = encode_keys(plan, keys)
    copy_in(
        connection,
        sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(name, columns),
        [block] if len(block) else [],
    )


def encode_keys(plan: TablePlan, keys: Sequence[NotedKey]) -> memoryview:
    """Return binary COPY rows of the keys that a codec carries."""
    wires: list[Wire] = []
    keep = np.ones(len(keys), dtype=bool)
    for place, name in enumerate(plan.key):
        column = plan.column(name)
        values = column_of(ColumnChunk(values=[key[place] for key in keys]), len(keys))
        encoded = get_codec(column.codec).encode(values, column.params, column.written_as)
        wires.append(encoded.wire)
        for mask in encoded.rejected.values():
            keep &= ~mask
        if encoded.wire.nulls is not None:
            keep &= ~encoded.wire.nulls
    return build_copy_rows(wires, len(keys), None if keep.all() else keep)


def _forget_quarantine(connection: Connection, job: LoadJob, change: TableChange) -> None:
    """Let rows out of quarantine that are looked at again: whether they can go is decided anew."""
    # Of a row that another took the place of there is nothing but what is kept.
    rows = job.quarantine.rows(connection, table=change.plan.name, in_file=True)
    if not rows:
        return
    if change.keys is None:
        job.quarantine.remove(connection, [row.number for row in rows])
        return
    keys = {tuple(map(Cell.of, key)) for key in change.keys}
    found = [
        row.number
        for row in rows
        if tuple(row.cells.get(name, Cell.of(None)) for name in change.plan.key) in keys
    ]
    if found:
        job.quarantine.remove(connection, found)
