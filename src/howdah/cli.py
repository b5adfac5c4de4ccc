"""
The command line: one subcommand per file of `ops`; it parses and renders, and decides nothing.

Standard library, typer and our own errors are all that is imported here: the rest
is imported by the command that runs, so that `howdah --help` answers at once.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from howdah.errors import ExitStatus, HowdahError, RefusedError, UsageError

if TYPE_CHECKING:
    from howdah.model.plan import PlanOptions
    from howdah.ops.target import TargetRequest
    from howdah.process.progress import Progress

app = typer.Typer(
    name="howdah",
    help="Carry an application from SQLite onto PostgreSQL, prove that nothing was lost, keep a way back.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
quarantine_app = typer.Typer(help="Rows set aside: list, show, retry, export.", no_args_is_help=True)
pg_app = typer.Typer(help="The embedded PostgreSQL server.", no_args_is_help=True)
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(pg_app, name="pg")

Source = Annotated[str, typer.Argument(metavar="SOURCE", help="The SQLite file.")]
TargetArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[TARGET]",
        show_default=False,
        help="PostgreSQL as URI or keywords; else DATABASE_URL, DATABASE_*, PG*; else embedded.",
    ),
]
Json = Annotated[bool, typer.Option("--json", envvar="HOWDAH_JSON", help="One JSON document on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", envvar="HOWDAH_QUIET", help="No progress display.")]
# A consent: it has no environment twin on purpose.
Yes = Annotated[bool, typer.Option("--yes", help="Agree to a target from the environment that is elsewhere.")]
StateSchemaName = Annotated[
    str,
    typer.Option("--state-schema", envvar="HOWDAH_STATE_SCHEMA", help="Schema for Howdah's own records."),
]
Schema = Annotated[str, typer.Option("--schema", envvar="HOWDAH_SCHEMA", help="Schema for the tables.")]
Include = Annotated[
    list[str] | None,
    typer.Option("--include", envvar="HOWDAH_INCLUDE", help="Only tables that match (fnmatch; repeatable)."),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option("--exclude", envvar="HOWDAH_EXCLUDE", help="Leave out tables that match (repeatable)."),
]
Collation = Annotated[
    str | None,
    typer.Option("--collation", envvar="HOWDAH_COLLATION", help="Collation of text columns, e.g. C."),
]
OnReject = Annotated[
    str,
    typer.Option("--on-reject", envvar="HOWDAH_ON_REJECT", help="Rows that cannot go: quarantine or stop."),
]
JsonType = Annotated[
    str,
    typer.Option(
        "--json-type", envvar="HOWDAH_JSON_TYPE", help="Columns declared JSON: json, jsonb or text."
    ),
]
PlanFile = Annotated[
    Path | None, typer.Option("--plan", envvar="HOWDAH_PLAN", help="An edited plan (TOML) to follow.")
]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", "-j", min=1, max=64, envvar="HOWDAH_JOBS", help="Processes; chosen by size."),
]
PgBindir = Annotated[
    Path | None,
    typer.Option("--pg-bindir", envvar="HOWDAH_PG_BINDIR", help="Server programs for the embedded server."),
]


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"howdah {version('howdah')}")
        raise typer.Exit


@app.callback()
def _root(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options that stand before the verb."""


def _options(
    *,
    schema: str = "public",
    include: list[str] | None = None,
    exclude: list[str] | None = None,
    collation: str | None = None,
    on_reject: str = "quarantine",
    json_type: str = "json",
    jobs: int | None = None,
) -> PlanOptions:
    from howdah.model.plan import PlanOptions, RejectPolicy

    if json_type not in ("json", "jsonb", "text"):
        raise UsageError("U-101", f"--json-type takes json, jsonb or text, not {json_type!r}.")
    if on_reject not in tuple(RejectPolicy):
        raise UsageError("U-102", f"--on-reject takes quarantine or stop, not {on_reject!r}.")
    return PlanOptions(
        schema=schema,
        include=tuple(include or ()),
        exclude=tuple(exclude or ()),
        collation=collation,
        on_reject=RejectPolicy(on_reject),
        json_type=json_type,
        jobs=jobs or 1,
    )


