"""
A Hypothesis strategy for whole SQLite databases: schemas that people really write, and worse.

A database is a list of statements with their parameters. Statements that SQLite refuses are
left out when the file is built, so what remains is what SQLite itself accepts.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from support.random_values import FLAVOURS, anything
from support.stored_values import Text

Draw = Callable[[st.SearchStrategy[Any]], Any]

DECLARED_TYPES = [
    "", "INTEGER", "INT", "BIGINT", "SMALLINT", "TINYINT", "TINYINT(1)", "UNSIGNED BIG INT", "int8",
    "BOOLEAN", "bool", "BIT", "REAL", "FLOAT", "DOUBLE", "DOUBLE PRECISION", "FLOATING POINT", "NUMERIC",
    "DECIMAL(10,2)", "DECIMAL(5)", "NUMERIC(38, 10)", "DECIMAL", "DECIMAL(3,5)", "NUMERIC(2000)", "MONEY",
    "TEXT", "text", "VARCHAR(5)", "VARCHAR(255)", "NVARCHAR(20)", "CHAR(3)", "CLOB",
    "CHARACTER VARYING(10)", "varchar(0)", "varchar(-1)", "DATE", "DATETIME", "DATETIME(3)", "TIMESTAMP",
    "TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE", "TIME", "JSON", "JSONB", "UUID", "GUID", "CHAR(36)",
    "BLOB", "BYTEA", "VARBINARY(16)", "BINARY", "STRING", "POINT", "CHARINT", "ANY", "YEAR", "INTERVAL",
    '"quoted type"', "NULLABLE TEXT", "serial", "xml",
]  # fmt: skip
STRICT_TYPES = ["INT", "INTEGER", "REAL", "TEXT", "BLOB", "ANY"]

NAMES = [
    "id", "a", "b", "c", "d", "name", "Name of it", 'quo"te', "apos'trophe", "select", "order", "user",
    "table", "group", "ünïcode", "ÜNÏCODE", "名前", "back`tick", "[brackets", "semi;colon", "per%cent",
    "%s", "%(a)s", "{}", "dollar$1", " leading", "trailing ", "back\\slash", "new\nline", "ctid", "xmin",
    "oid", "tableoid", "rowid", "_rowid_", "🐘", "", "1st", "-", "x" * 63, "x" * 64, "x" * 63 + "y",
    "x" * 62 + "é", "é" * 40, "CamelCase", "pg_class", "howdah", "a.b", "public", "value", "key",
    "created_at", "is_active", "tab\tbed", "null", "true",
]  # fmt: skip

DEFAULTS = [
    "NULL", "0", "1", "-1", "+5", "1.5", "'x'", "'it''s'", "x'00ff'", "CURRENT_TIMESTAMP", "CURRENT_DATE",
    "CURRENT_TIME", "(1 + 1)", "(datetime('now'))", "(lower(hex(randomblob(16))))", "TRUE", "FALSE",
    '"dq"', "''", "9223372036854775807", "9223372036854775808", "1e999", "'[]'", "'{}'", "'2024-01-01'",
    "(strftime('%s','now'))", "0x10", "word", "(abs(random()))",
]  # fmt: skip

CHECKS = [
    "{c} > 0", "{c} <> ''", "length({c}) < 9", "{c} IN ('a', 'b', 1)", "{c} IS NOT NULL",
    "typeof({c}) = 'integer'", "{c} LIKE 'a%'", "{c} GLOB '*'", "json_valid({c})", "{c} BETWEEN 0 AND 10",
    "{c} = {d}", "{c} < {d} OR {d} IS NULL", "{c} NOT NULL", "({c} & 1) = 0", "{c} IN (0, 1)",
    "upper({c}) = {c}", "date({c}) IS NOT NULL", "{c}", "coalesce({c}, 1) >= 0", "{c} == 'it''s'",
    "length(CAST({c} AS TEXT)) > 0",
]  # fmt: skip

INDEX_PARTS = [
    "{c}", "{c} DESC", "{c} COLLATE NOCASE", "lower({c})", "{c} || {d}", "{c} + 1", "abs({c})",
    "length({c})", "{c} COLLATE RTRIM", "coalesce({c}, '')", "substr({c}, 1, 3)",
    "json_extract({c}, '$.a')", "{c} IS NULL",
]  # fmt: skip
PREDICATES = [
    "{c} IS NOT NULL", "{c} > 0", "{c} = 'a'", "{c}", "NOT {c}", "{c} = {d}", "{c} IN (1, 2)",
    "{c} LIKE 'a%'", "{c} <> 1", "length({c}) > 1",
]  # fmt: skip
GENERATED = [
    "{c} || 'x'",
    "{c} + 1",
    "upper({c})",
    "length({c})",
    "coalesce({c}, 0)",
    "{c}",
    "{c} * {d}",
    "{c} IS NULL",
    "upper('a') || {c}",
]
#: What a view may compute.
COMPUTED = [
    "{c}", "{d}", "{c} || ''", "{c} || '-' || {d}", "{c} + 1", "{c} - {d}", "{c} * 2", "{c} / 2", "{c} / {d}",
    "{c} % 3", "-{c}", "{c} & 3", "{c} = {d}", "{c} IS {d}", "{c} < {d}", "{c} IN (1, 'a', 2)",
    "{c} BETWEEN 1 AND 5", "{c} LIKE 'A%'", "{c} GLOB 'a*'", "{c} IS NULL", "ifnull({c}, 0)",
    "ifnull({c}, '')", "coalesce({c}, {d})", "nullif({c}, 1)", "iif({c}, 'yes', 'no')",
    "CASE WHEN {c} > 1 THEN 'big' ELSE 'small' END", "CASE {c} WHEN 1 THEN 'one' WHEN 'a' THEN 'A' END",
    "length({c})", "lower({c})", "upper({c})", "trim({c})", "ltrim({c}, 'a')", "substr({c}, 2)",
    "substr({c}, -2)", "substr({c}, -3, 2)", "substr({c}, 0, 2)", "substr({c}, 2, -1)", "instr({c}, 'a')",
    "replace({c}, 'a', 'b')", "abs({c})", "round({c})", "round({c}, 1)", "hex({c})", "quote({c})",
    "typeof({c})", "typeof({c} + 1)", "CAST({c} AS TEXT)", "CAST({c} AS INTEGER)", "CAST({c} AS REAL)",
    "CAST({c} AS NUMERIC)", "max({c}, {d})", "min({c}, 1)", "date({c})", "datetime({c})", "time({c})",
    "date({c}, '+1 day')", "datetime({c}, '-1 month')", "date({c}, 'start of month')", "julianday({c})",
    "unixepoch({c})", "datetime({c}, 'unixepoch')", "strftime('%Y', {c})", "strftime('%Y-%m-%d %H:%M', {c})",
    "strftime('%s', {c})", "strftime('%w', {c})", "strftime('%j %W', {c})", "strftime('%f', {c})",
    "printf('%d', {c})", "printf('%05.2f', {c})", "printf('%s/%s', {c}, {d})", "format('%x', {c})",
    "json_extract({c}, '$.a')", "json_valid({c})", "json_array_length({c})", "json_type({c})",
    "{c} -> '$.a'", "{c} ->> 'a'", "json_object('k', {c})", "json_array({c}, {d})", "json({c})",
    "rowid", "unicode({c})", "char(65, 66)", "zeroblob(2)", "sign({c})", "{c} COLLATE NOCASE = {d}",
    '"no such column"', "(SELECT count(*) FROM {t})", "(SELECT max({c}) FROM {t})", "{c} NOT NULL",
    "row_number() OVER (ORDER BY {c}, {d})", "rank() OVER (ORDER BY {c})", "count(*) OVER (PARTITION BY {c})",
    "sum({c}) OVER (PARTITION BY {d})", "concat({c}, 'x')", "concat_ws(',', {c}, {d})", "likely({c})",
    "CAST({c} AS BLOB)", "x'6162' || {c}", "1.5", "'it''s'", "NULL", "TRUE", "octet_length({c})",
    "({c}, {d}) = (1, 'a')", "({c}, {d}) < ({d}, {c})", "({c}, {d}) <> ({d}, {c})",
    "sum({c}) OVER (ORDER BY {d} RANGE BETWEEN 2 PRECEDING AND 1 FOLLOWING)",
]  # fmt: skip
AGGREGATES = [
    "count(*)", "count({c})", "count(DISTINCT {c})", "sum({c})", "total({c})", "avg({c})", "min({c})",
    "max({c})", "group_concat({c})", "group_concat({c}, '; ')", "{d}", "string_agg({c}, '|')",
    "json_group_array({c})", "sum({c} > 1)", "max({c}) - min({c})",
    "(SELECT count(*) FROM {t} AS u WHERE u.{c} = {t}.{d})",
]  # fmt: skip
TAILS = [
    "", "", "", " WHERE {c} > 1", " WHERE EXISTS (SELECT 1 FROM json_each({c}) WHERE value > 1)",
    " WHERE {c} IS NOT NULL AND {d} <> 'a'", " WHERE {c} LIKE '%a%'",
    " WHERE {c} IN (SELECT {d} FROM {t})", " WHERE EXISTS (SELECT 1 FROM {t} AS u WHERE u.{c} = {t}.{d})",
    " ORDER BY {c}", " ORDER BY {c} DESC, {d} LIMIT 3", " WHERE {c}", " WHERE NOT {c}",
]  # fmt: skip
TRIGGERS = [
    "AFTER INSERT ON {t} BEGIN UPDATE {t} SET {c} = new.{d} WHERE {c} IS NULL; END",
    "BEFORE DELETE ON {t} BEGIN SELECT RAISE(ABORT, 'it stays'); END",
    "BEFORE DELETE ON {t} WHEN old.{c} > 1 BEGIN SELECT RAISE(IGNORE); END",
    "AFTER UPDATE OF {c} ON {t} FOR EACH ROW WHEN old.{c} IS NOT new.{c} "
    "BEGIN INSERT INTO {t} ({c}) VALUES (new.{c}); END",
    "AFTER DELETE ON {t} BEGIN DELETE FROM {t} WHERE {c} = old.{c}; END",
    "AFTER INSERT ON {t} BEGIN INSERT OR REPLACE INTO {t} ({c}, {d}) VALUES (new.{c}, new.{d}); END",
    "BEFORE INSERT ON {t} WHEN EXISTS (SELECT 1 FROM {t} WHERE {c} = new.{c}) "
    "BEGIN SELECT RAISE(ABORT, 'twice'); END",
    "BEFORE UPDATE ON {t} WHEN (SELECT count(*) FROM {t} WHERE {d} IS old.{d}) > 1 "
    "BEGIN SELECT RAISE(IGNORE); END",
    "BEFORE INSERT ON {t} BEGIN UPDATE {t} SET {c} = NULL WHERE {d} = new.{d}; "
    "DELETE FROM {t} WHERE {c} > new.{c}; END",
]
#: What a generated column may compute that is added to rows which are there.
ADDED = ["{c} IS NULL", "abs({c})", "{c} LIKE 'a' ESCAPE 'ab'", "{c} GLOB 'a'"]
#: Virtual tables and what goes into them.
VIRTUAL = [
    ("CREATE VIRTUAL TABLE {t} USING fts5(title, body)", "INSERT INTO {t} VALUES ('a title', ?)"),
    ("CREATE VIRTUAL TABLE {t} USING fts4(title, body)", "INSERT INTO {t} VALUES ('a title', ?)"),
    ("CREATE VIRTUAL TABLE {t} USING fts3(title, body)", "INSERT INTO {t} VALUES ('a title', ?)"),
    ("CREATE VIRTUAL TABLE {t} USING fts5(body, content='')", "INSERT INTO {t}(rowid, body) VALUES (1, ?)"),
    ("CREATE VIRTUAL TABLE {t} USING rtree(id, minx, maxx)", "INSERT INTO {t} VALUES (1, 2, length(?) + 2)"),
]
#: Settings that stand at the head of the file.
SETTINGS = [
    "PRAGMA page_size = 512", "PRAGMA page_size = 65536", "PRAGMA auto_vacuum = 1", "PRAGMA auto_vacuum = 2",
    "PRAGMA user_version = 7", "PRAGMA application_id = 1196444487", "PRAGMA legacy_file_format = 1",
]  # fmt: skip


@dataclass
class RandomColumn:
    name: str
    declared: str
    values: st.SearchStrategy[Any]
    flavours: tuple[str, ...] = ()
    clauses: list[str] = field(default_factory=list)
    generated: bool = False

    @property
    def sql(self) -> str:
        return " ".join([quoted(self.name), self.declared, *self.clauses])


@dataclass
class RandomTable:
    name: str
    columns: list[RandomColumn]
    constraints: list[str] = field(default_factory=list)
    strict: bool = False
    without_rowid: bool = False

    @property
    def sql(self) -> str:
        items = ", ".join([*(column.sql for column in self.columns), *self.constraints])
        options = ["STRICT"] * self.strict + ["WITHOUT ROWID"] * self.without_rowid
        return f"CREATE TABLE {quoted(self.name)} ({items}) {', '.join(options)}".rstrip()

    @property
    def stored(self) -> list[RandomColumn]:
        return [column for column in self.columns if not column.generated]


@dataclass(frozen=True)
class RandomDatabase:
    """Statements with their parameters, in the order of execution."""

    statements: Sequence[tuple[str, tuple[Any, ...]]]

    def build(self, path: Path) -> Path:
        """Write the file, leaving out what SQLite refuses."""
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            for sql, parameters in self.statements:
                with suppress(sqlite3.Error):
                    connection.execute(sql, [bytes(v) if isinstance(v, Text) else v for v in parameters])
        return path

    def __repr__(self) -> str:
        lines = (f"    ({sql!r}, {parameters!r})," for sql, parameters in self.statements)
        return "RandomDatabase([\n" + "\n".join(lines) + "\n])"


def quoted(name: str) -> str:
    """Quote a name for SQLite, by the SQL standard's rule."""
    return '"' + name.replace('"', '""') + '"'


