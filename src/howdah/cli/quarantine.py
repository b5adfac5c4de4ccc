"""quarantine list, show, retry, export: the rows that a run set aside."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from howdah.cli.options import (
    Json,
    PgBindir,
    PlanFile,
    StateSchemaName,
    TargetArgument,
    Yes,
    build_target_request,
)
from howdah.cli.output import end


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
        build_target_request(target, yes=yes, state_schema=state_schema, pg_bindir=pg_bindir), table=table
    )
    end(report, render_quarantine, as_json=as_json)


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
        build_target_request(target, yes=yes, state_schema=state_schema, pg_bindir=pg_bindir), number
    )
    end(report, render_quarantined_row, as_json=as_json)


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
        build_target_request(target, yes=yes, state_schema=state_schema, pg_bindir=pg_bindir),
        numbers=numbers,
        plan_file=plan_file,
    )
    end(report, render_retry, as_json=as_json)


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
    from howdah.units import format_amount

    report = export_rows(
        build_target_request(target, yes=yes, state_schema=state_schema, pg_bindir=pg_bindir), output
    )
    end(report, lambda done: f"{format_amount(done.total, 'row')} written to {output}", as_json=as_json)
