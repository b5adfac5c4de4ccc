"""
The running service at one moment, as the status page and its JSON show it.
"""

from __future__ import annotations

from dataclasses import dataclass

from howdah.model.health import HealthReport


@dataclass(frozen=True, kw_only=True)
class PoolMoment:
    """The pool at one second of the last minutes."""

    #: Connections that are lent or being opened.
    used: int
    #: Requests that waited.
    waiting: int


@dataclass(frozen=True, kw_only=True)
class PoolGauges:
    """The pool now, and its limits."""

    used: int
    idle: int
    waiting: int
    max_size: int
    max_waiting: int
    min_size: int
    #: One for each second, the oldest first.
    history: tuple[PoolMoment, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TableRows:
    """One table of the service's schema."""

    name: str
    rows: int
    #: False: the server's estimate, because counting would read too much.
    exact: bool
    #: Bytes on disk, with indexes.
    size: int
    #: It holds the entries of a content type: its API name, else "".
    content_type: str = ""


@dataclass(frozen=True, kw_only=True)
class RunNews:
    """The newest migration into this database."""

    id: str
    #: running, loaded, done, undone.
    status: str
    #: Steps recorded, and planned.
    steps_done: int
    steps: int
    rows: int
    started_at: str
    finished_at: str = ""


@dataclass(frozen=True, kw_only=True)
class BackupNews:
    """The newest backup and the newest drill of this database."""

    #: ISO 8601, "" where there is none.
    taken_at: str = ""
    size: int = 0
    drilled_at: str = ""
    #: pass, fail, partial…
    drill_status: str = ""
    #: Seconds until the restored data answered; 0 where it never did.
    drill_seconds: float = 0.0
    #: Why nothing is known; "" otherwise.
    failure: str = ""


@dataclass(frozen=True, kw_only=True)
class DatabaseNews:
    """What is asked of the database now and then."""

    tables: tuple[TableRows, ...] = ()
    run: RunNews | None = None
    #: A Howdah command is changing this database now.
    at_work: bool = False
    #: When it was asked, ISO 8601.
    time: str = ""
    #: Why there is no newer answer; "" where there is one.
    failure: str = ""


@dataclass(frozen=True, kw_only=True)
class ServiceStatus:
    """Everything on the status page."""

    version: str
    #: Seconds since the service started.
    uptime: float
    ready: bool
    #: Why not, in words that anybody may read.
    reason: str = ""
    server_version: str = ""
    health: HealthReport
    #: None where this process has no pool.
    pool: PoolGauges | None = None
    database: DatabaseNews
    #: None where no repository of backups is known.
    backup: BackupNews | None = None