def _folded(name: str) -> str:
    # SQLite ignores the case of ASCII letters only.
    return "".join(letter.lower() if letter.isascii() else letter for letter in name)


@st.composite
def databases(draw: Draw) -> RandomDatabase:
    """Databases of one to five tables with rows, indexes and views."""
    statements: list[tuple[str, tuple[Any, ...]]] = []
    encoding = draw(st.sampled_from(["UTF-8"] * 8 + ["UTF-16le", "UTF-16be"]))
    if encoding != "UTF-8":
        statements.append((f"PRAGMA encoding = '{encoding}'", ()))
    if draw(st.integers(0, 3)) == 0:
        statements.append((draw(st.sampled_from(SETTINGS)), ()))
    names = draw(st.lists(st.sampled_from(NAMES).filter(bool), min_size=1, max_size=5, unique_by=_folded))
    tables = [draw(_tables(name)) for name in names]
    for table in tables:
        _add_foreign_keys(draw, table, tables)
    statements += [(table.sql, ()) for table in tables]
    if draw(st.integers(0, 3)) == 0:
        # Rows older than their check.
        statements.append(("PRAGMA ignore_check_constraints = 1", ()))
    for table in tables:
        statements += _rows(draw, table)
    for table in tables:
        statements += _tamper(draw, table)
    for number, table in enumerate(tables):
        statements += _indexes(draw, table, number)
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2, 3]))):
        statements.append((_view(draw, draw(st.sampled_from(tables))), ()))
    if draw(st.integers(0, 3)) == 0:
        trigger, table = draw(st.sampled_from(TRIGGERS)), draw(st.sampled_from(tables))
        name = quoted(draw(st.sampled_from(NAMES)))
        statements.append((f"CREATE TRIGGER {name} {_fill(draw, trigger, table)}", ()))
    if draw(st.integers(0, 11)) == 0:
        statements += _virtual_table(draw)
    return RandomDatabase(statements)


