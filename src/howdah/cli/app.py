"""The commands under their names, and what stands before them: --version and the options file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from howdah.cli import (
    accept,
    archive,
    audit,
    content,
    live,
    quarantine,
    serve,
    server,
    service,
    transfer,
    upkeep,
)
from howdah.cli.session import Session
from howdah.cli.tree import CommandFacts, read_commands
from howdah.options_file import OPTIONS_FILE, read_options_file

app = typer.Typer(
    name="howdah",
    help="Carry an application from SQLite onto PostgreSQL, prove that nothing was lost, keep a way back.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
quarantine_app = typer.Typer(help="Rows set aside: list, show, retry, export.")
pg_app = typer.Typer(help="The embedded PostgreSQL server.")
pool_app = typer.Typer(help="The service's pool of connections.")

app.command("inspect")(transfer.inspect_command)
app.command("plan")(transfer.plan_command)
app.command("migrate")(transfer.migrate_command)
app.command("verify")(transfer.verify_command)
app.command("status")(upkeep.status_command)
app.command("follow")(live.follow_command)
app.command("cutover")(live.cutover_command)
app.command("rollback")(upkeep.rollback_command)
app.command("finalize")(upkeep.finalize_command)
app.command("clean")(upkeep.clean_command)
app.command("doctor")(upkeep.doctor_command)
app.add_typer(quarantine_app, name="quarantine")
quarantine_app.command("list")(quarantine.quarantine_list)
quarantine_app.command("show")(quarantine.quarantine_show)
quarantine_app.command("retry")(quarantine.quarantine_retry)
quarantine_app.command("export")(quarantine.quarantine_export)
app.command("backup")(archive.backup_command)
app.command("restore")(archive.restore_command)
app.command("drill")(archive.drill_command)
app.add_typer(archive.backups_app, name="backups")
app.add_typer(content.content_app, name="content")
app.command("accept")(accept.accept_command)
app.command("audit")(audit.audit_command)
app.command("health")(service.health_command)
app.add_typer(pool_app, name="pool")
pool_app.command("advise")(service.pool_advise)
app.command("serve")(serve.serve_command)
app.add_typer(pg_app, name="pg")
pg_app.command("start")(server.pg_start)
pg_app.command("stop")(server.pg_stop)
pg_app.command("url")(server.pg_url)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"howdah {version('howdah')}")
        raise typer.Exit


@app.callback()
def read_root(
    context: typer.Context,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", envvar="HOWDAH_CONFIG", help=f"Options file; else {OPTIONS_FILE} where it exists."
        ),
    ] = None,
) -> None:
    """Options that stand before the verb."""
    commands = read_commands(context.command)
    values = read_options_file(
        config,
        {command.words: [_spelled(option.name) for option in command.settable] for command in commands},
    )
    session = context.ensure_object(Session)
    session.options_file = config if config is not None else Path(OPTIONS_FILE)
    session.file_values = {
        command.words: found
        for command in commands
        if (found := _name_parameters(command, _values_of(values, command.words)))
    }
    context.default_map = _nest(session.file_values)


def _values_of(values: dict[str, Any], words: str) -> dict[str, Any]:
    for word in words.split():
        values = values.get(word, {})
    return values


def _name_parameters(command: CommandFacts, values: dict[str, Any]) -> dict[str, Any]:
    """Go from the options' names to those of the parameters; one value alone is a list of one."""
    named = {}
    for option in command.settable:
        if (key := _spelled(option.name)) in values:
            value = values[key]
            named[option.parameter] = [value] if option.multiple and isinstance(value, str) else value
    return named


def _spelled(name: str) -> str:
    return name.replace("-", "_")


def _nest(values: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Arrange values by command as typer looks them up: group by group."""
    nested: dict[str, Any] = {}
    for words, found in values.items():
        inner = nested
        for word in words.split():
            inner = inner.setdefault(word, {})
        inner.update(found)
    return nested
