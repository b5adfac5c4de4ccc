"""The report objects of backup, restore and backups; `model.backup` has that of drill."""

from __future__ import annotations

from dataclasses import dataclass

from howdah.model.backup import ContentDifference, DrillReport, Manifest
from howdah.model.report import PhaseReport


@dataclass(frozen=True, kw_only=True)
class RetentionDecision:
    """Why a backup stays, or that it may go."""

    id: str
    keep: bool
    #: Never empty.
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class BackupReport:
    """One backup that was made."""

    verb: str = "backup"
    #: done, verified (its drill passed), unverified (the drill could not judge it here) or failed.
    status: str
    exit_status: int
    backup: str
    repository: str
    name: str
    #: Where it was taken from, without secrets.
    source: str
    taken_at: str
    size: int
    content_size: int
    tables: int
    rows: int
    encrypted: bool = False
    authenticated: bool = False
    phases: tuple[PhaseReport, ...] = ()
    notes: tuple[str, ...] = ()
    drill: DrillReport | None = None
    #: Why there was no drill; "" where there was one.
    drill_skipped: str = ""
    retention: tuple[RetentionDecision, ...] = ()
    #: Taken out of the list by retention, and removed for good.
    forgotten: tuple[str, ...] = ()
    purged: tuple[str, ...] = ()
    #: When the next one is due, with --every.
    next_at: str = ""


@dataclass(frozen=True, kw_only=True)
class RestoreReport:
    """A backup that was restored."""

    verb: str = "restore"
    #: done, or different where what came of it is not what the manifest says.
    status: str
    exit_status: int
    backup: str
    repository: str
    name: str
    #: The database or file, without secrets.
    target: str
    taken_at: str
    tables: int
    rows: int
    #: What was there before, under its new name; "" where nothing was.
    kept_as: str = ""
    #: Commands that put things back as they were.
    undo: tuple[str, ...] = ()
    differences: tuple[ContentDifference, ...] = ()
    difference_count: int = 0
    notes: tuple[str, ...] = ()
    phases: tuple[PhaseReport, ...] = ()


@dataclass(frozen=True, kw_only=True)
class BackupEntry:
    """One backup in a list."""

    id: str
    taken_at: str
    #: verified, failed (its newest drill did), unverified or unreadable.
    state: str
    kind: str = ""
    size: int = 0
    tables: int = 0
    rows: int = 0
    encrypted: bool = False
    #: When its newest drill ended, "" without one.
    drilled_at: str = ""
    #: Why it cannot be read, or why its drill failed.
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class BackupAges:
    """What matters about a repository at one moment; seconds, None where there is none."""

    repository: str
    name: str
    backups: int = 0
    newest: str = ""
    newest_age_seconds: float | None = None
    newest_verified: str = ""
    newest_verified_age_seconds: float | None = None
    #: Since a drill last ended with "pass".
    last_passed_drill_age_seconds: float | None = None
    #: When the newest backup's data was there, and its bytes.
    newest_taken_at: str = ""
    newest_size: int = 0
    #: Verdict of the newest drill, "" without one, when it ended and how long the recovery took.
    last_drill: str = ""
    last_drill_at: str = ""
    last_drill_seconds: float = 0.0
    size: int = 0
    #: When the next backup is due by the schedule, "" without one.
    next_at: str = ""
    overdue_seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class BackupsReport:
    """The backups of a repository, newest first."""

    verb: str = "backups list"
    #: done, or warn where the ages want somebody's attention.
    status: str = "done"
    exit_status: int = 0
    repository: str
    entries: tuple[BackupEntry, ...]
    ages: tuple[BackupAges, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class BackupDetails:
    """Everything about one backup."""

    verb: str = "backups show"
    status: str = "done"
    exit_status: int = 0
    repository: str
    entry: BackupEntry
    manifest: Manifest
    authenticated: bool
    #: Every file was read and is what was written; None where nobody asked.
    whole: bool | None = None
    drills: tuple[DrillReport, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ForgetReport:
    """What was taken out of the list, or would be."""

    verb: str = "backups forget"
    status: str = "done"
    exit_status: int = 0
    repository: str
    dry_run: bool
    decisions: tuple[RetentionDecision, ...]
    forgotten: tuple[str, ...] = ()
    purged: tuple[str, ...] = ()
