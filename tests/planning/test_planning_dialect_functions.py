"""
SQLite's functions over tricky values: each expression runs on both databases, row by row.

SQLite's own answer is the expected value. It is the newest SQLite that is here, not Python's:
strftime() has learned half of its directives since 3.44.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import apsw
import psycopg
import pytest
from psycopg import sql

from howdah.model.source import Affinity
from howdah.planning.dialect import parse_expression
from howdah.planning.expressions import Expressions, Rules
from howdah.planning.sql_values import ScopeColumn, TableScope, Untranslatable, kind_of
from support.plain_values import plain

#: name → declared, affinity, PostgreSQL type, codec, format
COLUMNS: dict[str, tuple[str, Affinity, str, str, str]] = {
    "id": ("INTEGER PRIMARY KEY", Affinity.INTEGER, "bigint", "integer", ""),
    "a": ("INTEGER", Affinity.INTEGER, "bigint", "integer", ""),
    "r": ("REAL", Affinity.REAL, "double precision", "real", ""),
    "d": ("NUMERIC", Affinity.NUMERIC, "numeric", "numeric", ""),
    "s": ("TEXT", Affinity.TEXT, "text", "text", ""),
    "raw": ("BLOB", Affinity.BLOB, "bytea", "bytes", ""),
    "flag": ("BOOLEAN", Affinity.NUMERIC, "boolean", "boolean", ""),
    "day": ("DATE", Affinity.NUMERIC, "date", "iso-date", ""),
    "at": ("DATETIME", Affinity.NUMERIC, "timestamp", "iso-datetime", " 0"),
    "fine": ("DATETIME", Affinity.NUMERIC, "timestamp", "iso-datetime", " 6"),
    "zoned": ("DATETIME", Affinity.NUMERIC, "timestamptz", "iso-datetime", "T3Z"),
    "made": ("DATETIME", Affinity.NUMERIC, "timestamptz", "epoch-s", ""),
    "doc": ("TEXT", Affinity.TEXT, "json", "json", ""),
    "told": ("TEXT", Affinity.TEXT, "text", "text", ""),
    "key": ("UUID", Affinity.BLOB, "uuid", "uuid-text", ""),
}
NAMES = list(COLUMNS)
_KEY = "0a1b2c3d-0000-4000-8000-0123456789ab"

ROWS: list[tuple[Any, ...]] = [
    (1, 5, 2.5, 12, "Alpha", b"\x00a\xff", 1, "2024-02-29", "2024-02-29 12:34:56",
     "2024-02-29 12:34:56.789499", "2024-02-29T12:34:56.789Z", 1709210096,
     '{"a":1,"b":{"c":[1,2.5,"x"]},"s":"t","n":null,"t":true,"f":false}', "2024-02-29", _KEY),
    (2, -5, -0.5, -2.25, "été", b"", 0, "1999-12-31", "1999-12-31 23:59:59",
     "1999-12-31 23:59:59.999999", "1999-12-31T23:59:59.999Z", 0, "[1,2,3]", "2023-02-31 24:00", _KEY),
    (3, 0, 1e300, 0, "", b"abc", None, None, None, None, None, None, '"x"', "", None),
    (4, None, None, None, None, None, 1, "2024-01-31", "2024-01-31 00:00:00", "2024-01-31 00:00:00.000500",
     "2024-01-31T00:00:00.000Z", -1, None, None, _KEY),
    (5, 2**53 + 1, 0.125, 10**15, "O'Ha\"ra\\", b"'", 0, "0123-01-01", "2023-12-31 11:59:59",
     "2023-12-31 11:59:59.500000", "2023-12-31T11:59:59.500Z", 253402200000, '{"a":"1","s":"1.5e3x"}',
     "2024-01-31T10:20:30.5678+02:30", _KEY),
    (6, -(2**63), 2.675, 0.1, "10", b"10", 1, "2024-12-30", "2024-12-30 01:02:03",
     "2024-12-30 01:02:03.123456", "2024-12-30T01:02:03.123Z", 1735520523, "17", "12:30", _KEY),
    (7, 2**63 - 1, 123456789.987654321, 99999.5, " 12abc ", b"\x80", 0, "2021-01-03",
     "2021-01-03 13:00:00", "2021-01-03 13:00:00.000000", "2021-01-03T13:00:00.000Z", 1609678800, "{}",
     "2460370.25", _KEY),
    (8, 1, 1e-5, 1.5, "ß日本", b"z", 1, "2020-02-29", "2020-02-29 12:00:00", "2020-02-29 12:00:00.100000",
     "2020-02-29T12:00:00.100Z", 1582977600, '{"a":[],"s":{"x":1}}', "not a date", _KEY),
    (9, 7, 3.0, 7, "2024-02-30", b"", 1, "2022-06-05", "2022-06-05 00:00:01", "2022-06-05 00:00:01.999999",
     "2022-06-05T00:00:01.001Z", 1654387201, "null", "2024-05-06 07:08:09Z ", _KEY),
    (10, -1, 1e15, 3, "x\ty\n", b"\x01", 0, "2000-01-01", "2000-01-01 12:00:00",
     "2000-01-01 12:00:00.000000", "2000-01-01T12:00:00.000Z", 946728000, '{"a":-0.5,"b":1e2}',
     "2024-13-01", _KEY),
    (11, 2, 0.5, -(2**63), "z", None, None, None, None, None, None, None, None, None, None),
]  # fmt: skip


class Pair:
    """The same rows in SQLite and in PostgreSQL."""

    def __init__(self, lite: apsw.Connection, post: psycopg.Connection[Any]) -> None:
        self.lite, self.post = lite, post
        columns = {
            name: ScopeColumn(
                name=name,
                sql=f'"{name}"',
                kind=kind_of(codec, {}),
                type=kind,
                codec=codec,
                format=text_format,
                affinity=affinity,
            )
            for name, (_, affinity, kind, codec, text_format) in COLUMNS.items()
        }
        self.scope = TableScope(columns, table="t", rowid=columns["id"])

    def translate(self, expression: str) -> str:
        rules = Rules(immutable=False)
        return Expressions(scope=self.scope, rules=rules).translate(parse_expression(expression)).sql

    def check(self, expression: str) -> None:
        translated = self.translate(expression)
        expected: list[Any] = self.lite.execute(f"SELECT id, ({expression}) FROM t ORDER BY id").fetchall()
        query = sql.SQL("SELECT id, ({}) FROM t ORDER BY id").format(sql.SQL(translated))
        answered = [(key, plain(value)) for key, value in self.post.execute(query).fetchall()]
        wrong = [
            f"{got!r} for {wanted!r} in row {ROWS[wanted[0] - 1]}"
            for got, wanted in zip(answered, expected, strict=True)
            if got != wanted or (got[1] is None) != (wanted[1] is None)
        ]
        assert not wrong, "\n".join([translated, *wrong])


@pytest.fixture(scope="module")
def pair(server: Any) -> Iterator[Pair]:
    lite = apsw.Connection(":memory:")
    lite.execute("CREATE TABLE t (" + ", ".join(f'"{name}" {COLUMNS[name][0]}' for name in NAMES) + ")")
    lite.executemany(f"INSERT INTO t VALUES ({', '.join('?' * len(NAMES))})", ROWS)
    with psycopg.connect(server.dsn(), autocommit=True) as post:
        post.execute("CREATE SCHEMA dialect_functions")
        # Another zone than UTC, and texts of dates that SQLite's are not: nothing may depend on either.
        post.execute(
            "SET search_path = dialect_functions; SET timezone = 'Asia/Kathmandu'; SET datestyle = 'SQL, DMY'"
        )
        post.execute("CREATE TABLE t (" + ", ".join(f'"{name}" {COLUMNS[name][2]}' for name in NAMES) + ")")
        for row in ROWS:
            values = dict(zip(NAMES, row, strict=True))
            values["flag"] = None if values["flag"] is None else bool(values["flag"])
            for name in ("at", "fine", "zoned", "day"):
                values[name] = values[name] and datetime.fromisoformat(values[name])
            slots = ["to_timestamp(%s)" if name == "made" else "%s" for name in NAMES]
            post.execute(f"INSERT INTO t VALUES ({', '.join(slots)})".encode(), list(values.values()))
        yield Pair(lite, post)
        post.execute("DROP SCHEMA dialect_functions CASCADE")
    lite.close()


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines() if line.strip()]


#: Every directive, over each kind of column that tells a moment.
STRFTIME = [
    f"strftime('%{directive}', {column})"
    for column in ("at", "day", "fine", "zoned", "told")
    for directive in "dfHjJmMsSwWYuUVGgFTRIpPekl"
]
MODIFIERS = [
    f"datetime({column}, {modifiers})"
    for column in ("at", "day", "zoned", "told")
    for modifiers in _lines("""
        '+1 day'
        '-1 days'
        '1 hour'
        '+1 month'
        '-1 month'
        '+1 year'
        '-4 years'
        '+13 months'
        '+1.5 days'
        '-0.25 hours'
        '+90 minutes'
        '-3661 seconds'
        'start of day'
        'start of month'
        'start of year'
        'start of month', '+1 month', '-1 day'
        'weekday 0'
        'weekday 3'
        'weekday 6', '-7 days'
        '+01:30'
        '-10:20:30'
        'start of year', '+9 months', 'weekday 2'
    """)
]
MOMENTS = _lines("""
    date(at)
    time(at)
    datetime(at)
    datetime(day)
    date(zoned)
    time(zoned)
    datetime(zoned)
    datetime(fine)
    time(fine, 'subsec')
    datetime(fine, 'subsec')
    date(told)
    time(told)
    datetime(told)
    date(told, '+1 month')
    datetime(told, 'subsec')
    julianday(at)
    julianday(day)
    julianday(fine)
    julianday(told)
    julianday(at) - julianday(day)
    CAST(julianday(at) - julianday('2000-01-01') AS INTEGER)
    unixepoch(at)
    unixepoch(zoned)
    unixepoch(told)
    unixepoch(at, 'start of month')
    unixepoch(fine, 'subsec')
    datetime(made, 'unixepoch')
    date(made, 'unixepoch', '+1 day')
    strftime('%Y-%m', made, 'unixepoch')
    datetime(a, 'unixepoch')
    datetime((a % 40000) * 86400, 'unixepoch')
    datetime(1700000000, 'unixepoch')
    datetime(r, 'unixepoch')
    datetime(made * 1000 / 1000, 'unixepoch')
    made > 1000000000
    made = 0
    made + 1
    made BETWEEN 0 AND 1700000000
    datetime(2460370.25)
    datetime('2024-02-29', '+1 year')
    datetime('2024-02-29 10:11:12', '-1 month')
    datetime('2024-01-31T10:11', '+1 month')
    datetime(date(at), '+1 day')
    datetime(at, '+' || abs(id) || ' days')
    datetime(at, id || ' hours')
    date(day, '-' || id || ' months')
    at > datetime('2024-01-01')
    at >= datetime(day)
    at = datetime(at, '+0 days')
    at < date(day, '+1 day')
    day = date(at)
    day <= date(at)
    day < datetime(at)
    day > datetime(at)
    zoned > datetime(day)
    zoned <= datetime(zoned)
    zoned = strftime('%Y-%m-%dT%H:%M:%fZ', zoned)
    zoned > date(zoned)
    fine > datetime(fine)
    fine <= datetime(fine)
    datetime(at) < zoned
    date(at) || '!'
    at || ''
    day || ''
    zoned || ''
    fine || ''
    substr(at, 1, 10)
    substr(zoned, -5)
    length(at)
    at LIKE '2024%'
    day GLOB '*-01-*'
    replace(day, '-', '')
    strftime('%Y', at) = '2024'
    strftime('%Y%m%d', at)
    strftime('%d.%m.%Y um %H Uhr', at)
    strftime('100%% %H"%M''', at)
    strftime('%Y-W%W', told)
    CAST(strftime('%Y', at) AS INTEGER) + 1
    CAST(strftime('%s', at) AS INTEGER)
    strftime('%s', at, '+1 day') - strftime('%s', at)
    typeof(at)
    typeof(made)
