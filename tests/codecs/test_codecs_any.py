"""
The codecs that go value by value: into every type, from every spelling, proven by PostgreSQL's print.

What a spelling means comes from PostgreSQL's own input function where it knows the spelling, else from
Python's standard library or a published vector written beside it.
"""

from __future__ import annotations

import struct
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from howdah.codecs.registry import CODECS, check_params, get_codec
from howdah.errors import UsageError
from support.codec_crossing import Crossing, Text, Value, make_column, reasons_of, values_of

Params = dict[str, str]

_INT4 = {"element": "int4", "element_oid": "23"}
_TEXT = {"element": "text", "element_oid": "25"}
_NUMERIC = {"element": "numeric", "element_oid": "1700"}
_FLOAT8 = {"element": "float8", "element_oid": "701"}
_INTERVAL = {"element": "interval", "element_oid": "1186"}
_CHAR3 = {"element": "char", "element_oid": "1042", "pad": "3"}
_JSONB = {"element_oid": "3802"}
_STAMP = {"element": "timestamp", "element_oid": "1114"}

#: Codec, type, type for the codec, parameters, spellings that PostgreSQL's own input function knows.
_AS_POSTGRES_READS: list[tuple[str, str, str, Params, list[str]]] = [
    ("any-timestamp", "timestamp", "", {}, [
        "2024-01-02 03:04:05", "2024-01-02T03:04:05.5", "2024-01-02", "0001-01-01 00:00",
        "1969-12-31 23:59:59.999999",
        "9999-12-31 23:59:59.999999",
    ]),
    ("any-timestamp", "timestamp(0)", "", {"digits": "0"}, [
        "2024-01-02 03:04:05.5", "1999-01-02 03:04:05.5", "2024-01-02 03:04:05.49",
        "1999-12-31 23:59:59.500001",
    ]),
    ("any-timestamp", "timestamp(3)", "", {"digits": "3"}, ["2024-01-02 03:04:05.0005",
     "1999-01-02 03:04:05.0005"]),
    ("any-timestamptz", "timestamptz", "", {}, [
        "2024-01-02 03:04:05+05:30", "2024-01-02T03:04:05Z", "2024-01-02 03:04:05.25-08",
        "2024-01-02 03:04:05 +0100",
        "1900-01-01 00:00:00+00:19:32", "2024-01-02 03:04:05 UTC",
        "0001-01-01 00:00:00+02", "9999-12-31 23:59:59.5-05",
    ]),
    ("any-date", "date", "", {}, ["2024-02-29", "0001-01-01", "9999-12-31", "2024-01-02 00:00:00"]),
    ("any-time", "time", "", {}, ["08:00:00.000", "08:00", "23:59:59.999999", "00:00:00"]),
    ("any-time", "time(1)", "", {"digits": "1"}, ["08:00:00.05", "23:59:59.96", "08:00:00.04"]),
    ("any-timetz", "timetz", "", {}, ["08:00:00+01", "08:00-05:30", "08:00:00.5Z", "23:59:59.999999+15:59"]),
    ("any-integer", "int8", "", {}, ["9223372036854775807", "-9223372036854775808", "+8", "007"]),
    ("any-integer", "oid", "", {}, ["0", "4294967295"]),
    ("any-boolean", "bool", "", {}, ["t", "TRUE", "yes", "y", "on", "1", "f", "False", "NO", "n", "off",
     "0"]),
    ("any-real", "float8", "", {}, ["0.1", "1e308", "-5e-324", "123456789.123456789"]),
    ("any-real", "float4", "", {"width": "4"}, ["0.5", "16777216", "1e30"]),
    ("any-numeric", "numeric(10,2)", "", {"scale": "2"}, [
        "2.675", "-2.675", "0.005", "1e3", "99999999.99", "-0.001", ".5", "5.", "+12",
    ]),
    ("any-numeric", "numeric(3,-2)", "", {"scale": "-2"}, ["149", "150", "12345.6", "-250"]),
    ("any-numeric", "numeric(3,5)", "", {"scale": "5"}, ["0.00123", "0.001235"]),
    ("any-numeric", "numeric", "", {}, ["1.500", "1e-20", "123456789012345678901234567890.12345"]),
    ("money", "money", "", {"digits": "2"}, ["12.34", "-0.01", "92233720368547758.07"]),
    ("duration", "interval", "", {}, [
        "04:05:06", "3 days 04:05:06.7", "P1Y2M3DT4H5M6.5S", "PT36H", "PT-1.5S", "P2W", "P-1DT23H", "PT0S",
    ]),
    ("inet", "inet", "", {}, [
        "192.168.0.1", "192.168.0.1/24", "::1", "::ffff:1.2.3.4", "2001:db8::/32", "fe80::1/64", "0.0.0.0/0",
    ]),
    ("cidr", "cidr", "", {}, ["192.168.0.0/24", "2001:db8::/32", "10.0.0.1", "::/0"]),
    ("macaddr", "macaddr", "", {}, [
        "08:00:2b:01:02:03", "08-00-2B-01-02-03", "0800.2b01.0203", "08002b010203",
    ]),
    ("macaddr", "macaddr8", "", {}, ["08:00:2b:01:02:03:04:05", "08002b0102030405"]),
    ("bits", "bit(5)", "", {}, ["10101", "00000"]),
    ("bits", "varbit(19)", "", {}, ["1", "", "1010101010101010101"]),
    ("any-uuid", "uuid", "", {}, [
        "01234567-89AB-cdef-fedc-ba9876543210", "{01234567-89ab-cdef-fedc-ba9876543210}",
        "0123456789ABCDEFfedcba9876543210",
    ]),
    ("any-json", "json", "", {}, ['{"b": 1, "a": [1.0, 2e3]}', '"q"', "5", "null", "true"]),
    ("any-json", "jsonb", "", {}, ['{"b": 1, "a": [1.0, 2e3]}', '{"a": 1, "a": 2}', '"\\ud83d\\ude00"',
     "1e21"]),
    ("array", "int4[]", "", _INT4, ["{1,2,NULL}", "{}", "{{1,2},{3,4}}", "{ -1 , 2 }"]),
    ("array", "text[]", "", _TEXT, ['{a,"b c",NULL,"NULL",""}', '{"q\\"x","back\\\\slash"}',
     "{ünï, two words }"]),
    ("array", "text[]", "", _TEXT, ["{a\\ , \\\tb ,\\ }", "{\\NULL, null }", "{\u00a0a\u00a0,\u2003}"]),
    # Numbers whose shortest decimal by Python and numpy lies in the middle between two of them.
    ("array", "float8[]", "", _FLOAT8, [
        "{4.522257089185024e+19,6.11481826085344e+18,1.029515672922616e+18}", "{1e23,5e-324,-0.1,1e308}",
    ]),
    ("array", "float4[]", "", {"element": "float4", "element_oid": "700", "width": "4"}, [
        "{6.391776e+09,-730512796.8769767,8.313248e+09}", "{0.1,16777216,3.4028234e38,1e-45}",
    ]),
    ("array", "timestamp[]", "", _STAMP, ['{"2024-01-02 03:04:05.5",2024-01-02}']),
    ("range", "int4range", "range<integer>", {"element": "int4"}, [
        "[1,5)", "(1,5]", "empty", "(,5]", "[3,3)", "(,)", "[2,2]", "[1,]", "(0,0)", "(0,1)",
    ]),
    ("range", "int8range", "range<bigint>", {"element": "int8"}, ["[1,5000000000]"]),
    ("range", "numrange", "range<numeric>", {"element": "numeric"}, ["[1.5,2.50]", "(1,1]", "[1,1]",
     "(,1.0)", "[1.0,1)", "[1.0,1.00]"]),
    ("range", "daterange", "range<date>", {"element": "date"}, ["[2024-02-28,2024-02-29]", "(2024-12-31,)",
     "[2024-01-01,9999-12-31]"]),
    ("range", "tsrange", "range<timestamp>", {"element": "timestamp"}, [
        '["2024-01-02 03:04:05","2024-01-03 00:00:00")', "[2024-01-02,2024-01-03]",
    ]),
    ("range", "tstzrange", "range<timestamptz>", {"element": "timestamptz"}, [
        '["2024-01-02 03:04:05+02",)',
    ]),
    ("array", "char(3)[]", "", _CHAR3, ["{a,ab,abc,NULL,''}", '{"ab   ","   "}']),
    ("array", "bytea[]", "", {"element": "bytea", "element_oid": "17"}, ['{"\\\\x00FF","\\\\x"}']),
    ("array", "varbit[]", "", {"element": "varbit", "element_oid": "1562"}, ["{101,0,NULL}"]),
    ("array", "bit(2)[]", "", {"element": "bit", "element_oid": "1560"}, ["{10,01}"]),
    ("array", "macaddr8[]", "", {"element": "macaddr8", "element_oid": "774"}, ["{08:00:2b:01:02:03:04:05}"]),
    ("multirange", "int4multirange", "multirange<integer>", {"element": "int4"}, [
        "{}", "{[1,3),[5,7)}", "{[5,7], (0,3] ,empty}", "{[1,3),[3,5)}", "{(,5),[4,9)}", "{(,)}",
        "{[1,2],[3,4]}", "{ [8,9) }",
    ]),
    ("multirange", "nummultirange", "multirange<numeric>", {"element": "numeric"}, [
        "{[1.5,2.50],(2.5,3)}", "{(1,2),(2,3)}", "{[1,2),[2,3)}", "{[1,9],[2,3],(9,)}", "{[1,1],(1,2)}",
        "{[10,11],[9,9.5]}",
    ]),
    ("multirange", "datemultirange", "multirange<date>", {"element": "date"}, ["{[2024-02-28,2024-02-29]}"]),
    ("multirange", "tsmultirange", "multirange<timestamp>", {"element": "timestamp"}, [
        '{["2024-01-02 03:04:05","2024-01-03 00:00:00"),[2024-01-03,2024-01-04 00:00:00.5]}',
    ]),
    ("multirange", "tstzmultirange", "multirange<timestamptz>", {"element": "timestamptz"}, [
        '{["2024-01-02 03:04:05+02",)}',
    ]),
    ("byte-char", '"char"', "", {}, ["a", "", "Z", " ", '"']),
    ("tsvector", "tsvector", "", {}, [
        "'fat':2 'cat':3A", "a b c", "'it''s':1,2B,1A", "a:1\tb:2\n c", "a:1 a:2C", "zebra b 'bb':7 é",
        r"'back\\slash'",
    ]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "pg_type", "wire_type", "params", "spellings"),
    _AS_POSTGRES_READS,
    ids=[f"{case[0]}-{case[1]}-{index}" for index, case in enumerate(_AS_POSTGRES_READS)],
)
def test_a_spelling_means_what_postgresql_takes_it_for(
    crossing: Crossing, name: str, pg_type: str, wire_type: str, params: Params, spellings: list[str]
) -> None:
    carried = crossing.assert_proven(name, [*spellings, None], pg_type, params, wire_type)
    assert carried.reasons == {}
    by_input_function = [
        str(crossing.query(f"SELECT CAST(%s::text AS {pg_type})::text", [spelling])[0][0])
        for spelling in spellings
    ]
    assert carried.shown == [*by_input_function, None]