def _target(
    target: str | None, *, yes: bool, state_schema: str, pg_bindir: Path | None, quiet: bool = False
) -> TargetRequest:
    from howdah.ops.target import TargetRequest

    return TargetRequest(
        target=target,
        consent=yes,
        state_schema=state_schema,
        pg_bindir=pg_bindir,
        announce=_say_nothing if quiet else _say,
    )


def _say(line: str) -> None:
    """Print a line for people; stdout belongs to results."""
    typer.echo(line, err=True)


def _say_nothing(line: str) -> None:
    """Print nothing."""


def _progress(quiet: bool) -> Progress:
    from howdah.process.progress import choose_progress

    return choose_progress(quiet=quiet)


def _end(report: Any, text: str, *, as_json: bool) -> NoReturn:
    """Print a report in the form asked for and end with its exit status."""
    if as_json:
        from howdah.report.json_document import render_json

        typer.echo(render_json(report))
    else:
        typer.echo(text)
    raise typer.Exit(report.exit_status)


@app.command("inspect")
def inspect_command(source: Source, as_json: Json = False, quiet: Quiet = False) -> None:
    """What is in the file and what will be hard; read-only."""
    from howdah.ops.inspect import inspect
    from howdah.report.overview import render_inspection

    with _progress(quiet) as progress:
        report = inspect(source, progress=progress)
    _end(report, "" if as_json else render_inspection(report), as_json=as_json)


@app.command("plan")
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
    collation: Collation = None,
    on_reject: OnReject = "quarantine",
    json_type: JsonType = "json",
    plan_file: PlanFile = None,
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
    from howdah.report.overview import render_plan_summary

    request = PlanRequest(
        source=source,
        # A plan is made for a server only when one is named: rehearsal servers are all alike.
        target=None
        if target is None
        else _target(target, yes=yes, state_schema=state_schema, pg_bindir=pg_bindir, quiet=quiet),
        options=_options(
            schema=schema,
            include=include,
            exclude=exclude,
            collation=collation,
            on_reject=on_reject,
            json_type=json_type,
            jobs=jobs,
        ),
        plan_file=plan_file,
    )
    with _progress(quiet) as progress:
        built = plan(request, progress)
    if output is not None:
        from howdah.planning.plan_file import render_plan as write_plan

        output.write_text(write_plan(built), encoding="utf-8")
    report = PlanReport(source=source, plan=built, output=str(output or ""))
    _end(report, "" if as_json else render_plan_summary(report), as_json=as_json)


@app.command("migrate")
def migrate_command(
    source: Source,
    target: TargetArgument = None,
    schema: Schema = "public",
    include: Include = None,
    exclude: Exclude = None,
    collation: Collation = None,
    on_reject: OnReject = "quarantine",
    json_type: JsonType = "json",
    plan_file: PlanFile = None,
    jobs: Jobs = None,
    verify: Annotated[
        bool,
        typer.Option("--verify/--no-verify", envvar="HOWDAH_VERIFY", help="Prove the result (else exit 9)."),
    ] = True,
    report_dir: Annotated[
        Path | None, typer.Option("--report-dir", envvar="HOWDAH_REPORT_DIR", help="Write the report here.")
    ] = None,
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
        target=_target(target, yes=yes, state_schema=state_schema, pg_bindir=pg_bindir, quiet=quiet),
        options=_options(
            schema=schema,
            include=include,
            exclude=exclude,
            collation=collation,
            on_reject=on_reject,
            json_type=json_type,
        ),
        plan_file=plan_file,
        jobs=jobs,
        verify=verify,
        report_dir=report_dir,
    )
    with _progress(quiet) as progress:
        report = migrate(request, progress)
    _end(report, "" if as_json else render_run(report), as_json=as_json)


