"""What a verification found, as frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from howdah.model.report import Difference, ProofStatus, TableProof


@dataclass(frozen=True, kw_only=True)
class Proof:
    #: Source table name → what was found about its rows and its schema.
    tables: Mapping[str, TableProof]
    #: At most so many per table as were asked for; schema first.
    differences: tuple[Difference, ...] = ()
    #: All that were counted.
    difference_count: int = 0
    seconds: float = 0.0
    #: SHA-256 of the snapshot file, "" where only a path was given (a comparison, not a proof).
    snapshot_sha256: str = ""

    @property
    def status(self) -> ProofStatus:
        """Whether the target is what the plan makes of the source."""
        return ProofStatus.PROVEN if self.difference_count == 0 else ProofStatus.DIFFERENT

    @property
    def rows(self) -> int:
        """Source rows that were compared, those in quarantine not counted."""
        return sum(table.rows_source - table.rows_quarantined for table in self.tables.values())
