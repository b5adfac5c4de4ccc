"""
What in a piece of SQL only SQLite understands.

Pure. The SQL is cut into tokens by sqlglot's reader of SQLite, so that what stands in texts and
comments is not taken for SQL; whether a string of a program is SQL at all is decided by its first
words and, where these are English words too, by whether it parses.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import TokenType
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token

from howdah.audit.sql_words import (
    BOOLEAN,
    CATALOGS,
    DATE_FUNCTIONS,
    DATE_TYPES,
    FUNCTIONS,
    PRAGMAS,
    RESOLUTIONS,
    ROWIDS,
    TYPES,
)

# sqlglot warns on its own logger where it falls back to text, and shows the SQL with what it may hold.
logging.getLogger("sqlglot").addHandler(logging.NullHandler())

#: First words of a statement, with what must follow somewhere for the whole to be SQL.
_STARTS = {
    "SELECT": re.compile(r"\bFROM\b|\(", re.IGNORECASE),
    "INSERT": re.compile(r"^INSERT\s+(INTO|OR)\b", re.IGNORECASE),
    "REPLACE": re.compile(r"^REPLACE\s+INTO\b", re.IGNORECASE),
    "UPDATE": re.compile(r"\bSET\b", re.IGNORECASE),
    "DELETE": re.compile(r"^DELETE\s+FROM\b", re.IGNORECASE),
    "CREATE": re.compile(
        r"^CREATE\s+(TEMP|TEMPORARY|TABLE|UNIQUE|INDEX|VIEW|TRIGGER|VIRTUAL)\b", re.IGNORECASE
    ),
    "ALTER": re.compile(r"^ALTER\s+TABLE\b", re.IGNORECASE),
    "DROP": re.compile(r"^DROP\s+(TABLE|INDEX|VIEW|TRIGGER)\b", re.IGNORECASE),
    "WITH": re.compile(r"\bAS\s*\(", re.IGNORECASE),
    "EXPLAIN": re.compile(r"^EXPLAIN\s+(QUERY\s+PLAN|SELECT|INSERT|UPDATE|DELETE|WITH)\b", re.IGNORECASE),
}
#: Statements that are SQLite's own and cannot be English.
_OWN_STARTS = re.compile(
    rf"\s*(PRAGMA\s+(\w+\.)?({PRAGMAS}|[?%{{$]\w*}}?)\s*([=(;]|$)|ATTACH\s+(DATABASE\s+)?[\'\"?:]|DETACH\s+DATABASE\s"
    r"|VACUUM\s+INTO\s|BEGIN\s+(IMMEDIATE|EXCLUSIVE|DEFERRED)\b)",
    re.IGNORECASE,
)
#: Part of an expression that is given to a query builder.
_EXPRESSION = re.compile(
    r"(?<![.\w])(?:(?:datetime|date|time|julianday|unixepoch)\s*\(\s*['\"]now['\"]"
    r"|strftime\s*\(\s*['\"]%)",
    re.IGNORECASE,
)
#: Functions whose names nobody writes before a parenthesis and an argument in prose.
_CALL = re.compile(
    r"\b(json_extract|json_group_array|json_group_object|json_each|json_tree|group_concat|ifnull|randomblob"
    r"|last_insert_rowid)\s*\(\s*(?=[\w\"'`?$%:.\[]|(?<=last_insert_rowid\()\))",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class SqlPlace:
    """Something that only SQLite understands."""

    code: str
    #: Lines below the first one of the text.
    line: int
    what: str
    #: What stands for it on PostgreSQL, "" where the rule says it.
    instead: str = ""


def names_pragma(text: str) -> bool:
    """Return whether the text begins with what may stand behind PRAGMA: `journal_mode = WAL`."""
    return re.match(rf"\s*(\w+\.)?({PRAGMAS})\s*([=(;]|$)", text, re.IGNORECASE) is not None


def is_sql(text: str) -> bool:
    """Return whether the text of a string is a statement of SQL."""
    stripped = _without_comments(text).strip()
    word = re.match(r"[A-Za-z]+", stripped)
    if not word or len(stripped) < 6:
        return False
    if _OWN_STARTS.match(stripped):
        return True
    rest = _STARTS.get(word[0].upper())
    if rest is None or not rest.search(stripped):
        return False
    if word[0].upper() in ("INSERT", "REPLACE", "CREATE", "ALTER", "DROP", "DELETE") and word[0].isupper():
        return True
    try:
        return bool(sqlglot.parse(_for_parser(stripped), read="sqlite"))
    except (SqlglotError, RecursionError):
        return False


def find_in_sql(text: str) -> list[SqlPlace]:
    """List what in statements of SQL PostgreSQL would refuse, or read otherwise."""
    try:
        tokens = sqlglot.tokenize(text, read="sqlite")
    except SqlglotError:
        return []
    found: list[SqlPlace] = []
    for statement in _statements(tokens):
        found += _find_in_statement(_Tokens(text, statement))
    return found


def find_in_expression(text: str) -> list[SqlPlace]:
    """List functions of SQLite in a text that is an expression rather than a statement."""
    dates = [
        SqlPlace(
            code="A-304",
            line=text.count("\n", 0, match.start()),
            what=f"function {match[0].split('(')[0].strip().lower()}()",
        )
        for match in _EXPRESSION.finditer(text)
    ]
    calls = [
        SqlPlace(
            code="A-305",
            line=text.count("\n", 0, match.start()),
            what=f"function {match[1].lower()}()",
            instead=FUNCTIONS[match[1].upper()],
        )
        for match in _CALL.finditer(text)
    ]
    return dates + calls


def _without_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/|--[^\n]*", " ", text, flags=re.DOTALL)


def _for_parser(text: str) -> str:
    """Make placeholders of drivers and formats into ones that the parser knows."""
    return re.sub(r"%\(\w+\)s|%[sd]|\{\w*\}|\$\{[^}]*\}", "?", text)


def _statements(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    statement: list[Token] = []
    for token in tokens:
        if token.token_type is TokenType.SEMICOLON:
            if statement:
                yield statement
            statement = []
        else:
            statement.append(token)
    if statement:
        yield statement


class _Tokens:
    """The tokens of one statement, asked by position; beyond its end are empty ones."""

    def __init__(self, text: str, tokens: Sequence[Token]) -> None:
        self._text = text
        self._tokens = tokens
        self.words = [
            token.text.upper() if token.token_type is not TokenType.STRING else "'" for token in tokens
        ]

    def __len__(self) -> int:
        return len(self._tokens)

    def word(self, index: int) -> str:
        return self.words[index] if 0 <= index < len(self.words) else ""

    def line(self, index: int) -> int:
        """Return the lines between the text's first one and the token."""
        return self._text.count("\n", 0, self._tokens[index].start)

    def quote(self, index: int) -> str:
        """Return the character by which a name is quoted, "" where it is not."""
        if not 0 <= index < len(self._tokens):
            return ""
        if self._tokens[index].token_type is not TokenType.IDENTIFIER:
            return ""
        return self._text[self._tokens[index].start]

    def is_name(self, index: int) -> bool:
        """Whether what is quoted is a name, rather than the subscript of an array."""
        before = self._text[: self._tokens[index].start]
        return re.fullmatch(r"[^\W\d][\w ]*", self.raw(index)) is not None and not re.search(
            r"[\w\])]$", before
        )

    def raw(self, index: int) -> str:
        return self._tokens[index].text if 0 <= index < len(self._tokens) else ""

    def is_text(self, index: int) -> bool:
        return 0 <= index < len(self._tokens) and self._tokens[index].token_type is TokenType.STRING

    def starts_with(self, pattern: str) -> bool:
        """Whether the statement's own text does; what follows some first words is not cut into tokens."""
        return re.match(pattern, self._text[self._tokens[0].start :], re.IGNORECASE) is not None

    def place(self, code: str, index: int, what: str, instead: str = "") -> SqlPlace:
        return SqlPlace(code=code, line=self.line(index), what=what, instead=instead)