def _view(draw: Draw, table: RandomTable) -> str:
    tail = _fill(draw, draw(st.sampled_from(TAILS)), table)
    grouped = ""
    if draw(st.integers(0, 2)) == 0:
        parts = draw(st.lists(st.sampled_from(AGGREGATES), min_size=1, max_size=3))
        if draw(st.booleans()) and "ORDER" not in tail:
            grouped = _fill(draw, " GROUP BY {c}", table)
    else:
        parts = draw(st.lists(st.sampled_from(COMPUTED), min_size=1, max_size=4))
    parts = [f"{_fill(draw, part, table)} AS x{number}" for number, part in enumerate(parts)]
    distinct = "DISTINCT " if draw(st.integers(0, 9)) == 0 else ""
    name = quoted(draw(st.sampled_from(NAMES)))
    return (
        f"CREATE VIEW {name} AS SELECT {distinct}{', '.join(parts)} FROM {quoted(table.name)}{tail}{grouped}"
    )


def _virtual_table(draw: Draw) -> list[tuple[str, tuple[Any, ...]]]:
    create, insert = draw(st.sampled_from(VIRTUAL))
    name = quoted(draw(st.sampled_from(["search", "find me", "names_fts"])))
    words = draw(st.lists(st.text(max_size=12), max_size=3))
    return [
        (create.replace("{t}", name), ()),
        *((insert.replace("{t}", name), (word,)) for word in words[:3]),
    ]


