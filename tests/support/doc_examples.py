"""
The shell examples of the documentation, as scripts that can be run.

A block marked `console` holds commands behind "$ " with what they print between them; one marked `sh` is a
script. Placeholders for a database (a PostgreSQL URI, a keyword string in quotes, $TARGET) stand for a real
one with the same database name. What cannot be run says why in an HTML comment before the block:

    <!-- not run: needs 6 GB of disk -->
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(
    r"(?:<!-- (?P<note>[^\n]*?) -->\n)?^(?P<indent> *)```(?P<language>[a-z]*)\n(?P<body>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_COMMAND = re.compile(r"^\s*(\$ |(\.venv/bin/)?howdah |make |(\.venv/bin/)?python -m )", re.MULTILINE)
_URI = re.compile(r"postgres(?:ql)?://[^\s\"'`]*?/([A-Za-z_0-9]+)(?:\?[^\s\"']*)?(?=[\s\"']|$)")
_KEYWORDS = re.compile(r"([\"'])host=[^\"']*?dbname=([A-Za-z_0-9]+)[^\"']*\1")
_NOT_RUN = "not run: "


@dataclass(frozen=True, kw_only=True)
class Example:
    """One block of one page."""

    page: str
    line: int
    script: str
    #: Why it is not run; "" for one that is.
    not_run: str = ""
    #: Whether the block says that it is a script; one that does not is not run, and is a mistake of the page.
    marked: bool = True

    @property
    def runs(self) -> bool:
        return self.marked and not self.not_run


def read_examples(page: Path) -> list[Example]:
    """List the shell examples of a page, and the blocks with commands that are not marked as such."""
    text = page.read_text(encoding="utf-8")
    found = []
    for block in _FENCE.finditer(text):
        line = text.count("\n", 0, block.start("language")) + 1
        body = block["body"]
        if block["language"] == "console":
            # A command may go on after a backslash; everything else is what it prints.
            script = "\n".join(
                command.replace("\n> ", "\n")
                for command in re.findall(r"^ *\$ ((?:.*\\\n)*.*)$", body, re.MULTILINE)
            )
        elif block["language"] == "sh" or (not block["language"] and _COMMAND.search(body)):
            script = body
        else:
            continue
        note = block["note"] or ""
        reason = note.removeprefix(_NOT_RUN) if note.startswith(_NOT_RUN) else ""
        found.append(
            Example(page=page.name, line=line, script=script, not_run=reason, marked=bool(block["language"]))
        )
    return found


def put_databases_in(script: str, dsn: Callable[[str], str]) -> str:
    """Return the script with each named PostgreSQL database as the conninfo that `dsn` gives for its name."""
    script = _KEYWORDS.sub(lambda match: f'"{dsn(match[2])}"', script)
    return _URI.sub(lambda match: f'"{dsn(match[1])}"', script)