def _find_in_statement(tokens: _Tokens) -> Iterator[SqlPlace]:
    yield from _find_at_start(tokens)
    if tokens.word(0).startswith("PRAGMA"):
        # It goes as a whole, and its value may be the key of an encrypted database.
        return
    in_table = tokens.word(0) == "CREATE" and "TABLE" in tokens.words[:4]
    if tokens.word(0) == "CREATE" and "VIRTUAL" in tokens.words[:3]:
        # Arguments of a module are no SQL.
        return
    for index in range(len(tokens)):
        yield from _find_names(tokens, index)
        yield from _find_functions(tokens, index)
        yield from _find_operators(tokens, index)
        yield from _find_clauses(tokens, index)
        if in_table:
            yield from _find_in_columns(tokens, index)


def _find_at_start(tokens: _Tokens) -> Iterator[SqlPlace]:
    first, second = tokens.word(0), tokens.word(1)
    if first == "PRAGMA" or first.startswith("PRAGMA "):
        yield tokens.place("A-301", 0, f"PRAGMA {tokens.raw(1)}".strip() if first == "PRAGMA" else first)
    elif first == "REPLACE" and tokens.starts_with(r"REPLACE\s+INTO\b"):
        yield tokens.place("A-303", 0, "REPLACE INTO")
    elif first in ("ATTACH", "DETACH"):
        yield tokens.place("A-314", 0, f"{first} DATABASE", "a schema, or postgres_fdw")
    elif first == "VACUUM" and tokens.starts_with(r"VACUUM\s+(\w+\s+)?INTO\b"):
        yield tokens.place("A-314", 0, "VACUUM INTO", "pg_dump, or howdah backup")
    elif first == "BEGIN" and second in ("IMMEDIATE", "EXCLUSIVE", "DEFERRED"):
        yield tokens.place("A-314", 0, f"BEGIN {second}", "BEGIN, with LOCK TABLE or SELECT … FOR UPDATE")
    elif first == "EXPLAIN" and tokens.starts_with(r"EXPLAIN\s+QUERY\s+PLAN\b"):
        yield tokens.place("A-314", 0, "EXPLAIN QUERY PLAN", "EXPLAIN")
    elif first == "CREATE" and "VIRTUAL" in tokens.words[:3]:
        yield tokens.place(
            "A-314", 0, "CREATE VIRTUAL TABLE", "a tsvector column with a GIN index, or a table"
        )