""")
TEXTS = _lines(r"""
    typeof(a)
    typeof(r)
    typeof(d)
    typeof(s)
    typeof(raw)
    typeof(flag)
    typeof(NULL)
    typeof('x')
    typeof(1)
    typeof(key)
    typeof(a) = 'integer'
    substr(s, -1)
    substr(s, -3, 2)
    substr(s, -2, 5)
    substr(s, -100)
    substr(s, -100, 98)
    substr(s, 0)
    substr(s, 0, 3)
    substr(s, 1, -1)
    substr(s, 3, -2)
    substr(s, -1, -2)
    substr(s, 100, -98)
    substr(s, 2, 0)
    substr(s, a % 100)
    substr(s, a % 7, 2)
    substr(s, 2, a % 7)
    substr(s, a % 7, -(a % 7))
    substr(s, id - 5, id - 6)
    substr(raw, -2)
    substr(raw, 0, 2)
    substr(raw, 2, -1)
    substr(raw, id - 3)
    instr(raw, x'ff')
    instr(s, 'a')
    instr(a, 5)
    quote(a)
    quote(s)
    quote(raw)
    quote(NULL)
    hex(s)
    hex(a)
    hex(raw)
    unicode(s)
    char(72, 228, 8364)
    s || r
    s || d
    s || flag
    r || ''
    d || ''
    r || d
    key || ''
    upper(key)
    length(r)
    concat(s, a, NULL)
    concat_ws('-', s, a, NULL, r)
    likelihood(a > 0, 0.5)
    max(s, 'B')
    min(s, 'B', 'A')
    max(r, 1.5)
    abs(r)
    sign(a)
    sign(r)
    ceil(r)
    floor(r)
    ceil(a)
    round(r)
    round(r, 1)
    round(r, 2)
    round(r, 3)
    round(d, 1)
    round(a)
    round(a, 1)
    round(r, -1)
    round(-r, 2)
    r % 3
    a % 2.5
    7.5 % id
    CAST(r AS INTEGER)
    CAST(d AS INTEGER)
    CAST(s AS INTEGER)
    CAST(s AS REAL)
    CAST(told AS INTEGER)
    CAST(at AS INTEGER)
    CAST(r AS TEXT)
    CAST(d AS TEXT)
    rowid
    _rowid_ + 1
    oid = id
    t.rowid
    nullif(r, 2.5)
    iif(a > 0, s, 'none')
    ifnull(s, r || '')
    s = "Alpha"
