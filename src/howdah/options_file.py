"""
The options file: howdah.toml as defaults of the commands' options.

Flags and environment come first. A name that no command knows is an error, not a
setting without effect. Standard library only.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from howdah.errors import UsageError

#: Read from the current directory unless --config names another file.
OPTIONS_FILE = "howdah.toml"

#: Options that stand for a person's consent or name the databases: the command line only.
_NOT_IN_FILES = frozenset({"yes", "source", "target", "config"})

#: A command by its words: ("quarantine", "list").
_Command = tuple[str, ...]


def read_options_file(path: Path | None, options: Mapping[str, Collection[str]]) -> dict[str, Any]:
    """
    Read howdah.toml into defaults by command, nested as the commands are.

    `options` maps each command ("migrate", "quarantine list") to the names of its options. Keys at the
    top of the file apply to every command that knows them, those of a table ([migrate],
    [quarantine.list]) to that command and first. Without `path` the file may be missing.
    Raises UsageError U-303 (unreadable), U-304 (not TOML), U-305 (unknown key).
    """
    content = _read_toml(path)
    if content is None:
        return {}
    commands = {
        tuple(command.split()): frozenset(names) - _NOT_IN_FILES for command, names in options.items()
    }
    everywhere = {name: value for name, value in content.items() if not isinstance(value, dict)}
    known = frozenset[str]().union(*commands.values())
    for name in everywhere:
        _require_known(name, known, "")
    tables = dict(_flatten(content, ()))
    for table, values in tables.items():
        if table not in commands:
            _require_known(" ".join(table), frozenset(options), "command ")
        for name in values:
            _require_known(name, commands[table], f"[{'.'.join(table)}] ")
    defaults: dict[str, Any] = {}
    for command, names in commands.items():
        merged = everywhere | tables.get(command, {})
        chosen = {_spelled(name): value for name, value in merged.items() if _spelled(name) in names}
        inner = defaults
        for part in command:
            inner = inner.setdefault(part, {})
        inner.update(chosen)
    return defaults


def _read_toml(path: Path | None) -> dict[str, Any] | None:
    file = path if path is not None else Path(OPTIONS_FILE)
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if path is None:
            return None
        raise UsageError("U-303", f"The options file {file} does not exist.") from None
    except OSError as error:
        raise UsageError("U-303", f"The options file {file} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError("U-304", f"The options file {file} is not TOML.", detail=str(error)) from None


def _flatten(
    content: Mapping[str, Any], path: tuple[str, ...]
) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    """List the tables of a TOML document, each with its own plain values."""
    found: list[tuple[_Command, dict[str, Any]]] = []
    for name, value in content.items():
        if isinstance(value, dict):
            inner = (*path, name)
            plain = {key: item for key, item in value.items() if not isinstance(item, dict)}
            if plain or not value:
                found.append((inner, plain))
            found.extend(_flatten(value, inner))
    return found


def _spelled(name: str) -> str:
    return name.replace("-", "_")


def _require_known(name: str, known: Collection[str], where: str) -> None:
    if _spelled(name) in known or name in known:
        return
    near = difflib.get_close_matches(_spelled(name), sorted(known), 1)
    raise UsageError(
        "U-305",
        f'The options file holds an unknown name: {where}"{name}".',
        hint=f'Is "{near[0].replace("_", "-")}" meant?' if near else "See the command's --help.",
    )
