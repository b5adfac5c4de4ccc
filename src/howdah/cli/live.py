"""follow, cutover: a migration while the application goes on writing."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from howdah.cli.options import (
    AllowConnections,
    Exclude,
    Fill,
    FoldNames,
    Include,
    Jobs,
    Json,
    PgBindir,
    Policy,
    Quiet,
    Rows,
    Schema,
    SchemaMode,
    Source,
    SourceTz,
    StateSchemaName,
    TargetArgument,
    Yes,
    build_plan_options,
    build_target_request,
)
from howdah.cli.output import end, make_progress, say

if TYPE_CHECKING:
    from howdah.model.live import Standing

# Commands and consents come from the command line alone: they have no environment twin.
OnFence = Annotated[
    str, typer.Option("--on-fence", help="Command to run when the old side takes no more writes.")
]
OnRelease = Annotated[
    str, typer.Option("--on-release", help="Command to run when the new side takes writes.")
]


def follow_command(
    source: Source,
    target: TargetArgument = None,
    install_triggers: Annotated[
        bool,
        typer.Option("--install-triggers", help="Agree to a journal (_howdah_…) in the SQLite file."),
    ] = False,
    triggers: Annotated[
        bool,
        typer.Option(
            "--triggers/--no-triggers",
            help="Without triggers the SQLite file is not changed; both sides are compared over and over.",
        ),
    ] = True,
    stop: Annotated[
        bool, typer.Option("--stop", help="Remove every trace from the SQLite file, and follow no more.")
    ] = False,
    until_caught_up: Annotated[
        bool, typer.Option("--until-caught-up", help="End as soon as nothing is left to apply.")
    ] = False,
    journal_limit: Annotated[
        int,
        typer.Option(
            "--journal-limit",
            min=1000,
            envvar="HOWDAH_JOURNAL_LIMIT",
            help="Entries that the journal may hold before it disarms itself.",
        ),
    ] = 2_000_000,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            "--metrics-port",
            envvar="HOWDAH_METRICS_PORT",
            min=0,
            max=65535,
            help="Port on this machine for /metrics: lag, rate, backlog (0: any that is free).",
        ),
    ] = None,
    schema: Schema = "public",
    include: Include = None,
    exclude: Exclude = None,
    fold_names: FoldNames = False,
    policy: Policy = None,
    schema_mode: SchemaMode = "auto",
    rows: Rows = None,
    fill: Fill = None,
    source_tz: SourceTz = "UTC",
    allow_connections: AllowConnections = False,
    jobs: Jobs = None,
    yes: Yes = False,
    state_schema: StateSchemaName = "howdah",
    pg_bindir: PgBindir = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Keep the target current while the application writes."""
    from howdah.ops import follow as verb
    from howdah.report.live import render_live

    request = build_target_request(target, yes=yes, state_schema=state_schema, pg_bindir=pg_bindir)
    with make_progress(quiet) as progress:
        if stop:
            report = verb.stop(source, request, progress)
        else:
            report = verb.follow(
                verb.FollowRequest(
                    source=source,
                    target=request,
                    options=build_plan_options(
                        schema=schema,
                        include=include,
                        exclude=exclude,
                        fold_names=fold_names,
                        policies=policy,
                        schema_mode=schema_mode,
                        rows=rows,
                        fill=fill,
                        source_tz=source_tz,
                    ),
                    jobs=jobs,
                    allow_connections=allow_connections,
                    consent=install_triggers,
                    triggers=triggers,
                    journal_limit=journal_limit,
                    until_caught_up=until_caught_up,
                    metrics_port=metrics_port,
                    tell=_teller(as_json=as_json, quiet=quiet),
                ),
                progress,
            )
    end(report, render_live, as_json=as_json)


def _teller(*, as_json: bool, quiet: bool) -> Callable[[Standing], None]:
    """Say once in five seconds where it stands: a line for people, a JSON line for programs."""
    told_at = 0.0

    def tell(standing: Standing) -> None:
        nonlocal told_at
        now = time.monotonic()
        if quiet or now - told_at < 5.0:
            return
        told_at = now
        behind = standing.behind_seconds or 0.0
        if as_json:
            from howdah.report.json_document import render_json_line

            typer.echo(
                render_json_line(
                    {
                        "verb": "follow",
                        "status": standing.phase,
                        "behind_seconds": round(behind, 3),
                        "backlog": standing.backlog,
                        "rows_applied": standing.rows_applied,
                        "rows_per_second": round(standing.rows_per_second, 1),
                        "watermark": standing.watermark,
                    }
                )
            )
        elif not sys.stderr.isatty():
            say(
                f"{standing.phase}: {behind:.1f} s behind, {standing.backlog} entries wait,"
                f" {standing.rows_applied} rows applied, {standing.rows_per_second:.0f}/s"
            )

    return tell


def cutover_command(
    source: Source,
    target: TargetArgument = None,
    on_fence: OnFence = "",
    on_release: OnRelease = "",
    accept_quarantine: Annotated[
        bool, typer.Option("--accept-quarantine", help="Agree to leave rows in quarantine behind.")
    ] = False,
    accept_orphans: Annotated[
        bool,
        typer.Option(
            "--accept-orphans",
            help="Agree that foreign keys of the application stay NOT VALID where rows violate them.",
        ),
    ] = False,
    abort: Annotated[
        bool, typer.Option("--abort", help="Give an unfinished cutover up: SQLite takes writes again.")
    ] = False,
    yes: Yes = False,
    state_schema: StateSchemaName = "howdah",
    pg_bindir: PgBindir = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Fence, drain, prove, switch."""
    from howdah.ops.cutover import CutoverRequest, cutover
    from howdah.ops.live_run import LiveOptions
    from howdah.report.live import render_live

    request = CutoverRequest(
        source=source,
        target=build_target_request(target, yes=yes, state_schema=state_schema, pg_bindir=pg_bindir),
        live=LiveOptions(
            on_fence=on_fence,
            on_release=on_release,
            accept_quarantine=accept_quarantine,
            accept_orphans=accept_orphans,
        ),
        abort=abort,
    )
    with make_progress(quiet) as progress:
        report = cutover(request, progress)
    end(report, render_live, as_json=as_json)
