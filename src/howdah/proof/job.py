"""
What every piece of a proof knows: plain, picklable data, and what a piece hands back.

A piece runs here or in another process; it opens its own readers from this data
and shares nothing with its neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from howdah.model.plan import TablePlan
from howdah.model.report import Difference


@dataclass(frozen=True, kw_only=True)
class ProofJob:
    #: The snapshot file.
    source_path: str
    conninfo: str
    #: Name of the exported PostgreSQL snapshot (`pg_export_snapshot`).
    snapshot_id: str
    #: Key of the row hashes, drawn for this proof.
    hash_key: bytes
    #: Differences of one table that are listed, not only counted.
    listed_max: int = 100


@dataclass(frozen=True, kw_only=True)
class TableJob:
    table: TablePlan
    #: Source names of the columns that can be compared, in table order.
    columns: tuple[str, ...]
    #: Rowids of the source rows in quarantine, for tables with a rowid.
    quarantined_rowids: frozenset[int] = frozenset()
    #: `SourceKey.text` of the source rows in quarantine, for tables without a rowid.
    quarantined_keys: frozenset[str] = frozenset()
    #: The columns of the source that those keys are made of (`Table.naming_columns`).
    source_key: tuple[str, ...] = ()
    #: The target does not forbid NULL in the key, so rows with one must be looked for.
    key_nullable: bool = False
    #: Condition over the target's columns that leaves out rows which are not the source's, "" for none.
    target_filter: str = ""
    #: Values that left the batches are compared by themselves (`proof.big_values`).
    big_columns: tuple[str, ...] = ()


@dataclass(kw_only=True)
class Outcome:
    """What a piece found; outcomes of one table add up."""

    #: Rows read, those in quarantine included.
    rows_source: int = 0
    rows_target: int = 0
    #: Source rows in quarantine that were met.
    rows_quarantined: int = 0
    differences: list[Difference] = field(default_factory=list)
    difference_count: int = 0
    #: Column → values that are equal only by the weaker equality of their codec.
    equal_by_rule: dict[str, int] = field(default_factory=dict)

    def count(self, found: Difference, listed_max: int, times: int = 1) -> None:
        """Count a difference, and list it while there is room."""
        self.difference_count += times
        if len(self.differences) < listed_max:
            self.differences.append(found)

    def add(self, other: Outcome, listed_max: int) -> None:
        """Add what another piece of the same table found."""
        self.rows_source += other.rows_source
        self.rows_target += other.rows_target
        self.rows_quarantined += other.rows_quarantined
        self.difference_count += other.difference_count
        self.differences.extend(other.differences[: max(0, listed_max - len(self.differences))])
        self.add_equal_by_rule(other.equal_by_rule)

    def add_equal_by_rule(self, counts: Mapping[str, int]) -> None:
        """Add numbers of values, by column."""
        for column, count in counts.items():
            self.equal_by_rule[column] = self.equal_by_rule.get(column, 0) + count
