"""
carry-back: a SQLite file with every write made on PostgreSQL since the migration.

The base is the snapshot that was migrated. With a journal (`migrate --keep-way-back`) the rows
whose keys were noted go into a copy of it; without one every row is read and what differs goes.
The copy gets its name only when it is whole, proven and on disk; PostgreSQL is only read.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from howdah.capture.homecoming import Home, is_changed, rebuild_search, write_sequences, write_table
from howdah.capture.reversibility import plan_without_computed
from howdah.capture.round_trip import count_unlike
from howdah.capture.way_back import WayBack
from howdah.errors import ExitStatus, RefusedError
from howdah.model.finding_kinds import make_finding, name_table
from howdah.model.findings import Finding
from howdah.model.report import ROW_KINDS, Difference, ProofStatus
from howdah.model.source import SourceCatalog
from howdah.model.verb_reports import CarryBackReport, HomeTableReport
from howdah.ops.home_checks import list_inexact, require_exact, require_unaltered
from howdah.ops.source_facts import read_catalog_of, read_kept_catalog
from howdah.ops.target import OpenTarget, TargetRequest, open_target
from howdah.postgres.arrow_reader import ArrowReader
from howdah.postgres.catalog import read_target_facts
from howdah.process.phases import PhaseLog
from howdah.process.progress import NullProgress, Progress
from howdah.proof.result import Proof
from howdah.proof.verify import exported_snapshot, verify
from howdah.sqlite.home_file import HomeFile
from howdah.sqlite.integrity import require_integrity
from howdah.sqlite.live_file import LiveFile
from howdah.sqlite.snapshot import appearing_whole, hash_file, live_identity, set_wal_mode
from howdah.state.ledger import Ledger, Run
from howdah.state.quarantine import Quarantine
from howdah.state.store import Connection, StateSchema, state_exists

#: Differences that the proof lists for one table, so that those which a rule explains can be told apart.
_LISTED_MAX = 10_000


@dataclass(frozen=True, kw_only=True)
class CarryBackRequest:
    target: TargetRequest = field(default_factory=TargetRequest)
    #: Where the file goes; None puts it beside the source, its name ending in ".carried-back".
    output: Path | None = None
    #: Agrees to the nearest value where SQLite has no exact one.
    nearest: bool = False
    #: Agrees to leave out what the plan does not know of: new tables, new columns.
    without_new_objects: bool = False
    #: Reads every row although a journal is there.
    all_rows: bool = False


def carry_back(request: CarryBackRequest, progress: Progress | None = None) -> CarryBackReport:
    """
    Write the SQLite file and prove it; return what was written.

    Raises RefusedError where there is no finished run, the file would replace another, the schema
    has changed, or a value has no exact form in SQLite and `nearest` was not agreed to.
    """
    phases = PhaseLog(progress=progress or NullProgress())
    state = StateSchema(name=request.target.state_schema)
    with open_target(request.target) as target:
        run = _finished_run(target.connection, state)
        target.connection.rollback()
        output = _choose_output(request, run)
        catalog = read_kept_catalog(run)
        with exported_snapshot(target.conninfo, writing=True) as exported:
            connection = exported[0]
            home = _read_state(connection, state, run, catalog, request)
            # Before anything moves.
            facts = read_target_facts(connection, run.target_schema)
            home.findings += require_unaltered(
                run.plan, facts, without_new_objects=request.without_new_objects
            )
            home.findings += _check_source(run)
            with _becoming(run, output) as path:
                tables = _write(path, target, exported[1], home, phases)
                require_exact(home, nearest=request.nearest)
                proof, unlike = _prove(path, target, exported, home, phases)
            return _report(target, run, output, home, tables, proof, unlike, phases)


def _finished_run(connection: Connection, state: StateSchema) -> Run:
    runs = Ledger(state=state).runs(connection) if state_exists(connection, state) else []
    for run in runs:
        if run.status in ("loaded", "done"):
            return run
    raise RefusedError(
        "H-101",
        "There is no finished migration in this target to carry anything back from.",
        hint='"howdah status" lists the runs; name the target and --state-schema of the run.',
    )


def _choose_output(request: CarryBackRequest, run: Run) -> Path:
    output = request.output or Path(run.source + ".carried-back")
    if output.exists():
        raise RefusedError(
            "H-102",
            f"File {output} is there already and is not replaced.",
            hint="Name another file with --output.",
        )
    if not output.parent.is_dir():
        raise RefusedError("H-103", f"There is no directory {output.parent} to write the file to.")
    return output


def _read_state(
    connection: Connection, state: StateSchema, run: Run, catalog: SourceCatalog, request: CarryBackRequest
) -> Home:
    way_back = WayBack(state=state)
    noted = {table.source_table: table for table in way_back.tables(connection) if table.run_id == run.id}
    home = Home(
        plan=plan_without_computed(run.plan, catalog),
        state_name=state.name,
        catalog=catalog,
        # What changed while it was followed is in no journal: the snapshot is older than the release.
        noted={} if request.all_rows or run.plan.options.defer_foreign_keys else noted,
        whole=way_back.whole(connection) if noted else frozenset(),
        quarantined=Quarantine(state=state, run_id=run.id).keys(connection),
    )
    for table in way_back.missing_triggers(connection) if home.noted else []:
        # Without its triggers the journal cannot be trusted: every row of that table is read.
        home.noted = {name: each for name, each in home.noted.items() if each.number != table.number}
        home.findings.append(
            make_finding("F-601", name_table(table.source_table), "its journal triggers are gone or disabled")
        )
    return home


def _check_source(run: Run) -> list[Finding]:
    if not os.path.exists(run.source) or run.snapshot.identity is None:
        return []
    now, then = live_identity(run.source), run.snapshot.identity
    same = (now.device, now.inode, now.size, now.modified_ns, now.change_counter, now.wal_size) == (
        then.device,
        then.inode,
        then.size,
        then.modified_ns,
        then.change_counter,
        then.wal_size,
    )
    if same:
        return []
    return [
        make_finding("F-603", f'file "{run.source}"', "it was written to, or replaced, after it was migrated")
    ]


@contextmanager
def _becoming(run: Run, output: Path) -> Iterator[str]:
    """Give a copy of the snapshot to write to; it becomes `output` when the block ends well."""
    with appearing_whole(str(output)) as partial:
        shutil.copyfile(run.snapshot.path, partial)
        if run.plan.options.defer_foreign_keys:
            # A followed source had the journal in it when the snapshot was taken.
            with LiveFile(partial) as private:
                private.remove_our_objects()
        yield partial
        if run.snapshot.journal_mode == "wal":
            set_wal_mode(partial)


def _write(
    path: str, target: OpenTarget, snapshot_id: str, home: Home, phases: PhaseLog
) -> tuple[HomeTableReport, ...]:
    tables: list[HomeTableReport] = []
    with (
        phases.phase("carry rows back") as count,
        # It is a copy: the application's own collations are asked for when it opens it.
        HomeFile(path, drops_indexes=True) as file,
        ArrowReader(target.conninfo, snapshot_id, application_name="howdah carry-back") as reader,
    ):
        broken = file.broken_references()
        with file.transaction():
            for plan in home.plan.loaded_tables:
                tables.append(write_table(file, reader, home, plan))
            write_sequences(file, reader, home)
            home.findings += rebuild_search(
                file, home.catalog, {item.name for item in tables if is_changed(item)}
            )
        home.findings += [
            make_finding(
                "F-608",
                f'index "{index.name}" of table "{index.table}"',
                "it was left out because its table was written",
                detail=index.sql,
            )
            for index in file.dropped
        ]
        new = len(file.broken_references() - broken)
        if new:
            home.findings.append(
                make_finding("F-604", f'file "{home.catalog.path}"', f"{new} references lead nowhere")
            )
        count.rows = sum(item.inserted + item.updated + item.deleted for item in tables)
    return tuple(tables)


def _prove(
    path: str, target: OpenTarget, exported: tuple[Connection, str], home: Home, phases: PhaseLog
) -> tuple[Proof, int]:
    with phases.phase("check the file"):
        require_integrity(path, path)
    plan = replace(
        home.plan,
        tables=tuple(
            replace(table, big_rows=max(table.big_rows, int(table.name in home.big)))
            for table in home.plan.tables
        ),
    )
    with phases.phase("prove") as count:
        proof = verify(
            plan,
            read_catalog_of(path),
            path,
            target.conninfo,
            quarantined={
                name: keys - home.overwritten.get(name, frozenset())
                for name, keys in home.quarantined.items()
            },
            progress=phases.progress,
            listed_max=_LISTED_MAX,
            jobs=plan.options.jobs,
            exported=exported,
        )
        unlike = sum(
            count_unlike(exported[0], path, plan.table(name), home.catalog.table(name), keys)
            for name, keys in home.written.items()
            if keys
        )
        count.rows = proof.rows
    return proof, unlike


def unexplained(proof: Proof, home: Home) -> tuple[list[Difference], int]:
    """Return the differences of rows that no inexact value explains, and how many there are."""
    rows = [found for found in proof.differences if found.kind in ROW_KINDS]
    left = [
        found
        for found in rows
        if found.table not in home.inexact_keyless
        and (found.kind != "value" or (found.table, found.column, found.key_cells) not in home.inexact)
    ]
    in_rows = sum(
        table.differences
        - sum(found.table == name and found.kind not in ROW_KINDS for found in proof.differences)
        for name, table in proof.tables.items()
    )
    # More than are listed: what is not seen is not explained.
    return left, len(left) + max(0, in_rows - len(rows))


def _report(
    target: OpenTarget,
    run: Run,
    output: Path,
    home: Home,
    tables: Sequence[HomeTableReport],
    proof: Proof,
    unlike: int,
    phases: PhaseLog,
) -> CarryBackReport:
    left, count = unexplained(proof, home)
    count += unlike
    status = ExitStatus.DIFFERENT if count else ExitStatus.OK
    return CarryBackReport(
        status="different" if count else "carried-back",
        exit_status=int(status),
        target=target.display,
        run_id=run.id,
        source=run.source,
        output=str(output),
        sha256=hash_file(str(output)),
        tables=tuple(tables),
        inexact=list_inexact(home),
        findings=tuple(home.findings),
        proof=str(ProofStatus.DIFFERENT if count else ProofStatus.PROVEN),
        rows=proof.rows,
        differences=tuple(left),
        difference_count=count,
        phases=tuple(phases.reports),
    )
