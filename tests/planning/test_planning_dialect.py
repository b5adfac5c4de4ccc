"""
SQLite and PostgreSQL give the same answers: each expression runs on both, row by row.

SQLite's answer (Python's sqlite3) is the expected value; nothing here is computed by
the code under test but the translation itself.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from psycopg import sql

from howdah.model.source import Affinity
from howdah.planning.dialect import parse_expression, translate_condition, translate_index_key
from howdah.planning.expressions import Expressions, Rules
from howdah.planning.number_text import depends_on_version
from howdah.planning.sql_values import ScopeColumn, TableScope, Untranslatable, kind_of
from support.plain_values import plain

#: name, declared, affinity, PostgreSQL type, codec, parameters, collation
COLUMNS: tuple[tuple[str, str, Affinity, str, str, dict[str, str], str], ...] = (
    ("id", "INTEGER PRIMARY KEY", Affinity.INTEGER, "bigint", "integer", {}, "BINARY"),
    ("a", "INTEGER", Affinity.INTEGER, "bigint", "integer", {}, "BINARY"),
    ("b", "INTEGER", Affinity.INTEGER, "bigint", "integer", {}, "BINARY"),
    ("s", "TEXT", Affinity.TEXT, "text", "text", {}, "BINARY"),
    ("n", "TEXT COLLATE NOCASE", Affinity.TEXT, "varchar(40)", "text", {}, "NOCASE"),
    ("tail", "TEXT COLLATE RTRIM", Affinity.TEXT, "text", "text", {}, "RTRIM"),
    ("r", "REAL", Affinity.REAL, "double precision", "real", {}, "BINARY"),
    ("d", "NUMERIC", Affinity.NUMERIC, "numeric", "numeric", {"affinity": "numeric"}, "BINARY"),
    ("active", "BOOLEAN", Affinity.NUMERIC, "boolean", "boolean", {}, "BINARY"),
    ("raw", "BLOB", Affinity.BLOB, "bytea", "bytes", {}, "BINARY"),
    ("day", "DATE", Affinity.NUMERIC, "date", "iso-date", {}, "BINARY"),
    ("at", "DATETIME", Affinity.NUMERIC, "timestamp", "iso-datetime", {"format": " 0"}, "BINARY"),
    ("zoned", "DATETIME", Affinity.NUMERIC, "timestamptz", "iso-datetime", {"format": "T3Z"}, "BINARY"),
    ("made", "DATETIME", Affinity.NUMERIC, "timestamptz", "epoch-ms", {}, "BINARY"),
    ("doc", "JSON", Affinity.NUMERIC, "json", "json", {}, "BINARY"),
    ("key", "UUID", Affinity.BLOB, "uuid", "uuid-text", {}, "BINARY"),
)
NAMES = [column[0] for column in COLUMNS]

_KEY = "0a1b2c3d-0000-4000-8000-0123456789ab"
MOMENTS_OF = (
    ("2024-02-29", "2024-02-29 12:00:00", "2024-02-29T12:00:00.250Z"),
    ("1999-12-31", "1999-12-31 23:59:59", "1999-12-31T23:59:59.000Z"),
    ("2024-01-01", "2024-01-01 00:00:00", "2024-01-01T00:00:00.000Z"),
    ("0001-01-01", "2024-01-01 00:00:01", "2024-01-01T00:00:00.001Z"),
    ("2030-05-06", "2030-05-06 07:08:09", "2030-05-06T07:08:09.123Z"),
)
ROWS: list[tuple[Any, ...]] = [
    (1, 7, 2, "Alpha", "ALPHA", "x  ", 0.1, 12.5, 1, b"\x00a", *MOMENTS_OF[0], 1700000000000, "{}", _KEY),
    (2, -7, 2, "beta%", "beta", "x", -2.5, -3, 0, b"", *MOMENTS_OF[1], 0, "[1]", _KEY.replace("0a", "ff")),
    (3, 0, 0, "", "É", " x", 1e300, 0.1, None, None, None, None, None, None, None, None),
    (4, None, 5, None, None, None, None, None, 1, b"\xff", *MOMENTS_OF[2], 5, '"x"', _KEY),
    (5, 2**53 + 1, -1, "été_O'Hara\\", "é", "x \t", 3.0, 10**15, 0, b"abc", *MOMENTS_OF[3], -1, "1", _KEY),
    (6, 3, 3, "10", "10", "", 3.5, 2.5, 1, b"10", *MOMENTS_OF[4], 9, "null", _KEY),
]


@dataclass
class Pair:
    """The same rows in SQLite and in PostgreSQL."""

    sqlite: sqlite3.Connection
    postgres: psycopg.Connection[Any]
    scope: TableScope

    def check(self, expression: str, translated: str) -> None:
        names = ", ".join(f'"{name}"' for name in NAMES)
        expected = self.sqlite.execute(f'SELECT id, ({expression}) FROM "t" ORDER BY id').fetchall()
        query = sql.SQL("SELECT id, ({}) FROM (SELECT {} FROM t) t ORDER BY id").format(
            sql.SQL(translated), sql.SQL(names)
        )
        answered = [(key, plain(value)) for key, value in self.postgres.execute(query).fetchall()]
        assert answered == expected, translated

    def translate(self, expression: str) -> str:
        rules = Rules(immutable=False)
        return Expressions(scope=self.scope, rules=rules).translate(parse_expression(expression)).sql


@pytest.fixture(scope="module")
def pair(server: Any) -> Iterator[Pair]:
    lite = sqlite3.connect(":memory:")
    lite.execute('CREATE TABLE "t" (' + ", ".join(f'"{c[0]}" {c[1]}' for c in COLUMNS) + ")")
    lite.executemany(f"INSERT INTO t VALUES ({', '.join('?' * len(COLUMNS))})", ROWS)
    scope = TableScope(
        {
            name: ScopeColumn(
                name=name,
                sql=f'"{name}"',
                kind=kind_of(codec, params),
                type=kind,
                codec=codec,
                format=params.get("format", ""),
                affinity=affinity,
                collation=collation,
            )
            for name, _, affinity, kind, codec, params, collation in COLUMNS
        },
        table="t",
    )
    with psycopg.connect(server.dsn(), autocommit=True) as post:
        post.execute("CREATE SCHEMA dialect")
        post.execute("SET search_path = dialect")
        post.execute("CREATE TABLE t (" + ", ".join(f'"{c[0]}" {c[3]}' for c in COLUMNS) + ")")
        for row in ROWS:
            values = list(row)
            values[NAMES.index("active")] = None if row[8] is None else bool(row[8])
            made = row[NAMES.index("made")]
            placeholders = ["%s"] * len(values)
            placeholders[NAMES.index("made")] = "to_timestamp(%s / 1000.0)"
            values[NAMES.index("made")] = made
            post.execute(f"INSERT INTO t VALUES ({', '.join(placeholders)})", values)
        yield Pair(sqlite=lite, postgres=post, scope=scope)
        post.execute("DROP SCHEMA dialect CASCADE")
    lite.close()


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines() if line.strip()]


BOOLEANS = """
    active = 1
    active = 0
    active <> 1
    active != 0
    1 = active
    active == 1
    active IS 1
    active IS NOT 1
    active
    NOT active
    active IN (0, 1)
    active IN (1)
    active > 0
    active = 2
    active + 1
    active IS TRUE
    active IS NOT TRUE
    active AND a > 0
    active = TRUE
    active = (a = 7)
    coalesce(active, 0)
    CASE WHEN active THEN 'y' ELSE 'n' END