#: Codec, type, type for the codec, parameters, value, what PostgreSQL prints.
_KNOWN: list[tuple[str, str, str, Params, Value, str]] = [
    # Counts of time: Python's datetime.fromtimestamp(1700000000, UTC), and each origin by its definition.
    ("any-timestamp", "timestamp", "", {}, 1_700_000_000, "2023-11-14 22:13:20"),
    ("any-timestamp", "timestamp", "", {}, 1_700_000_000_123, "2023-11-14 22:13:20.123"),
    ("any-timestamp", "timestamp", "", {}, 1_700_000_000_123_456, "2023-11-14 22:13:20.123456"),
    ("any-timestamp", "timestamp", "", {}, 1_700_000_000_123_456_000, "2023-11-14 22:13:20.123456"),
    ("any-timestamp", "timestamp", "", {}, 1_704_164_645.25, "2024-01-02 03:04:05.25"),
    ("any-timestamp", "timestamp", "", {"unit": "ms"}, -62_167_219_200_000, "0001-01-01 00:00:00 BC"),
    ("any-timestamp", "timestamp", "", {"unit": "ms"}, 253_402_300_800_000, "10000-01-01 00:00:00"),
    # SELECT julianday('1990-01-01'), julianday('2099-12-31 23:59:59.999') in SQLite.
    ("any-timestamp", "timestamp", "", {}, 2_447_892.5, "1990-01-01 00:00:00"),
    ("any-timestamptz", "timestamptz", "", {}, 2_488_069.499999988, "2099-12-31 23:59:59.999+00"),
    ("any-date", "date", "", {}, 2_460_311.5, "2024-01-02"),
    ("any-timestamp", "timestamp", "", {}, 2_460_312, "2024-01-02 12:00:00"),
    ("any-timestamp", "timestamp", "", {"unit": "julian"}, 2_460_311.5, "2024-01-02 00:00:00"),
    ("any-timestamp", "timestamp", "", {"unit": "ticks"}, 621_355_968_000_000_000, "1970-01-01 00:00:00"),
    ("any-timestamp", "timestamp", "", {"unit": "apple"}, 0, "2001-01-01 00:00:00"),
    ("any-timestamp", "timestamp", "", {"unit": "webkit"}, 11_644_473_600_000_000, "1970-01-01 00:00:00"),
    ("any-date", "date", "", {"unit": "days"}, -1, "1969-12-31"),
    ("any-date", "date", "", {"time": "drop"}, "2024-01-02 03:04:05", "2024-01-02"),
    # Go's time.String(), .NET's seven digits.
    ("any-timestamptz", "timestamptz", "", {}, "2024-01-02 03:04:05.999999999 +0100 CET m=+0.01",
     "2024-01-02 02:04:05.999999+00"),
    ("any-timestamp", "timestamp", "", {}, "2024-01-02 03:04:05.1234567", "2024-01-02 03:04:05.123456"),
    # Berlin is one hour east of UTC in winter, two in summer.
    ("any-timestamptz", "timestamptz", "", {"zone": "Europe/Berlin"}, "2024-01-02 03:04:05",
     "2024-01-02 02:04:05+00"),
    ("any-timestamp", "timestamp", "", {"zone": "Europe/Berlin"}, "2024-07-01 02:30:00Z",
     "2024-07-01 04:30:00"),
    ("any-timestamp", "timestamp", "", {"zone": "Europe/Berlin"}, "2024-07-01 02:30:00",
     "2024-07-01 02:30:00"),
    ("any-time", "time", "", {}, "2000-01-01 12:30:00", "12:30:00"),
    ("any-timetz", "timetz", "", {}, "12:30:00-05:00 EST", "12:30:00-05"),
    ("any-timetz", "timetz", "", {}, "12:30:00Z UTC", "12:30:00+00"),
    ("any-integer", "int4", "", {}, -0.0, "0"),
    ("inet", "inet", "", {}, "192.168.1.7/0.0.0.255", "192.168.1.7/24"),
    ("inet", "inet", "", {}, "192.168.1.7/255.255.0.0", "192.168.1.7/16"),
    ("inet", "inet", "", {}, "192.168.1.7/0.0.0.0", "192.168.1.7/0"),
    ("any-integer", "int4", "", {}, 5.0, "5"),
    ("any-real", "float8", "", {}, 3, "3"),
    ("any-real", "float4", "", {"width": "4"}, 0.1, "0.1"),
    ("any-boolean", "bool", "", {}, 1.0, "true"),
    # shared with field experience: shortest decimal of the double, half away from zero.
    ("any-numeric", "numeric(10,2)", "", {"scale": "2"}, 0.1 + 0.2, "0.30"),
    ("any-numeric", "numeric(10,2)", "", {"scale": "2"}, 2.675, "2.68"),
    ("any-numeric", "numeric(10,2)", "", {"scale": "2"}, -0.005, "-0.01"),
    ("any-numeric", "numeric(10,2)", "", {"scale": "2"}, 7, "7.00"),
    ("money", "money", "", {"digits": "2"}, 0.1, "$0.10"),
    # timedelta(microseconds=-1) is -1 day + 86399.999999 s; SQLAlchemy counts from 1970; .NET's TimeSpan.
    ("duration", "interval", "", {}, 90_061_500_000, "1 day 01:01:01.5"),
    ("duration", "interval", "", {}, -1, "-1 days +23:59:59.999999"),
    ("duration", "interval", "", {"unit": "s"}, 1.5, "00:00:01.5"),
    ("duration", "interval", "", {}, "1970-01-03 04:05:06.700000", "2 days 04:05:06.7"),
    ("duration", "interval", "", {}, "1969-12-31 23:59:59", "-1 days +23:59:59"),
    ("duration", "interval", "", {}, str(timedelta(days=3, seconds=14_706)), "3 days 04:05:06"),
    ("duration", "interval", "", {}, "3.04:05:06.7000000", "3 days 04:05:06.7"),
    ("duration", "interval", "", {}, "-3.04:05:06", "-4 days +19:54:54"),
    ("any-uuid", "uuid", "", {}, uuid.UUID(int=5).urn, str(uuid.UUID(int=5))),
    ("any-uuid", "uuid", "", {}, uuid.UUID(int=5).urn.upper(), str(uuid.UUID(int=5))),
    ("any-uuid", "uuid", "", {}, bytes(range(16)), str(uuid.UUID(bytes=bytes(range(16))))),
    ("any-uuid", "uuid", "", {"order": "little-endian"}, bytes(range(16)),
     str(uuid.UUID(bytes_le=bytes(range(16))))),
    ("macaddr", "macaddr", "", {}, b"\x08\x00+\x01\x02\x03", "08:00:2b:01:02:03"),
    ("bits", "bit(1)", "", {}, 1, "1"),
    ("any-json", "jsonb", "", {}, 5, "5"),
    ("any-json", "jsonb", "", {}, 5.5, "5.5"),
    ("any-json", "jsonb", "", {"bare": "string"}, "just a string", '"just a string"'),
    ("any-json", "jsonb", "", {"bare": "string-in-string"}, 'say "hi"', '"\\"say \\\\\\"hi\\\\\\"\\""'),
    ("any-json", "jsonb", "", {"bare": "string-in-string"}, "", '"\\"\\""'),
    ("any-json", "jsonb", "", {"bare": "string-in-string"}, '"q"', '"q"'),
    ("any-json", "jsonb", "", {"escapes": "replace"}, '{"x": "a\\u0000b\\ud800", "\\\\u0000": 1}',
     '{"x": "a\ufffdb\ufffd", "\\\\u0000": 1}'),
    ("any-json", "jsonb", "", {"invalid_utf8": "replace"}, Text(b'"\xed\xa0\x80"'), '"\ufffd\ufffd\ufffd"'),
    ("array", "int4[]", "", _INT4, "[1, 2, null]", "{1,2,NULL}"),
    ("array", "int4[]", "", _INT4, "[[1, 2], [3, 4]]", "{{1,2},{3,4}}"),
    ("array", "text[]", "", _TEXT, '["a", "b c", "NULL"]', '{a,"b c","NULL"}'),
    ("array", "text[]", "", {**_TEXT, "split": "comma"}, "a, b,c", "{a,b,c}"),
    ("array", "bool[]", "", {"element": "bool", "element_oid": "16"}, "[true, false]", "{t,f}"),
    ("array", "numeric(6,2)[]", "", {"element": "numeric", "element_oid": "1700", "scale": "2"}, "[1.5, 2]",
     "{1.50,2.00}"),
    # Every digit of the document, as numeric keeps them; Python's float has 17.
    ("array", "numeric[]", "", _NUMERIC, "[0.12345678901234567890, 5.0, 12345678901234567890123, 1e400]",
     f"{{0.12345678901234567890,5.0,12345678901234567890123,1{'0' * 400}}}"),
    ("range", "numrange", "range<numeric>", {"element": "numeric"},
     '{"lower": 0.12345678901234567890, "upper": 5.0}', "[0.12345678901234567890,5.0)"),
    ("multirange", "nummultirange", "multirange<numeric>", {"element": "numeric"},
     '[{"lower": 0.12345678901234567890, "upper": 5.0}]', "{[0.12345678901234567890,5.0)}"),
    ("array", "float8[]", "", {"element": "float8", "element_oid": "701"}, "[1e15, 0.0001, 1e-5, 2]",
     "{1e+15,0.0001,1e-05,2}"),
    ("array", "bytea[]", "", {"element": "bytea", "element_oid": "17"}, '["\\\\x00ff"]', '{"\\\\x00ff"}'),
    ("multirange", "int4multirange", "multirange<integer>", {"element": "int4"},
     '["[5,6]", {"lower": 1, "upper": 2}]', "{[1,2),[5,7)}"),
    ("documents", "jsonb[]", "", _JSONB, '[{"b":1.50,"a":[1,2]}, "x,y", null, 5, [true]]',
     '{"{\\"a\\": [1, 2], \\"b\\": 1.50}","\\"x,y\\"",NULL,5,[true]}'),
    ("documents", "json[]", "", {"element_oid": "114"}, '[ {"b":1.50,"a":[1,2]} ,[]]',
     '{"{\\"b\\":1.50,\\"a\\":[1,2]}",[]}'),
    ("documents", "jsonb[]", "", _JSONB, '{"{\\"a\\":1}",NULL,"null","[1, {}]"}',
     '{"{\\"a\\": 1}",NULL,"null","[1, {}]"}'),
    ("documents", "jsonb[]", "", _JSONB, "{{1,2},{3,4}}", "{{1,2},{3,4}}"),
    ("documents", "jsonb[]", "", _JSONB, "[]", "{}"),
    ("byte-char", '"char"', "", {}, 7, "7"),
    ("range", "int4range", "range<integer>", {"element": "int4"}, '{"lower": 1, "upper": 5, "bounds": "(]"}',
     "[2,6)"),
    ("range", "int4range", "range<integer>", {"element": "int4"}, '{"empty": true}', "empty"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "pg_type", "wire_type", "params", "value", "printed"),
    _KNOWN,
    ids=[f"{case[0]}-{index}" for index, case in enumerate(_KNOWN)],
)
def test_a_known_value_arrives_as_what_it_means(
    crossing: Crossing, name: str, pg_type: str, wire_type: str, params: Params, value: Value, printed: str
) -> None:
    check_params(get_codec(name), params, wire_type or pg_type)
    carried = crossing.assert_proven(name, [value, None], pg_type, params, wire_type)
    assert carried.reasons == {}
    assert carried.shown == [printed, None]


