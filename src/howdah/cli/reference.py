"""The reference page of the command line, from the command tree: `python -m howdah.cli.reference`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer
import typer.main

from howdah.cli.tree import CommandFacts, OptionFacts, read_commands, read_root_options

_HEAD = """# Command line

This page is made from the program itself (`python -m howdah.cli.reference > docs/reference/cli.md`).

An option is taken from the command line, else from its variable, else from the options file, else it has
its default; `howdah doctor` shows what each comes to. Options without a variable are consents, or mean
something in one call only: neither variable nor file can set them. The options file is `howdah.toml` in the
working directory, or what `--config` names:

```toml
jobs = 2                  # every command that knows it

[migrate]                 # this command alone
schema = "app"
exclude = ["sessions", "cache_*"]

[quarantine.list]
state-schema = "howdah"
```

A name that no command knows is refused. Results go to stdout, everything else to stderr; `--json` makes
stdout one [JSON document](json.md). How a command ends is told by its [exit status](exit-status.md).
"""


def render_reference(app: typer.Typer) -> str:
    """Return the page: what stands before the verb, then every command with arguments and options."""
    root = typer.main.get_command(app)
    sections = [_HEAD, "## Before the verb\n\n" + _table(read_root_options(root))]
    sections += [_render_command(command) for command in read_commands(root)]
    return "\n".join(sections)


def _render_command(command: CommandFacts) -> str:
    words = [argument.name if argument.required else f"[{argument.name}]" for argument in command.arguments]
    usage = " ".join(["howdah", command.words, *words])
    text = f"## `{usage}`\n\n{command.help}\n"
    if command.arguments:
        text += "\n" + "".join(f"* `{argument.name}`: {argument.help}\n" for argument in command.arguments)
    return text + "\n" + _table(command.options)


def _table(options: Sequence[OptionFacts]) -> str:
    lines = ["| option | variable | default | |", "|---|---|---|---|"]
    for option in options:
        flags = ", ".join(f"`{flag}`" for flag in option.flags)
        variable = f"`{option.variable}`" if option.variable else ""
        lines.append(f"| {flags} | {variable} | {_show_default(option)} | {option.help} |")
    return "\n".join(lines) + "\n"


def _show_default(option: OptionFacts) -> str:
    if not option.takes_value:
        return "yes" if option.default is True else ""
    return f"`{option.default}`" if option.default else ""


def _write() -> None:
    from howdah.cli.app import app

    sys.stdout.write(render_reference(app))


if __name__ == "__main__":
    _write()
