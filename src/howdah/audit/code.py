"""What in a file of code or configuration chooses SQLite. Pure: pieces in, places out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from howdah.audit.pieces import Literal, Pieces
from howdah.audit.sql_text import SqlPlace, find_in_expression, find_in_sql, is_sql, names_pragma


@dataclass(frozen=True, kw_only=True)
class Place:
    """A place in a file; `line` from 1, `anchor` where its statement begins."""

    code: str
    line: int
    anchor: int
    what: str
    instead: str = ""


#: Modules of Python that open SQLite files.
_PYTHON_MODULES = (
    r"sqlite3|aiosqlite|apsw|pysqlite2|pysqlite3|sqlcipher3|sqlite_utils|litecli|peewee_async_sqlite"
    r"|playhouse\.sqlite_ext|playhouse\.apsw_ext|sqlalchemy\.dialects\.sqlite"
)
_PYTHON_IMPORT = re.compile(
    rf"^\s*(?:from\s+(?:{_PYTHON_MODULES})[\w.]*\s+import|import\s+(?:{_PYTHON_MODULES})\b)"
)
#: Packages of JavaScript and their like in other languages, as they are named in import and require.
_PACKAGES = re.compile(
    r"^(?:better-sqlite3(?:-multiple-ciphers)?|sqlite3|sqlite|sql\.js|node:sqlite|bun:sqlite|expo-sqlite|connect-sqlite3"
    r"|better-sqlite3-session-store|drizzle-orm/(?:better-sqlite3|bun-sqlite|libsql|sqlite-core)|@libsql/client(?:/\w+)?"
    r"|@prisma/adapter-(?:better-sqlite3|libsql)|@keyv/sqlite|keyv-sqlite|@mikro-orm/(?:better-)?sqlite"
    r"|github\.com/mattn/go-sqlite3|modernc\.org/sqlite|gorm\.io/driver/sqlite)$"
)
_LOADS = re.compile(r"\b(?:import|require|from)\b")
#: Modules of Go stand alone on their lines, in a block.
_GO_MODULE = re.compile(r"^[\w.-]+\.\w+/\S+$")
#: Values that name SQLite as the database to use.
_CHOICE = re.compile(
    r"^(?:sqlite3?|better-sqlite3|better-sqlite|sqljs|libsql|sqlite\+\w+|django\.db\.backends\.sqlite3"
    r"|django\.contrib\.gis\.db\.backends\.spatialite|sqlite3_mem)$",
    re.IGNORECASE,
)
#: What such a value is given to.
_CHOOSER = re.compile(
    r"client|dialect|engine|adapter|driver|provider|connector|vendor|database|\bdb|\btype\b", re.IGNORECASE
)
_URL = re.compile(
    r"(?:jdbc:|ecto:|sequel:)?(?:sqlite3?|pysqlite|libsql)(?:\+\w+)?:(?:/{0,4}|\.{0,2}/|:memory:)[^\s'\"]*|^file:[^\s'\"]*\.(?:db|sqlite3?)(?:\?|$)",
    re.IGNORECASE,
)
_DATABASE_FILE = re.compile(
    r"^[^\s*?<>|,;:]*[\w}\])?-]\.(?:sqlite3?|db3|s3db)$|^[^\s*?<>|,;:]*[\w}\])?-]\.db$", re.IGNORECASE
)
#: Other databases as literals beside it: a list of those that are known, or a type, and no choice.
_OTHER_DATABASE = re.compile(
    r"""["'`](?:mysql2?|mariadb|postgres(?:ql)?|pg|mssql|sqlserver|oracle(?:db)?|cockroachdb|mongodb)["'`]""",
    re.IGNORECASE,
)
#: The last argument of a type: `Exclude<Driver, "sqlite3">`.
_TYPE_ARGUMENT = re.compile(r"""<[^<>()=]*["'](?:better-)?sqlite3?["']>""")
#: better-sqlite3 and its like take the words behind PRAGMA: `db.pragma('foreign_keys = ON')`.
_PRAGMA_CALL = re.compile(r"\.pragma\s*(?:\?\.)?\s*\(")
_CONNECTS = re.compile(r"connect|filename|database|\bdb\b|_db\b|\bdb_|storage|dsn|url|path", re.IGNORECASE)
_DIALECT_KEY = re.compile(r"^\s*['\"]?(sqlite3?|better-sqlite3)['\"]?\s*:\s*\{")
_COMMAND = re.compile(r"(?:^|[\s;&|(`\"'])sqlite3\s+(?:-\w+\s+)*[\w./${}\"'-]+")
#: Behind the name an option or what looks like a path, rather than the next word of a sentence.
_COMMAND_ARGUMENT = re.compile(
    r"\W?sqlite3\s+(?:-{1,2}[a-z]|(?![\d.]+(?:\s|$))\S*[./$?{}\"'\\])", re.IGNORECASE
)
_INSTALLS = re.compile(
    r"\b(?:apt-get|apt|apk|yum|dnf|brew|pip|pip3|npm|yarn|pnpm)\b.*\b(?:install|add|i)\b.*"
    r"(?<![\w-])(?:sqlite3?|libsqlite3-dev|sqlite-dev|sqlite-libs|better-sqlite3|aiosqlite)(?![\w-])"
)


