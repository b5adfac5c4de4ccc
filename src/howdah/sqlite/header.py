"""
The first bytes of a file: SQLite's header, or what else it may be.

Pure. The header's layout is that of sqlite.org/fileformat2.html section 1.3.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

MAGIC = b"SQLite format 3\x00"
HEADER_BYTES = 100
#: How much of a file `describe_content` wants to see.
SAMPLE_BYTES = 4096

#: A file format version above this is one that no SQLite we know can read.
FORMAT_VERSION_MAX = 2
#: The format version of a database in WAL mode; 1 is that of a rollback journal.
_WAL_VERSION = 2
SCHEMA_FORMAT_MAX = 4

#: Beginning of a file → what it is, with what to do about it where there is something to do.
_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
    (b"PK\x03\x04", "a zip archive; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive; unpack it first"),
    (b"\xfd7zXZ\x00", "an xz archive; unpack it first"),
    (b"BZh", "a bzip2 archive; unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (b"\x37\x7f\x06\x82", "the -wal file of a SQLite database; give the database file beside it"),
    (b"\x37\x7f\x06\x83", "the -wal file of a SQLite database; give the database file beside it"),
    (b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", "the -journal file of a SQLite database; give the database file"),
    (b"** This file contains an SQLite 2", "a SQLite 2 database; convert it with the sqlite 2 shell first"),
    (b"PGDMP", "a PostgreSQL archive made by pg_dump"),
    (b"PAR1", "a Parquet file"),
    (b"\x00\x01\x00\x00Standard", "a Microsoft Access database"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"%PDF", "a PDF document"),
    (b"\x7fELF", "a program"),
    (b"age-encryption.org", "a file encrypted with age"),
    (b"version https://git-lfs", "a Git LFS pointer; fetch the file itself (git lfs pull)"),
)
_SQL_WORDS = ("create ", "insert ", "pragma ", "begin", "--", "drop ", "set ", "/*")
#: Bits per byte above which bytes are encrypted or compressed; random bytes of this size reach 7.8.
_ENTROPY_OF_NOISE = 7.2
_ENTROPY_SAMPLE_MIN = 1024


@dataclass(frozen=True, kw_only=True)
class FileHeader:
    #: Bytes.
    page_size: int
    #: 1 for rollback journal, 2 for WAL.
    write_version: int
    read_version: int
    change_counter: int
    #: Size of the database in pages; only true where `version_valid_for` equals `change_counter`.
    page_count: int
    #: 0 in a database without tables, else 1 to 4.
    schema_format: int
    version_valid_for: int
    #: Bytes 72 to 91 are zero, as in every version so far.
    plausible: bool

    @property
    def wal_mode(self) -> bool:
        return _WAL_VERSION in (self.write_version, self.read_version)

    @property
    def declared_bytes(self) -> int:
        """Size that the file must have, 0 where the header does not say."""
        return self.page_count * self.page_size if self.version_valid_for == self.change_counter else 0


def parse_header(first: bytes) -> FileHeader | None:
    """Read SQLite's header from the first 100 bytes of a file; None where they are not one."""
    if len(first) < HEADER_BYTES or not first.startswith(MAGIC):
        return None

    def number(offset: int, length: int = 4) -> int:
        return int.from_bytes(first[offset : offset + length], "big")

    page_size = number(16, 2)
    return FileHeader(
        page_size=65536 if page_size == 1 else page_size,
        write_version=first[18],
        read_version=first[19],
        change_counter=number(24),
        page_count=number(28),
        schema_format=number(44),
        version_valid_for=number(92),
        plausible=not any(first[72:92]),
    )


def describe_content(first: bytes) -> str:
    """Say what a file without SQLite's header looks like, from its first bytes."""
    for signature, description in _SIGNATURES:
        if first.startswith(signature):
            return description
    if first[8:12] == b"DUCK":
        return "a DuckDB database"
    if not first.strip(b"\x00"):
        return "nothing but zero bytes, as a full disk or a broken copy leaves behind"
    return _describe_text(first)


def looks_encrypted(first: bytes, size: int) -> bool:
    """
    Whether a file of `size` bytes without SQLite's header may be an encrypted SQLite database.

    SEE and SQLite3MultipleCiphers leave bytes 16 to 23 of the header readable, of
    which 21 to 23 are always 64, 32, 32. SQLCipher's file is noise from its first
    byte to its last, in pages of at least 512 bytes.
    """
    if first[21:24] == b"\x40\x20\x20":
        return True
    if first.startswith(tuple(signature for signature, _ in _SIGNATURES)):
        return False
    return (
        size % 512 == 0
        and len(first) >= _ENTROPY_SAMPLE_MIN
        and _entropy(first[:SAMPLE_BYTES]) >= _ENTROPY_OF_NOISE
    )


def _entropy(sample: bytes) -> float:
    """Shannon entropy in bits per byte."""
    return -sum(count / len(sample) * math.log2(count / len(sample)) for count in Counter(sample).values())


def _describe_text(first: bytes) -> str:
    text = first.decode("utf-8", errors="ignore").lstrip("\ufeff \t\r\n").lower()
    if len(text) < 0.8 * len(first) or "\0" in text:
        return "a binary file of an unknown kind"
    if text.startswith(_SQL_WORDS):
        return "SQL text; load it into a SQLite file first: sqlite3 new.db < FILE"
    if text.startswith(("<!doctype html", "<html")):
        return "an HTML page, as a failed download leaves behind"
    if text.startswith(("{", "[")):
        return "a JSON document"
    return "plain text"
