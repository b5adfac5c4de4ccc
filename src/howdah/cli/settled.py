"""Which value every option has when no flag is given, and whether environment or file said so."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from howdah.cli.session import Session
from howdah.cli.tree import OptionFacts, read_commands, read_root_options

if TYPE_CHECKING:
    from howdah.model.verb_reports import DoctorItem


def settle_options(
    root: Any, session: Session, environ: Mapping[str, str] = os.environ
) -> tuple[DoctorItem, ...]:
    """
    List every option with its value and where that came from: environment, file or default.

    `root` is the built command, as for `read_commands`.

    An option that has the same value for all commands is listed once, else once for each
    group of commands that agree.
    """
    from howdah.model.verb_reports import DoctorItem

    found: dict[str, dict[tuple[str, str], list[str]]] = {}
    for option in read_root_options(root):
        if option.variable:
            value = _settle(option, {}, session, environ)
            found.setdefault(option.name, {}).setdefault(value, []).append("")
    for command in read_commands(root):
        from_file = session.file_values.get(command.words, {})
        for option in command.settable:
            value = _settle(option, from_file, session, environ)
            found.setdefault(option.name, {}).setdefault(value, []).append(command.words)
    return tuple(
        DoctorItem(
            name=f"--{name}" if len(values) == 1 else f"--{name} ({', '.join(commands)})",
            value=value,
            origin=origin,
        )
        for name, values in sorted(found.items())
        for (value, origin), commands in values.items()
    )


def _settle(
    option: OptionFacts, from_file: Mapping[str, Any], session: Session, environ: Mapping[str, str]
) -> tuple[str, str]:
    if environ.get(option.variable):
        return environ[option.variable], f"environment: {option.variable}"
    if option.parameter in from_file:
        return _show(from_file[option.parameter]), f"file: {session.options_file}"
    return _show(option.default), "default"


def _show(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return " ".join(str(item) for item in value)
    return "" if value is None else str(value)