_REFUSED: list[tuple[str, str, Params, list[Value], str]] = [
    ("any-timestamp", "timestamp", {}, [
        "now", "today", "epoch", "infinity", "", "31/12/2024", "Jan 2 2024", "2024-02-30", "0000-00-00",
        "2024-01-02 24:00:00", "2024-01-02 23:59:60", "2024-01-02 12:61:00", "0000-01-01", "10000-01-01",
        b"x",
        float("inf"), "2024-01-02 03:04:05+16",
    ], "not-a-moment"),
    ("any-timestamp", "timestamp", {}, [2024, 0, -1, 20240102, 2_447_892, 2_488_069.5], "unit-unclear"),
    ("any-timestamp", "timestamp", {"unit": "reject"}, [1_700_000_000], "not-a-moment"),
    ("any-timestamp", "timestamp", {"unit": "s"}, [10**17, -(10**17)], "timestamp-out-of-range"),
    ("any-timestamptz", "timestamptz", {"zone": "Europe/Berlin"}, ["2024-03-31 02:30:00"],
     "no-such-local-time"),
    ("any-date", "date", {}, ["2024-01-02 01:00:00", 1_704_164_645], "not-midnight"),
    ("any-time", "time", {}, ["24:00:00", "12:61:00", "8:00", 5, "08:00:00+01", "2024-05-06 08:00:00"],
     "not-a-time"),
    ("any-timetz", "timetz", {}, ["12:00:00+16:00", "12:00:00+01:61"], "not-a-time"),
    ("any-integer", "int4", {}, [5.5, "x", "", " 7", "0x10", "1e3", "5.0", b"5"], "not-integer"),
    ("any-integer", "int4", {}, [3_000_000_000, "3000000000", -(2**31) - 1], "integer-out-of-range"),
    ("any-integer", "int8", {}, [9.223372036854776e18], "digits-lost-in-source"),
    ("any-boolean", "bool", {}, [2, -1, 9007199254740993, "", "tru", "maybe", b"\x01", 0.5], "not-boolean"),
    ("any-real", "float8", {}, ["x", "", "nan", "inf", b"x", "0x1p3"], "not-real"),
    ("any-real", "float8", {}, [9007199254740993], "real-rounds"),
    ("any-real", "float4", {"width": "4"}, [1e39, "1e39"], "real-overflow"),
    ("any-numeric", "numeric(10,2)", {"scale": "2"}, [1e8, "99999999.995", float("inf")], "numeric-overflow"),
    ("any-numeric", "numeric", {}, ["", "abc", "NaN", "1,5", "Infinity", b"1"], "not-numeric"),
    ("money", "money", {"digits": "2"}, [1e17, "92233720368547758.08"], "numeric-overflow"),
    ("duration", "interval", {}, ["", "x", "P", "PT", "04:61:00", b"x", "1 fortnight"], "not-a-duration"),
    ("duration", "interval", {"unit": "s"}, [10**17], "interval-out-of-range"),
    # Python makes no int of more than 4300 digits.
    ("duration", "interval", {}, [f"PT{'9' * 5000}H", f"{'9' * 5000}:00:00", f"P{'9' * 5000}D"],
     "not-a-duration"),
    ("inet", "inet", {}, ["x", "", "fe80::1%eth0", "256.0.0.1", 5, "1.2.3"], "not-an-address"),
    ("cidr", "cidr", {}, ["192.168.0.1/24"], "not-a-network"),
    ("macaddr", "macaddr", {}, ["08:00:2b:01:02", "08:00:2b:01:02:03:04:05", "x", b"abc", 5],
     "not-an-address"),
    ("bits", "bit(3)", {}, [101, "012", b"1"], "not-bits"),
    ("bits", "bit(3)", {}, ["10", "1010"], "bits-do-not-fit"),
    ("any-uuid", "uuid", {}, ["", "x", b"short", 5, "{01234567-89ab-cdef-fedc-ba9876543210"], "not-uuid"),
    ("any-json", "jsonb", {}, ["just a string", "", "{a:1,}", "NaN", b"{}", float("inf")], "not-json"),
    ("any-json", "jsonb", {}, ['"\\u0000"', '"\\ud800"', "1e400000"], "json-not-in-jsonb"),
    ("array", "int4[]", _INT4, ["1,2", "", '{"a"', "{1,2}}", "{1,,2}", 5, '[{"a": 1}]'], "not-a-list"),
    # Python's json reads NaN, which is no JSON, and deep lists as far as its stack goes.
    ("array", "numeric[]", _NUMERIC, ["[NaN]", "[1, NaN]"], "not-a-list"),
    ("array", "float8[]", _FLOAT8, ["[NaN]"], "not-a-list"),
    ("array", "float8[]", _FLOAT8, [f"[1{'0' * 400}]"], "real-overflow"),
    ("array", "interval[]", _INTERVAL, ["[NaN]"], "not-a-list"),
    ("array", "text[]", _TEXT, ["{a\\", '{"a\\', "{" * 5000, "[" * 5000], "not-a-list"),
    ("documents", "jsonb[]", _JSONB, ["{a\\", "{" * 5000], "not-a-list"),
    ("array", "int4[]", _INT4, ["[[1],[2,3]]", "{{1},2}"], "not-rectangular"),
    ("array", "int4[]", _INT4, ['["a"]', "{1.5}"], "not-integer"),
    ("array", "varchar(2)[]", {"element": "varchar", "element_oid": "1043"}, ['["abc"]'], "too-long"),
    ("array", "char(3)[]", _CHAR3, ['["abcd"]'], "too-long"),
    ("array", "bytea[]", {"element": "bytea", "element_oid": "17"}, ['["00"]', '["\\\\x0"]'], "not-bytes"),
    ("documents", "jsonb[]", _JSONB, ["", "x", "[1,", '{"a": 1}', 5, b"[]"], "not-a-list"),
    ("documents", "jsonb[]", _JSONB, ["{a}", "[NaN]"], "not-json"),
    ("byte-char", '"char"', {}, ["ab", "é", 10, 1.5, b"a"], "not-one-byte"),
    ("tsvector", "tsvector", {}, ["'x", "a:0", "a:99999", "''", 5], "not-a-tsvector"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "pg_type", "params", "values", "reason"),
    _REFUSED,
    ids=[f"{case[0]}-{case[4]}-{index}" for index, case in enumerate(_REFUSED)],
)
def test_what_does_not_fit_is_set_aside_by_its_reason(
    crossing: Crossing, name: str, pg_type: str, params: Params, values: list[Value], reason: str
) -> None:
    # What is set aside is spelled for the proof all the same, which then leaves it out.
    carried = crossing.assert_proven(name, [*values, None], pg_type, params)
    assert carried.reasons == dict.fromkeys(range(len(values)), reason)
    assert reason in CODECS[name].rejects or name in ("array", "range", "documents")


