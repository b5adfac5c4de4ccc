"""What is known of one column, and what is decided of it: the words of every rule about types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from howdah.model.census import ColumnCensus
from howdah.model.finding_kinds import name_column
from howdah.model.findings import Finding
from howdah.model.source import Column
from howdah.planning.declared import DeclaredType, read_declared_type


@dataclass(frozen=True, kw_only=True)
class TypeDecision:
    """What becomes of a column."""

    #: PostgreSQL type as written in DDL.
    type: str
    #: Name in the codec registry.
    codec: str
    params: Mapping[str, str] = field(default_factory=dict)
    #: One sentence.
    reason: str
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ColumnFacts:
    """All that is known of one column."""

    table: str
    column: Column
    census: ColumnCensus
    #: It is the INTEGER PRIMARY KEY that names the row.
    rowid_alias: bool = False
    #: It is part of a key, of an index or of a foreign key.
    indexed: bool = False

    @property
    def declared(self) -> DeclaredType:
        return read_declared_type(self.column.declared_type)

    @property
    def object_name(self) -> str:
        return name_column(self.table, self.column.name)

    def holds_only(self, *classes: str) -> bool:
        """Return whether every value has one of the classes ("integers", "reals", "texts", "blobs")."""
        counts = {
            "integers": self.census.integers,
            "reals": self.census.reals,
            "texts": self.census.texts,
            "blobs": self.census.blobs,
        }
        return self.census.values == sum(counts[name] for name in classes)


def describe_values(census: ColumnCensus) -> str:
    """Say how many values of which class a column holds, e.g. "3 integers and 1 text"."""
    parts = [
        f"{count} {noun}{'' if count == 1 else 's'}"
        for count, noun in (
            (census.integers, "integer"),
            (census.reals, "real"),
            (census.texts, "text"),
            (census.blobs, "blob"),
        )
        if count
    ]
    if not parts:
        return "no value"
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def samples_of(census: ColumnCensus) -> str:
    """Quote values of the column, e.g. "e.g. 1, 2"; "" where none is stored."""
    return "e.g. " + ", ".join(census.samples) if census.samples else ""
