"""
What a backup is: the facts its manifest records, and what a drill found.

Field names are the manifest's and the drill report's format: fields are added, never renamed.
Times are ISO 8601 in UTC with a Z.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from howdah.model.report import PhaseReport

#: Version of the manifest that this program writes; a newer one is refused.
MANIFEST_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """One file of a backup, as it lies in the repository and as it was before encryption."""

    #: "dump.pgc", "dump.d/toc.dat", "database.sqlite.zst"…
    name: str
    #: Bytes and SHA-256 of what is stored.
    size: int
    sha256: str
    #: The same of the content; equal to the above where nothing is encrypted.
    plain_size: int
    plain_sha256: str


@dataclass(frozen=True, kw_only=True)
class TableContent:
    """What one table held in the snapshot that was dumped."""

    #: "" for SQLite.
    schema: str
    name: str
    rows: int
    #: Order-independent sum of row hashes, hex; what it is a sum of depends on `Manifest.kind`.
    digest: str

    @property
    def title(self) -> str:
        """The name for people."""
        return f"{self.schema}.{self.name}" if self.schema else self.name


@dataclass(frozen=True, kw_only=True)
class SequenceContent:
    schema: str
    name: str
    #: The last value given out when the snapshot began; None where none ever was.
    last_value: int | None
    increment: int = 1
    #: Table and column that own it, "" where none does.
    table_schema: str = ""
    table: str = ""
    column: str = ""

    @property
    def title(self) -> str:
        """The name for people."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, kw_only=True)
class SchemaObject:
    """An index, constraint, view, function or trigger."""

    kind: str
    schema: str
    #: The table it belongs to, "" for objects of their own.
    table: str
    name: str
    #: Indexes and constraints that are not valid stay so.
    valid: bool = True

    @property
    def title(self) -> str:
        """The object for people, kind first."""
        place = ".".join(part for part in (self.schema, self.table, self.name) if part)
        return f"{self.kind} {place}"


@dataclass(frozen=True, kw_only=True)
class RoleFacts:
    """A role that owns or may use something in the database; never with its password."""

    name: str
    superuser: bool = False
    inherit: bool = True
    create_role: bool = False
    create_db: bool = False
    login: bool = False
    member_of: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DatabaseFacts:
    """The database as a server must offer it for the content to mean the same."""

    name: str
    owner: str
    encoding: str
    collate: str
    ctype: str
    #: "c" libc, "i" ICU, "b" the server's own.
    provider: str = "c"
    locale: str = ""
    collation_version: str = ""
    #: "gnu", "musl"… as the server's own version string names its platform.
    platform: str = ""
    #: Extension → version.
    extensions: Mapping[str, str] = field(default_factory=dict)
    #: ALTER DATABASE … SET.
    settings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Everything known of one backup; written last, so that its presence says that the backup is whole."""

    version: int = MANIFEST_VERSION
    #: "postgresql" or "sqlite".
    kind: str
    #: Also the name of its directory.
    id: str
    #: Whose backup it is: the repository's directory for one database.
    name: str
    #: The instant whose data it holds.
    taken_at: str
    started_at: str
    finished_at: str
    howdah_version: str
    #: Database server or SQLite library, e.g. "16.14", and the tool that wrote the dump.
    server_version: str
    tool_version: str
    #: For people: where it was taken from, without secrets.
    source: str
    system_identifier: str = ""
    #: Position in the write-ahead log and name of the exported snapshot.
    lsn: str = ""
    snapshot: str = ""
    #: "custom", "directory" or "file".
    format: str = "custom"
    compression: str = ""
    #: Of a SQLite file: "wal" or "delete"; a restored file gets it back.
    journal_mode: str = ""
    #: SHA-256 and bytes of a SQLite file as it was before it was compressed.
    content_sha256: str = ""
    content_size: int = 0
    #: age recipients (public), () where nothing is encrypted.
    recipients: tuple[str, ...] = ()
    database: DatabaseFacts | None = None
    roles: tuple[RoleFacts, ...] = ()
    files: tuple[StoredFile, ...] = ()
    tables: tuple[TableContent, ...] = ()
    sequences: tuple[SequenceContent, ...] = ()
    objects: tuple[SchemaObject, ...] = ()
    #: Tables whose rows are left out on purpose, and whatever else a person should know.
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes stored."""
        return sum(file.size for file in self.files)

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(table.rows for table in self.tables)

    @property
    def major(self) -> int:
        """The major of the PostgreSQL that it was taken from; 0 for SQLite."""
        digits = re.match(r"\d+", self.server_version)  # "18beta1" too
        return int(digits[0]) if digits is not None and self.kind == "postgresql" else 0


@dataclass(frozen=True, kw_only=True)
class ContentDifference:
    """Something that a restored database has otherwise than the manifest says."""

    #: "table", "rows", "digest", "sequence", "object", "integrity" or "smoke".
    kind: str
    object: str
    expected: str
    found: str


@dataclass(frozen=True, kw_only=True)
class DrillReport:
    """A backup restored and verified in a throw-away place."""

    verb: str = "drill"
    #: "pass", "fail" or "environment".
    status: str
    exit_status: int
    backup: str
    #: Repository and name.
    repository: str
    name: str
    taken_at: str = ""
    size: int = 0
    started_at: str = ""
    finished_at: str = ""
    #: Why it did not pass, one paragraph; "" where it did.
    reason: str = ""
    hint: str = ""
    #: Where it was restored.
    place: str = ""
    tables: int = 0
    rows: int = 0
    differences: tuple[ContentDifference, ...] = ()
    difference_count: int = 0
    #: What could not be compared there, and why that is no failure.
    notes: tuple[str, ...] = ()
    phases: tuple[PhaseReport, ...] = ()
    #: Age in seconds of the data of the newest backup that passed a drill, this one included; None without
    #: one.
    rpo_seconds: float | None = None
    #: Largest distance in seconds between two verified backups within 30 days, and from the last to now.
    rpo_worst_seconds: float | None = None
    #: Seconds from the start to the first query that the restored database answered correctly.
    rto_seconds: float | None = None
    #: Median and largest of the passed drills that are kept.
    rto_median_seconds: float | None = None
    rto_max_seconds: float | None = None
    howdah_version: str = ""