@pytest.mark.parametrize(
    ("name", "pg_type", "params", "values", "changed"),
    [
        ("any-numeric", "numeric(10,2)", {"scale": "2"}, [0.30000000000000004, 2.5, 0.005], {"rounded": 2}),
        ("any-integer", "int4", {}, [1, 2.0, "3"], {"real-to-integer": 1, "text-to-number": 1}),
        ("any-boolean", "bool", {}, [1, "yes", 0.0], {"read-as-boolean": 2}),
        ("any-real", "float4", {"width": "4"}, [0.5, 0.1], {"nearest-float4": 1}),
        (
            "any-timestamp",
            "timestamp",
            {"zone": "Europe/Berlin"},
            [1_729_989_000, 1_729_992_600, 1_700_000_000],
            {"repeated-hour": 2},
        ),
        (
            "any-timestamptz",
            "timestamptz",
            {"zone": "Europe/Berlin"},
            ["2024-10-27 02:30:00"],
            {"repeated-hour": 1},
        ),
        (
            "any-timestamp",
            "timestamp",
            {},
            ["2024-01-02 03:04:05.123456789"],
            {"truncated-to-microseconds": 1},
        ),
        ("any-timestamp", "timestamp", {"unit": "ns"}, [1_001, 1_000], {"rounded": 1}),
        ("any-date", "date", {"time": "drop"}, ["2024-01-02 03:00", "2024-01-02"], {"time-dropped": 1}),
        (
            "any-json",
            "jsonb",
            {"bare": "string"},
            [5, "bare", '{"a":1,"a":2}'],
            {"number-to-json": 1, "bare-text-to-string": 1, "duplicate-keys-dropped": 1},
        ),
    ],
)
def test_what_a_rule_alters_is_counted(
    crossing: Crossing,
    name: str,
    pg_type: str,
    params: Params,
    values: list[Value],
    changed: dict[str, int],
) -> None:
    carried = crossing.assert_proven(name, values, pg_type, params)
    assert carried.encoded.changed == changed
    assert set(changed) <= set(CODECS[name].changes)


