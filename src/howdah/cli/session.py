"""What one call of the command line knows of itself: how it answers, and which options file it read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(kw_only=True)
class Session:
    """Made by `main`, carried as typer's context object, filled in while the command line is read."""

    #: Answer with one JSON document; a guess from the arguments until the option itself has been read.
    as_json: bool = False
    #: The command by its words, "quarantine list"; "" while it is not known.
    verb: str = ""
    #: Where the options of `file_values` were read.
    options_file: Path | None = None
    #: Command → parameter → value, from the options file.
    file_values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
