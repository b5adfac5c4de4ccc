"""The migration's acceptance: each criterion with what was seen, and whether it holds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CriterionStatus(StrEnum):
    """How a criterion came out; one that could not be looked at is not met."""

    MET = "met"
    NOT_MET = "not met"
    NOT_SEEN = "not seen"


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """One thing that must hold, and its evidence."""

    #: Short name for programs: entities, no-loss, sqlite-gone, pool, backup, health.
    name: str
    #: As a sentence that is either true or not.
    sentence: str
    status: CriterionStatus
    #: What was seen, each a sentence or a figure, with where it comes from.
    evidence: tuple[str, ...] = ()
    #: What to do where it is not met.
    hint: str = ""

    @property
    def met(self) -> bool:
        """It holds, and was seen to."""
        return self.status is CriterionStatus.MET


@dataclass(frozen=True, kw_only=True)
class AcceptanceReport:
    """All criteria at one moment."""

    verb: str = "accept"
    #: "accepted" or "not accepted".
    status: str
    exit_status: int
    target: str
    criteria: tuple[Criterion, ...]
    #: When, ISO 8601 in UTC.
    time: str = ""
    howdah_version: str = ""