@app.command("verify")
def verify_command(
    source: Source,
    target: TargetArgument = None,
    repair: Annotated[bool, typer.Option("--repair", help="Copy what differs again, and verify.")] = False,
    jobs: Jobs = None,
    report_dir: Annotated[
        Path | None, typer.Option("--report-dir", envvar="HOWDAH_REPORT_DIR", help="Write the report here.")
    ] = None,
    yes: Yes = False,
    state_schema: StateSchemaName = "howdah",
    pg_bindir: PgBindir = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Full proof of an earlier run, any time later."""
    from howdah.ops.verify import VerifyRequest, verify_run
    from howdah.report.text import render_run

    request = VerifyRequest(
        source=source,
        target=_target(target, yes=yes, state_schema=state_schema, pg_bindir=pg_bindir, quiet=quiet),
        repair=repair,
        jobs=jobs,
        report_dir=report_dir,
    )
    with _progress(quiet) as progress:
        report = verify_run(request, progress)
    _end(report, "" if as_json else render_run(report), as_json=as_json)


@app.command("status")
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

    report = status(_target(target, yes=yes, state_schema=state_schema, pg_bindir=pg_bindir))
    _end(report, "" if as_json else render_status(report), as_json=as_json)


@app.command("rollback")
def rollback_command(
    target: TargetArgument = None,
    yes: Yes = False,
    state_schema: StateSchemaName = "howdah",
    pg_bindir: PgBindir = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Undo the newest run while the target still equals its proof."""
    from howdah.ops.rollback import rollback
    from howdah.report.verbs import render_rollback

    request = _target(target, yes=yes, state_schema=state_schema, pg_bindir=pg_bindir, quiet=quiet)
    with _progress(quiet) as progress:
        report = rollback(request, progress)
    _end(report, "" if as_json else render_rollback(report), as_json=as_json)


@app.command("clean")
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
        _target(target, yes=True, state_schema=state_schema, pg_bindir=pg_bindir), keep_files=keep_files
    )
    _end(report, "" if as_json else render_clean(report), as_json=as_json)


@app.command("doctor")
def doctor_command(pg_bindir: PgBindir = None, as_json: Json = False) -> None:
    """Tools, libraries, settings and where each came from."""
    from howdah.ops.doctor import examine
    from howdah.report.verbs import render_doctor

    report = examine(pg_bindir)
    _end(report, "" if as_json else render_doctor(report), as_json=as_json)


@quarantine_app.command("list")
def quarantine_list(
    target: TargetArgument = None,
    table: Annotated[str | None, typer.Option("--table", help="Only rows of this source table.")] = None,
    yes: Yes = False,
    state_schema: StateSchemaName = "howdah",
    pg_bindir: PgBindir = None,
    as_json: Json = False,
) -> None:
    """Rows set aside: number, table, key, reason."""
    from howdah.ops.quarantine import list_rows
    from howdah.report.verbs import render_quarantine

    report = list_rows(
        _target(target, yes=yes, state_schema=state_schema, pg_bindir=pg_bindir, quiet=True), table=table
    )
    _end(report, "" if as_json else render_quarantine(report), as_json=as_json)


@quarantine_app.command("show")
def quarantine_show(
    number: Annotated[int, typer.Argument(help="Number of the row, from the list.")],
    target: TargetArgument = None,
    yes: Yes = False,
    state_schema: StateSchemaName = "howdah",
    pg_bindir: PgBindir = None,
    as_json: Json = False,
) -> None:
    """One row set aside, with every value."""
    from howdah.ops.quarantine import show_row
    from howdah.report.verbs import render_quarantined_row

    report = show_row(
        _target(target, yes=yes, state_schema=state_schema, pg_bindir=pg_bindir, quiet=True), number
    )
    _end(report, "" if as_json else render_quarantined_row(report), as_json=as_json)