@pytest.mark.parametrize(
    ("name", "pg_type", "wire_type", "params", "values"),
    [case for case in _AS_POSTGRES_READS if len(case[4]) > 1],
)
def test_the_proof_sees_a_wrong_value(
    crossing: Crossing, name: str, pg_type: str, wire_type: str, params: Params, values: list[Value]
) -> None:
    """Two values change places: neither may pass for the other."""
    codec = get_codec(name)
    shown = crossing.carry(name, values, pg_type, params, wire_type).shown
    pairs = [[values[0], value] for value, text in zip(values, shown, strict=True) if text != shown[0]]
    values = pairs[0] if pairs else [values[0]]
    assert len(values) == 2 or set(shown) == {shown[0]}
    if len(values) == 1:
        # Every spelling of this case means one and the same thing: damage it instead.
        values = [values[0], None]
    crossing.carry(name, values, pg_type, params, wire_type)
    crossing.execute("UPDATE t SET row_number = 1 - row_number")
    swapped = values_of(crossing.read_back(codec, params))
    projected = values_of(codec.projected(make_column(values), params))
    assert all(mine != theirs for mine, theirs in zip(swapped, projected, strict=True))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tsvector", " ".join(f"'w{number}':{number}" for number in range(1, 15_001))),
        ("hstore", ",".join(f'"k{number}"=>"v{number}"' for number in range(20_000))),
    ],
)
def test_a_long_value_is_read_once_from_end_to_end(name: str, value: str) -> None:
    codec, column = get_codec(name), make_column([value])
    started = time.monotonic()
    assert reasons_of(codec.encode(column, {}, name)) == {}
    assert values_of(codec.projected(column, {})) != [value]
    # It took 15 seconds while each word copied all that is behind it.
    assert time.monotonic() - started < 5