"""
NULLS = """
    a IS NULL
    a IS NOT NULL
    a ISNULL
    a NOTNULL
    a = NULL
    a IS b
    a IS NOT b
    a IS DISTINCT FROM b
    NOT (a = 7)
    a = 7 OR s = 'x'
    a = 7 AND s = 'x'
    NULL
    a IN (7, NULL)
    a NOT IN (7, NULL)
    a
    NOT a
    a AND b
    a OR b
    a IN ()
    a IS NOT NULL + 1
"""
NUMBERS = """
    a + b
    a - b
    a * 2
    a / b
    a % b
    a / 2
    -7 / 2
    -7 % 3
    7 / 0
    7 % 0
    a / 0
    - a
    +a
    - - a
    a & 3
    a | 8
    ~ a
    a << 2
    a >> 1
    abs(a)
    r * 2
    r + a
    r / 2
    r / 0
    0.1 + 0.2
    r * 0.1
    d * 1.1
    d + 1
    d - 0.1
    1 - r
    a / 2.0
    a * 1.5 / b
    r > 0.05
    a > 2.5
    d >= 0.1
    d = 0.1
    r = 0.1
    a BETWEEN 0 AND 7
    a NOT BETWEEN 0 AND 7
    2000000000 * 2
    2000000000 + 2000000000
    0x1F
    1e3
    9223372036854775807
    -9223372036854775808
    a = '7'
    d = '12.5'
    max(a, b)
    min(a, b)
    max(a, 3)
    CAST(a AS INTEGER)
    CAST(d AS REAL)
    CAST(a AS TEXT)
    CAST(active AS INTEGER)
    a > b AND b > 0
    a + b * 2 - 1
    (a + b) * 2
    a - b - 1
    a - (b - 1)
    a = b
    nullif(a, 7)
    nullif(a, '7')
    ifnull(a, -1)
    coalesce(a, b, 0)
    iif(a > 0, 1, 0)
    iif(a > 0, 'p', NULL)
    CASE a WHEN 7 THEN 'seven' WHEN 0 THEN 'zero' END
    CASE WHEN a > 0 THEN a ELSE b END
    1 + (a = 7)
    (a > 0) + (b > 0)
    likely(a > 0)
