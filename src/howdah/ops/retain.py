"""What retention decides about a repository, carried out or only shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from howdah.archive.lease import Lease
from howdah.archive.repository import Repository
from howdah.archive.retention import Candidate, RetentionPolicy, decide_retention
from howdah.model.backup_reports import RetentionDecision


@dataclass(frozen=True, kw_only=True)
class Retained:
    decisions: tuple[RetentionDecision, ...]
    forgotten: tuple[str, ...]
    purged: tuple[str, ...]


def apply_retention(
    repository: Repository,
    lease: Lease,
    policy: RetentionPolicy,
    *,
    dry_run: bool,
) -> Retained:
    """
    Decide about every backup and, unless it is a dry run, forget those that may go and purge older ones.
    """
    moment = datetime.now(UTC)
    candidates = [
        Candidate(
            id=item.id, taken_at=item.taken_at, verified=item.verified, readable=item.manifest is not None
        )
        for item in repository.list_backups()
    ]
    decisions = decide_retention(candidates, policy, moment)
    going = tuple(decision.id for decision in decisions if not decision.keep)
    if dry_run:
        return Retained(decisions=decisions, forgotten=going, purged=())
    for backup_id in going:
        repository.forget(backup_id, lease)
    return Retained(decisions=decisions, forgotten=going, purged=repository.purge(lease, now=moment))