@given(
    moments=st.lists(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)), max_size=8),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia"]),
)
@settings(max_examples=40, deadline=None)
def test_moments_arrive_in_any_zone(crossing: Crossing, moments: list[datetime], zone: str) -> None:
    aware = [moment.replace(tzinfo=UTC) for moment in moments]
    texts: list[Value] = [moment.isoformat() for moment in aware]
    numbers: list[Value] = [
        (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) for moment in aware
    ]
    walls = [moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for moment in aware]
    params = {"zone": zone, "unit": "us"}
    for values in (texts, numbers):
        assert crossing.assert_proven("any-timestamptz", values, "timestamptz", params).reasons == {}
        assert [row[0] for row in crossing.query("SELECT value FROM t ORDER BY row_number")] == aware
        assert crossing.assert_proven("any-timestamp", values, "timestamp", params).reasons == {}
        assert [row[0] for row in crossing.query("SELECT value FROM t ORDER BY row_number")] == walls


@given(numbers=st.lists(st.floats(min_value=-1e7, max_value=1e7), max_size=10), scale=st.integers(0, 6))
@settings(max_examples=40, deadline=None)
def test_decimals_are_rounded_as_postgresql_rounds_the_shortest_decimal(
    crossing: Crossing, numbers: list[float], scale: int
) -> None:
    pg_type = f"numeric(15,{scale})"
    carried = crossing.assert_proven("any-numeric", numbers, pg_type, {"scale": str(scale)})
    expected = [
        str(crossing.query(f"SELECT CAST(%s::text AS {pg_type})::text", [repr(number)])[0][0])
        for number in numbers
    ]
    assert carried.shown == expected