def _find_names(tokens: _Tokens, index: int) -> Iterator[SqlPlace]:
    word, quote = tokens.word(index), tokens.quote(index)
    if quote in ("`", "[") and tokens.is_name(index):
        yield tokens.place("A-313", index, f"{quote}{tokens.raw(index)}{']' if quote == '[' else quote}")
    elif quote == '"' and _stands_for_a_text(tokens, index):
        yield tokens.place("A-306", index, f'"{tokens.raw(index)}"', f"'{tokens.raw(index)}'")
    elif word in CATALOGS:
        yield tokens.place("A-312", index, tokens.raw(index))
    elif (
        word in ROWIDS
        and tokens.word(index + 1) != "("
        and tokens.word(index - 1) != "WITHOUT"
        and not tokens.is_text(index)
    ):
        yield tokens.place("A-310", index, tokens.raw(index))


def _stands_for_a_text(tokens: _Tokens, index: int) -> bool:
    """Whether a name in double quotes stands where programs write values."""
    if tokens.word(index - 1) == "." or tokens.word(index + 1) in (".", "("):
        return False
    before = tokens.word(index - 1)
    if before == "DEFAULT" or not tokens.raw(index):
        # PostgreSQL takes no name of a column there, and no empty name anywhere.
        return True
    if before in ("=", "<>", "!=", "LIKE"):
        # "a" = "b" compares columns in joins; a text is what does not look like a name of a column there.
        return "JOIN" not in tokens.words
    if before in ("(", ","):
        depth = 0
        for earlier in range(index - 1, -1, -1):
            word = tokens.word(earlier)
            depth += (word == ")") - (word == "(")
            if depth < 0:
                return tokens.word(earlier - 1) in ("IN", "VALUES") or (
                    tokens.word(earlier - 1) == "," and "VALUES" in tokens.words[:earlier]
                )
    return False