@quarantine_app.command("retry")
def quarantine_retry(
    target: TargetArgument = None,
    numbers: Annotated[
        list[int] | None, typer.Option("--number", "-n", help="Rows to load again; all by default.")
    ] = None,
    plan_file: PlanFile = None,
    yes: Yes = False,
    state_schema: StateSchemaName = "howdah",
    pg_bindir: PgBindir = None,
    as_json: Json = False,
) -> None:
    """Load rows set aside again, after their cause is gone or by an edited plan."""
    from howdah.ops.quarantine import retry_rows
    from howdah.report.verbs import render_retry

    report = retry_rows(
        _target(target, yes=yes, state_schema=state_schema, pg_bindir=pg_bindir, quiet=True),
        numbers=numbers,
        plan_file=plan_file,
    )
    _end(report, "" if as_json else render_retry(report), as_json=as_json)


@quarantine_app.command("export")
def quarantine_export(
    output: Annotated[Path, typer.Argument(help="File to write, JSON lines, mode 0600.")],
    target: TargetArgument = None,
    yes: Yes = False,
    state_schema: StateSchemaName = "howdah",
    pg_bindir: PgBindir = None,
    as_json: Json = False,
) -> None:
    """Write every row set aside, with all its values, as JSON lines."""
    from howdah.ops.quarantine import export_rows

    report = export_rows(
        _target(target, yes=yes, state_schema=state_schema, pg_bindir=pg_bindir, quiet=True), output
    )
    _end(report, f"{report.total} rows written to {output}", as_json=as_json)


@pg_app.command("start")
def pg_start(
    pg_bindir: PgBindir = None,
    port: Annotated[
        int | None, typer.Option("--port", help="Also listen on 127.0.0.1 at this port (0: any free).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Start the embedded server; one that runs already is left alone."""
    from howdah.ops.pg import start
    from howdah.report.verbs import render_server

    report = start(pg_bindir, port)
    _end(report, "" if as_json else render_server(report), as_json=as_json)


@pg_app.command("stop")
def pg_stop(pg_bindir: PgBindir = None, as_json: Json = False) -> None:
    """Stop the embedded server; its data stays."""
    from howdah.ops.pg import stop
    from howdah.report.verbs import render_server

    report = stop(pg_bindir)
    _end(report, "" if as_json else render_server(report), as_json=as_json)


@pg_app.command("url")
def pg_url(
    database: Annotated[str, typer.Argument(help="Name of the database.")] = "postgres",
    pg_bindir: PgBindir = None,
) -> None:
    """Print the connection URL of the running embedded server; it holds the password."""
    from howdah.ops.pg import url

    typer.echo(url(pg_bindir, database))


def _interrupt(number: int, frame: object) -> NoReturn:
    # SIGTERM is handled as Ctrl-C is: undo what is under way, say how to go on, exit 6.
    raise KeyboardInterrupt


def main() -> NoReturn:
    """Run the command line and end the process with the documented status."""
    signal.signal(signal.SIGTERM, _interrupt)
    as_json = "--json" in sys.argv[1:]
    try:
        app()
    except HowdahError as error:
        _fail(error, as_json=as_json)
    except KeyboardInterrupt:
        from howdah.errors import InterruptedRunError

        _fail(
            InterruptedRunError(
                "M-302",
                "Interrupted: what was under way has been undone.",
                hint="The same command picks up where it was, or begins again where nothing was kept.",
            ),
            as_json=as_json,
        )
    except BrokenPipeError:
        # The reader of our output went away; there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitStatus.ENVIRONMENT)
    except Exception as error:
        from howdah.postgres.errors import as_howdah_error

        known = as_howdah_error(error)
        if known is None:
            traceback.print_exc()
            sys.stderr.write("error X-001: This is a bug in Howdah; please report it with the lines above.\n")
            sys.exit(ExitStatus.BUG)
        _fail(known, as_json=as_json)
    sys.exit(0)


def _fail(error: HowdahError, *, as_json: bool) -> NoReturn:
    if as_json:
        import json

        document = {
            "status": "failed",
            "exit_status": int(error.exit_status),
            "error": {
                "code": error.code,
                "message": error.message,
                "detail": error.detail,
                "hint": error.hint,
            },
        }
        sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
    sys.stderr.write(str(error) + "\n")
    sys.exit(error.exit_status)
