"""
The run ledger: which runs there were, what each has done, and what came of it.

A step's record commits in the same transaction as its work, so the ledger never
claims what is not there and never forgets what is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from psycopg.types.json import Json

from howdah.model.findings import Finding
from howdah.model.plan import Plan
from howdah.model.report import RunReport, TouchedValue, to_json
from howdah.model.serialize import from_json
from howdah.model.source import Snapshot
from howdah.state.store import Connection, StateSchema


@dataclass(frozen=True, kw_only=True)
class StepOutcome:
    """What one step did, as recorded beside it."""

    step_id: str
    rows: int = 0
    bytes: int = 0
    seconds: float = 0.0
    #: Rule → values that arrived altered by it.
    changed: dict[str, int] = field(default_factory=dict)
    rows_quarantined: int = 0
    #: Those values by name, as far as they are named (`model.limits.NAMED_VALUES_MAX`).
    touched: tuple[TouchedValue, ...] = ()
    findings: tuple[Finding, ...] = ()
    #: The object was made by `fallback_sql` (NOT VALID).
    fell_back: bool = False
    #: The server would not take the object; a finding says why.
    left_out: bool = False
    #: Steps whose objects this one removed again, because they answered otherwise than SQLite.
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Run:
    id: str
    #: running: may be resumed; loaded: not proven; done; undone.
    status: str
    source: str
    target_schema: str
    schema_created: bool
    snapshot: Snapshot
    plan: Plan
    plan_digest: str
    started_at: datetime | None = None
    finished_at: datetime | None = None
    report: RunReport | None = None


def ids_left_out(outcomes: Iterable[StepOutcome]) -> frozenset[str]:
    """Return the steps whose objects are not in the target, as a finding says of each."""
    found: set[str] = set()
    for outcome in outcomes:
        found.update(outcome.removed)
        if outcome.left_out:
            found.add(outcome.step_id)
    return frozenset(found)


def digest_plan(plan: Plan) -> str:
    """Return the SHA-256 (hex) of the plan's canonical JSON, by which proofs name it."""
    # Findings are advice and the estimate is a guess: neither decides what arrives.
    canonical = replace(plan, findings=(), estimate=None)
    text = json.dumps(to_json(canonical), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


_RUN_COLUMNS = (
    "id, status, source, target_schema, schema_created, snapshot, plan, plan_digest,"
    " started_at, finished_at, report"
)


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """Reads and writes the runs of one target, on the connection given to each call."""

    state: StateSchema

    def begin_run(self, connection: Connection, run: Run, howdah_version: str) -> None:
        """Record a run that is about to change the target."""
        connection.execute(
            self.state.query(
                "INSERT INTO {schema}.run (id, status, source, target_schema, schema_created, snapshot, plan,"
                " plan_digest, howdah_version) VALUES (%s, 'running', %s, %s, %s, %s, %s, %s, %s)"
            ),
            (
                run.id,
                run.source,
                run.target_schema,
                run.schema_created,
                Json(to_json(run.snapshot)),
                Json(to_json(run.plan)),
                run.plan_digest,
                howdah_version,
            ),
        )

    def set_status(self, connection: Connection, run_id: str, status: str) -> None:
        """Move a run to another status."""
        connection.execute(
            self.state.query("UPDATE {schema}.run SET status = %s WHERE id = %s"), (status, run_id)
        )

    def finish_run(self, connection: Connection, run_id: str, status: str, report: RunReport) -> None:
        """Store the report and the final status: the last act, which makes the result valid."""
        connection.execute(
            self.state.query(
                "UPDATE {schema}.run SET status = %s, report = %s, finished_at = now() WHERE id = %s"
            ),
            (status, Json(to_json(report)), run_id),
        )

    def runs(self, connection: Connection) -> list[Run]:
        """Return every run, newest first."""
        rows = connection.execute(
            self.state.query(
                "SELECT " + _RUN_COLUMNS + " FROM {schema}.run ORDER BY started_at DESC, id DESC"
            )
        ).fetchall()
        return [_build_run(row) for row in rows]

    def run(self, connection: Connection, run_id: str) -> Run:
        """Return one run. Raises KeyError."""
        row = connection.execute(
            self.state.query("SELECT " + _RUN_COLUMNS + " FROM {schema}.run WHERE id = %s"), (run_id,)
        ).fetchone()
        if row is None:
            raise KeyError(run_id)
        return _build_run(row)

    def record_step(self, connection: Connection, run_id: str, outcome: StepOutcome) -> None:
        """Record a finished step, in the transaction that did its work."""
        connection.execute(
            self.state.query("INSERT INTO {schema}.step (run_id, id, outcome) VALUES (%s, %s, %s)"),
            (run_id, outcome.step_id, Json(to_json(outcome))),
        )

    def forget_step(self, connection: Connection, run_id: str, step_id: str) -> None:
        """Take a step's record away, in the transaction that took its work away."""
        connection.execute(
            self.state.query("DELETE FROM {schema}.step WHERE run_id = %s AND id = %s"), (run_id, step_id)
        )

    def outcomes(self, connection: Connection, run_id: str) -> dict[str, StepOutcome]:
        """Return what is done of a run: step id → outcome."""
        rows = connection.execute(
            self.state.query("SELECT id, outcome FROM {schema}.step WHERE run_id = %s"), (run_id,)
        ).fetchall()
        return {step_id: from_json(StepOutcome, outcome) for step_id, outcome in rows}

    def record_proof(self, connection: Connection, run: Run, status: str, result: Any) -> None:
        """Store the result of a full verification, tied to the snapshot and the plan."""
        connection.execute(
            self.state.query(
                "INSERT INTO {schema}.proof (run_id, status, snapshot_sha256, plan_digest, result)"
                " VALUES (%s, %s, %s, %s, %s)"
            ),
            (run.id, status, run.snapshot.sha256, run.plan_digest, Json(to_json(result))),
        )

    def last_proof(self, connection: Connection, run_id: str) -> tuple[datetime, str] | None:
        """Return when the newest proof of a run was made and its status, None without one."""
        row = connection.execute(
            self.state.query(
                "SELECT made_at, status FROM {schema}.proof WHERE run_id = %s ORDER BY number DESC LIMIT 1"
            ),
            (run_id,),
        ).fetchone()
        return None if row is None else (row[0], row[1])


def _build_run(row: tuple[Any, ...]) -> Run:
    run_id, status, source, schema, created, snapshot, plan, digest, started, finished, report = row
    return Run(
        id=run_id,
        status=status,
        source=source,
        target_schema=schema,
        schema_created=created,
        snapshot=from_json(Snapshot, snapshot),
        plan=from_json(Plan, plan),
        plan_digest=digest,
        started_at=started,
        finished_at=finished,
        report=None if report is None else from_json(RunReport, report),
    )