"""
TEXTS = r"""
    s = 'Alpha'
    s = "Alpha"
    s < 'a'
    s > 'Z'
    s <= n
    s BETWEEN 'A' AND 'b'
    s = 10
    s <> 10
    n = 'alpha'
    n <> 'BETA'
    n < 'b'
    n IN ('alpha', 'é')
    'ALPHA' = n
    n = s
    s = n
    n COLLATE BINARY = 'ALPHA'
    s COLLATE NOCASE = 'ALPHA'
    tail = 'x'
    tail = 'x '
    tail IN ('x')
    s LIKE 'a%'
    s LIKE 'ALPHA'
    s NOT LIKE '%A'
    s LIKE '%\'
    s LIKE 'beta!%' ESCAPE '!'
    s LIKE '____'
    s LIKE 'É%'
    a LIKE '7%'
    s LIKE n
    s GLOB 'A*'
    s GLOB '[a-z]*'
    s GLOB '[^A-Z]*'
    s GLOB '?lpha'
    s GLOB '*%'
    s NOT GLOB 'A*'
    a GLOB '[0-9]'
    lower(s)
    upper(s)
    upper(n)
    length(s)
    length(a)
    length(raw)
    substr(s, 1, 3)
    substr(s, 2)
    substr(s, 2, 1)
    instr(s, 'a')
    instr(s, '')
    trim(s)
    ltrim(s, 'A')
    rtrim(s, 'a')
    trim(tail)
    replace(s, 'a', 'b')
    replace(s, '', 'b')
    s || '!'
    s || a
    a || b
    s || NULL
    s || active
    'x''y'
    'a\b'
    hex(raw)
    lower(hex(raw))
    nullif(s, '')
    coalesce(s, 'none')
    coalesce(coalesce(NULL, NULL), a)
    CASE WHEN s = '' THEN NULL ELSE s END
    raw = x'616263'
    raw < x'10'
    raw IS NULL
    x'00ff'
    s = ''
    substr(s, length(s) + 1)
    substr('89ab', abs(a) % 4 + 1, 1)
    s IN ('10', 10)