""")
PRINTF = [
    f"printf({arguments})"
    for arguments in _lines(r"""
        '%d', a
        '%5d|', a
        '%05d', a
        '%-5d|', id
        '%+d', a
        '%,d', a
        '%i and %i', id, a
        '%u|%4u', a, a
        '%d', flag
        '%d', r
        '%s', s
        '%s', a
        '%s', r
        '%10s|', s
        '%-10s|', s
        '%s-%s', s, NULL
        '%d'
        '%.2f', r
        '%.0f', r
        '%f', r
        '%.1f', a
        '%8.2f|', r
        '%08.2f', d
        '%.3f', d
        '%x', id
        '%X', a
        '%04x', id
            '%q', s
        '%Q', s
        '100%%'
        '%s %% %s', id, s
        'plain'
        '%lld', a
        '%02d:%02d', id, 7
    """)
] + ["format('%s is %d', s, id)", "printf('%.2f', 2.5) || '!'"]
JSON = _lines("""
    json_extract(doc, '$.a') = 1
    json_extract(doc, '$.a') = '1'
    json_extract(doc, '$.a') > 0
    json_extract(doc, '$.a') < 'b'
    json_extract(doc, '$.a') <> 1
    json_extract(doc, '$.t') = 1
    json_extract(doc, '$.f') = 0
    json_extract(doc, '$.n') = 1
    json_extract(doc, '$.s') = 't'
    json_extract(doc, '$.s') IS NULL
    json_extract(doc, '$.n') IS NULL
    json_extract(doc, '$.zzz') IS NOT NULL
    json_extract(doc, '$.b.c[1]') = 2.5
    json_extract(doc, '$[0]') = 1
    json_extract(doc, '$[#-1]') = 3
    json_extract(doc, '$."a"') = 1
    1 < json_extract(doc, '$.a')
    doc ->> 'a' = 1
    doc ->> '$.a' = 1
    doc ->> 0 = 1
    doc ->> 'a.b' IS NULL
    doc -> 'b' ->> 'c' IS NULL
    doc -> '$.b' ->> '$.c[0]' = 1
    typeof(doc ->> 'a')
    json_extract(doc, '$.a') || ''
    json_extract(doc, '$.t') || ''
    CAST(json_extract(doc, '$.a') AS INTEGER)
    CAST(json_extract(doc, '$.s') AS REAL)
    CAST(json_extract(doc, '$.t') AS INTEGER)
    CASE WHEN json_extract(doc, '$.t') THEN 'y' ELSE 'n' END
    json_type(doc)
    json_type(doc, '$.a')
    json_type(doc, '$.b.c')
    json_type(doc, '$.n')
    json_array_length(doc)
    json_array_length(doc, '$.b.c')
    json_array_length(doc, '$.zzz')
    json_valid(doc)
    json_array(a, s, NULL, r, flag)
    json_array()
    json_array(1, json_array(2))
    json_object('a', a, 's', s)
    json_object('in', json_object('x', s), 'at', at)
    json_quote(s)
    json_quote(a)
    length(doc)
    doc LIKE '%x%'
    doc -> 'zzz'
    doc -> 'a'
    doc -> 's'
