"""status, rollback, finalize, clean, doctor: what is there, the way back, and this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from howdah.cli.live import OnFence, OnRelease
from howdah.cli.options import (
    Json,
    PgBindir,
    Quiet,
    StateSchemaName,
    TargetArgument,
    Yes,
    build_target_request,
)
from howdah.cli.output import end, make_progress
from howdah.cli.session import Session
from howdah.errors import RefusedError, UsageError


def status_command(
    target: TargetArgument = None,
    yes: Yes = False,
    state_schema: StateSchemaName = "howdah",
    pg_bindir: PgBindir = None,
    as_json: Json = False,
) -> None:
    """Runs, proofs, what can be resumed or undone."""
    from howdah.ops.status import status
    from howdah.report.verbs import render_status

    report = status(build_target_request(target, yes=yes, state_schema=state_schema, pg_bindir=pg_bindir))
    end(report, render_status, as_json=as_json)


def rollback_command(
    target: TargetArgument = None,
    carry: Annotated[
        bool,
        typer.Option(
            "--carry-back",
            help="Write a SQLite file with every write made on PostgreSQL since the migration.",
        ),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where that file goes; else SOURCE.carried-back."),
    ] = None,
    nearest: Annotated[
        bool, typer.Option("--nearest", help="Agree to the nearest value where SQLite has no exact one.")
    ] = False,
    without_new_objects: Annotated[
        bool,
        typer.Option("--without-new-objects", help="Agree to leave out tables and columns that are new."),
    ] = False,
    all_rows: Annotated[
        bool, typer.Option("--all-rows", help="Read every row although a journal was kept.")
    ] = False,
    on_fence: OnFence = "",
    on_release: OnRelease = "",
    yes: Yes = False,
    state_schema: StateSchemaName = "howdah",
    pg_bindir: PgBindir = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Undo the newest run while the target still equals its proof, or go home with what was written since."""
    request = build_target_request(target, yes=yes, state_schema=state_schema, pg_bindir=pg_bindir)
    if carry:
        from howdah.ops.carry_back import CarryBackRequest, carry_back
        from howdah.report.live import render_carry_back

        asked = CarryBackRequest(
            target=request,
            output=output,
            nearest=nearest,
            without_new_objects=without_new_objects,
            all_rows=all_rows,
        )
        with make_progress(quiet) as progress:
            carried = carry_back(asked, progress)
        end(carried, render_carry_back, as_json=as_json)
    from howdah.ops.go_home import go_home, is_away

    if output is None and not all_rows and is_away(request):
        from howdah.ops.live_run import LiveOptions
        from howdah.report.live import render_live

        options = LiveOptions(
            on_fence=on_fence,
            on_release=on_release,
            nearest=nearest,
            without_new_objects=without_new_objects,
        )
        with make_progress(quiet) as progress:
            home = go_home(request, options, progress)
        end(home, render_live, as_json=as_json)
    if output is not None or nearest or without_new_objects or all_rows:
        raise UsageError(
            "U-104",
            "--output, --nearest, --without-new-objects and --all-rows belong to --carry-back.",
            hint='Without --carry-back, "howdah rollback" undoes the run and writes no file.',
        )
    from howdah.ops.rollback import rollback
    from howdah.report.verbs import render_rollback

    with make_progress(quiet) as progress:
        report = rollback(request, progress)
    end(report, render_rollback, as_json=as_json)


def finalize_command(
    target: TargetArgument = None,
    agreed: Annotated[
        bool, typer.Option("--yes", help="Agree: the rows that were replaced cannot come back afterwards.")
    ] = False,
    unproven: Annotated[
        bool, typer.Option("--unproven", help="Agree to end the way back without the proof of the cutover.")
    ] = False,
    state_schema: StateSchemaName = "howdah",
    pg_bindir: PgBindir = None,
    as_json: Json = False,
) -> None:
    """End the way back: give up the rows that were replaced, put the SQLite file away."""
    if not agreed:
        if not sys.stdin.isatty():
            raise RefusedError(
                "M-613",
                "Finalizing gives up the rows that were replaced, and wants consent.",
                hint="Say --yes.",
            )
        typer.confirm("Give up the rows that were replaced? Nothing can be undone then.", abort=True)
    from howdah.ops.finalize import finalize
    from howdah.report.verbs import render_finalize

    report = finalize(
        build_target_request(target, yes=True, state_schema=state_schema, pg_bindir=pg_bindir),
        unproven=unproven,
    )
    end(report, render_finalize, as_json=as_json)


def clean_command(
    target: TargetArgument = None,
    keep_files: Annotated[
        bool, typer.Option("--keep-files", help="Keep snapshots and reports on this machine.")
    ] = False,
    agreed: Annotated[
        bool, typer.Option("--yes", help="Agree: nothing can be undone or retried afterwards.")
    ] = False,
    state_schema: StateSchemaName = "howdah",
    pg_bindir: PgBindir = None,
    as_json: Json = False,
) -> None:
    """Remove every trace of Howdah from the target, and the files of its runs."""
    if not agreed:
        if not sys.stdin.isatty():
            raise RefusedError(
                "M-502",
                "Cleaning removes ledger, quarantine, proofs and snapshots, and wants consent.",
                hint="Say --yes.",
            )
        typer.confirm(
            "Remove ledger, quarantine, proofs and snapshots? Nothing can be undone then.", abort=True
        )
    from howdah.ops.clean import clean
    from howdah.report.verbs import render_clean

    report = clean(
        build_target_request(target, yes=True, state_schema=state_schema, pg_bindir=pg_bindir),
        keep_files=keep_files,
    )
    end(report, render_clean, as_json=as_json)


def doctor_command(context: typer.Context, pg_bindir: PgBindir = None, as_json: Json = False) -> None:
    """Tools, libraries, settings and where each came from."""
    from howdah.cli.settled import settle_options
    from howdah.ops.doctor import examine
    from howdah.report.verbs import render_doctor

    report = examine(
        pg_bindir, options=settle_options(context.find_root().command, context.ensure_object(Session))
    )
    end(report, render_doctor, as_json=as_json)