def find_in_code(pieces: Pieces, *, python: bool) -> list[Place]:
    """List the places of a program, in the order of its lines."""
    places = [*_find_in_lines(pieces, python=python)]
    for literal in pieces.literals:
        places += _find_in_literal(literal, pieces)
    return places


def find_in_configuration(pieces: Pieces) -> list[Place]:
    """List the places of a file of settings: .env, YAML, INI, TOML, Prisma, Dockerfile, shell, CI."""
    places = []
    for number in range(1, len(pieces.lines) + 1):
        text = _without_comment(pieces, number)
        if not text.strip():
            continue
        found = _find_in_setting(text)
        if found:
            places.append(Place(code=found[0], line=number, anchor=number, what=found[1]))
    return places


def find_in_sql_file(text: str) -> list[Place]:
    """List the places of a file of SQL."""
    return [_at(place, 1, anchor=None) for place in find_in_sql(text)]


def _find_in_lines(pieces: Pieces, *, python: bool) -> Iterator[Place]:
    for number, code in enumerate(pieces.code, 1):
        if python and (match := _PYTHON_IMPORT.match(code)):
            yield Place(code="A-101", line=number, anchor=number, what=match[0].strip())
        elif _DIALECT_KEY.match(pieces.line(number)) and number not in pieces.comments:
            yield Place(code="A-102", line=number, anchor=number, what="settings for SQLite")


def _find_in_literal(literal: Literal, pieces: Pieces) -> Iterator[Place]:
    value, line = literal.value.strip(), pieces.line(literal.line)
    code = pieces.code[literal.line - 1] if literal.line <= len(pieces.code) else ""

    def place(kind: str, what: str) -> Place:
        return Place(code=kind, line=literal.line, anchor=literal.anchor, what=what)

    if _PACKAGES.match(value) and (_LOADS.search(code) or _GO_MODULE.match(value)):
        yield place("A-101", value)
    elif (
        _CHOICE.match(value)
        and _CHOOSER.search(line.replace(value, "", 1))
        and not _compares(code)
        and not _OTHER_DATABASE.search(line)
        and not _TYPE_ARGUMENT.search(line)
    ):
        yield place("A-102", value)
    elif _URL.match(value):
        yield place("A-103", _without_userinfo(value))
    elif value in (":memory:", "sqlite://"):
        yield place("A-105", value)
    elif _DATABASE_FILE.match(value) and _CONNECTS.search(line.replace(value, "", 1)):
        yield place("A-104", value)
    elif _COMMAND.match(value) and _COMMAND_ARGUMENT.match(value):
        yield place("A-106", value.split("\n")[0])
    elif _PRAGMA_CALL.search(code) and names_pragma(value):
        yield place("A-301", f"PRAGMA {value}")
    elif is_sql(literal.value):
        for found in find_in_sql(literal.value):
            yield _at(found, literal.line, anchor=literal.anchor)
    else:
        for found in find_in_expression(literal.value):
            yield _at(found, literal.line, anchor=literal.anchor)


def _compares(code: str) -> bool:
    """Whether the line asks for the kind of database rather than choosing it: `dialect == "sqlite"`."""
    return re.search(r"===?|!==?|\bin\b|\bcase\b|\bnot\b", code) is not None


def _find_in_setting(text: str) -> tuple[str, str] | None:
    key_value = re.match(
        r"""^\s*(?:export\s+|ENV\s+|ARG\s+|-\s+)?["']?(?P<key>[\w.-]+)["']?\s*[:=\s]\s*["']?(?P<value>[^"'#]*?)["']?\s*,?\s*$""",
        text,
    )
    if key_value:
        key, value = key_value["key"], key_value["value"].strip()
        default = re.sub(r"^\$\{\w+:?-([^}]*)\}$", r"\1", value)
        if _CHOICE.match(default) and _CHOOSER.search(key):
            return "A-102", f"{key} = {default}"
        if _URL.match(default):
            return "A-103", f"{key} = {_without_userinfo(default)}"
        if _DATABASE_FILE.match(default) and _CONNECTS.search(key):
            return "A-104", f"{key} = {default}"
    if _INSTALLS.search(text) or _COMMAND.search(text):
        return "A-106", "sqlite3"
    if (url := re.search(r"(?:jdbc:)?sqlite3?(?:\+\w+)?:/[^\s'\"]*", text)) is not None:
        return "A-103", _without_userinfo(url[0])
    return None


def _without_comment(pieces: Pieces, number: int) -> str:
    comment = pieces.comments.get(number, "")
    line = pieces.line(number)
    return line.replace(comment, "", 1) if comment else line


def _without_userinfo(url: str) -> str:
    return re.sub(r"//(?:[^/@:\s]*:[^\s\"'`]*|[^/@:\s]*)@", "//", url)


def _at(place: SqlPlace, first_line: int, *, anchor: int | None) -> Place:
    line = first_line + place.line
    return Place(
        code=place.code,
        line=line,
        anchor=line if anchor is None else anchor,
        what=place.what,
        instead=place.instead,
    )