def _find_functions(tokens: _Tokens, index: int) -> Iterator[SqlPlace]:
    if tokens.word(index + 1) != "(" or tokens.is_text(index) or tokens.quote(index):
        return
    word = tokens.word(index)
    name = f"function {word.lower()}()"
    if word in DATE_FUNCTIONS:
        yield tokens.place("A-304", index, name)
    elif word in DATE_TYPES:
        if tokens.raw(index + 2).lower() == "now" or (word == "DATETIME" and tokens.word(0) != "CREATE"):
            yield tokens.place("A-304", index, name)
    elif re.fullmatch(f"PRAGMA_({PRAGMAS})", word, re.IGNORECASE) and tokens.word(index - 1) in (
        "FROM",
        "JOIN",
        ",",
    ):
        yield tokens.place("A-301", index, name)
    elif word in FUNCTIONS and tokens.word(index - 1) not in ("TABLE", "INTO", "INDEX"):
        yield tokens.place("A-305", index, name, FUNCTIONS[word])


def _find_operators(tokens: _Tokens, index: int) -> Iterator[SqlPlace]:
    word, before, after = tokens.word(index), tokens.word(index - 1), tokens.word(index + 1)
    if tokens.is_text(index) or tokens.quote(index) or before == ".":
        return
    if (
        word in ("GLOB", "REGEXP", "MATCH")
        and index > 1
        and (tokens.is_text(index + 1) or after in ("?", ":", "$"))
    ):
        yield tokens.place("A-309", index, word)
    elif word == "LIKE":
        yield tokens.place("A-308", index, word)
    elif word == "==":
        yield tokens.place("A-314", index, "==", "=")
    elif word == "=" and after in ("0", "1") and BOOLEAN.match(tokens.raw(index - 1)):
        yield tokens.place("A-307", index, f"{tokens.raw(index - 1)} = {after}")


def _find_clauses(tokens: _Tokens, index: int) -> Iterator[SqlPlace]:
    word, after = tokens.word(index), tokens.word(index + 1)
    if tokens.is_text(index) or tokens.quote(index):
        return
    if word == "OR" and tokens.word(index - 1) in ("INSERT", "UPDATE") and after in RESOLUTIONS:
        yield tokens.place("A-303", index, f"{tokens.word(index - 1)} OR {after}")
    elif word in ("AUTOINCREMENT", "AUTO_INCREMENT"):
        yield tokens.place("A-302", index, tokens.raw(index))
    elif word == "CONFLICT" and tokens.word(index - 1) == "ON" and after == "DO":
        if tokens.word(index + 2) == "UPDATE":
            yield tokens.place("A-311", index, "ON CONFLICT DO UPDATE")
    elif word == "COLLATE" and after in ("NOCASE", "RTRIM"):
        yield tokens.place("A-317", index, f"COLLATE {after}")
    elif word == "WITHOUT" and after == "ROWID":
        yield tokens.place("A-314", index, "WITHOUT ROWID", "nothing: leave it out")
    elif word == "INDEXED" and after == "BY":
        yield tokens.place("A-314", index, "INDEXED BY", "nothing: leave it out")
    elif word == "LIMIT" and tokens.word(index + 2) == ",":
        yield tokens.place("A-314", index, "LIMIT offset, count", "LIMIT count OFFSET offset")


def _find_in_columns(tokens: _Tokens, index: int) -> Iterator[SqlPlace]:
    word = tokens.word(index)
    # A type stands behind the name of its column.
    if word in TYPES and tokens.word(index - 1) not in ("(", ",", "", "PRECISION") and index > 3:
        if word == "DOUBLE" and tokens.word(index + 1) == "PRECISION":
            return
        yield tokens.place("A-316", index, f"type {word}", TYPES[word])
    elif word == "INTEGER" and tokens.words[index + 1 : index + 3] == ["PRIMARY KEY", "AUTOINCREMENT"]:
        return
    elif word == "INTEGER" and tokens.word(index + 1) == "PRIMARY KEY":
        yield tokens.place("A-315", index, "INTEGER PRIMARY KEY")
