"""Examine one file: which reader fits it, and what that finds. Pure but for the text it is given."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from howdah.audit.code import Place, find_in_code, find_in_configuration, find_in_sql_file
from howdah.audit.dependencies import find_dependencies, is_lock_file, is_manifest
from howdah.audit.deprecated import deprecated_lines
from howdah.audit.pieces import Pieces, find_lexer, take_apart
from howdah.audit.rules import RULES
from howdah.model.audit import AuditFinding, AuditState

#: Settings rather than programs: a key and a value on a line.
_SETTINGS = frozenset(
    {
        "yml",
        "yaml",
        "ini",
        "cfg",
        "conf",
        "toml",
        "env",
        "properties",
        "prisma",
        "sh",
        "bash",
        "zsh",
        "dockerfile",
        "containerfile",
        "hcl",
        "tf",
        "service",
    }
)
_PROGRAMS = frozenset(
    {
        "py",
        "pyi",
        "js",
        "jsx",
        "mjs",
        "cjs",
        "ts",
        "tsx",
        "mts",
        "cts",
        "vue",
        "svelte",
        "rb",
        "php",
        "go",
        "rs",
        "java",
        "kt",
        "kts",
        "scala",
        "cs",
        "ex",
        "exs",
        "swift",
        "dart",
        "lua",
        "pl",
        "pm",
    }
)
#: Characters of a line that are shown.
_EXCERPT = 160
#: user:password@ in a URL, values of keys that name a secret, and keys of encrypted databases.
_SECRETS = (
    (re.compile(r"(?<=://)[^\s/@:]*:[^\s\"'`]*@"), "…@"),
    (
        re.compile(
            r"((?:password|passwd|secret|token|api_?key|salt)\w*[\"']?\s*[:=]\s*)"
            r"(?:\"[^\"]*\"|'[^']*'|\S+)",
            re.IGNORECASE,
        ),
        r"\1…",
    ),
    (re.compile(r"(\bpragma\b\W*(?:\w+\.)?(?:hex)?(?:re)?key\b).+", re.IGNORECASE), r"\1 …"),
    (re.compile(r"(\bkey\s+)(?:\"[^\"]*\"|'[^']*')", re.IGNORECASE), r"\1…"),
)


#: Other databases, as directories and files of dialects and migrations are named after them.
_OTHERS = frozenset(
    {
        "mysql",
        "mysql2",
        "mariadb",
        "postgres",
        "postgresql",
        "pg",
        "pgsql",
        "cockroachdb",
        "redshift",
        "mssql",
        "sqlserver",
        "oracle",
        "oracledb",
        "mongodb",
    }
)


def _is_of_another_database(path: str) -> bool:
    """Whether a file speaks to another database by its path: `migrations/mysql/1.sql`, `schema.mysql.sql`."""
    words = set(re.split(r"[/._-]", path.lower()))
    return bool(words & _OTHERS) and "sqlite" not in path.lower()


def reads(path: str) -> bool:
    """Return whether files of that name are examined."""
    return is_manifest(path) or _kind(path) in _SETTINGS | _PROGRAMS | {"sql", "json"}


def examine(path: str, text: str) -> list[AuditFinding]:
    """List what a file holds that speaks SQLite, in the order of its lines."""
    pieces = _pieces(path, text)
    kind = _kind(path)
    places = find_dependencies(path, text)
    if is_lock_file(path) or (kind == "json" and is_manifest(path)):
        return _findings(path, places, pieces)
    if kind == "sql":
        places += find_in_sql_file(text)
    elif kind in _PROGRAMS:
        places += find_in_code(pieces, python=kind in ("py", "pyi"))
    elif kind in _SETTINGS or kind == "json":
        places += find_in_configuration(pieces)
    if _is_of_another_database(path):
        places = [place for place in places if not place.code.startswith("A-3")]
    return _findings(path, places, pieces)


def _kind(path: str) -> str:
    name = PurePosixPath(path).name
    if name.startswith((".env", "env.")) or name.endswith(".env"):
        return "env"
    if re.match(r"(Dockerfile|Containerfile)\b", name):
        return "dockerfile"
    if name in ("Makefile", "makefile", "Procfile", "Justfile"):
        return "sh"
    return name.rsplit(".", 1)[-1].lower() if "." in name else ""


def _pieces(path: str, text: str) -> Pieces:
    kind = _kind(path)
    if kind in ("env", "prisma"):
        # Shell's comments are those of .env files; Prisma's are C's.
        lexer = find_lexer("x.sh" if kind == "env" else "x.js")
    else:
        lexer = find_lexer(PurePosixPath(path).name)
    if lexer is None:
        lines = tuple(text.split("\n"))
        return Pieces(lines=lines, literals=(), code=lines, comments={})
    return take_apart(text, lexer, python=kind in ("py", "pyi"))


def _findings(path: str, places: list[Place], pieces: Pieces) -> list[AuditFinding]:
    if not places:
        return []
    deprecated = deprecated_lines(pieces)
    found = []
    for place in sorted(set(places), key=lambda place: (place.line, place.code, place.what)):
        rule = RULES[place.code]
        is_marked = place.line in deprecated or place.anchor in deprecated
        found.append(
            AuditFinding(
                code=place.code,
                severity=rule.severity,
                file=path,
                line=place.line,
                excerpt=shorten(pieces.line(place.line)),
                what=shorten(place.what),
                why=rule.why,
                replacement=f"{place.instead}." if place.instead else rule.replacement,
                state=AuditState.DEPRECATED if is_marked else AuditState.OPEN,
                anchor=place.anchor,
            )
        )
    return found


def shorten(line: str) -> str:
    """Return a line as it may be shown: without secrets, on one line, and not long."""
    text = " ".join(line.split())
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text if len(text) <= _EXCERPT else f"{text[: _EXCERPT - 1]}…"
