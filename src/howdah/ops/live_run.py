"""What a process at work on a live migration has in its hands: both databases, the plan, what it met."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from howdah.capture.record import Capture, CaptureRecord
from howdah.capture.source_journal import JournalDesign, design_journal
from howdah.capture.way_back import WayBack
from howdah.errors import RefusedError
from howdah.loading.job import LoadJob
from howdah.model.census import Census
from howdah.model.findings import Finding
from howdah.model.report import Difference, PhaseReport
from howdah.model.source import SourceCatalog
from howdah.model.verb_reports import InexactReport, LiveReport, UnprovenKey
from howdah.ops.live_sessions import LiveSessions
from howdah.ops.target import OpenTarget
from howdah.ops.workspace import run_workspace
from howdah.places import state_directory
from howdah.planning.left_out import without_left_out
from howdah.postgres.connect import Connection
from howdah.process.phases import PhaseLog
from howdah.proof.result import Proof
from howdah.sqlite.live_file import LiveFile, NotedKey
from howdah.state.ledger import Ledger, Run
from howdah.state.quarantine import Quarantine
from howdah.state.store import StateSchema

#: Keys in the report of which a proof cannot speak; all are counted.
UNPROVEN_LISTED_MAX = 1000


@dataclass(frozen=True, kw_only=True)
class LiveOptions:
    """What a person asks of a live verb."""

    #: Command to run when the old side takes no more writes, "" for none.
    on_fence: str = ""
    #: Command to run when the new side takes them.
    on_release: str = ""
    accept_quarantine: bool = False
    #: Agrees to foreign keys of the application that stay NOT VALID because rows of the file violate them.
    accept_orphans: bool = False
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
        file: LiveFile,
        options: LiveOptions,
        phases: PhaseLog,
    ) -> None:
        self.target, self.state, self.run, self.file = target, state, run, file
        self.options, self.phases = options, phases
        self.connection = target.connection
        self.record = CaptureRecord(state=state)
        self.way_back = WayBack(state=state)
        self.workspace = run_workspace(state_directory(), run.id)
        self.sessions = LiveSessions(target.conninfo)
        self.pause = _Pause()
        self.proof: Proof | None = None
        self.differences: list[Difference] = []
        self.difference_count = 0
        self.findings: list[Finding] = []
        self.inexact: tuple[InexactReport, ...] = ()
        self.not_provable: tuple[UnprovenKey, ...] = ()
        #: Source name → keys of the last batch (None: another process moved it), and whether they are equal
        #: on both sides (None: not looked).
        self.dirty: dict[str, Sequence[NotedKey]] | None = None
        self.dirty_proven: bool | None = None
        #: Which of the application's foreign keys rows violate is known and, where need be, agreed to.
        self.orphans_known = run.plan.owned is None
        #: Without a journal: what `LiveFile.data_version` said when both sides were compared last.
        self.compared_at: int | None = None
        #: The moment of the release, while the session that holds it lives.
        self.exported: tuple[Connection, str] | None = None
        with file.looking():
            self.catalog: SourceCatalog = without_left_out(file.read_catalog(), run.plan)
            self.design: JournalDesign = design_journal(self.catalog, file.journaled_tables())
        self.job = LoadJob(
            conninfo=target.conninfo,
            state=state,
            run_id=run.id,
            plan=run.plan,
            catalog=self.catalog,
            census=Census(),
            snapshot_path=run.snapshot.path,
        )

    def redesign(self, catalog: SourceCatalog) -> None:
        """Note from here on what a catalog of the same columns asks for: it may have other unique indexes."""
        self.catalog = without_left_out(catalog, self.run.plan)
        self.design = design_journal(self.catalog, self.file.journaled_tables())
        self.job = replace(self.job, catalog=self.catalog)

    def capture(self) -> Capture:
        """Return the record. Raises RefusedError where nothing is followed."""
        found = self.record.read(self.connection)
        self.connection.rollback()
        if found is None:
            raise nothing_followed()
        return found

    def key_widths(self) -> dict[int, int]:
        """Return how many columns the noted key of each table has, by table number."""
        return {table.number: len(table.key) for table in self.design.tables}

    def count_waiting(self, capture: Capture) -> int:
        """Return how many entries of the journal are not applied."""
        with self.file.looking():
            return 0 if self.file.journal_state() is None else self.file.count_entries(capture.watermark)

    def report(self, verb: str, status: str, *, exit_status: int = 0) -> LiveReport:
        """Return where it stands."""
        capture = self.capture()
        quarantined = Quarantine(state=self.state, run_id=self.run.id).keys(self.connection)
        self.connection.rollback()
        waiting = self.count_waiting(capture)
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
            not_provable=len(self.not_provable),
            not_provable_keys=self.not_provable[:UNPROVEN_LISTED_MAX],
            differences=tuple(self.differences[:100]),
            difference_count=self.difference_count,
            findings=tuple(self.findings),
            inexact=self.inexact,
            phases=tuple(self.phases.reports),
        )


def nothing_followed() -> RefusedError:
    """Return what is said to who takes for followed what is not."""
    return RefusedError(
        "L-101",
        "Nothing is followed into this target.",
        hint='Begin with "howdah follow SOURCE TARGET".',
    )


@contextmanager
def open_live_run(
    target: OpenTarget, state: StateSchema, source: str, options: LiveOptions, phases: PhaseLog
) -> Iterator[LiveRun]:
    """Open the source and give the one who works on both. Raises RefusedError where nothing is followed."""
    capture = CaptureRecord(state=state).read(target.connection)
    if capture is None:
        target.connection.rollback()
        raise nothing_followed()
    run = Ledger(state=state).run(target.connection, capture.run_id)
    target.connection.rollback()
    with LiveFile(source) as file:
        live = LiveRun(target, state, run, file, options, phases)
        try:
            yield live
        finally:
            live.sessions.close()
