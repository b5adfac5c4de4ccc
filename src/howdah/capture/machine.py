"""
The states of a live migration, and what comes next in each. Pure.

Two databases cannot commit together, so every step can be done twice, the intention is written
down before it and the fact after it, and whoever comes back after a crash asks `next_step` again
with what is there now. Nothing here acts.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """What is durably true, as the record in the target has it."""

    #: SQLite takes writes, PostgreSQL gets them.
    FOLLOWING = "following"
    #: The fence is about to stand, or stands.
    FENCING = "fencing"
    #: The fence stands and PostgreSQL holds every write.
    DRAINED = "drained"
    #: PostgreSQL takes writes; the way back is noted there.
    RELEASED = "released"
    #: As released, and every row of the fenced file has been proven.
    COMPLETE = "complete"
    #: PostgreSQL is about to take no more writes, or takes none.
    HOME_FENCING = "home-fencing"
    #: PostgreSQL takes none, and the file holds them all.
    HOME_DRAINED = "home-drained"
    #: The file takes writes again.
    HOME = "home"


class Goal(StrEnum):
    """What a person wants; stands in the record, so that whoever runs obeys it."""

    FOLLOW = "follow"
    #: Whoever follows lets go, because another command takes over.
    YIELD = "yield"
    CUTOVER = "cutover"
    GO_HOME = "go-home"
    #: Nobody wrote to PostgreSQL, and everything of ours is about to leave both sides.
    UNDO = "undo"


class Step(StrEnum):
    WAIT = "wait"
    APPLY = "apply"
    LET_GO = "let-go"
    #: A fence that was given up before a crash still stands.
    UNFENCE = "unfence"
    #: Make the triggers of the way back ready, so that the pause does not pay for it.
    PREPARE = "prepare"
    FENCE = "fence"
    DRAIN = "drain"
    PROVE_DIRTY = "prove-dirty"
    RELEASE = "release"
    PROVE_ALL = "prove-all"
    #: Let the apply work again: no foreign keys, no journal of the way back.
    REOPEN = "reopen"
    HOME_APPLY = "home-apply"
    HOME_FENCE = "home-fence"
    HOME_DRAIN = "home-drain"
    HOME_RELEASE = "home-release"
    REFUSE = "refuse"
    DONE = "done"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is true now, read from both databases."""

    phase: Phase
    goal: Goal
    #: Entries of the journal at the source that are not applied.
    backlog: int = 0
    #: Rows in quarantine, which a cutover would leave behind.
    quarantined: int = 0
    quarantine_accepted: bool = False
    #: The functions of the way back are there, and what foreign keys will not hold is known.
    prepared: bool = False
    #: The fence stands in the SQLite file.
    fenced: bool = False
    #: Rows noted last equal on both sides; None before anybody has looked.
    dirty_proven: bool | None = None
    #: Entries of the journal on PostgreSQL.
    home_backlog: int = 0
    #: The application was told that the file takes writes again.
    told: bool = True


#: Entries that are left for the pause.
CLOSE_ENOUGH = 200


def next_step(facts: Facts) -> Step:
    """Return what to do now."""
    match facts.goal:
        case Goal.YIELD:
            return Step.LET_GO
        case Goal.FOLLOW:
            return _follow(facts)
        case Goal.CUTOVER:
            return _cut_over(facts)
        case Goal.GO_HOME:
            return _go_home(facts)
        case Goal.UNDO:
            return Step.REFUSE


def _follow(facts: Facts) -> Step:
    match facts.phase:
        case Phase.FOLLOWING if facts.fenced:
            return Step.UNFENCE
        case Phase.FOLLOWING:
            return Step.APPLY if facts.backlog else Step.WAIT
        case Phase.HOME:
            return Step.REOPEN
        case _:
            # Fenced, released or on the way home: writes of the file are not for PostgreSQL now.
            return Step.REFUSE


def _cut_over(facts: Facts) -> Step:
    match facts.phase:
        case Phase.HOME:
            return Step.REOPEN
        case Phase.FOLLOWING if facts.fenced:
            return Step.UNFENCE
        case Phase.FOLLOWING if facts.backlog > CLOSE_ENOUGH:
            return Step.APPLY
        case Phase.FOLLOWING if facts.quarantined and not facts.quarantine_accepted:
            return Step.REFUSE
        case Phase.FOLLOWING:
            return Step.FENCE if facts.prepared else Step.PREPARE
        case Phase.FENCING:
            return Step.DRAIN if facts.fenced else Step.FENCE
        case Phase.DRAINED if facts.quarantined and not facts.quarantine_accepted:
            # Tables without a key are read in the drain alone.
            return Step.REFUSE
        case Phase.DRAINED if facts.dirty_proven is None:
            return Step.PROVE_DIRTY
        case Phase.DRAINED:
            return Step.RELEASE if facts.dirty_proven else Step.REFUSE
        case Phase.RELEASED:
            return Step.PROVE_ALL
        case Phase.COMPLETE:
            return Step.DONE
        case _:
            return Step.REFUSE


def _go_home(facts: Facts) -> Step:
    match facts.phase:
        case Phase.RELEASED | Phase.COMPLETE:
            return Step.HOME_APPLY if facts.home_backlog > CLOSE_ENOUGH else Step.HOME_FENCE
        case Phase.HOME_FENCING:
            return Step.HOME_DRAIN
        case Phase.HOME_DRAINED if facts.dirty_proven is None:
            return Step.PROVE_DIRTY
        case Phase.HOME_DRAINED:
            return Step.HOME_RELEASE if facts.dirty_proven else Step.REFUSE
        case Phase.HOME:
            # The record comes before the acts: after a crash in between the fence still stands, or nobody
            # has told the application.
            return Step.HOME_RELEASE if facts.fenced or not facts.told else Step.DONE
        case _:
            return Step.REFUSE
