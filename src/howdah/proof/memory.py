"""
What of a proof is done already, for a proof that is gone on with after its process was killed.

A piece counts by its interval of the key, or as a whole table. Whoever keeps them knows of which
moment of the target they speak.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from howdah.proof.job import Outcome


@dataclass(frozen=True, kw_only=True)
class PieceName:
    #: Source name.
    table: str
    #: Of the interval, both included, None where it is open; a whole table is open on both sides.
    low: int | None = None
    high: int | None = None


class ProofMemory(Protocol):
    """Where pieces are kept."""

    def recall(self) -> Mapping[PieceName, Outcome]:
        """Return what is done."""

    def keep(self, name: PieceName, outcome: Outcome) -> None:
        """Remember, durably, that a piece is done."""


class NoMemory:
    """For a proof that is made in one go."""

    def recall(self) -> Mapping[PieceName, Outcome]:
        """Nothing is done."""
        return {}

    def keep(self, name: PieceName, outcome: Outcome) -> None:
        """Forget it."""
