"""Prove every row of the file, after PostgreSQL was released and after the way home."""

from __future__ import annotations

from dataclasses import replace

from howdah.capture.apply import is_keyed
from howdah.capture.home_rows import HomeReader
from howdah.capture.machine import Phase
from howdah.capture.target_side import set_autovacuum, validate_foreign_keys
from howdah.model.quarantine import Cell
from howdah.names import qualified, quote
from howdah.ops.live_compare import copy_of, verify_against
from howdah.ops.live_run import LiveRun
from howdah.ops.source_facts import read_catalog_of
from howdah.postgres.arrow_reader import ArrowReader
from howdah.proof.result import Proof
from howdah.sqlite.live_file import LiveFile
from howdah.sqlite.snapshot import take_snapshot
from howdah.state.ledger import Ledger


def prove_all(live: LiveRun) -> None:
    """Compare every row of the fenced file with PostgreSQL as it was at the release."""
    copy = live.workspace.path / "fenced.sqlite"
    live.workspace.create()
    with live.phases.phase("prove the fenced file") as count:
        snapshot = take_snapshot(live.file.path, str(copy))
        try:
            proof = verify_against(live, str(copy), read_catalog_of(str(copy)), exported=live.exported)
            if live.exported is None:
                # The moment of the release is lost: what was written since cannot be told from damage.
                _leave_out_noted(live, proof)
            else:
                live.differences += proof.differences
                live.difference_count += proof.difference_count
        finally:
            copy.unlink(missing_ok=True)
        count.rows = proof.rows
    live.proof = proof
    live.sessions.close()
    status = "different" if live.difference_count else "proven"
    with live.connection.transaction():
        set_autovacuum(live.connection, live.run.plan, enabled=True)
    findings = validate_foreign_keys(live.connection, live.job) if status == "proven" else ()
    live.findings += findings
    with live.connection.transaction():
        Ledger(state=live.state).record_proof(
            live.connection, replace(live.run, snapshot=snapshot), status, proof.tables
        )
        values = {"proof": status}
        if status == "proven":
            values["phase"] = str(Phase.COMPLETE)
        live.record.set(live.connection, **values)
    if status == "different":
        live.dirty_proven = False


def _leave_out_noted(live: LiveRun, proof: Proof) -> None:
    noted = _keys_noted_on_target(live)
    for found in proof.differences:
        if found.kind == "sequence":
            continue
        if found.table in noted and (not found.key_cells or tuple(found.key_cells) in noted[found.table]):
            live.not_provable += 1
            continue
        live.differences.append(found)
    live.difference_count += max(0, proof.difference_count - len(proof.differences)) + len(live.differences)


def _keys_noted_on_target(live: LiveRun) -> dict[str, set[tuple[Cell, ...]]]:
    """Return, in SQLite's terms, what was written on PostgreSQL since the release."""
    noted: dict[str, set[tuple[Cell, ...]]] = {}
    with ArrowReader(live.target.conninfo, application_name="howdah cutover") as reader:
        whole = live.way_back.whole(live.connection)
        for table in live.way_back.tables(live.connection):
            if table.number in whole:
                noted[table.source_table] = set()
            if not table.key:
                continue
            plan = live.run.plan.table(table.source_table)
            rows = HomeReader(reader=reader, plan=plan, table=live.catalog.table(plan.name))
            columns = ", ".join(quote(name) for name in table.key)
            dirty = qualified(live.state.name, f"dirty_{table.number}")
            for batch in rows.keys(f"(SELECT DISTINCT {columns} FROM {dirty}) d"):
                noted.setdefault(plan.name, set()).update(tuple(map(Cell.of, row)) for row in batch.rows)
    live.connection.rollback()
    return noted


def prove_home(live: LiveRun) -> None:
    """Compare every row of the file, less what was written since, with PostgreSQL, which stands still."""
    watermark = live.capture().watermark
    with live.phases.phase("prove the file") as count, copy_of(live, "home") as path:
        proof = verify_against(live, path, read_catalog_of(path))
        with LiveFile(path) as frozen, frozen.looking():
            noted = frozen.read_noted(watermark, live.key_widths())
        count.rows = proof.rows
    since = {
        plan.name: {
            tuple(map(Cell.of, key)) for key in noted.keys.get(live.design.table(plan.name).number, ())
        }
        for plan in live.run.plan.tables
    }
    keyless = {plan.name for plan in live.run.plan.tables if not is_keyed(live.design, plan)}
    inexact = {(value.table, value.column) for value in live.inexact}
    for found in proof.differences:
        if found.kind not in ("value", "missing-row", "extra-row", "row-count"):
            continue
        if (found.table, found.column) in inexact:
            continue
        if tuple(found.key_cells) in since.get(found.table, set()) or (
            found.table in keyless and live.design.table(found.table).number in noted.touched
        ):
            live.not_provable += 1
            continue
        live.differences.append(found)
    live.difference_count = len(live.differences)
    live.proof = proof