def test_what_is_no_multirange_is_set_aside(crossing: Crossing) -> None:
    values: list[Value] = ["", "[1,2)", "{[1,2)", "{[1,2),}", "{[1,2) [3,4)}", "[1, 2]", "{x}", 5]
    params = {"element": "int4"}
    carried = crossing.carry("multirange", values, "int4multirange", params, "multirange<integer>")
    assert carried.reasons == dict.fromkeys(range(len(values)), "not-a-multirange")


@given(
    bounds=st.lists(
        st.tuples(st.integers(-9, 9), st.integers(0, 4), st.sampled_from(["[)", "[]", "()", "(]"]))
    )
)
@settings(max_examples=60, deadline=None)
def test_multiranges_are_joined_as_postgresql_joins_them(
    crossing: Crossing, bounds: list[tuple[int, int, str]]
) -> None:
    text = "{" + ",".join(f"{b[0]}{low},{low + width}{b[1]}" for low, width, b in bounds) + "}"
    for base, pg_type in (("int4", "int4multirange"), ("numeric", "nummultirange")):
        inner = "integer" if base == "int4" else base
        carried = crossing.assert_proven(
            "multirange", [text], pg_type, {"element": base}, f"multirange<{inner}>"
        )
        assert carried.shown == [
            str(crossing.query(f"SELECT CAST(%s::text AS {pg_type})::text", [text])[0][0])
        ]


