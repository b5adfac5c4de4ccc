"""Prove every row of the file, after PostgreSQL was released and after the way home."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from howdah.capture.apply import is_keyed
from howdah.capture.deferred_constraints import validate_foreign_keys
from howdah.capture.home_rows import HomeReader
from howdah.capture.machine import Phase
from howdah.capture.proven import ProvenPieces, forget_pieces
from howdah.capture.reversibility import plan_without_computed
from howdah.model.quarantine import Cell
from howdah.model.report import ROW_KINDS, Difference
from howdah.model.verb_reports import UnprovenKey
from howdah.names import qualified, quote
from howdah.ops.live_compare import copy_of, verify_against
from howdah.ops.live_fence import let_autovacuum_back
from howdah.ops.live_moved import find_moved_rows
from howdah.ops.live_run import LiveRun
from howdah.ops.source_facts import read_catalog_of
from howdah.postgres.arrow_reader import ArrowReader
from howdah.proof.job import Outcome
from howdah.proof.memory import PieceName
from howdah.proof.result import Proof
from howdah.sqlite.live_file import Noted
from howdah.sqlite.snapshot import take_snapshot
from howdah.state.ledger import Ledger


def prove_all(live: LiveRun) -> None:
    """
    Compare every row of the fenced file with PostgreSQL as it was at the release.

    What is compared is recorded piece by piece. Where an earlier process was killed in it, what it had
    proven stays proven, and the rest is compared with live rows.
    """
    find_moved_rows(live)
    copy = live.workspace.path / "fenced.sqlite"
    live.workspace.create()
    with live.phases.phase("prove the fenced file") as count:
        snapshot = take_snapshot(live.file.path, str(copy))
        try:
            catalog = read_catalog_of(str(copy))
            memory = ProvenPieces(
                state=live.state,
                connection=live.connection,
                sha256=snapshot.sha256,
                clean_only=live.exported is None,
            )
            if live.exported is not None:
                proof = verify_against(live, str(copy), catalog, exported=live.exported, memory=memory)
                live.differences += proof.differences
                live.difference_count += proof.difference_count
            else:
                # The moment of the release is lost: what was written since cannot be told from damage.
                known = memory.recall()
                listed_max = _enough_to_list(live, _keys_noted_on_target(live))
                proof = verify_against(live, str(copy), catalog, listed_max=listed_max, memory=memory)
                _leave_out(
                    live,
                    proof,
                    # Once more, because the application went on writing.
                    without_proven(_keys_noted_on_target(live), known),
                    tolerated=lambda found: found.kind == "sequence",
                    settled=[found for each in known.values() for found in each.differences],
                )
        finally:
            copy.unlink(missing_ok=True)
        count.rows = proof.rows
    live.proof = proof
    live.sessions.close()
    status = "different" if live.difference_count else "proven"
    with live.connection.transaction():
        let_autovacuum_back(live)
    findings = validate_foreign_keys(live.connection, live.job) if status == "proven" else ()
    live.findings += findings
    with live.connection.transaction():
        Ledger(state=live.state).record_proof(
            live.connection, replace(live.run, snapshot=snapshot), status, proof.tables
        )
        forget_pieces(live.connection, live.state)
        values = {"proof": status}
        if status == "proven":
            values["phase"] = str(Phase.COMPLETE)
        live.record.set(live.connection, **values)
    if status == "different":
        live.dirty_proven = False


#: Seconds that the application, which has just come home, may be held up by the copy of its file.
HOME_PATIENCE = 0.25

#: Differences of one table that are listed beside those of rows that were written since.
_MORE_LISTED = 10_000

#: Table → keys written after the moment that is proven; an empty set: any of its rows may have been.
_Since = Mapping[str, set[tuple[Cell, ...]]]


def _leave_out(
    live: LiveRun,
    proof: Proof,
    since: _Since,
    *,
    tolerated: Callable[[Difference], bool],
    settled: Sequence[Difference] = (),
) -> None:
    """
    Take over what a proof found but for rows that were written since, which are listed instead.

    What is `settled` was found before anybody wrote.
    """
    for found in proof.differences:
        keys = since.get(found.table)
        written = (
            keys is not None
            and found.kind in ROW_KINDS
            and (not keys or not found.key_cells or tuple(found.key_cells) in keys)
        )
        if found in settled or (not written and not tolerated(found)):
            live.differences.append(found)
    # What was not listed may be anything, but where any row may have been written: there equal rows are
    # one entry of the list, however many of them there are too many.
    listed = Counter(found.table for found in proof.differences)
    unlisted = proof.difference_count - len(proof.differences)
    unlisted -= sum(
        proof.tables[table].differences - listed[table] for table, keys in since.items() if not keys
    )
    live.difference_count = len(live.differences) + unlisted
    live.not_provable = tuple(
        UnprovenKey(table=table, key=", ".join(cell.value for cell in key))
        for table, keys in since.items()
        for key in (sorted(keys, key=repr) or [()])
    )


def without_proven(since: _Since, known: Mapping[PieceName, Outcome]) -> dict[str, set[tuple[Cell, ...]]]:
    """Return the keys of which a proof cannot speak: not those in pieces that were proven before. Pure."""
    left: dict[str, set[tuple[Cell, ...]]] = {}
    for table, keys in since.items():
        pieces = [name for name in known if name.table == table]
        if PieceName(table=table) in pieces:
            continue
        unproven = {key for key in keys if not any(_lies_in(key, name) for name in pieces)}
        # An empty set would say that any row may have been written.
        if unproven or not keys:
            left[table] = unproven
    return left


def _lies_in(key: tuple[Cell, ...], piece: PieceName) -> bool:
    # Only tables with one integer for a key are proven by intervals.
    value = key[0].content
    if len(key) != 1 or not isinstance(value, int):
        return False
    return (piece.low is None or piece.low <= value) and (piece.high is None or value <= piece.high)


def _enough_to_list(live: LiveRun, since: _Since) -> int:
    """Return how many differences of a table have to be listed, so that damage is seen behind new writes."""
    width = max((len(plan.columns) for plan in live.run.plan.tables), default=1)
    return _MORE_LISTED + width * max(map(len, since.values()), default=0)


def _keys_noted_on_target(live: LiveRun) -> dict[str, set[tuple[Cell, ...]]]:
    """Return, in SQLite's terms, what was written on PostgreSQL since the release; as `_Since` has it."""
    noted: dict[str, set[tuple[Cell, ...]]] = {}
    with ArrowReader(live.target.conninfo, application_name="howdah cutover") as reader:
        whole = live.way_back.whole(live.connection)
        for table in live.way_back.tables(live.connection):
            if table.number in whole:
                noted[table.source_table] = set()
                continue
            if not table.key:
                continue
            plan = live.run.plan.table(table.source_table)
            rows = HomeReader(reader=reader, plan=plan, table=live.catalog.table(plan.name))
            columns = ", ".join(quote(name) for name in table.key)
            dirty = qualified(live.state.name, f"dirty_{table.number}")
            for batch in rows.keys(f"(SELECT DISTINCT {columns} FROM {dirty}) d"):
                # A table with an empty set would be one of which nothing is known.
                for row in batch.rows:
                    noted.setdefault(plan.name, set()).add(tuple(map(Cell.of, row)))
    live.connection.rollback()
    return noted


