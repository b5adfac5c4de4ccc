"""backup, restore, drill, backups: copies that are proven, and the way back from them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from howdah.cli.failures import tell
from howdah.cli.options import Json, PgBindir, Quiet, StateSchemaName, Yes, build_target_request
from howdah.cli.output import end, make_progress, show
from howdah.cli.session import Session
from howdah.errors import UsageError

if TYPE_CHECKING:
    from howdah.archive.retention import RetentionPolicy
    from howdah.ops.repositories import RepositoryRequest

backups_app = typer.Typer(help="The backup repository: list, show, forget.")

BackupTarget = Annotated[
    str | None,
    typer.Argument(
        metavar="[TARGET]",
        show_default=False,
        help="PostgreSQL as URI or keywords, or a SQLite file; else DATABASE_*, PG*; else embedded.",
    ),
]
BackupName = Annotated[
    str, typer.Argument(metavar="BACKUP", help="Its id, latest, latest-verified, or REPO/NAME/backups/ID.")
]
Repo = Annotated[
    str | None,
    typer.Option("--repo", envvar="HOWDAH_REPO", help="The repository: a directory or s3://BUCKET/PREFIX."),
]
Name = Annotated[
    str | None,
    typer.Option("--name", envvar="HOWDAH_NAME", help="Whose backups; the database's name by default."),
]
Identity = Annotated[
    Path | None,
    typer.Option(
        "--identity", envvar="HOWDAH_IDENTITY", help="File with the age identity of encrypted backups."
    ),
]
Smoke = Annotated[
    Path | None,
    typer.Option(
        "--smoke", envvar="HOWDAH_SMOKE", help="SQL that a drilled database must answer; booleans with true."
    ),
]
KeepLast = Annotated[
    int | None, typer.Option("--keep-last", min=0, envvar="HOWDAH_KEEP_LAST", help="Keep this many.")
]
KeepDaily = Annotated[
    int | None,
    typer.Option("--keep-daily", min=0, envvar="HOWDAH_KEEP_DAILY", help="Keep the last of so many days."),
]
KeepWeekly = Annotated[
    int | None,
    typer.Option("--keep-weekly", min=0, envvar="HOWDAH_KEEP_WEEKLY", help="Keep the last of so many weeks."),
]
KeepMonthly = Annotated[
    int | None,
    typer.Option(
        "--keep-monthly", min=0, envvar="HOWDAH_KEEP_MONTHLY", help="Keep the last of so many months."
    ),
]
RestoreJobs = Annotated[
    int, typer.Option("--jobs", "-j", min=1, max=64, envvar="HOWDAH_JOBS", help="Processes of pg_restore.")
]


def backup_command(
    context: typer.Context,
    target: BackupTarget = None,
    repo: Repo = None,
    name: Name = None,
    recipient: Annotated[
        list[str] | None,
        typer.Option(
            "--recipient", envvar="HOWDAH_RECIPIENT", help="Encrypt to this age recipient (repeatable)."
        ),
    ] = None,
    identity: Identity = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", "-j", min=1, max=64, envvar="HOWDAH_JOBS", help="Processes of pg_dump; by size."
        ),
    ] = None,
    compress: Annotated[
        str,
        typer.Option("--compress", envvar="HOWDAH_COMPRESS", help="As pg_dump takes it; zstd:3 from 16 on."),
    ] = "",
    keep_last: KeepLast = None,
    keep_daily: KeepDaily = None,
    keep_weekly: KeepWeekly = None,
    keep_monthly: KeepMonthly = None,
    drill: Annotated[
        str,
        typer.Option("--drill", envvar="HOWDAH_DRILL", help="Restore and compare it: auto, always or never."),
    ] = "auto",
    smoke: Smoke = None,
    every: Annotated[
        str | None,
        typer.Option("--every", envvar="HOWDAH_EVERY", help="Go on as a service, one each 30m, 6h, 1d…"),
    ] = None,
    yes: Yes = False,
    state_schema: StateSchemaName = "howdah",
    pg_bindir: PgBindir = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Back a database up, prove the backup by a drill, clear old ones."""
    from howdah.ops.backup import BackupRequest, backup
    from howdah.report.backup import render_backup

    request = BackupRequest(
        repository=_repository(repo, name),
        target=build_target_request(target, yes=yes, state_schema=state_schema, pg_bindir=pg_bindir),
        recipients=tuple(recipient or ()),
        identity=identity,
        jobs=jobs,
        compression=compress,
        retention=_policy(keep_last, keep_daily, keep_weekly, keep_monthly),
        drill=drill,
        smoke=smoke,
    )
    if every is not None:
        from howdah.ops.schedule import run_schedule

        session = context.ensure_object(Session)
        run_schedule(
            request,
            every,
            tell=lambda report: show(report, render_backup, as_json=as_json),
            complain=lambda error: tell(error, session, one_line=True),
            make_progress=lambda: make_progress(quiet),
        )
        return
    with make_progress(quiet) as progress:
        report = backup(request, progress)
    end(report, render_backup, as_json=as_json)