def test_enums_take_their_labels_and_nothing_else(crossing: Crossing) -> None:
    crossing.execute("CREATE TYPE mood AS ENUM ('sad', 'so \"so\"', '1')")
    oid = str(crossing.query("SELECT 'mood'::regtype::oid::int8")[0][0])
    params = {"labels": '["sad", "so \\"so\\"", "1"]'}
    carried = crossing.assert_proven(
        "enum", ["sad", 'so "so"', 1, "SAD", "", b"sad", None], "mood", params, "enum"
    )
    assert carried.shown == ["sad", 'so "so"', "1", None, None, None, None]
    assert carried.reasons == dict.fromkeys((3, 4, 5), "no-such-label")
    listed = crossing.assert_proven(
        "array",
        ['["sad","1"]', '["glad"]'],
        "mood[]",
        {**params, "element": "enum", "element_oid": oid},
        "enum[]",
    )
    assert listed.shown == ["{sad,1}", None]


def test_extensions_get_what_they_read_themselves(crossing: Crossing) -> None:
    available = {
        name
        for (name,) in crossing.query(
            "SELECT name FROM pg_available_extensions WHERE name IN ('citext', 'hstore')"
        )
    }
    assert available == {"citext", "hstore"}, "the test server has no contrib"
    crossing.execute("CREATE EXTENSION citext; CREATE EXTENSION hstore")
    texts: list[Value] = ["Straße", "", None]
    assert crossing.assert_exact("text", texts, "citext").shown == texts
    maps: list[str] = ['"a"=>"1", "bb"=>NULL', '"q\\""=>"b\\\\"', "", '"a"=>"1", "a"=>"2"']
    carried = crossing.assert_proven("hstore", [*maps, "a=>1", '{"x": {}}', 5], "hstore")
    by_input = [str(crossing.query("SELECT CAST(%s::text AS hstore)::text", [text])[0][0]) for text in maps]
    assert carried.shown == [*by_input, None, None, None]
    assert carried.reasons == dict.fromkeys((4, 5, 6), "not-a-map")
    json_form = crossing.assert_proven("hstore", ['{"a": "1", "bb": null, "c": 2.50, "d": true}'], "hstore")
    assert json_form.shown == ['"a"=>"1", "c"=>"2.50", "d"=>"true", "bb"=>NULL']


def test_vectors_come_back_as_the_bytes_they_were(any_server_database: str) -> None:
    crossing = Crossing(any_server_database)
    try:
        if not crossing.query("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'"):
            pytest.skip("this server has no pgvector")
        crossing.execute("CREATE EXTENSION vector")
        blob = struct.pack("<3f", 1.5, -0.1, 1e-7)
        values: list[Value] = [blob, "[1.5, 2, 0.25]", b"\x00" * 8, "[1]", "x", b"odd", None]
        carried = crossing.assert_proven("vector", values, "vector(3)")
        assert carried.shown == ["[1.5,-0.1,1e-07]", "[1.5,2,0.25]", *[None] * 5]
        assert carried.values[0] == blob
        assert carried.reasons == {
            2: "vector-of-another-length",
            3: "vector-of-another-length",
            4: "not-a-vector",
            5: "not-a-vector",
        }
    finally:
        crossing.close()


@pytest.mark.parametrize(
    ("codec", "params", "pg_type", "code"),
    [
        ("any-timestamp", {"zone": "Mars/Olympus"}, "timestamp", "C-103"),
        ("any-timestamp", {"unit": "fortnights"}, "timestamp", "C-103"),
        ("any-timestamp", {}, "timestamp(3)", "C-105"),
        ("any-numeric", {"scale": "3"}, "numeric(10,2)", "C-105"),
        ("any-real", {}, "float4", "C-105"),
        ("enum", {}, "enum", "C-103"),
        ("array", {"element": "int4"}, "int4[]", "C-103"),
        ("array", {"element": "json", "element_oid": "114"}, "json[]", "C-104"),
        ("array", {"element": "text", "element_oid": "23"}, "int4[]", "C-105"),
        ("money", {}, "money", "C-103"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(codec: str, params: Params, pg_type: str, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_params(get_codec(codec), params, pg_type)
    assert caught.value.code == code


def test_a_codec_without_a_spelling_for_a_value_leaves_it_unequal(crossing: Crossing) -> None:
    """What the load set aside cannot be taken for what the target holds."""
    stored: list[Any] = ["now", 2024, b"x"]
    projected = values_of(get_codec("any-timestamp").projected(make_column(stored), {}))
    assert projected == stored
