"""inspect, plan, migrate, verify: from a SQLite file to a proven database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from howdah.cli.options import (
    AllowConnections,
    Collation,
    Exclude,
    Fill,
    FireTriggers,
    FoldNames,
    FullText,
    Include,
    Jobs,
    Json,
    JsonType,
    OnReject,
    PgBindir,
    PlanFile,
    Policy,
    Quiet,
    ReplaceExisting,
    ReportDir,
    Rows,
    Salvage,
    Schema,
    SchemaMode,
    Source,
    SourceTz,
    StateSchemaName,
    TargetArgument,
    VirtualTables,
    Yes,
    build_plan_options,
    build_target_request,
)
from howdah.cli.output import end, make_progress


def inspect_command(source: Source, as_json: Json = False, quiet: Quiet = False) -> None:
    """What is in the file and what will be hard; read-only."""
    from howdah.ops.inspect import inspect
    from howdah.report.overview import render_inspection

    with make_progress(quiet) as progress:
        report = inspect(source, progress=progress)
    end(report, render_inspection, as_json=as_json)


def plan_command(
    source: Source,
    target: TargetArgument = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write the plan here, to edit and use with --plan."),
    ] = None,
    schema: Schema = "public",
    include: Include = None,
    exclude: Exclude = None,
    fold_names: FoldNames = False,
    collation: Collation = None,
    on_reject: OnReject = "quarantine",
    policy: Policy = None,
    json_type: JsonType = "json",
    schema_mode: SchemaMode = "auto",
    rows: Rows = None,
    replace_existing: ReplaceExisting = None,
    fill: Fill = None,
    source_tz: SourceTz = "UTC",
    fire_triggers: FireTriggers = False,
    virtual_tables: VirtualTables = True,
    full_text: FullText = False,
    plan_file: PlanFile = None,
    salvage: Salvage = False,
    jobs: Jobs = None,
    yes: Yes = False,
    state_schema: StateSchemaName = "howdah",
    pg_bindir: PgBindir = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Every decision, before anything is written."""
    from howdah.model.verb_reports import PlanReport
    from howdah.ops.plan import PlanRequest, plan
    from howdah.report.files import require_no_database, write_named_file
    from howdah.report.overview import render_plan_summary

    if output is not None:
        require_no_database(output, "the plan")
    request = PlanRequest(
        source=source,
        # A plan is made for a server only when one is named: rehearsal servers are all alike.
        target=None
        if target is None
        else build_target_request(target, yes=yes, state_schema=state_schema, pg_bindir=pg_bindir),
        options=build_plan_options(
            schema=schema,
            include=include,
            exclude=exclude,
            fold_names=fold_names,
            collation=collation,
            on_reject=on_reject,
            policies=policy,
            json_type=json_type,
            schema_mode=schema_mode,
            rows=rows,
            replace_existing=replace_existing,
            fill=fill,
            source_tz=source_tz,
            fire_triggers=fire_triggers,
            virtual_tables=virtual_tables,
            full_text=full_text,
            jobs=jobs,
        ),
        plan_file=plan_file,
        salvage=salvage,
    )
    with make_progress(quiet) as progress:
        built = plan(request, progress)
    if output is not None:
        from howdah.planning.plan_file import render_plan as write_plan

        write_named_file(output, write_plan(built), "the plan")
    report = PlanReport(source=source, plan=built, output=str(output or ""))
    end(report, render_plan_summary, as_json=as_json)


def migrate_command(
    source: Source,
    target: TargetArgument = None,
    schema: Schema = "public",
    include: Include = None,
    exclude: Exclude = None,
    fold_names: FoldNames = False,
    collation: Collation = None,
    on_reject: OnReject = "quarantine",
    policy: Policy = None,
    json_type: JsonType = "json",
    schema_mode: SchemaMode = "auto",
    rows: Rows = None,
    replace_existing: ReplaceExisting = None,
    fill: Fill = None,
    source_tz: SourceTz = "UTC",
    fire_triggers: FireTriggers = False,
    virtual_tables: VirtualTables = True,
    full_text: FullText = False,
    plan_file: PlanFile = None,
    salvage: Salvage = False,
    jobs: Jobs = None,
    verify: Annotated[
        bool,
        typer.Option("--verify/--no-verify", envvar="HOWDAH_VERIFY", help="Prove the result (else exit 9)."),
    ] = True,
    keep_way_back: Annotated[
        bool,
        typer.Option(
            "--keep-way-back",
            envvar="HOWDAH_KEEP_WAY_BACK",
            help="Note the keys of what is changed on PostgreSQL, for rollback --carry-back.",
        ),
    ] = False,
    keep_snapshot: Annotated[
        str | None,
        typer.Option(
            "--keep-snapshot",
            envvar="HOWDAH_KEEP_SNAPSHOT",
            help="Keep the snapshot, proven, in this backup repository (directory or s3://…) first.",
        ),
    ] = None,
    report_dir: ReportDir = None,
    allow_connections: AllowConnections = False,
    yes: Yes = False,
    state_schema: StateSchemaName = "howdah",
    pg_bindir: PgBindir = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Snapshot, plan, copy, constraints, sequences, verify, report."""
    from howdah.ops.migrate import MigrateRequest, migrate
    from howdah.report.text import render_run

    request = MigrateRequest(
        source=source,
        target=build_target_request(target, yes=yes, state_schema=state_schema, pg_bindir=pg_bindir),
        options=build_plan_options(
            schema=schema,
            include=include,
            exclude=exclude,
            fold_names=fold_names,
            collation=collation,
            on_reject=on_reject,
            policies=policy,
            json_type=json_type,
            schema_mode=schema_mode,
            rows=rows,
            replace_existing=replace_existing,
            fill=fill,
            source_tz=source_tz,
            fire_triggers=fire_triggers,
            virtual_tables=virtual_tables,
            full_text=full_text,
        ),
        plan_file=plan_file,
        jobs=jobs,
        verify=verify,
        salvage=salvage,
        keep_way_back=keep_way_back,
        allow_connections=allow_connections,
        keep_snapshot=keep_snapshot,
        report_dir=report_dir,
    )
    with make_progress(quiet) as progress:
        report = migrate(request, progress)
    end(report, render_run, as_json=as_json)


def verify_command(
    source: Source,
    target: TargetArgument = None,
    repair: Annotated[bool, typer.Option("--repair", help="Copy what differs again, and verify.")] = False,
    schema: Schema = "public",
    include: Include = None,
    exclude: Exclude = None,
    fold_names: FoldNames = False,
    schema_mode: SchemaMode = "auto",
    source_tz: SourceTz = "UTC",
    salvage: Salvage = False,
    jobs: Jobs = None,
    report_dir: ReportDir = None,
    yes: Yes = False,
    state_schema: StateSchemaName = "howdah",
    pg_bindir: PgBindir = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Full proof of an earlier run, any time later; --schema to --source-tz count without its ledger."""
    from howdah.ops.verify import VerifyRequest, verify_run
    from howdah.report.text import render_run

    request = VerifyRequest(
        source=source,
        target=build_target_request(target, yes=yes, state_schema=state_schema, pg_bindir=pg_bindir),
        repair=repair,
        salvage=salvage,
        jobs=jobs,
        report_dir=report_dir,
        options=build_plan_options(
            schema=schema,
            include=include,
            exclude=exclude,
            fold_names=fold_names,
            schema_mode=schema_mode,
            source_tz=source_tz,
        ),
    )
    with make_progress(quiet) as progress:
        report = verify_run(request, progress)
    end(report, render_run, as_json=as_json)
