"""
A random database as a file that a person can read and a test can carry over again.

JSON: the plan options that were asked for, and the statements with their parameters. Values that JSON
lacks are written as {"text": hex}, {"blob": hex} and {"real": Python's hexadecimal float}.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.random_databases import RandomDatabase
from support.stored_values import Text


@dataclass(frozen=True, kw_only=True)
class FuzzCase:
    """A database and how its migration was asked for."""

    database: RandomDatabase
    #: Keyword arguments of PlanOptions.
    options: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return what the file holds."""
        return {
            "options": self.options,
            "statements": [
                [statement, [_write(value) for value in parameters]]
                for statement, parameters in self.database.statements
            ],
        }


def write_case(path: Path, case: FuzzCase, **facts: Any) -> None:
    """Write a case; `facts` (seed, what was seen) are for people."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**facts, **case.to_json()}, indent=1, ensure_ascii=True) + "\n")


def read_case(path: Path) -> FuzzCase:
    """Read a case that `write_case` wrote."""
    content = json.loads(path.read_text())
    statements = [
        (statement, tuple(_read(value) for value in parameters))
        for statement, parameters in content["statements"]
    ]
    return FuzzCase(database=RandomDatabase(statements), options=content["options"])


def _write(value: Any) -> Any:
    if isinstance(value, Text):
        return {"text": value.hex()}
    if isinstance(value, bytes):
        return {"blob": value.hex()}
    if isinstance(value, float):
        return {"real": value.hex()}
    return value


def _read(value: Any) -> Any:
    match value:
        case {"text": digits}:
            return Text(bytes.fromhex(digits))
        case {"blob": digits}:
            return bytes.fromhex(digits)
        case {"real": digits}:
            return float.fromhex(digits)
    return value
