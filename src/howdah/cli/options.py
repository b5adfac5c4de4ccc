"""
The options that several commands share, and what becomes of them.

An option with an environment twin (`HOWDAH_…`) may also stand in the options file.
Consents have neither: nobody agrees to something by a variable that was set last year.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from howdah.cli.output import note_json, say
from howdah.errors import UsageError

if TYPE_CHECKING:
    from howdah.model.plan import PlanOptions
    from howdah.ops.target import TargetRequest

Source = Annotated[str, typer.Argument(metavar="SOURCE", help="The SQLite file.")]
TargetArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[TARGET]",
        show_default=False,
        help="PostgreSQL as URI or keywords; else DATABASE_URL, DATABASE_*, PG*; else embedded.",
    ),
]
Json = Annotated[
    bool,
    typer.Option(
        "--json",
        envvar="HOWDAH_JSON",
        help="One JSON document on stdout.",
        # First of all options, so that whatever is wrong with the others is told as JSON too.
        is_eager=True,
        callback=note_json,
    ),
]
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
FoldNames = Annotated[
    bool,
    typer.Option(
        "--fold-names",
        envvar="HOWDAH_FOLD_NAMES",
        help="Name everything in snake_case; refused where two names would be one.",
    ),
]
Collation = Annotated[
    str | None,
    typer.Option("--collation", envvar="HOWDAH_COLLATION", help="Collation of text columns, e.g. C."),
]
OnReject = Annotated[
    str,
    typer.Option("--on-reject", envvar="HOWDAH_ON_REJECT", help="Rows that cannot go: quarantine or stop."),
]
Policy = Annotated[
    list[str] | None,
    typer.Option(
        "--policy",
        metavar="NAME=CHOICE",
        envvar="HOWDAH_POLICY",
        help="What becomes of certain values in all columns, e.g. nul=strip (repeatable).",
    ),
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
ReportDir = Annotated[
    Path | None,
    typer.Option("--report-dir", envvar="HOWDAH_REPORT_DIR", help="Write the report (and log) here."),
]
SchemaMode = Annotated[
    str,
    typer.Option(
        "--schema-mode",
        envvar="HOWDAH_SCHEMA_MODE",
        help="create the tables, or owned by the application; auto looks.",
    ),
]
Rows = Annotated[
    list[str] | None,
    typer.Option(
        "--rows",
        envvar="HOWDAH_ROWS",
        help="Rows that an application's table holds: TABLE=replace, keep, merge or refuse (repeatable).",
    ),
]
ReplaceExisting = Annotated[
    list[str] | None,
    typer.Option(
        "--replace-existing",
        metavar="TABLES",
        help="Load these tables again after a completed run (patterns, commas; repeatable).",
    ),
]
Fill = Annotated[
    list[str] | None,
    typer.Option(
        "--fill",
        envvar="HOWDAH_FILL",
        help="TABLE.COLUMN=VALUE for a column that only the target has (repeatable).",
    ),
]
SourceTz = Annotated[
    str,
    typer.Option("--source-tz", envvar="HOWDAH_SOURCE_TZ", help="Zone of times that do not name theirs."),
]
AllowConnections = Annotated[
    bool,
    typer.Option(
        "--allow-connections",
        help="Agree to load an application's tables while others are connected to the database.",
    ),
]
FireTriggers = Annotated[
    bool,
    typer.Option(
        "--fire-triggers", envvar="HOWDAH_FIRE_TRIGGERS", help="Let the application's triggers fire."
    ),
]
VirtualTables = Annotated[
    bool,
    typer.Option(
        "--virtual-tables/--no-virtual-tables",
        envvar="HOWDAH_VIRTUAL_TABLES",
        help="Carry the rows that full-text and R*Tree tables keep, as ordinary tables.",
    ),
]
FullText = Annotated[
    bool,
    typer.Option(
        "--full-text",
        envvar="HOWDAH_FULL_TEXT",
        help="Make the tsvector column and index that the plan offers for full-text tables.",
    ),
]
Salvage = Annotated[
    bool,
    typer.Option(
        "--salvage",
        envvar="HOWDAH_SALVAGE",
        help="Carry what can be read of a damaged source; ends with exit status 8.",
    ),
]
PgBindir = Annotated[
    Path | None,
    typer.Option("--pg-bindir", envvar="HOWDAH_PG_BINDIR", help="Server programs for the embedded server."),
]


def build_plan_options(
    *,
    schema: str = "public",
    include: list[str] | None = None,
    exclude: list[str] | None = None,
    fold_names: bool = False,
    collation: str | None = None,
    on_reject: str = "quarantine",
    policies: list[str] | None = None,
    json_type: str = "json",
    jobs: int | None = None,
    schema_mode: str = "auto",
    rows: list[str] | None = None,
    replace_existing: list[str] | None = None,
    fill: list[str] | None = None,
    source_tz: str = "UTC",
    fire_triggers: bool = False,
    virtual_tables: bool = True,
    full_text: bool = False,
) -> PlanOptions:
    """Check the options of a plan and put them together. Raises UsageError (U-101, U-102, U-105)."""
    from howdah.model.plan import SCHEMA_MODES, PlanOptions, RejectPolicy

    if policies:
        from howdah.planning.policies import read_policies

        # Before anything is read.
        read_policies(policies)

    if schema_mode not in SCHEMA_MODES:
        raise UsageError(
            "U-105",
            f"--schema-mode takes auto, create or owned, not {schema_mode!r}.",
            hint="owned loads into the tables that the application created, create makes them.",
        )

    if json_type not in ("json", "jsonb", "text"):
        raise UsageError(
            "U-101",
            f"--json-type takes json, jsonb or text, not {json_type!r}.",
            hint="json keeps the text as it is, jsonb can be indexed, text checks nothing.",
        )
    if on_reject not in tuple(RejectPolicy):
        raise UsageError(
            "U-102",
            f"--on-reject takes quarantine or stop, not {on_reject!r}.",
            hint="quarantine sets rows that cannot go aside, stop ends the run at the first.",
        )
    return PlanOptions(
        virtual_tables=virtual_tables,
        full_text=full_text,
        schema=schema,
        include=tuple(include or ()),
        exclude=tuple(exclude or ()),
        fold_names=fold_names,
        collation=collation,
        on_reject=RejectPolicy(on_reject),
        policies=tuple(policies or ()),
        json_type=json_type,
        jobs=jobs or 1,
        schema_mode=schema_mode,
        rows=tuple(rows or ()),
        replace_existing=tuple(
            pattern.strip()
            for item in replace_existing or ()
            for pattern in item.split(",")
            if pattern.strip()
        ),
        fill=tuple(fill or ()),
        source_tz=source_tz,
        fire_triggers=fire_triggers,
    )


def build_target_request(
    target: str | None, *, yes: bool, state_schema: str, pg_bindir: Path | None
) -> TargetRequest:
    """Put together which target is meant. It is always announced, so that nobody mistakes it."""
    from howdah.ops.target import TargetRequest

    said: set[str] = set()

    def announce(line: str) -> None:
        # A verb that opens its target several times says once which it is.
        if line not in said:
            said.add(line)
            say(line)

    return TargetRequest(
        target=target, consent=yes, state_schema=state_schema, pg_bindir=pg_bindir, announce=announce
    )
