"""
From what a person or a setting calls the source to the path of a file.

Pure but for looking whether a path exists. Takes a plain path, SQLite's and
Prisma's `file:` URIs, and the `sqlite:` URLs of SQLAlchemy, Django, Rails and sqlx,
which do not agree about slashes.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import unquote

from howdah.errors import UsageError

#: Schemes whose rest is a path; SQLAlchemy adds its driver behind a plus sign.
_SQLITE_SCHEMES = ("sqlite", "sqlite3", "jdbc:sqlite")
_OTHER_DATABASES = (
    "postgres:",
    "postgresql:",
    "mysql:",
    "mariadb:",
    "mongodb:",
    "libsql:",
    "http:",
    "https:",
)


@dataclass(frozen=True, kw_only=True)
class SideFiles:
    """The names that SQLite gives to the files beside a database."""

    wal: str
    shm: str
    journal: str

    @property
    def all(self) -> tuple[str, ...]:
        return (self.wal, self.shm, self.journal)


def side_files(path: str) -> SideFiles:
    """Return the names of -wal, -shm and -journal; they stand beside the real file, not beside a link."""
    real = os.path.realpath(path)
    return SideFiles(wal=real + "-wal", shm=real + "-shm", journal=real + "-journal")


def source_path(source: str) -> str:
    """
    Return the path of the file that `source` names; relative stays relative to the working directory.

    Raises UsageError (S-001) for what names no file: an empty string, `:memory:`,
    the URL of another database.
    """
    if not source or "\0" in source:
        raise UsageError("S-001", "the source is empty: give the path of a SQLite file")
    if os.path.exists(source):
        return source
    lowered = source.lower()
    if lowered.startswith(_OTHER_DATABASES):
        scheme = lowered.split(":", 1)[0]
        raise UsageError(
            "S-001",
            f"the source is a {scheme} URL, not a SQLite file",
            hint="The source comes first, the target second: howdah migrate app.db postgresql://…",
        )
    for scheme in _SQLITE_SCHEMES:
        # SQLAlchemy writes sqlite+pysqlite:, sqlite+aiosqlite:.
        if lowered.startswith((scheme + ":", scheme + "+")) and ":" in source[len(scheme) :]:
            return _url_path(source[len(scheme) :].split(":", 1)[1])
    if lowered.startswith("file:"):
        return _uri_path(source[len("file:") :])
    return _named_file(source)


def _without_query(text: str) -> str:
    return unquote(text.split("#", 1)[0].split("?", 1)[0])


def _url_path(rest: str) -> str:
    """`///relative`, `////absolute` are SQLAlchemy's; `//relative` and none at all are sqlx's and Rails'."""
    path = _without_query(rest)
    if not path.startswith("//"):
        return _named_file(path)
    if not path.startswith("///"):
        return _named_file(path[2:])
    relative = path[3:]
    # Others mean an absolute path by three slashes; take it so only where the first reading finds no file.
    if not os.path.exists(relative) and os.path.exists("/" + relative):
        return "/" + relative
    return _named_file(relative)


def _uri_path(rest: str) -> str:
    path = _without_query(rest)
    if path.startswith("//"):
        authority, slash, path = path[2:].partition("/")
        if authority not in ("", "localhost"):
            raise UsageError(
                "S-001", f"the file: URI names the machine {authority!r}; only local files are read"
            )
        path = slash + path
    return _named_file(path)


def _named_file(path: str) -> str:
    if not path or path == ":memory:":
        raise UsageError(
            "S-001",
            "the source is an in-memory database, which only its own process can read",
            hint="Save it to a file first (VACUUM INTO), and give that file.",
        )
    return path