""")


@pytest.mark.parametrize(
    "expression", dict.fromkeys([*STRFTIME, *MODIFIERS, *MOMENTS, *TEXTS, *PRINTF, *JSON])
)
def test_both_databases_give_the_same_answer(pair: Pair, expression: str) -> None:
    pair.check(expression)


@pytest.mark.parametrize(
    "expression",
    _lines("""
        datetime(at, 'localtime')
        datetime(at, 'utc')
        datetime(at, s)
        datetime(a, 'auto')
        printf('%c', s)
        datetime(at, 'nonsense')
        datetime(at, '+1.5 months')
        datetime(raw)
        strftime(s, at)
        strftime('%E', at)
        strftime('only words', at)
        datetime('2024-02-30')
        printf(s, a)
        printf('%*d', a, id)
        printf('%g', r)
        printf('%.3s', s)
        json_extract(doc, s)
        json_extract(doc, '$.a', '$.b')
        json_extract(doc, '$.a') = a
        json_extract(doc, '$.a') + 1
        json_extract(doc, '$.a') IN (1, 2)
        json_extract(raw, '$.a') = 1
        json_extract(doc, 'a') = 1
        json_valid(s)
        quote(r)
        char(a)
        round(r, a)
        changes()
        total_changes()
        last_insert_rowid()
        zeroblob(4)
        soundex(s)
        load_extension('x')
        readfile('x')
        row_number() OVER (ORDER BY id)
    """),
)
def test_what_is_not_certain_is_refused(pair: Pair, expression: str) -> None:
    with pytest.raises(Untranslatable):
        pair.translate(expression)