"""
MOMENTS = """
    day = '2024-02-29'
    day > '2024-01-01'
    day BETWEEN '2000-01-01' AND '2024-12-31'
    day IS NULL
    at = '2024-02-29 12:00:00'
    at >= '2024-01-01 00:00:00'
    at > '2024-01-01'
    at < '2024-01-01'
    at >= '2024-01-01'
    at <= '2024-01-01'
    '2024-01-01' < at
    at BETWEEN datetime('1999-01-01') AND datetime('2024-02-29')
    zoned > '2024-01-01T00:00:00.000Z'
    zoned < '2024-01-01'
    zoned >= '2024-01-01T00:00:00'
    zoned < '2024-01-01T00:00:00'
    zoned BETWEEN '1999-12-31' AND '2024-01-01T00:00:00'
    at IS NOT NULL
    strftime('%Y', at)
    strftime('%Y-%m', day)
    strftime('%H:%M:%S', zoned)
    date('2024-01-01')
    datetime('2024-01-01')
    strftime('%d.%m.%Y um %H', at)
    made IS NULL
    doc IS NOT NULL
    coalesce(json_valid(doc), 0)
    key = '0a1b2c3d-0000-4000-8000-0123456789ab'
    key IS NULL
"""
SAME_ANSWER = _lines(BOOLEANS + NULLS + NUMBERS + TEXTS + MOMENTS)


@pytest.mark.parametrize("expression", dict.fromkeys(SAME_ANSWER))
def test_both_databases_give_the_same_answer(pair: Pair, expression: str) -> None:
    pair.check(expression, pair.translate(expression))


UNCERTAIN = _lines("""
strftime() IS NULL
likely() IN ()
    typeof(a)
    printf('%d', a)
    s REGEXP 'x'
    s MATCH 'x'
    my_function(a)
    a = b LIKE 'x'
    a < b LIKE 'x'
    a = b = 1
    a = b IS NULL
    a IS NULL < b
    2 = s NOT LIKE '10' IS NOT NULL
    a IN (1) = 1
    s || a IN (1) || b
    a < b < 3
    s = a
    a = s
    a = 'x'
    r || 'x'
    d || 'x'
    d / 3
    d % 2
    raw || 'x'
    s
    made = '2024-01-01'
    at = '2024-01-01'
    at = '2024-01-01T00:00:00'
    day = '2024-1-1'
    day > 5
    datetime(at, '+1 day')
    date(at)
    round(r, 2) > 1
    CAST(s AS DECIMAL(10,2)) = 1
    count(*) = 1
    sum(a) = 1
    (SELECT 1)
    a IN (SELECT 1)
    EXISTS (SELECT 1)
    rowid = 1
    missing = 1
    t2.a = 1
    coalesce(s, 0) = 1
    CASE WHEN a THEN 1 ELSE 'x' END
    a << b
    s COLLATE custom = 'x'
    s LIKE 'a' ESCAPE 'x'
    hex(s) = 'x'
    a || s COLLATE NOCASE = 'x'
    lower(s COLLATE NOCASE) = 'x'
    key = 'x'
    doc = '{}'
    raw = 'abc'
    s GLOB a
    s GLOB '[a'
    max(r, a) > 1
    min(s, n) = 'x'
    changes() = 1
    a, b
    1 AS x
    *
    a FROM t
    1; DROP TABLE t
    ((
    a IN (1, 'x')
""")


@pytest.mark.parametrize("expression", dict.fromkeys(UNCERTAIN))
def test_what_is_not_certain_is_refused(pair: Pair, expression: str) -> None:
    with pytest.raises(Untranslatable):
        translate_condition(expression, pair.scope)


@pytest.mark.parametrize(
    "expression",
    [
        "at > datetime('now')",
        "day = date('now')",
        "CURRENT_TIMESTAMP > s",
        "random() > 0",
        "strftime('%Y', at) = '2024'",
    ],
)
def test_answers_that_change_are_refused_in_conditions(pair: Pair, expression: str) -> None:
    with pytest.raises(Untranslatable):
        translate_condition(expression, pair.scope)


@pytest.mark.parametrize(
    "expression",
    [
        "lower(s)",
        "n",
        "a + b",
        "coalesce(s, '')",
        "substr(s, 1, 3)",
        "s || n",
        "active = 1",
        "iif(a > 0, a, b)",
    ],
)
def test_index_keys_are_immutable_for_postgresql(pair: Pair, expression: str) -> None:
    key = translate_index_key(expression, pair.scope)
    pair.postgres.execute("DROP INDEX IF EXISTS tried")
    pair.postgres.execute(sql.SQL("CREATE INDEX tried ON t (({}))").format(sql.SQL(key)))


def test_what_is_not_immutable_for_postgresql_is_refused(pair: Pair) -> None:
    with pytest.raises(Untranslatable, match="immutable"):
        translate_index_key("concat_ws('-', s, n)", pair.scope)
    with pytest.raises(psycopg.errors.InvalidObjectDefinition, match="must be marked IMMUTABLE"):
        pair.postgres.execute("CREATE INDEX tried ON t (concat_ws('-', s, n))")


def test_a_name_in_double_quotes_that_is_no_column_is_a_string(pair: Pair) -> None:
    assert translate_condition('s = "x y"', pair.scope) == "\"s\" = 'x y'"
    assert translate_condition('s = "n"', pair.scope) != "\"s\" = 'n'"


def test_active_equals_one_becomes_the_column_itself(pair: Pair) -> None:
    assert translate_condition("active=1", pair.scope) == '"active"'
    assert translate_condition("active = 0", pair.scope) == 'NOT "active"'


#: Not `d`: whole numbers above 2**53 in NUMERIC columns are calculated as doubles (decision 3).
_ATOMS = st.sampled_from(
    _lines(
        """a\nb\ns\nn\nr\nactive\nraw\nday\nat\ntail\n1\n0\n7\n-3\n2.5\nNULL\nTRUE\n'x'\n'Alpha'\n'10'\n''"""
    )
)
_BINARY = st.sampled_from(_lines("=\n<>\n<\n<=\n>\n>=\nIS\n+\n-\n*\n/\n%\n||\n&\nAND\nOR\nLIKE"))


def _compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{} {} {}".format, inner, _BINARY, inner),
        st.builds("({})".format, inner),
        st.builds("NOT {}".format, inner),
        st.builds("{} IS NULL".format, inner),
        st.builds("{} BETWEEN {} AND {}".format, inner, _ATOMS, _ATOMS),
        st.builds("{} IN ({}, {})".format, inner, _ATOMS, _ATOMS),
        st.builds("coalesce({}, {})".format, inner, _ATOMS),
        st.builds("CASE WHEN {} THEN {} ELSE {} END".format, inner, _ATOMS, _ATOMS),
        st.builds("{}({})".format, st.sampled_from(["lower", "length", "abs", "trim"]), inner),
    )


@settings(max_examples=400, suppress_health_check=list(HealthCheck))
@given(expression=st.recursive(_ATOMS, _compound, max_leaves=5))
def test_any_expression_has_the_same_answer_or_none(pair: Pair, expression: str) -> None:
    try:
        translated = pair.translate(expression)
    except Untranslatable:
        assume(False)
    # Python's SQLite writes 15 digits of a fraction, later ones up to 17.
    assume(not depends_on_version(translated))
    # An overflow is an error in PostgreSQL and another number in SQLite.
    with suppress(psycopg.errors.NumericValueOutOfRange):
        pair.check(expression, translated)