def prove_home(live: LiveRun) -> None:
    """Compare every row of the file, less what was written since, with PostgreSQL, which stands still."""
    watermark = live.capture().watermark
    with (
        live.phases.phase("prove the file") as count,
        copy_of(live, "home", patience=HOME_PATIENCE) as path,
    ):
        # After the copy, which may have been made while the application wrote.
        with live.file.looking():
            since = _keys_noted_in_file(live, live.file.read_noted(watermark, live.key_widths()))
        listed_max = _enough_to_list(live, since)
        proof = verify_against(
            live,
            path,
            read_catalog_of(path),
            plan=plan_without_computed(live.run.plan, live.catalog),
            listed_max=listed_max,
        )
        count.rows = proof.rows
    inexact = {(value.table, value.column) for value in live.inexact}
    _leave_out(
        live,
        proof,
        since,
        tolerated=lambda found: found.kind not in ROW_KINDS or (found.table, found.column) in inexact,
    )
    live.proof = proof


def _keys_noted_in_file(live: LiveRun, noted: Noted) -> dict[str, set[tuple[Cell, ...]]]:
    """Return what was written on SQLite beyond a watermark."""
    since: dict[str, set[tuple[Cell, ...]]] = {}
    copied = live.capture().touched
    for plan in live.run.plan.loaded_tables:
        number = live.design.table(plan.name).number
        keys = noted.keys.get(number)
        if number in noted.unreadable or (keys and not is_keyed(live.design, plan)):
            since[plan.name] = set()
        elif noted.touched.get(number, 0) != copied.get(number, 0):
            # Counts go on from before the cutover.
            since[plan.name] = set()
        elif keys:
            since[plan.name] = {tuple(map(Cell.of, key)) for key in keys}
    return since
