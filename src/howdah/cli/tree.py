"""
The command tree as plain facts: commands, their arguments and options, the options' twins.

Read from the very objects that parse the command line, so that the options file, `howdah
doctor` and the reference page cannot disagree with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class ArgumentFacts:
    name: str
    required: bool
    help: str


@dataclass(frozen=True, kw_only=True)
class OptionFacts:
    """One option of one command."""

    #: Name of the Python parameter.
    parameter: str
    #: As the options file spells it: the long flag without its dashes.
    name: str
    #: As the command line takes it: "--jobs", "-j"; "--verify", "--no-verify".
    flags: tuple[str, ...]
    #: The twin in the environment, "" for consents and for what names one thing once.
    variable: str
    default: Any
    help: str
    takes_value: bool
    multiple: bool


@dataclass(frozen=True, kw_only=True)
class CommandFacts:
    #: "quarantine list".
    words: str
    help: str
    arguments: tuple[ArgumentFacts, ...]
    options: tuple[OptionFacts, ...]

    @property
    def settable(self) -> tuple[OptionFacts, ...]:
        """Options that the environment and the options file may set."""
        return tuple(option for option in self.options if option.variable)


def read_commands(root: Any) -> tuple[CommandFacts, ...]:
    """
    List every command that does something, groups left out, in the order of the help.

    `root` is the command that typer built of the application (`context.command` of its callback,
    `typer.main.get_command`); building it takes as long as all else before a verb starts.
    """
    return tuple(_walk(root, ()))


def read_root_options(root: Any) -> tuple[OptionFacts, ...]:
    """List the options that stand before the verb; `root` as for `read_commands`."""
    return _read_options(root)


def _walk(command: Any, words: tuple[str, ...]) -> Iterator[CommandFacts]:
    children = getattr(command, "commands", None)
    if children is not None:
        for name, child in children.items():
            yield from _walk(child, (*words, name))
        return
    yield CommandFacts(
        words=" ".join(words),
        help=_one_line(command.help),
        arguments=tuple(
            ArgumentFacts(
                name=(parameter.metavar or parameter.name.upper()).strip("[]"),
                required=parameter.required,
                help=_one_line(parameter.help),
            )
            for parameter in command.params
            if parameter.param_type_name == "argument"
        ),
        options=_read_options(command),
    )


def _read_options(command: Any) -> tuple[OptionFacts, ...]:
    return tuple(
        OptionFacts(
            parameter=parameter.name,
            name=parameter.opts[0].lstrip("-"),
            flags=(*parameter.opts, *parameter.secondary_opts),
            variable=parameter.envvar or "",
            default=parameter.default,
            help=_one_line(parameter.help),
            takes_value=not parameter.is_flag,
            multiple=parameter.multiple,
        )
        for parameter in command.params
        if parameter.param_type_name == "option"
    )


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())
