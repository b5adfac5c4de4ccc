"""
The report objects of the short verbs; `model.report` has that of `migrate` and `verify`.

Each carries verb, status (one word) and exit status, and is what text and JSON are
rendered from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from howdah.model.census import Census
from howdah.model.findings import Finding
from howdah.model.plan import Estimate, Plan
from howdah.model.quarantine import QuarantinedRow
from howdah.model.report import Difference, PhaseReport
from howdah.model.source import SourceCatalog


@dataclass(frozen=True, kw_only=True)
class InspectReport:
    """Everything known of a source."""

    verb: str = "inspect"
    status: str = "done"
    exit_status: int = 0
    source: str
    catalog: SourceCatalog
    census: Census
    #: What the default plan makes of it.
    findings: tuple[Finding, ...]
    estimate: Estimate | None
    phases: tuple[PhaseReport, ...] = ()
    #: Bytes of the source's consistent copy.
    size: int = 0


@dataclass(frozen=True, kw_only=True)
class PlanReport:
    """A plan, and where its file was written."""

    verb: str = "plan"
    status: str = "done"
    exit_status: int = 0
    source: str
    plan: Plan
    #: Path of the plan file, "" where none was asked for.
    output: str = ""


@dataclass(frozen=True, kw_only=True)
class RunStatus:
    """One run in the ledger of a target."""

    id: str
    #: running (resumable), loaded (not proven), done, undone.
    status: str
    source: str
    target_schema: str
    started_at: str
    finished_at: str
    tables: int
    rows: int
    rows_quarantined: int
    steps_done: int
    steps: int
    #: What the newest proof said and when it was made, "" without one.
    proof: str
    proven_at: str
    snapshot: str
    snapshot_present: bool
    #: What may be done next, as a command; "" for nothing.
    next: str
    #: Constraints that are NOT VALID because carried rows violate them, as `"name" of table "name"`.
    not_valid: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LiveStatus:
    """A live migration, as its record has it."""

    run_id: str
    #: following, fencing, drained, released, complete, home-fencing, home-drained, home.
    phase: str
    rows_applied: int
    #: Seconds since the journal at the source was last seen empty; while following.
    behind_seconds: float
    #: "proven", "different", or "" where the fenced file was not compared yet.
    proof: str = ""


@dataclass(frozen=True, kw_only=True)
class StatusReport:
    """The runs of a target, newest first."""

    verb: str = "status"
    status: str = "done"
    exit_status: int = 0
    target: str
    runs: tuple[RunStatus, ...]
    #: None where nothing is followed into the target.
    live: LiveStatus | None = None


@dataclass(frozen=True, kw_only=True)
class RollbackReport:
    """What an undo removed."""

    verb: str = "rollback"
    status: str = "undone"
    exit_status: int = 0
    target: str
    run_id: str
    #: Tables and views that were dropped.
    dropped: tuple[str, ...]
    #: Where the private copy of the source still is.
    snapshot: str
    #: The application's tables that have the rows again which they held before.
    restored: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FinalizeReport:
    """What was given up with the way back."""

    verb: str = "finalize"
    status: str = "finalized"
    exit_status: int = 0
    target: str
    runs: tuple[str, ...]
    #: Tables whose former rows are gone.
    tables: tuple[str, ...]
    #: Those rows.
    rows: int
    #: After a cutover: the SQLite file, now read-only, and its checksum.
    files: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CleanReport:
    """What was removed of ours."""

    verb: str = "clean"
    status: str = "done"
    exit_status: int = 0
    target: str
    #: Runs whose ledger, quarantine and proofs were removed.
    runs: tuple[str, ...]
    #: Directories of this machine that were removed.
    directories: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class QuarantineReport:
    """Rows set aside by a run."""

    verb: str
    status: str
    exit_status: int
    target: str
    run_id: str
    rows: tuple[QuarantinedRow, ...]
    total: int
    #: Rows loaded by this retry.
    loaded: int = 0


@dataclass(frozen=True, kw_only=True)
class ServerReport:
    """The embedded server."""

    verb: str
    #: running or stopped.
    status: str
    exit_status: int = 0
    directory: str
    version: str = ""
    #: Without the password, but for `howdah pg url`, whose whole purpose it is.
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class ServeReport:
    """The content API while it serves, and when it has ended."""

    verb: str = "serve"
    #: serving or ended.
    status: str
    exit_status: int = 0
    target: str
    content: str
    url: str
    admin_url: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DoctorItem:
    name: str
    value: str
    #: Where it came from: environment, file, default, a package, a directory.
    origin: str = ""


@dataclass(frozen=True, kw_only=True)
class DoctorReport:
    """This machine as Howdah will use it."""

    verb: str = "doctor"
    status: str = "done"
    exit_status: int = 0
    sections: Mapping[str, tuple[DoctorItem, ...]]
    #: What will not work, one sentence each.
    problems: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ErrorFacts:
    """An error as `errors.HowdahError` carries it."""

    code: str
    message: str
    detail: str = ""
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class FailureReport:
    """A command that could not do its work."""

    #: "" where the command line was not understood so far.
    verb: str
    #: refused, failed, interrupted, damaged or bug.
    status: str
    exit_status: int
    error: ErrorFacts


@dataclass(frozen=True, kw_only=True)
class HomeTableReport:
    """What the way home did to one table of the SQLite file."""

    name: str
    #: "journal" (the keys that were noted), "all rows" (compared), or "unchanged".
    method: str
    inserted: int = 0
    updated: int = 0
    deleted: int = 0


@dataclass(frozen=True, kw_only=True)
class InexactReport:
    """Values of one column that SQLite cannot hold as PostgreSQL does."""

    table: str
    column: str
    #: no-exact-form, affinity.
    rule: str
    count: int
    #: The first of them, as PostgreSQL holds it.
    example: str


@dataclass(frozen=True, kw_only=True)
class CarryBackReport:
    """A SQLite file that holds what PostgreSQL holds."""

    verb: str = "rollback"
    status: str = "carried-back"
    exit_status: int = 0
    target: str
    run_id: str
    #: The file that was migrated.
    source: str
    #: The file that the old application opens.
    output: str
    sha256: str
    tables: tuple[HomeTableReport, ...]
    inexact: tuple[InexactReport, ...] = ()
    findings: tuple[Finding, ...] = ()
    #: "proven", or "different" with the differences in `differences`.
    proof: str = ""
    rows: int = 0
    differences: tuple[Difference, ...] = ()
    difference_count: int = 0
    phases: tuple[PhaseReport, ...] = ()


@dataclass(frozen=True, kw_only=True)
class UnprovenKey:
    """A row that was written after the moment that a proof speaks of."""

    table: str
    #: Values of its key, "" for every row of a table without one, or of one that was truncated.
    key: str


@dataclass(frozen=True, kw_only=True)
class LiveReport:
    """Where a live migration stands: `follow`, `cutover`, and `rollback` after a cutover."""

    verb: str
    #: following, caught-up, yielded, stopped, released, complete, home, different…
    status: str
    exit_status: int = 0
    source: str
    target: str
    run_id: str
    #: What is durably true, as the record in the target has it.
    phase: str
    #: Entries of the journal that wait.
    backlog: int = 0
    rows_applied: int = 0
    #: Seconds since the journal was last seen empty.
    behind_seconds: float = 0.0
    rows_quarantined: int = 0
    #: Seconds between the last write that the old side could take and the first that the new one can;
    #: commands of --on-fence and --on-release not counted.
    pause_seconds: float = 0.0
    #: The same, part by part.
    pause: tuple[PhaseReport, ...] = ()
    #: "proven", "different", or "" where nothing was proven as a whole.
    proof: str = ""
    rows_proven: int = 0
    #: Keys written since, which a proof of the old moment cannot speak of.
    not_provable: int = 0
    #: The first thousand of them.
    not_provable_keys: tuple[UnprovenKey, ...] = ()
    differences: tuple[Difference, ...] = ()
    difference_count: int = 0
    findings: tuple[Finding, ...] = ()
    #: Values that went home without an exact form.
    inexact: tuple[InexactReport, ...] = ()
    phases: tuple[PhaseReport, ...] = ()
