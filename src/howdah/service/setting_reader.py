"""
Read settings of a table from the environment, gathering every problem before any is reported.

No value is ever quoted: where a password belongs, anything may stand.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from howdah.errors import UsageError
from howdah.service.setting import Setting, parse_duration, parse_flag, parse_number
from howdah.settings import read_variable

ValueT = TypeVar("ValueT")
DefaultT = TypeVar("DefaultT")


class SettingReader:
    """One pass over the environment; `problems` and `notes` are sentences for people."""

    def __init__(self, environ: Mapping[str, str], settings: Iterable[Setting]) -> None:
        self.environ = environ
        self.settings = {setting.name: setting for setting in settings}
        self.problems: list[str] = []
        self.notes: list[str] = []

    def text(self, name: str) -> str:
        """Return a setting as it is written, or what its `_FILE` twin holds; "" where neither is set."""
        for spelling in (name, *self.settings[name].aliases):
            try:
                value = read_variable(self.environ, spelling)
            except UsageError as error:
                self._add_problem(error.message)
                return ""
            if value:
                return value
        return ""

    def number(self, name: str, *, default: int | None = None) -> int:
        """Return a whole number, the table's default where it is not set."""
        setting = self.settings[name]
        fallback = int(setting.default) if default is None else default
        return self._parse(name, lambda text: parse_number(text, setting), fallback)

    def seconds(self, name: str) -> float:
        """Return a length of time in seconds, the table's default where it is not set."""
        setting = self.settings[name]
        fallback = parse_duration(setting.default, setting)
        return self._parse(name, lambda text: parse_duration(text, setting), fallback)

    def flag(self, name: str) -> bool | None:
        """Return true or false, None where it is not set."""
        return self._parse(name, parse_flag, None)

    def choice(self, name: str) -> str:
        """Return one of the setting's choices, "" where it is not set."""
        value, choices = self.text(name).strip().lower(), self.settings[name].choices
        if value and value not in choices:
            self._add_problem(f"{name} is none of {', '.join(choices)}.")
            return ""
        return value

    def note_what_has_no_effect(self, prefix: str, *, also_known: Iterable[str] = ()) -> None:
        """Note settings without a counterpart, and variables of our prefix that nobody reads."""
        known = set(also_known)
        for setting in self.settings.values():
            spellings = (setting.name, *setting.aliases)
            known |= {spelling + suffix for spelling in spellings for suffix in ("", "_FILE")}
            if setting.no_effect and self.text(setting.name):
                self.notes.append(f"{setting.name} has no effect: {setting.no_effect}.")
        for name in sorted(self.environ):
            if name.startswith(prefix) and name not in known and self.environ[name]:
                near = difflib.get_close_matches(name, sorted(known), 1, cutoff=0.85)
                meant = f": is {near[0]} meant?" if near else "."
                self.notes.append(f"{name} is not known and has no effect{meant}")

    def raise_problems(self) -> None:
        """Raise UsageError U-320 for all that was found, if anything was."""
        if self.problems:
            raise UsageError(
                "U-320",
                "A setting cannot be used." if len(self.problems) == 1 else "Settings cannot be used.",
                detail="\n".join(self.problems),
                hint="docs/reference/settings.md describes each.",
            )

    def _parse(self, name: str, parse: Callable[[str], ValueT], default: DefaultT) -> ValueT | DefaultT:
        text = self.text(name)
        if not text.strip():
            return default
        try:
            return parse(text)
        except ValueError as error:
            self._add_problem(f"{name} {error}.")
            return default

    def _add_problem(self, sentence: str) -> None:
        if sentence not in self.problems:
            self.problems.append(sentence)
