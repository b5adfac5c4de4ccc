"""Rows whose foreign key points nowhere: which keys are looked at, how many rows, what was done to them."""

from __future__ import annotations

from dataclasses import dataclass

from howdah.model.report import TouchedValue
from howdah.model.source import Table

#: Choices of the policy `orphans` that alter the private copy → the name under which the report counts it.
CORRECTING = {"null": "orphan-to-null", "delete": "orphan-left-out"}


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A foreign key whose orphans are looked for."""

    child: Table
    columns: tuple[str, ...]
    parent: Table
    parent_columns: tuple[str, ...]
    #: The policy's choice for the child.
    choice: str


@dataclass(frozen=True, kw_only=True)
class Orphans:
    """The orphans of one foreign key."""

    table: str
    #: The columns of the foreign key, source names.
    columns: tuple[str, ...]
    parent_table: str
    #: The policy's choice for them.
    choice: str
    rows: int = 0
    #: The first of them: the values that point nowhere.
    named: tuple[TouchedValue, ...] = ()
    #: The choice has been carried out on the copy; False where it is carried out later, or cannot be.
    corrected: bool = False

    @property
    def rule(self) -> str:
        """The name under which a report counts what was done to them, "" where nothing was."""
        return CORRECTING[self.choice] if self.corrected else ""
