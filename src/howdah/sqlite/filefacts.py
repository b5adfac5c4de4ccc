"""
The file itself, before anything is read from it: size, header, what stands beside it.

`read_file_facts` must run before SQLite opens the file, which may create a -wal.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import apsw

from howdah.model.finding_kinds import make_finding
from howdah.model.findings import Finding
from howdah.model.source import LiveIdentity
from howdah.sqlite.header import FORMAT_VERSION_MAX, HEADER_BYTES, FileHeader, parse_header
from howdah.sqlite.location import side_files
from howdah.sqlite.rawfile import RawFile, read_live_header
from howdah.sqlite.wal_file import PassedOver, find_passed_over


@dataclass(frozen=True, kw_only=True)
class FileFacts:
    path: str
    #: Bytes.
    size: int
    #: None for an empty file and for what is not a SQLite database.
    header: FileHeader | None
    #: Bytes of the files beside it, None where there is none.
    wal_size: int | None
    shm_size: int | None
    journal_size: int | None

    @property
    def empty(self) -> bool:
        """Zero bytes are a database without tables."""
        return self.size == 0

    @property
    def journal_mode(self) -> str:
        """The persistent journal mode: "wal" or "delete"."""
        return "wal" if self.header is not None and self.header.wal_mode else "delete"

    @property
    def truncated(self) -> bool:
        """The header speaks of more pages than there are; only true while no journal is pending."""
        return self.header is not None and self.size < self.header.declared_bytes


def read_file_facts(path: str) -> FileFacts:
    """Look at a file that others may be using. Raises apsw.Error or OSError where it cannot be opened."""
    beside = side_files(path)
    with RawFile(path) as file:
        header = parse_header(file.read(HEADER_BYTES, 0))
        size = file.size
    return FileFacts(
        path=path,
        size=size,
        header=header,
        wal_size=_size_or_none(beside.wal),
        shm_size=_size_or_none(beside.shm),
        journal_size=_size_or_none(beside.journal),
    )


def _size_or_none(path: str) -> int | None:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return None


def read_live_identity(path: str) -> LiveIdentity:
    """
    Return by what to notice later that the file was replaced or written to.

    Raises apsw.Error or OSError where the file is gone or cannot be read.
    """
    status = os.stat(path)
    try:
        wal = os.stat(side_files(path).wal)
    except FileNotFoundError:
        wal = None
    header = read_live_header(path)
    return LiveIdentity(
        device=status.st_dev,
        inode=status.st_ino,
        size=status.st_size,
        modified_ns=status.st_mtime_ns,
        # An empty -wal comes and goes with readers and says nothing.
        wal_size=wal.st_size if wal is not None else 0,
        wal_modified_ns=wal.st_mtime_ns if wal is not None and wal.st_size else 0,
        change_counter=header.change_counter if header is not None else 0,
    )


def _look_into_wal(facts: FileFacts) -> PassedOver | None:
    try:
        return find_passed_over(side_files(facts.path).wal) if facts.wal_size else None
    except OSError:
        # Gone meanwhile, or not ours to read: SQLite says what there is to say.
        return None


def find_file_findings(facts: FileFacts) -> tuple[Finding, ...]:
    """Say what a person should know about a file that can be read all the same."""
    findings = []
    about = f'file "{facts.path}"'
    if facts.empty:
        findings.append(
            make_finding(
                "F-001",
                about,
                "The file is empty: SQLite takes it for a database without tables.",
            )
        )
    if facts.journal_mode == "wal" and facts.wal_size is None:
        findings.append(
            make_finding(
                "F-002",
                about,
                "The database is in WAL mode and has no -wal file beside it: "
                "was it copied from a running application?",
                detail="After a clean stop of the application the -wal is gone and this is all right. "
                "A copy made while the application ran lacks its latest changes and looks healthy.",
            )
        )
    passed_over = _look_into_wal(facts)
    if passed_over is not None:
        findings.append(
            make_finding(
                "F-006",
                about,
                f"{passed_over.byte_count} bytes of committed changes in its -wal file are not read.",
                detail="The file begins with no header of a -wal: nothing of it is read."
                if passed_over.read < 0
                else f"The checksums are right for {passed_over.read} pages, and wrong from there on.",
            )
        )
    if facts.header is not None and facts.header.write_version > FORMAT_VERSION_MAX:
        findings.append(
            make_finding(
                "F-003",
                about,
                "The file was made by a newer SQLite, which lets older ones read it but not write.",
                detail=f"Write version {facts.header.write_version}, supported {FORMAT_VERSION_MAX}; "
                f"read with SQLite {apsw.sqlite_lib_version()}.",
            )
        )
    return tuple(findings)