def restore_command(
    backup: BackupName,
    target: BackupTarget = None,
    repo: Repo = None,
    name: Name = None,
    table: Annotated[
        list[str] | None, typer.Option("--table", help="Only this table (repeatable); it must not be there.")
    ] = None,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace", help="Agree to take the place of what is there; it is kept under another name."
        ),
    ] = False,
    create_roles: Annotated[
        bool, typer.Option("--create-roles", help="Make the roles that the server misses, without passwords.")
    ] = False,
    identity: Identity = None,
    jobs: RestoreJobs = 1,
    yes: Yes = False,
    pg_bindir: PgBindir = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Restore a backup beside, compare all of it, then swap it in by rename."""
    from howdah.ops.restore import RestoreRequest, restore
    from howdah.report.backup import render_restore

    request = RestoreRequest(
        repository=_repository(repo, name),
        backup=backup,
        target=build_target_request(target, yes=yes, state_schema="howdah", pg_bindir=pg_bindir),
        replace=replace,
        tables=tuple(table or ()),
        identity=identity,
        jobs=jobs,
        create_roles=create_roles,
    )
    with make_progress(quiet) as progress:
        report = restore(request, progress)
    end(report, render_restore, as_json=as_json)


def drill_command(
    backup: Annotated[
        str,
        typer.Argument(metavar="[BACKUP]", help="Its id, latest, latest-verified, or REPO/NAME/backups/ID."),
    ] = "latest",
    repo: Repo = None,
    name: Name = None,
    server: Annotated[
        str | None,
        typer.Option(
            "--server", help="Restore into a database on this PostgreSQL instead of one of our own."
        ),
    ] = None,
    smoke: Smoke = None,
    identity: Identity = None,
    jobs: RestoreJobs = 1,
    pg_bindir: PgBindir = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Restore a backup into a throw-away server, compare every table, time it; pass, fail or environment."""
    from howdah.ops.drill import DrillRequest, drill
    from howdah.report.backup import render_drill

    request = DrillRequest(
        repository=_repository(repo, name),
        backup=backup,
        identity=identity,
        server=server,
        pg_bindir=pg_bindir,
        smoke=smoke,
        jobs=jobs,
    )
    with make_progress(quiet) as progress:
        report = drill(request, progress)
    end(report, render_drill, as_json=as_json)


@backups_app.command("list")
def backups_list(repo: Repo = None, name: Name = None, as_json: Json = False) -> None:
    """The backups, newest first, and the ages that matter."""
    from howdah.ops.backups import list_backups
    from howdah.report.backup import render_backups

    end(list_backups(_repository(repo, name)), render_backups, as_json=as_json)


@backups_app.command("show")
def backups_show(
    backup: BackupName,
    repo: Repo = None,
    name: Name = None,
    check: Annotated[bool, typer.Option("--check", help="Read every file and compare its SHA-256.")] = False,
    as_json: Json = False,
) -> None:
    """Everything about one backup."""
    from howdah.ops.backups import show_backup
    from howdah.report.backup import render_details

    end(show_backup(_repository(repo, name), backup, check=check), render_details, as_json=as_json)


@backups_app.command("forget")
def backups_forget(
    backup: Annotated[
        str | None, typer.Argument(metavar="[BACKUP]", show_default=False, help="Its id; else by the rules.")
    ] = None,
    repo: Repo = None,
    name: Name = None,
    keep_last: KeepLast = None,
    keep_daily: KeepDaily = None,
    keep_weekly: KeepWeekly = None,
    keep_monthly: KeepMonthly = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go and why; remove nothing.")
    ] = False,
    purge: Annotated[
        bool, typer.Option("--purge", help="Agree to remove the files of what is forgotten at once.")
    ] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Bring the named backup back, within a day.")] = False,
    as_json: Json = False,
) -> None:
    """Forget one backup, or those that no rule keeps; their files go after a day."""
    from howdah.ops.backups import bring_back, forget_backups
    from howdah.report.backup import render_forget

    if undo:
        if backup is None:
            raise UsageError("B-132", "Say which backup is to come back.")
        end(bring_back(_repository(repo, name), backup), render_forget, as_json=as_json)
    report = forget_backups(
        _repository(repo, name),
        _policy(keep_last, keep_daily, keep_weekly, keep_monthly),
        backup=backup,
        dry_run=dry_run,
        purge=purge,
    )
    end(report, render_forget, as_json=as_json)


def _repository(location: str | None, name: str | None) -> RepositoryRequest:
    from howdah.ops.repositories import RepositoryRequest

    return RepositoryRequest(location=location, name=name)


def _policy(last: int | None, daily: int | None, weekly: int | None, monthly: int | None) -> RetentionPolicy:
    from howdah.archive.retention import RetentionPolicy

    return RetentionPolicy(last=last, daily=daily, weekly=weekly, monthly=monthly)