@st.composite
def _tables(draw: Draw, name: str) -> RandomTable:
    strict = draw(st.integers(0, 5)) == 0
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6, unique_by=_folded))
    table = RandomTable(name, [_column(draw, column, strict) for column in names], strict=strict)
    _add_key(draw, table)
    for column in table.columns:
        if column.generated or "PRIMARY KEY" in " ".join(column.clauses):
            continue
        if draw(st.integers(0, 5)) == 0:
            column.clauses.append("NOT NULL")
        if draw(st.integers(0, 4)) == 0:
            column.clauses.append("DEFAULT " + draw(st.sampled_from(DEFAULTS)))
        if draw(st.integers(0, 9)) == 0:
            column.clauses.append("UNIQUE")
        if draw(st.integers(0, 9)) == 0:
            column.clauses.append("COLLATE " + draw(st.sampled_from(["NOCASE", "RTRIM", "BINARY"])))
        if draw(st.integers(0, 9)) == 0:
            column.clauses.append(f"CHECK ({_fill(draw, draw(st.sampled_from(CHECKS)), table)})")
    if draw(st.integers(0, 5)) == 0:
        table.constraints.append(f"{_name(draw)}UNIQUE ({_some_columns(draw, table)})")
    if draw(st.integers(0, 5)) == 0:
        table.constraints.append(f"{_name(draw)}CHECK ({_fill(draw, draw(st.sampled_from(CHECKS)), table)})")
    if draw(st.integers(0, 5)) == 0:
        _add_generated(draw, table)
    return table


