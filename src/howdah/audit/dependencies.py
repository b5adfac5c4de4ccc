"""Drivers of SQLite among a project's declared dependencies. Pure: the text of a manifest in, places out."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from howdah.audit.code import Place

_NODE = (
    r"better-sqlite3(?:-multiple-ciphers)?|sqlite3|sqlite|sql\.js|@libsql/client|expo-sqlite|connect-sqlite3"
    r"|@prisma/adapter-better-sqlite3|@prisma/adapter-libsql|@keyv/sqlite|@mikro-orm/sqlite|@mikro-orm/better-sqlite"
    r"|@types/better-sqlite3|@types/sqlite3"
)
_PYTHON = (
    r"aiosqlite|apsw|pysqlite3(?:-binary)?|sqlcipher3(?:-binary)?|sqlite-utils|sqlalchemy-libsql"
    r"|django-libsql"
)

#: Name of the file (a pattern) → where in a line a driver is named, and whether it is a lock file.
_MANIFESTS: tuple[tuple[re.Pattern[str], re.Pattern[str], bool], ...] = tuple(
    (re.compile(name), re.compile(line), lock)
    for name, line, lock in (
        (r"package\.json", rf'^\s*"({_NODE})"\s*:\s*"', False),
        (r"package-lock\.json|npm-shrinkwrap\.json", rf'^\s*"(?:node_modules/)+({_NODE})"\s*:\s*\{{', True),
        (r"yarn\.lock", rf'^"?({_NODE})@', True),
        (r"pnpm-lock\.yaml", rf"^\s*['\"]?/?({_NODE})@[\d.(]", True),
        (
            r".*requirements.*\.(?:txt|in)|constraints.*\.txt",
            rf"^\s*({_PYTHON})\s*(?:[\[=<>!~;#@\s]|$)",
            False,
        ),
        (
            r"pyproject\.toml|setup\.(?:py|cfg)|Pipfile",
            rf"""^[^#]*?["'\s]({_PYTHON})(?:[\[=<>!~;\s"']|$)""",
            False,
        ),
        (r"poetry\.lock|uv\.lock|pdm\.lock", rf'^name = "({_PYTHON})"$', True),
        (r"Pipfile\.lock", rf'^\s*"({_PYTHON})"\s*:\s*\{{', True),
        (r"Gemfile|.*\.gemspec", r"""^[^#]*\bgem(?:\.add_\w*dependency)?[\s(]+['"](sqlite3)['"]""", False),
        (r"Gemfile\.lock", r"^\s{4}(sqlite3) \(", True),
        (
            r"go\.mod",
            r"^(?:require)?\s*(github\.com/mattn/go-sqlite3|modernc\.org/sqlite|gorm\.io/driver/sqlite)\s",
            False,
        ),
        (r"Cargo\.toml", r"^\s*(rusqlite|libsqlite3-sys|sqlite)\s*[=.]", False),
        (r"pom\.xml|build\.gradle(?:\.kts)?", r"(sqlite-jdbc)", False),
        (r"composer\.json", r'^\s*"(ext-(?:pdo_)?sqlite3?)"', False),
    )
)


def is_manifest(path: str) -> bool:
    """Return whether the file declares dependencies."""
    name = PurePosixPath(path).name
    return any(pattern.fullmatch(name) for pattern, _, _ in _MANIFESTS)


def is_lock_file(path: str) -> bool:
    """Return whether the file lists what is installed, and holds no settings."""
    name = PurePosixPath(path).name
    return any(lock and pattern.fullmatch(name) for pattern, _, lock in _MANIFESTS)


def find_dependencies(path: str, text: str) -> list[Place]:
    """List the lines of a manifest or lock file that name a driver of SQLite; none of any other file."""
    name = PurePosixPath(path).name
    places = []
    for pattern, line_pattern, lock in _MANIFESTS:
        if not pattern.fullmatch(name):
            continue
        for number, line in enumerate(text.split("\n"), 1):
            if match := line_pattern.search(line):
                code = "A-202" if lock else "A-201"
                places.append(Place(code=code, line=number, anchor=number, what=match[1]))
    return places
