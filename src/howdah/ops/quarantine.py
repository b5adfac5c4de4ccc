"""quarantine: list, show, retry and export the rows that a run set aside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from howdah.errors import ExitStatus, RefusedError, UsageError
from howdah.loading.job import LoadJob
from howdah.loading.retry import retry_quarantined
from howdah.loading.triggers import quiet_triggers
from howdah.model.census import Census
from howdah.model.plan import Plan, PlanOptions
from howdah.model.quarantine import QuarantinedRow
from howdah.model.verb_reports import QuarantineReport
from howdah.ops.plan import read_plan_edits
from howdah.ops.source_facts import read_kept_catalog, read_kept_snapshot
from howdah.ops.target import OpenTarget, TargetRequest, open_target, read_open_target
from howdah.planning.build import build_plan
from howdah.postgres.catalog import read_target_facts
from howdah.process.phases import PhaseLog
from howdah.report.files import require_no_database, writing_named_file
from howdah.state.ledger import Ledger, Run
from howdah.state.quarantine import Quarantine, write_quarantine_file
from howdah.state.store import StateSchema, exclusive_run, state_exists


@contextmanager
def _quarantine_of_run(request: TargetRequest) -> Iterator[tuple[OpenTarget, Run, Quarantine]]:
    state = StateSchema(name=request.state_schema)
    with open_target(request) as target:
        runs = Ledger(state=state).runs(target.connection) if state_exists(target.connection, state) else []
        target.connection.rollback()
        live = [run for run in runs if run.status != "undone"]
        if not live:
            raise RefusedError(
                "M-601", "There is no run in this target.", hint='Look at "howdah status" of another target.'
            )
        yield target, live[0], Quarantine(state=state, run_id=live[0].id)


def list_rows(request: TargetRequest, *, table: str | None = None) -> QuarantineReport:
    """Return the rows set aside by the newest run, of one source table where given."""
    with _quarantine_of_run(request) as (target, run, quarantine):
        rows = quarantine.rows(target.connection, table=table)
        target.connection.rollback()
        return _build_report("quarantine list", target, run, rows)


def show_row(request: TargetRequest, number: int) -> QuarantineReport:
    """Return one row by its number. Raises UsageError where there is none."""
    with _quarantine_of_run(request) as (target, run, quarantine):
        rows = _numbered_rows(quarantine, target, [number])
        return _build_report("quarantine show", target, run, rows)


def _numbered_rows(
    quarantine: Quarantine, target: OpenTarget, numbers: Sequence[int]
) -> list[QuarantinedRow]:
    """Return the rows of these numbers. Raises UsageError (M-602) for a number that none has."""
    rows = quarantine.rows(target.connection, numbers=numbers)
    target.connection.rollback()
    unknown = sorted(set(numbers) - {row.number for row in rows})
    if unknown:
        raise UsageError(
            "M-602",
            f"There is no row number {unknown[0]} in quarantine.",
            hint='See "howdah quarantine list".',
        )
    return rows


def export_rows(request: TargetRequest, output: Path) -> QuarantineReport:
    """
    Write every row with all its values to a file as JSON lines, mode 0600.

    Raises UsageError where that file is a SQLite database (U-106) or cannot be written (U-103).
    """
    require_no_database(output, "the rows")
    with _quarantine_of_run(request) as (target, run, quarantine):
        rows = quarantine.rows(target.connection)
        target.connection.rollback()
        with writing_named_file(output, "the rows"):
            write_quarantine_file(rows, output)
        return _build_report("quarantine export", target, run, rows)


def retry_rows(
    request: TargetRequest, *, numbers: Sequence[int] | None = None, plan_file: Path | None = None
) -> QuarantineReport:
    """
    Load rows again, from what quarantine holds of them; those that go leave it.

    Raises UsageError (M-602) for a number that no row has, before any is loaded.

    With an edited plan its policies and codecs apply to these rows; types must stay
    those of the tables. The exit status is 5 while rows are left.
    """
    with (
        _quarantine_of_run(request) as (target, run, quarantine),
        exclusive_run(target.connection, quarantine.state),
    ):
        connection = target.connection
        if numbers:
            _numbered_rows(quarantine, target, numbers)
        plan, census = run.plan, Census()
        if plan_file is not None:
            plan, census = _edited_plan(target, run, plan_file)
        job = LoadJob(
            conninfo=target.conninfo,
            state=quarantine.state,
            run_id=run.id,
            plan=plan,
            catalog=read_kept_catalog(run),
            census=census,
            snapshot_path=run.snapshot.path,
        )
        with connection.transaction():
            # A deferred foreign key would reject a row only at the end, and with it all the others.
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            with quiet_triggers(connection, job):
                loaded = retry_quarantined(connection, job, numbers)
        left = quarantine.rows(connection)
        connection.rollback()
        return replace(_build_report("quarantine retry", target, run, left), loaded=loaded)


def _edited_plan(target: OpenTarget, run: Run, plan_file: Path) -> tuple[Plan, Census]:
    facts = read_kept_snapshot(run, PhaseLog())
    options: PlanOptions = run.plan.options
    facts_of_target, owned = (
        read_open_target(target, options)
        if run.plan.owned is not None
        else (read_target_facts(target.connection, options.schema), None)
    )
    target.connection.rollback()
    edits = read_plan_edits(plan_file)
    plan = build_plan(facts.catalog, facts.census, options, facts_of_target, edits, owned)
    plan = replace(plan, owned=run.plan.owned)
    for table in run.plan.tables:
        for column in table.columns:
            edited = plan.table(table.name).column(column.name)
            if edited.type != column.type:
                raise UsageError(
                    "M-603",
                    f'The edited plan changes the type of column "{table.name}"."{column.name}".',
                    detail=f"The table has {column.type}, the plan says {edited.type}.",
                    hint="Change the codec or its policy, not the type; the tables exist already.",
                )
    return plan, facts.census


def _build_report(
    verb: str, target: OpenTarget, run: Run, rows: Sequence[QuarantinedRow]
) -> QuarantineReport:
    left = bool(rows) and verb == "quarantine retry"
    return QuarantineReport(
        verb=verb,
        status="quarantined" if left else "done",
        exit_status=ExitStatus.QUARANTINED if left else ExitStatus.OK,
        target=target.display,
        run_id=run.id,
        rows=tuple(rows),
        total=len(rows),
    )