def _name(draw: Draw) -> str:
    return f"CONSTRAINT {quoted(draw(st.sampled_from(NAMES)))} " if draw(st.booleans()) else ""


def _column(draw: Draw, name: str, strict: bool) -> RandomColumn:
    declared = draw(st.sampled_from(STRICT_TYPES if strict else DECLARED_TYPES))
    flavours = draw(st.lists(st.sampled_from(sorted(FLAVOURS)), min_size=1, max_size=2))
    if draw(st.integers(0, 3)):
        flavours = flavours[:1]
    values = st.one_of(*(FLAVOURS[flavour] for flavour in flavours))
    if draw(st.integers(0, 15)) == 0:
        values, flavours = anything, ["anything"]
    return RandomColumn(name, declared, values, tuple(flavours))


def _add_key(draw: Draw, table: RandomTable) -> None:
    kind = draw(
        st.sampled_from(
            ["none", "row number", "autoincrement", "descending", "single", "composite", "clustered"]
        )
    )
    first = table.columns[0]
    match kind:
        case "row number" | "autoincrement" | "descending":
            first.declared = "INTEGER"
            first.values = FLAVOURS["small integers"] | FLAVOURS["integers"]
            ending = {"autoincrement": " AUTOINCREMENT", "descending": " DESC"}.get(kind, "")
            first.clauses.append("PRIMARY KEY" + ending)
        case "single":
            first.clauses.append("PRIMARY KEY")
        case "composite":
            table.constraints.append(f"{_name(draw)}PRIMARY KEY ({_some_columns(draw, table)})")
        case "clustered":
            table.constraints.append(f"PRIMARY KEY ({_some_columns(draw, table)})")
            table.without_rowid = True


def _add_generated(draw: Draw, table: RandomTable) -> None:
    expression = _fill(draw, draw(st.sampled_from(GENERATED)), table)
    name = draw(st.sampled_from(["generated", "gen erated"]))
    # Versions of SQLite write a REAL as text with more or fewer digits, so what may be text is stored.
    kinds = ["STORED", "VIRTUAL"] if "IS NULL" in expression else ["STORED"]
    kind = draw(st.sampled_from(kinds))
    declared = draw(st.sampled_from(STRICT_TYPES if table.strict else DECLARED_TYPES))
    table.columns.append(
        RandomColumn(name, declared, st.none(), clauses=[f"AS ({expression}) {kind}"], generated=True)
    )


