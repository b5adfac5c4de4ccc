"""
Carry out what the state machine of a live migration says, on both databases.

`LiveRun` reads the facts, asks `next_step`, and does one step; every step may be done again after
a crash. The verbs `follow`, `cutover` and `rollback` differ in what they want and when they stop.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from howdah.capture.apply import (
    TableChange,
    apply_changes,
    is_keyed,
    read_changes,
    tables_to_copy_whole,
)
from howdah.capture.homecoming import Home, is_changed, rebuild_search, write_sequences, write_table
from howdah.capture.machine import CLOSE_ENOUGH, Facts, Goal, Phase, Step, next_step
from howdah.capture.prove_dirty import prove_keys
from howdah.capture.record import Capture, CaptureRecord
from howdah.capture.reversibility import find_irreversible
from howdah.capture.source_journal import JournalDesign, design_journal, fence_triggers
from howdah.capture.target_side import (
    add_foreign_keys,
    drop_foreign_keys,
    fence_target,
    set_autovacuum,
    set_sequences,
    unfence_target,
    validate_foreign_keys,
)
from howdah.capture.way_back import WayBack
from howdah.errors import DifferenceError, EnvironmentFailedError, RefusedError
from howdah.loading.job import LoadJob
from howdah.loading.runner import deferred_steps
from howdah.model.census import Census
from howdah.model.findings import Finding
from howdah.model.plan import Plan, TablePlan
from howdah.model.quarantine import Cell
from howdah.model.report import Difference, PhaseReport
from howdah.model.source import SourceCatalog
from howdah.model.verb_reports import InexactReport, LiveReport
from howdah.ops.source_facts import read_catalog_of
from howdah.ops.target import OpenTarget
from howdah.ops.workspace import run_workspace
from howdah.places import state_directory
from howdah.planning.findings import make_finding
from howdah.postgres.arrow_reader import ArrowReader
from howdah.postgres.connect import Connection, connect
from howdah.process.phases import PhaseLog
from howdah.proof.big_values import BIG_VALUE_CODECS
from howdah.proof.result import Proof
from howdah.proof.verify import verify
from howdah.sqlite.home_file import HomeFile
from howdah.sqlite.live_file import LiveFile, Noted, NotedKey
from howdah.sqlite.snapshot import take_snapshot
from howdah.state.ledger import Ledger, Run, ids_left_out
from howdah.state.quarantine import Quarantine
from howdah.state.store import StateSchema

#: Rows that a table without a key may have to be copied again while nobody can write.
KEYLESS_ROWS_MAX = 200_000
#: Applied entries that may lie in the journal before they are deleted.
_KEPT_ENTRIES = 5_000
_LISTED_MAX = 100_000
#: Seconds between two looks at a journal that was empty.
_POLL = 0.1


@dataclass(frozen=True, kw_only=True)
class LiveOptions:
    """What a person asks of a live verb."""

    #: Command to run when the old side takes no more writes, "" for none.
    on_fence: str = ""
    #: Command to run when the new side takes them.
    on_release: str = ""
    accept_quarantine: bool = False
    #: Agrees to the nearest value on the way home.
    nearest: bool = False
    without_new_objects: bool = False


@dataclass
class _Pause:
    """How long nobody could write, part by part."""

    began: float = 0.0
    hooks: float = 0.0
    seconds: float = 0.0
    parts: list[PhaseReport] = field(default_factory=list)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.parts.append(
            PhaseReport(name=name, seconds=time.monotonic() - started, started=max(0.0, started - self.began))
        )


class LiveRun:
    """One process at work on a live migration; holds the target's lock while it lives."""

    def __init__(
        self,
        target: OpenTarget,
        state: StateSchema,
        run: Run,
        live: LiveFile,
        options: LiveOptions,
        phases: PhaseLog,
    ) -> None:
        self.target, self.state, self.run, self.live = target, state, run, live
        self.options, self.phases = options, phases
        self.connection = target.connection
        self.record = CaptureRecord(state=state)
        self.way_back = WayBack(state=state)
        self.workspace = run_workspace(state_directory(), run.id)
        self.pause = _Pause()
        self.proof: Proof | None = None
        self.differences: list[Difference] = []
        self.difference_count = 0
        self.findings: list[Finding] = []
        self.inexact: tuple[InexactReport, ...] = ()
        self.not_provable = 0
        self._dirty: dict[str, Sequence[NotedKey]] = {}
        self._dirty_proven: bool | None = None
        #: Sessions that are opened before the pause begins, because opening one costs a part of it.
        self._exporting: Connection | None = None
        self._readers: list[ArrowReader] = []
        with live.looking():
            self.catalog: SourceCatalog = live.read_catalog()
        self.design: JournalDesign = design_journal(self.catalog)
        self.job = LoadJob(
            conninfo=target.conninfo,
            state=state,
            run_id=run.id,
            plan=run.plan,
            catalog=self.catalog,
            census=Census(),
            snapshot_path=run.snapshot.path,
        )

    # What is true now.

    def capture(self) -> Capture:
        """Return the record. Raises RefusedError where nothing is followed."""
        found = self.record.read(self.connection)
        self.connection.rollback()
        if found is None:
            raise RefusedError(
                "L-101",
                "Nothing is followed into this target.",
                hint='Begin with "howdah follow SOURCE TARGET".',
            )
        return found

    def facts(self, capture: Capture, goal: Goal) -> Facts:
        """Read what the state machine decides by."""
        quarantine = Quarantine(state=self.state, run_id=self.run.id).keys(self.connection)
        prepared = bool(self.way_back.tables(self.connection))
        home_backlog = (
            self.way_back.count(self.connection)
            if goal is Goal.GO_HOME and prepared and capture.phase in (Phase.RELEASED, Phase.COMPLETE)
            else 0
        )
        self.connection.rollback()
        with self.live.looking():
            state = self.live.journal_state()
            backlog = 0 if state is None else self.live.count_entries(capture.watermark)
            touched = 0 if state is None else len(self._keyless_aside(capture, quarantine))
        return Facts(
            phase=capture.phase,
            goal=goal,
            backlog=backlog + (CLOSE_ENOUGH + 1) * touched,
            quarantined=sum(map(len, quarantine.values())),
            quarantine_accepted=self.options.accept_quarantine,
            prepared=prepared,
            fenced=state is not None and state.fenced,
            dirty_proven=self._dirty_proven,
            home_backlog=home_backlog,
        )

    def _keyless_aside(self, capture: Capture, quarantine: Mapping[str, frozenset[str]]) -> list[TablePlan]:
        """
        Return the tables without a key whose rows in quarantine may have been corrected; within a look.

        Other tables without a key wait for the fence: only there is a copy of them the last one.
        """
        noted = self.live.read_noted(capture.watermark, {})
        whole = tables_to_copy_whole(self.design, self.job, noted, capture.touched)
        return [plan for plan in whole if plan.name in quarantine]

    def step(self, goal: Goal) -> Step:
        """Do what comes next, and return what that was."""
        capture = self.capture()
        step = next_step(self.facts(capture, goal))
        match step:
            case Step.APPLY:
                self.apply(capture)
            case Step.WAIT:
                self._note_caught_up(capture)
            case Step.UNFENCE:
                self._drop_fence()
            case Step.PREPARE:
                self._prepare()
            case Step.FENCE:
                self._fence()
            case Step.DRAIN:
                self._drain(capture)
            case Step.PROVE_DIRTY:
                self._prove_dirty(capture)
            case Step.RELEASE:
                self._release()
            case Step.PROVE_ALL:
                self._prove_all(capture)
            case Step.REOPEN:
                self._reopen()
            case Step.HOME_APPLY:
                self._home_apply()
            case Step.HOME_FENCE:
                self._home_fence()
            case Step.HOME_DRAIN:
                self._home_drain()
            case Step.HOME_RELEASE:
                self._home_release()
            case Step.REFUSE:
                self._refuse(capture, goal)
            case Step.LET_GO | Step.DONE:
                pass
        return step

    # Forward.

    def apply(self, capture: Capture) -> None:
        """Bring what the journal holds over, and prune it now and then."""
        self._require_journal(capture)
        quarantine = Quarantine(state=self.state, run_id=self.run.id).keys(self.connection)
        self.connection.rollback()
        with self.live.looking():
            noted = self.live.read_noted(capture.watermark, self._widths())
            whole = self._keyless_aside(capture, quarantine)
            changes = read_changes(self.live, self.design, self.job, noted, whole)
            numbers = [self.design.table(plan.name).number for plan in whole]
            copied = {number: noted.touched.get(number, 0) for number in numbers}
            self._apply(changes, noted, touched={**capture.touched, **copied})
        self._prune(noted)

    def _apply(
        self, changes: Sequence[TableChange], noted: Noted, *, touched: Mapping[int, int] | None
    ) -> None:
        with self.connection.transaction():
            applied = apply_changes(self.connection, self.job, changes)
            row = self.connection.execute(
                self.state.query("SELECT rows_applied FROM {schema}.capture FOR UPDATE")
            ).fetchone()
            assert row is not None
            values: dict[str, Any] = {
                "watermark": noted.upto,
                "rows_applied": row[0] + applied.keys,
                "applied_at": "now",
                "caught_up_at": "now",
                "backlog": 0,
            }
            if touched is not None:
                values["touched"] = {str(number): count for number, count in touched.items()}
            self.record.set(self.connection, **values)
        self._dirty = applied.by_table
        self.phases.progress.advance("journal", applied.keys)

    def _widths(self) -> dict[int, int]:
        return {table.number: len(table.key) for table in self.design.tables}

    def _prune(self, noted: Noted) -> None:
        if noted.entries < 1:
            return
        with self.live.looking():
            lying = self.live.count_entries(0)
        if lying > _KEPT_ENTRIES:
            with self.live.writing():
                self.live.forget_upto(noted.upto)

    def _note_caught_up(self, capture: Capture) -> None:
        self._require_journal(capture)
        with self.connection.transaction():
            self.record.set(self.connection, caught_up_at="now", backlog=0)
        time.sleep(_POLL)

    def _require_journal(self, capture: Capture) -> None:
        """See that the journal is the one that was begun; where it was not whole, compare everything."""
        self.live.require_same_file()
        with self.live.looking():
            state = self.live.journal_state()
            version = self.live.schema_version()
            objects = self.live.our_objects() if version != capture.schema_version else None
            catalog = self.live.read_catalog() if objects is not None else None
        if state is None or state.epoch != capture.epoch:
            raise RefusedError(
                "L-102",
                "The journal in the SQLite file is not the one that was begun.",
                detail="It was removed, or another file was put in the place of the source.",
                hint='Begin anew: "howdah rollback" undoes the run, "howdah follow" begins another.',
            )
        if catalog is not None and objects is not None:
            self._require_same_columns(catalog)
            lost = [
                (name, statement)
                for table in self.design.tables
                for name, statement in table.triggers.items()
                if objects.get(name, ("", ""))[1] != statement
            ]
            if lost:
                self._mend_triggers(lost, objects)
            with self.live.looking():
                version = self.live.schema_version()
            with self.connection.transaction():
                self.record.set(self.connection, schema_version=version)
            if lost:
                self.findings.append(
                    make_finding("F-611", f"{len(lost)} triggers", "they were gone and were made again")
                )
                self.reconcile()
        if not state.armed:
            self.findings.append(
                make_finding(
                    "F-612", f'file "{self.live.path}"', "every row was compared and it was armed again"
                )
            )
            self._arm_again(capture)
            self.reconcile()

    def _require_same_columns(self, catalog: SourceCatalog) -> None:
        found = {table.name: tuple(column.name for column in table.columns) for table in catalog.tables}
        altered = [
            plan.name
            for plan in self.run.plan.tables
            if found.get(plan.name) != tuple(column.name for column in plan.columns)
        ]
        planned = {plan.name for plan in self.run.plan.tables} | {name for name, _ in self.run.plan.skipped}
        altered += [
            table.name for table in catalog.tables if table.kind == "table" and table.name not in planned
        ]
        if altered:
            raise RefusedError(
                "L-103",
                "The application changed the schema of the SQLite file.",
                detail="Tables: " + ", ".join(sorted(altered)) + ".",
                hint='Begin anew with the new schema: "howdah rollback", then "howdah follow".',
            )

    def _mend_triggers(self, lost: Sequence[tuple[str, str]], objects: Mapping[str, tuple[str, str]]) -> None:
        with self.live.writing():
            self.live.execute_all(f"DROP TRIGGER IF EXISTS {name}" for name, _ in lost if name in objects)
            self.live.execute_all(statement for _, statement in lost)

    def _arm_again(self, capture: Capture) -> None:
        with self.live.writing():
            self.live.execute_all(
                [
                    f"UPDATE _howdah_state SET base = {capture.watermark + 1}",
                    "DELETE FROM _howdah_journal",
                    # Numbers go on behind the watermark.
                    f"INSERT INTO _howdah_journal (seq, tbl) VALUES ({capture.watermark + 1}, 0)",
                    "UPDATE _howdah_state SET armed = 1",
                ]
            )

    def reconcile(self) -> int:
        """
        Make PostgreSQL equal a copy of the file by comparing every row; return how many rows that took.

        What changes meanwhile is in the journal and comes after it.
        """
        with (
            self.phases.phase("compare and mend") as count,
            self._copy("reconcile") as path,
            LiveFile(path) as frozen,
        ):
            noted, proof = self._compare_with(frozen, path)
            count.rows = rows = self._mend_from(frozen, noted, proof)
        return rows

    def compare(self) -> Proof:
        """Bring everything over that is noted by now, and compare every row of both sides."""
        with self.phases.phase("compare") as count, self._copy("compare") as path:
            with LiveFile(path) as frozen:
                _, proof = self._compare_with(frozen, path)
            count.rows = proof.rows
        return proof

    @contextmanager
    def _copy(self, name: str) -> Iterator[str]:
        copy = self.workspace.path / f"{name}.sqlite"
        self.workspace.create()
        try:
            take_snapshot(self.live.path, str(copy), digest=False)
            yield str(copy)
        finally:
            copy.unlink(missing_ok=True)

    def _compare_with(self, frozen: LiveFile, path: str) -> tuple[Noted, Proof]:
        with frozen.looking():
            noted = frozen.read_noted(self.capture().watermark, self._widths())
            whole = [plan for plan in self.run.plan.tables if not is_keyed(self.design, plan)]
            changes = read_changes(frozen, self.design, self.job, noted, whole)
            self._apply(changes, noted, touched=None)
        return noted, self._verify(path, read_catalog_of(path), listed_max=_LISTED_MAX)

    def _mend_from(self, frozen: LiveFile, noted: Noted, proof: Proof) -> int:
        keys = keys_of_differences(proof, self.run.plan)
        too_many = [
            plan
            for plan in self.run.plan.tables
            if is_keyed(self.design, plan) and proof.tables[plan.name].differences > _LISTED_MAX
        ]
        numbered = {self.design.table(name).number: tuple(found) for name, found in keys.items()}
        if not numbered and not too_many:
            return 0
        with frozen.looking():
            changes = read_changes(frozen, self.design, self.job, replace(noted, keys=numbered), too_many)
            self._apply(changes, noted, touched=None)
        return sum(map(len, numbered.values()))

    def _verify(
        self,
        path: str,
        catalog: SourceCatalog,
        *,
        listed_max: int = 1000,
        exported: tuple[Connection, str] | None = None,
    ) -> Proof:
        outcomes = Ledger(state=self.state).outcomes(self.connection, self.run.id)
        quarantined = Quarantine(state=self.state, run_id=self.run.id).keys(self.connection)
        self.connection.rollback()
        return verify(
            with_big_values(self.run.plan),
            catalog,
            path,
            self.target.conninfo,
            quarantined=quarantined,
            expected_not_valid=[key for key, outcome in outcomes.items() if outcome.fell_back],
            expected_missing=[
                *ids_left_out(outcomes.values()),
                *(step.id for step in deferred_steps(self.run.plan) if step.id not in outcomes),
            ],
            jobs=self.run.plan.options.jobs,
            progress=self.phases.progress,
            listed_max=listed_max,
            exported=exported,
        )

    # Cutover.

    def _prepare(self) -> None:
        with self.connection.transaction():
            self.way_back.prepare(self.connection, self.run.id, self.run.plan)
            # An autovacuum on a table would hold up the foreign keys for a second, until it gives way.
            set_autovacuum(self.connection, self.run.plan, enabled=False)
        self.findings += find_irreversible(self.run.plan)
        self._require_small_keyless()

    def _require_small_keyless(self) -> None:
        with self.live.looking():
            large = [
                plan.name
                for plan in self.run.plan.tables
                if not is_keyed(self.design, plan) and self.live.count_rows(plan.name) > KEYLESS_ROWS_MAX
            ]
        if large:
            raise RefusedError(
                "L-104",
                "Tables without a key are too large to be copied while nobody can write.",
                detail=f"More than {KEYLESS_ROWS_MAX} rows: {', '.join(large)}.",
                hint='Give them a primary key, or stop the application and use "howdah migrate".',
            )

    def _fence(self) -> None:
        self._open_sessions(readers=1)
        capture = self.capture()
        self._require_journal(capture)
        with self.connection.transaction():
            self.record.set(
                self.connection, phase=str(Phase.FENCING), goal=str(Goal.CUTOVER), fenced_at="now"
            )
        triggers = fence_triggers(self.catalog, self.target.display)
        with self.live.writing(), self.live.shadow_tables_open():
            objects = self.live.our_objects()
            self.live.execute_all(sql for name, sql in triggers.items() if name not in objects)
            self.live.execute_all(["UPDATE _howdah_state SET fenced = 1"])
            self.pause.began = time.monotonic()
        self._run_hook("on-fence", self.options.on_fence)

    def _open_sessions(self, *, readers: int) -> None:
        self._exporting = connect(self.target.conninfo, application_name="howdah live", autocommit=True)
        self._readers = [
            ArrowReader(self.target.conninfo, application_name="howdah live") for _ in range(readers)
        ]

    def _take_reader(self) -> ArrowReader:
        if self._readers:
            return self._readers.pop()
        return ArrowReader(self.target.conninfo, application_name="howdah live")

    def close(self) -> None:
        """Let go of the sessions that were opened ahead."""
        for reader in self._readers:
            reader.close()
        if self._exporting is not None:
            self._exporting.close()

    def _run_hook(self, name: str, command: str) -> None:
        if not command:
            return
        started = time.monotonic()
        # Through the shell on purpose: it is the person's own command line, from the command line alone.
        done = subprocess.run(command, shell=True, check=False, stdout=sys.stderr)  # noqa: S602
        self.pause.hooks += time.monotonic() - started
        if done.returncode and name == "on-fence":
            self.unfence()
            raise EnvironmentFailedError(
                "L-105",
                f"The command of --on-fence ended with status {done.returncode}; the cutover was called off.",
                hint="The SQLite file takes writes again. Correct the command and run the cutover again.",
            )
        if done.returncode:
            self.findings.append(
                make_finding("F-613", f"command of --{name}", f"it ended with status {done.returncode}")
            )

    def unfence(self) -> None:
        """Let the SQLite file take writes again, and PostgreSQL be only followed into."""
        with self.connection.transaction():
            self.connection.execute("SET LOCAL lock_timeout = '30s'")
            self.way_back.disarm(self.connection)
            drop_foreign_keys(self.connection, self.job)
            self.record.set(
                self.connection, phase=str(Phase.FOLLOWING), goal=str(Goal.FOLLOW), fenced_at=None
            )
        self._drop_fence()

    def _drop_fence(self) -> None:
        with self.live.writing(), self.live.shadow_tables_open():
            objects = self.live.our_objects()
            self.live.execute_all(
                f"DROP TRIGGER {name}" for name in objects if name.startswith("_howdah_fence_")
            )
            if "_howdah_state" in objects:
                self.live.execute_all(["UPDATE _howdah_state SET fenced = 0"])
        with self.live.looking():
            version = self.live.schema_version()
        with self.connection.transaction():
            self.record.set(self.connection, schema_version=version)

    def _drain(self, capture: Capture) -> None:
        """The last batch, and everything that PostgreSQL needs to take writes, in one transaction."""
        if not self.pause.began:
            self.pause.began = time.monotonic()
        with self.pause.part("drain"), self.live.looking():
            state = self.live.journal_state()
            version = self.live.schema_version()
            if state is None or not state.fenced or not state.armed:
                raise RefusedError(
                    "L-106",
                    "The journal was cut off while the fence went up; nothing was released.",
                    hint='"howdah cutover --abort" lets the SQLite file take writes again.',
                )
            noted = self.live.read_noted(capture.watermark, self._widths())
            whole = tables_to_copy_whole(self.design, self.job, noted, capture.touched)
            changes = read_changes(self.live, self.design, self.job, noted, whole)
            with self.connection.transaction():
                self._apply(changes, noted, touched=noted.touched)
                set_sequences(self.connection, self.run.plan, self.live)
                add_foreign_keys(self.connection, self.job)
                self.way_back.disarm(self.connection)
                self.way_back.arm(self.connection)
                self.record.set(self.connection, phase=str(Phase.DRAINED), schema_version=version)

    def _prove_dirty(self, capture: Capture) -> None:
        quarantined = Quarantine(state=self.state, run_id=self.run.id).keys(self.connection)
        self.connection.rollback()
        with self.pause.part("prove the last rows"), self._take_reader() as reader:
            differences = prove_keys(self.connection, reader, self.live, self.job, self._dirty, quarantined)
        self._dirty_proven = not differences
        self.differences += differences
        self.difference_count += len(differences)

    def _release(self) -> None:
        """From here on the data is PostgreSQL's. The SQLite file must be what it was at the drain."""
        capture = self.capture()
        with self.pause.part("release"):
            with self.live.looking():
                version = self.live.schema_version()
            if version != capture.schema_version:
                self.unfence()
                raise RefusedError(
                    "L-107",
                    "The schema of the SQLite file was changed behind the fence; nothing was released.",
                    hint="The file takes writes again. Look for what altered it, then run the cutover again.",
                )
            if self._exporting is None:
                self._exporting = connect(
                    self.target.conninfo, application_name="howdah cutover", autocommit=True
                )
            self._exporting.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            row = self._exporting.execute("SELECT pg_catalog.pg_export_snapshot()").fetchone()
            assert row is not None
            self._exported = (self._exporting, str(row[0]))
            with self.connection.transaction():
                self.connection.execute("SET LOCAL synchronous_commit = on")
                self.record.set(self.connection, phase=str(Phase.RELEASED), released_at="now")
        self.pause.seconds = time.monotonic() - self.pause.began - self.pause.hooks
        self._run_hook("on-release", self.options.on_release)

    _exported: tuple[Connection, str] | None = None

    def _prove_all(self, capture: Capture) -> None:
        """Compare every row of the fenced file with PostgreSQL as it was at the release."""
        copy = self.workspace.path / "fenced.sqlite"
        self.workspace.create()
        with self.phases.phase("prove the fenced file") as count:
            snapshot = take_snapshot(self.live.path, str(copy))
            try:
                proof = self._verify(str(copy), read_catalog_of(str(copy)), exported=self._exported)
                if self._exported is None:
                    # The moment of the release is lost: what was written since cannot be told from damage.
                    self._leave_out_noted(proof)
                else:
                    self.differences += proof.differences
                    self.difference_count += proof.difference_count
            finally:
                copy.unlink(missing_ok=True)
            count.rows = proof.rows
        self.proof = proof
        if self._exporting is not None:
            self._exporting.close()
        status = "different" if self.difference_count else "proven"
        with self.connection.transaction():
            set_autovacuum(self.connection, self.run.plan, enabled=True)
        findings = validate_foreign_keys(self.connection, self.job) if status == "proven" else ()
        self.findings += findings
        with self.connection.transaction():
            Ledger(state=self.state).record_proof(
                self.connection, replace(self.run, snapshot=snapshot), status, proof.tables
            )
            values = {"proof": status}
            if status == "proven":
                values["phase"] = str(Phase.COMPLETE)
            self.record.set(self.connection, **values)
        if status == "different":
            self._dirty_proven = False

    def _leave_out_noted(self, proof: Proof) -> None:
        noted = self._keys_noted_on_target()
        for found in proof.differences:
            if found.kind == "sequence":
                continue
            if found.table in noted and (not found.key_cells or tuple(found.key_cells) in noted[found.table]):
                self.not_provable += 1
                continue
            self.differences.append(found)
        self.difference_count += max(0, proof.difference_count - len(proof.differences)) + len(
            self.differences
        )

    def _keys_noted_on_target(self) -> dict[str, set[tuple[Cell, ...]]]:
        """Return, in SQLite's terms, what was written on PostgreSQL since the release."""
        noted: dict[str, set[tuple[Cell, ...]]] = {}
        with ArrowReader(self.target.conninfo, application_name="howdah cutover") as reader:
            from howdah.capture.home_rows import HomeReader
            from howdah.names import qualified, quote

            whole = self.way_back.whole(self.connection)
            for table in self.way_back.tables(self.connection):
                if table.number in whole:
                    noted[table.source_table] = set()
                if not table.key:
                    continue
                plan = self.run.plan.table(table.source_table)
                rows = HomeReader(reader=reader, plan=plan, table=self.catalog.table(plan.name))
                columns = ", ".join(quote(name) for name in table.key)
                dirty = qualified(self.state.name, f"dirty_{table.number}")
                for batch in rows.keys(f"(SELECT DISTINCT {columns} FROM {dirty}) d"):
                    noted.setdefault(plan.name, set()).update(tuple(map(Cell.of, row)) for row in batch.rows)
        self.connection.rollback()
        return noted

    # Home.

    def _reopen(self) -> None:
        """After a way home: PostgreSQL is followed into once more."""
        with self.connection.transaction():
            unfence_target(self.connection, self.state)
            self.way_back.disarm(self.connection)
            drop_foreign_keys(self.connection, self.job)
            self.record.set(
                self.connection,
                phase=str(Phase.FOLLOWING),
                goal=str(Goal.FOLLOW),
                fenced_at=None,
                released_at=None,
                proof="",
            )

    def _home_apply(self) -> None:
        self._carry_home()

    def _home_fence(self) -> None:
        self._carry_home()
        self._open_sessions(readers=2)
        with self.connection.transaction():
            self.connection.execute("SET LOCAL lock_timeout = '30s'")
            fence_target(self.connection, self.state, self.run.plan, self.live.path)
            self.record.set(self.connection, phase=str(Phase.HOME_FENCING), goal=str(Goal.GO_HOME))
        self.pause.began = time.monotonic()
        self._run_hook("on-fence", self.options.on_fence)

    def _home_drain(self) -> None:
        if not self.pause.began:
            self.pause.began = time.monotonic()
        with self.pause.part("drain"):
            self._carry_home(sequences=True)
        with self.connection.transaction():
            self.record.set(self.connection, phase=str(Phase.HOME_DRAINED))

    def _carry_home(self, *, sequences: bool = False) -> None:
        """
        Bring what was noted on PostgreSQL into the fenced file.

        The file commits first, then the entries go: after a crash in between the same keys come again.
        """
        tables = self.way_back.tables(self.connection)
        self.connection.rollback()
        with self._exporting_session() as exporting:
            exporting.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ WRITE")
            row = exporting.execute("SELECT pg_catalog.pg_export_snapshot()").fetchone()
            assert row is not None
            home = Home(
                plan=self.run.plan,
                state_name=self.state.name,
                catalog=self.catalog,
                noted={table.source_table: table for table in tables},
                whole=self.way_back.whole(exporting),
                quarantined=Quarantine(state=self.state, run_id=self.run.id).keys(exporting),
            )
            noted = self._noted_tables(exporting, home)
            with HomeFile(self.live.path) as file, self._take_reader() as reader, file.transaction():
                reader.see(row[0])
                reports = [write_table(file, reader, home, plan) for plan in noted]
                if sequences:
                    write_sequences(file, reader, home)
                self.findings += rebuild_search(
                    file, self.catalog, {item.name for item in reports if is_changed(item)}
                )
                self._require_exact(home)
                file.connection.execute("UPDATE _howdah_state SET home = home + 1")
            for table in tables:
                self.way_back.forget(exporting, table)
            exporting.execute("COMMIT")
        self._dirty = {name: keys for name, keys in home.written.items() if keys}
        self.phases.progress.advance("home", sum(map(len, home.written.values())))

    @contextmanager
    def _exporting_session(self) -> Iterator[Connection]:
        """Give the session that was opened ahead, or one for the block."""
        if self._exporting is not None:
            yield self._exporting
            return
        with connect(self.target.conninfo, application_name="howdah live", autocommit=True) as session:
            yield session

    def _noted_tables(self, connection: Connection, home: Home) -> list[TablePlan]:
        """Return the tables of which anything was noted."""
        from psycopg import sql

        found = []
        for plan in self.run.plan.tables:
            table = home.noted[plan.name]
            if table.number in home.whole:
                found.append(plan)
            elif table.key:
                row = connection.execute(
                    sql.SQL("SELECT EXISTS (SELECT FROM {})").format(self.way_back.dirty(table.number))
                ).fetchone()
                if row is not None and row[0]:
                    found.append(plan)
        return found

    def _require_exact(self, home: Home) -> None:
        without = {place: count for place, count in home.tally.counts.items() if place[2] == "no-exact-form"}
        self.inexact += tuple(
            InexactReport(
                table=table, column=column, rule=rule, count=count, example=home.tally.examples[place]
            )
            for place, count in home.tally.counts.items()
            for table, column, rule in (place,)
        )
        if without and not self.options.nearest:
            raise RefusedError(
                "B-107",
                f"{sum(without.values())} values on PostgreSQL have no exact form in the SQLite file.",
                detail="; ".join(
                    f'"{table}"."{column}": {count}, such as {home.tally.examples[table, column, rule]}'
                    for (table, column, rule), count in sorted(without.items())
                ),
                hint="Say --nearest to write the nearest value there is, each counted in the report.",
            )

    def _home_release(self) -> None:
        with self.pause.part("release"):
            newest = self._newest_entry()
            with self.connection.transaction():
                self.connection.execute("SET LOCAL synchronous_commit = on")
                self.record.set(self.connection, phase=str(Phase.HOME), watermark=newest)
            self._drop_fence()
        self.pause.seconds = (
            time.monotonic() - self.pause.began - self.pause.hooks if self.pause.began else 0.0
        )
        self._run_hook("on-release", self.options.on_release)

    def _newest_entry(self) -> int:
        capture = self.capture()
        with self.live.looking():
            # Nobody could write since the fence: every entry there is was applied before it.
            return self.live.read_noted(capture.watermark, {}).upto

    def prove_home(self) -> None:
        """Compare every row of the file, less what was written since, with PostgreSQL, which stands still."""
        watermark = self.capture().watermark
        with self.phases.phase("prove the file") as count, self._copy("home") as path:
            proof = self._verify(path, read_catalog_of(path))
            with LiveFile(path) as frozen, frozen.looking():
                noted = frozen.read_noted(watermark, self._widths())
            count.rows = proof.rows
        since = {
            plan.name: {
                tuple(map(Cell.of, key)) for key in noted.keys.get(self.design.table(plan.name).number, ())
            }
            for plan in self.run.plan.tables
        }
        keyless = {plan.name for plan in self.run.plan.tables if not is_keyed(self.design, plan)}
        inexact = {(value.table, value.column) for value in self.inexact}
        for found in proof.differences:
            if found.kind not in ("value", "missing-row", "extra-row", "row-count"):
                continue
            if (found.table, found.column) in inexact:
                continue
            if tuple(found.key_cells) in since.get(found.table, set()) or (
                found.table in keyless and self.design.table(found.table).number in noted.touched
            ):
                self.not_provable += 1
                continue
            self.differences.append(found)
        self.difference_count = len(self.differences)
        self.proof = proof

    def _refuse(self, capture: Capture, goal: Goal) -> None:
        if self._dirty_proven is False:
            if capture.phase is Phase.DRAINED:
                self.unfence()
            raise DifferenceError(
                "L-108",
                "The rows that moved last are not the same on both sides; nothing was released.",
                detail="; ".join(
                    f"{found.table} {found.key} {found.column} {found.kind}" for found in self.differences[:5]
                ),
                hint="The old side takes writes again."
                if capture.phase is Phase.DRAINED
                else "PostgreSQL is still fenced; the file is too.",
            )
        if capture.phase in (Phase.FOLLOWING, Phase.DRAINED):
            quarantined = Quarantine(state=self.state, run_id=self.run.id).keys(self.connection)
            self.connection.rollback()
            if capture.phase is Phase.DRAINED:
                self.unfence()
            raise RefusedError(
                "L-109",
                "Rows are in quarantine: a cutover would leave them behind.",
                detail=", ".join(f"{len(keys)} of table {name}" for name, keys in quarantined.items()),
                hint='See them with "howdah quarantine list"; --accept-quarantine leaves them behind.',
            )
        raise RefusedError(
            "L-112",
            f'"{goal}" is not possible in phase "{capture.phase}".',
            hint='"howdah status" shows the phase; "howdah cutover" goes on, "howdah rollback" goes home.',
        )

    def report(self, verb: str, status: str, *, exit_status: int = 0) -> LiveReport:
        """Return where it stands."""
        capture = self.capture()
        quarantined = Quarantine(state=self.state, run_id=self.run.id).keys(self.connection)
        self.connection.rollback()
        with self.live.looking():
            waiting = 0 if self.live.journal_state() is None else self.live.count_entries(capture.watermark)
        return LiveReport(
            verb=verb,
            status=status,
            exit_status=exit_status,
            source=self.run.source,
            target=self.target.display,
            run_id=self.run.id,
            phase=str(capture.phase),
            backlog=waiting,
            rows_applied=capture.rows_applied,
            behind_seconds=capture.behind_seconds if waiting else 0.0,
            rows_quarantined=sum(map(len, quarantined.values())),
            pause_seconds=self.pause.seconds,
            pause=tuple(self.pause.parts),
            proof=("different" if self.difference_count else "proven") if self.proof else "",
            rows_proven=self.proof.rows if self.proof else 0,
            not_provable=self.not_provable,
            differences=tuple(self.differences[:100]),
            difference_count=self.difference_count,
            findings=tuple(self.findings),
            inexact=self.inexact,
            phases=tuple(self.phases.reports),
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


def keys_of_differences(proof: Proof, plan: Plan) -> dict[str, list[NotedKey]]:
    """Return the keys of rows that differ, by table, as the journal would have noted them."""
    keys: dict[str, dict[NotedKey, None]] = {}
    for found in proof.differences:
        if found.kind in ("value", "missing-row", "extra-row") and found.key_cells:
            key = tuple(_as_stored(cell) for cell in found.key_cells)
            keys.setdefault(found.table, {})[key] = None
    return {name: list(found) for name, found in keys.items()}


def _as_stored(cell: Cell) -> Any:
    content = cell.content
    if cell.storage_class == "text" and isinstance(content, bytes):
        return content.decode()
    return content


@contextmanager
def open_live_run(
    target: OpenTarget, state: StateSchema, source: str, options: LiveOptions, phases: PhaseLog
) -> Iterator[LiveRun]:
    """Open the source and give the one who works on both. Raises RefusedError where nothing is followed."""
    capture = CaptureRecord(state=state).read(target.connection)
    if capture is None:
        target.connection.rollback()
        raise RefusedError(
            "L-101",
            "Nothing is followed into this target.",
            hint='Begin with "howdah follow SOURCE TARGET".',
        )
    run = Ledger(state=state).run(target.connection, capture.run_id)
    target.connection.rollback()
    with LiveFile(source) as live:
        found = LiveRun(target, state, run, live, options, phases)
        try:
            yield found
        finally:
            found.close()


def remove_journal(live: LiveFile) -> None:
    """Drop everything of ours in the file, in one transaction."""
    with live.writing(), live.shadow_tables_open():
        objects = live.our_objects()
        for wanted in ("trigger", "table"):
            live.execute_all(
                f"DROP {wanted.upper()} {name}" for name, (kind, _) in objects.items() if kind == wanted
            )
