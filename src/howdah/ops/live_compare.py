"""Compare every row of the followed file with PostgreSQL, and mend what differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from howdah.capture.apply import is_keyed, read_changes
from howdah.model.plan import Plan
from howdah.model.quarantine import Cell
from howdah.model.source import SourceCatalog
from howdah.ops.live_apply import apply_batch
from howdah.ops.live_run import LiveRun
from howdah.ops.live_schema import plans_that_hold, require_same_columns
from howdah.ops.proving import steps_missing, steps_not_valid
from howdah.ops.source_facts import read_catalog_of
from howdah.postgres.connect import Connection
from howdah.proof.big_values import BIG_VALUE_CODECS
from howdah.proof.memory import ProofMemory
from howdah.proof.result import Proof
from howdah.proof.verify import verify
from howdah.sqlite.live_file import LiveFile, Noted, NotedKey
from howdah.sqlite.snapshot import take_snapshot
from howdah.state.ledger import Ledger
from howdah.state.quarantine import Quarantine

_LISTED_MAX = 100_000
_NOTHING_NOTED = Noted(upto=0, keys={}, touched={}, entries=0)


def reconcile(live: LiveRun) -> int:
    """
    Make PostgreSQL equal a copy of the file by comparing every row; return how many rows that took.

    What changes meanwhile is in the journal and comes after it.
    """
    with live.file.looking():
        version = live.file.data_version()
    with (
        live.phases.phase("compare and mend") as count,
        copy_of(live, "reconcile") as path,
        LiveFile(path) as frozen,
    ):
        with frozen.looking():
            require_same_columns(live, frozen.read_catalog())
        noted, proof = _compare_with(live, frozen, path)
        count.rows = rows = _mend_from(live, frozen, noted, proof)
    live.compared_at = version
    return rows


def compare(live: LiveRun) -> Proof:
    """Bring everything over that is noted by now, and compare every row of both sides."""
    with live.phases.phase("compare") as count, copy_of(live, "compare") as path:
        with LiveFile(path) as frozen:
            _, proof = _compare_with(live, frozen, path)
        count.rows = proof.rows
    return proof


@contextmanager
def copy_of(live: LiveRun, name: str, *, patience: float | None = None) -> Iterator[str]:
    """A copy of the file as it is now, for the block; its path. `patience` is that of `take_snapshot`."""
    copy = live.workspace.path / f"{name}.sqlite"
    live.workspace.create()
    try:
        take_snapshot(live.file.path, str(copy), digest=False, patience=patience)
        yield str(copy)
    finally:
        copy.unlink(missing_ok=True)


def _compare_with(live: LiveRun, frozen: LiveFile, path: str) -> tuple[Noted, Proof]:
    catalog = read_catalog_of(path)
    capture = live.capture()
    if not capture.journaled:
        return _NOTHING_NOTED, verify_against(live, path, catalog, listed_max=_LISTED_MAX)
    # Who undoes a run may do so because the application dropped a table.
    plan = plans_that_hold(live.run.plan, catalog)
    with frozen.looking():
        noted = frozen.read_noted(capture.watermark, live.key_widths())
        whole = [table for table in plan.loaded_tables if not is_keyed(live.design, table)]
        changes = read_changes(frozen, live.design, replace(live.job, plan=plan), noted, whole)
        apply_batch(live, changes, noted, touched=None)
    return noted, verify_against(live, path, catalog, plan=plan, listed_max=_LISTED_MAX)


def _mend_from(live: LiveRun, frozen: LiveFile, noted: Noted, proof: Proof) -> int:
    differing = _cells_of_differences(proof)
    # Rows in quarantine are not compared, and nobody notes that one was corrected.
    aside = {} if live.capture().journaled else _cells_in_quarantine(live)
    for name, more in aside.items():
        differing.setdefault(name, {}).update(dict.fromkeys(more))
    keys, unreadable = _as_noted(differing)
    too_many = [
        plan
        for plan in live.run.plan.loaded_tables
        if plan.name in unreadable
        or proof.tables[plan.name].differences > _LISTED_MAX
        or (not is_keyed(live.design, plan) and (proof.tables[plan.name].differences or plan.name in aside))
    ]
    numbered = {
        live.design.table(name).number: tuple(found)
        for name, found in keys.items()
        if name not in {plan.name for plan in too_many}
    }
    if not numbered and not too_many:
        return 0
    with frozen.looking():
        changes = read_changes(frozen, live.design, live.job, replace(noted, keys=numbered), too_many)
        apply_batch(live, changes, noted, touched=None)
    return sum(map(len, numbered.values()))


def _cells_in_quarantine(live: LiveRun) -> dict[str, list[tuple[Cell, ...]]]:
    rows = Quarantine(state=live.state, run_id=live.run.id).rows(live.connection)
    live.connection.rollback()
    found: dict[str, list[tuple[Cell, ...]]] = {}
    for row in rows:
        key = live.run.plan.table(row.table).key
        found.setdefault(row.table, []).append(tuple(row.cells[name] for name in key))
    return found


def verify_against(
    live: LiveRun,
    path: str,
    catalog: SourceCatalog,
    *,
    plan: Plan | None = None,
    listed_max: int = 1000,
    exported: tuple[Connection, str] | None = None,
    memory: ProofMemory | None = None,
) -> Proof:
    """Compare a file at rest with PostgreSQL as it is, or as an exported snapshot sees it."""
    outcomes = Ledger(state=live.state).outcomes(live.connection, live.run.id)
    quarantined = Quarantine(state=live.state, run_id=live.run.id).keys(live.connection)
    live.connection.rollback()
    return verify(
        with_big_values(live.run.plan if plan is None else plan),
        catalog,
        path,
        live.target.conninfo,
        quarantined=quarantined,
        expected_not_valid=steps_not_valid(outcomes),
        expected_missing=steps_missing(live.run.plan, outcomes),
        jobs=live.run.plan.options.jobs,
        progress=live.phases.progress,
        listed_max=listed_max,
        exported=exported,
        memory=memory,
    )


def with_big_values(plan: Plan) -> Plan:
    """Return the plan with every table that may have come to hold a value too long for a batch."""
    return replace(
        plan,
        tables=tuple(
            replace(table, big_rows=max(1, table.big_rows))
            if any(column.codec in BIG_VALUE_CODECS for column in table.copied_columns)
            else table
            for table in plan.tables
        ),
    )


def _cells_of_differences(proof: Proof) -> dict[str, dict[tuple[Cell, ...], None]]:
    """Return the keys of rows that differ, by table."""
    keys: dict[str, dict[tuple[Cell, ...], None]] = {}
    for found in proof.differences:
        if found.kind in ("value", "missing-row", "extra-row") and found.key_cells:
            keys.setdefault(found.table, {})[tuple(found.key_cells)] = None
    return keys


def _as_noted(
    cells: Mapping[str, Iterable[tuple[Cell, ...]]],
) -> tuple[dict[str, list[NotedKey]], frozenset[str]]:
    """Return keys as the journal would have noted them, and the tables of which some key is not Unicode."""
    keys: dict[str, list[NotedKey]] = {}
    unreadable: set[str] = set()
    for name, found in cells.items():
        try:
            keys[name] = [tuple(map(_as_stored, key)) for key in found]
        except UnicodeDecodeError:
            unreadable.add(name)
    return keys, frozenset(unreadable)


def _as_stored(cell: Cell) -> Any:
    content = cell.content
    if cell.storage_class == "text" and isinstance(content, bytes):
        return content.decode()
    return content