def _add_foreign_keys(draw: Draw, table: RandomTable, tables: list[RandomTable]) -> None:
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        parent = draw(st.sampled_from(tables))
        width = draw(st.sampled_from([1, 1, 1, 2]))
        theirs = parent.columns[:width]
        ours = draw(st.permutations(table.stored))[: len(theirs)]
        if len(ours) < len(theirs):
            continue
        for our, their in zip(ours, theirs, strict=True):
            if not any("PRIMARY KEY" in clause for clause in our.clauses):
                our.values = their.values | our.values if draw(st.integers(0, 3)) == 0 else their.values
                our.flavours = their.flavours
                if draw(st.booleans()) and not table.strict:
                    our.declared = their.declared
        columns = ", ".join(quoted(column.name) for column in ours)
        referenced = ", ".join(quoted(column.name) for column in theirs)
        target = f"{quoted(parent.name)}" + (f" ({referenced})" if draw(st.booleans()) else "")
        action = draw(
            st.sampled_from(
                ["", " ON DELETE CASCADE", " ON DELETE SET NULL ON UPDATE CASCADE", " ON DELETE RESTRICT"]
            )
        )
        deferred = draw(st.sampled_from(["", "", " DEFERRABLE INITIALLY DEFERRED"]))
        table.constraints.append(
            f"{_name(draw)}FOREIGN KEY ({columns}) REFERENCES {target}{action}{deferred}"
        )


def _some_columns(draw: Draw, table: RandomTable) -> str:
    stored = table.stored
    chosen = draw(st.permutations(stored))[: draw(st.integers(1, min(3, len(stored))))]
    return ", ".join(quoted(column.name) for column in chosen)


def _fill(draw: Draw, template: str, table: RandomTable) -> str:
    stored = table.stored
    first, second = draw(st.sampled_from(stored)), draw(st.sampled_from(stored))
    filled = template.replace("{c}", quoted(first.name)).replace("{d}", quoted(second.name))
    return filled.replace("{t}", quoted(table.name))


def _rows(draw: Draw, table: RandomTable) -> list[tuple[str, tuple[Any, ...]]]:
    columns = table.stored
    seldom_null = st.integers(0, 7)
    statements = []
    for _ in range(draw(st.integers(0, 8))):
        values = tuple(None if draw(seldom_null) == 0 else draw(column.values) for column in columns)
        places = ", ".join("CAST(? AS TEXT)" if isinstance(value, Text) else "?" for value in values)
        names = ", ".join(quoted(column.name) for column in columns)
        statements.append((f"INSERT INTO {quoted(table.name)} ({names}) VALUES ({places})", values))
    return statements


def _tamper(draw: Draw, table: RandomTable) -> list[tuple[str, tuple[Any, ...]]]:
    match draw(st.integers(0, 9)):
        case 0:
            name = quoted(table.name)
            return [(f"DELETE FROM {name} WHERE rowid = (SELECT max(rowid) FROM {name})", ())]
        case 1:
            number = draw(st.sampled_from([0, 7, 10**6, 2**63 - 1, 2**53 + 1]))
            return [("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", (number, table.name))]
        case 2:
            declared = "ANY" if table.strict else draw(st.sampled_from(DECLARED_TYPES))
            default = draw(st.sampled_from(["1", "'x'", "NULL", "1.5", "x'00'"]))
            return [(f"ALTER TABLE {quoted(table.name)} ADD COLUMN added {declared} DEFAULT {default}", ())]
        case 3:
            # SQLite computes nothing when it is added, so some cannot be computed on some rows.
            computed = _fill(draw, draw(st.sampled_from(ADDED)), table)
            return [(f"ALTER TABLE {quoted(table.name)} ADD COLUMN computed ANY AS ({computed})", ())]
        case _:
            return []


def _indexes(draw: Draw, table: RandomTable, number: int) -> list[tuple[str, tuple[Any, ...]]]:
    statements = []
    for each in range(draw(st.sampled_from([0, 0, 1, 2]))):
        parts = draw(st.lists(st.sampled_from(INDEX_PARTS), min_size=1, max_size=2))
        filled = ", ".join(_fill(draw, part, table) for part in parts)
        where = ""
        if draw(st.integers(0, 3)) == 0:
            where = " WHERE " + _fill(draw, draw(st.sampled_from(PREDICATES)), table)
        unique = "UNIQUE " if draw(st.integers(0, 3)) == 0 else ""
        name = draw(st.sampled_from([*NAMES, f"index {number} {each}"]))
        statements.append(
            (f"CREATE {unique}INDEX {quoted(name)} ON {quoted(table.name)} ({filled}){where}", ())
        )
    return statements
