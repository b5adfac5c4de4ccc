"""Cases 15 to 30: every number arrives as the number it is, to the last bit and digit."""

from __future__ import annotations

from decimal import Decimal

import pytest

from support.scenario import Carry, Scenario, check_scenario

_REALS = [0.1, 16777217.0, 1700000000.123, 3.141592653589793, 5e-324, 1.7976931348623157e308]

SCENARIOS = [
    Scenario(
        case=15,
        name="the ends of 64 bits",
        sql="CREATE TABLE wide (i INTEGER);"
        "INSERT INTO wide VALUES (9223372036854775807), (-9223372036854775808), (0);",
        types={"wide.i": "bigint"},
        rows={"SELECT i FROM wide ORDER BY i": [(-(2**63),), (0,), (2**63 - 1,)]},
        findings=["F-319"],
    ),
    Scenario(
        case=16,
        name="INT is no int4",
        sql="CREATE TABLE declared_int (i INT PRIMARY KEY NOT NULL);"
        "INSERT INTO declared_int VALUES (3000000000);",
        types={"declared_int.i": "bigint"},
        rows={"SELECT i FROM declared_int": [(3000000000,)]},
    ),
    Scenario(
        case=16,
        name="int4 asked for: what exceeds it is told before and set aside",
        sql="CREATE TABLE asked_int4 (id INTEGER PRIMARY KEY, i INT);"
        "INSERT INTO asked_int4 VALUES (1, 3000000000), (2, 2147483647), (3, -2147483648);",
        policy='[tables.asked_int4.columns.i]\ntype = "integer"\n',
        types={"asked_int4.i": "integer"},
        rows={"SELECT i FROM asked_int4 ORDER BY id": [(2147483647,), (-2147483648,)]},
        findings=["F-218"],
        told=["3000000000"],
        quarantined=[("asked_int4", 1, "integer-out-of-range")],
    ),
    Scenario(
        case=17,
        name="beyond 64 bits SQLite has rounded already",
        sql="CREATE TABLE rounded_before (id INTEGER PRIMARY KEY, d DECIMAL);"
        "INSERT INTO rounded_before VALUES (1, '9223372036854775808');",
        types={"rounded_before.d": "numeric"},
        rows={"SELECT d FROM rounded_before": [(Decimal("9.223372036854776e+18"),)]},
        findings=["F-215"],
    ),
    Scenario(
        case=18,
        name="REAL bit for bit",
        sql="CREATE TABLE reals (id INTEGER PRIMARY KEY, r REAL, f FLOAT);",
        inserts=[
            ("INSERT INTO reals VALUES (?, ?, ?)", (number, real, -real))
            for number, real in enumerate(_REALS)
        ],
        types={"reals.r": "double precision", "reals.f": "double precision"},
        rows={"SELECT r, f FROM reals ORDER BY id": [(real, -real) for real in _REALS]},
    ),
    Scenario(
        case=19,
        name="infinity",
        sql="CREATE TABLE endless (id INTEGER PRIMARY KEY, r REAL, d DECIMAL, limited DECIMAL(10,2));"
        "INSERT INTO endless VALUES (1, 9e999, 9e999, 9e999), (2, -9e999, -9e999, -9e999), (3, 1, 1.5, 1.5);",
        types={
            "endless.r": "double precision",
            "endless.d": "numeric",
            "endless.limited": "numeric",
        },
        rows={
            "SELECT r, d::text, limited::text FROM endless ORDER BY id": [
                (float("inf"), "Infinity", "Infinity"),
                (float("-inf"), "-Infinity", "-Infinity"),
                (1.0, "1.5", "1.5"),
            ]
        },
        findings=["F-203"],
    ),
    Scenario(
        case=19,
        name="infinity in a numeric(10,2) that was asked for",
        sql="CREATE TABLE endless_limited (id INTEGER PRIMARY KEY, d DECIMAL(10,2));"
        "INSERT INTO endless_limited VALUES (1, 9e999), (2, 1.5);",
        policy='[tables.endless_limited.columns.d]\ntype = "numeric(10,2)"\n',
        types={"endless_limited.d": "numeric(10,2)"},
        rows={"SELECT d FROM endless_limited": [(Decimal("1.50"),)]},
        findings=["F-218"],
        quarantined=[("endless_limited", 1, "numeric-overflow")],
    ),
    Scenario(
        case=20,
        name="NaN is NULL in SQLite already",
        sql="CREATE TABLE not_a_number (id INTEGER PRIMARY KEY, r REAL);",
        inserts=[("INSERT INTO not_a_number VALUES (1, ?), (2, 9e999 - 9e999)", (float("nan"),))],
        rows={"SELECT r FROM not_a_number ORDER BY id": [(None,), (None,)]},
    ),
    Scenario(
        case=21,
        name="a negative zero is zero in a REAL column and keeps its sign elsewhere",
        sql="CREATE TABLE zeros (id INTEGER PRIMARY KEY, r REAL, untyped);"
        "INSERT INTO zeros VALUES (1, -0.0, -0.0);",
        rows={"SELECT r, untyped FROM zeros": [(0.0, -0.0)]},
    ),
    Scenario(
        case=22,
        name="float4 asked for sets aside what it cannot hold",
        sql="CREATE TABLE asked_float4 (id INTEGER PRIMARY KEY, r REAL);"
        "INSERT INTO asked_float4 VALUES (1, 1e39), (2, 0.1), (3, 16777217.0), (4, 0.5);",
        policy='[tables.asked_float4.columns.r]\ntype = "real"\n',
        types={"asked_float4.r": "real"},
        rows={"SELECT r FROM asked_float4": [(0.5,)]},
        findings=["F-218"],
        quarantined=[
            ("asked_float4", 1, "float4-overflow"),
            ("asked_float4", 2, "float4-rounds"),
            ("asked_float4", 3, "float4-rounds"),
        ],
    ),
    Scenario(
        case=23,
        name="1.50 is a number in DECIMAL and itself in TEXT",
        sql="CREATE TABLE prices (id INTEGER PRIMARY KEY, d DECIMAL(10,2), s TEXT);"
        "INSERT INTO prices VALUES (1, '1.50', '1.50'), (2, '12', '012');",
        types={"prices.d": "numeric(10,2)", "prices.s": "text"},
        rows={
            "SELECT d::text, s FROM prices ORDER BY id": [("1.50", "1.50"), ("12.00", "012")],
        },
    ),
    Scenario(
        case=24,
        name="decimals that SQLite rounded are carried as they are stored",
        sql="CREATE TABLE long_decimal (id INTEGER PRIMARY KEY, d DECIMAL(20,4));"
        "INSERT INTO long_decimal VALUES (1, 12345678901234567.8901), (2, 1.25);",
        types={"long_decimal.d": "numeric"},
        rows={
            "SELECT d FROM long_decimal ORDER BY id": [(Decimal("12345678901234568"),), (Decimal("1.25"),)]
        },
        findings=["F-203"],
    ),
    Scenario(
        case=25,
        name="sums of floats keep every digit",
        sql="CREATE TABLE money (id INTEGER PRIMARY KEY, m DECIMAL(10,2));"
        "INSERT INTO money VALUES (1, 0.07 + 0.01), (2, 0.1 + 0.2), (3, 19.99);",
        types={"money.m": "numeric"},
        rows={
            "SELECT m FROM money ORDER BY id": [
                (Decimal(repr(0.07 + 0.01)),),
                (Decimal(repr(0.1 + 0.2)),),
                (Decimal("19.99"),),
            ]
        },
        findings=["F-203"],
    ),
    Scenario(
        case=25,
        name="rounding asked for is counted",
        sql="CREATE TABLE money_rounded (id INTEGER PRIMARY KEY, m DECIMAL(10,2));"
        "INSERT INTO money_rounded VALUES (1, 0.07 + 0.01), (2, 0.1 + 0.2), (3, 19.99), (4, 0.125);",
        policy="""
            [tables.money_rounded.columns.m]
            type = "numeric(10,2)"
            params = {affinity = "numeric", rounding = "half-away", scale = "2"}
        """,
        types={"money_rounded.m": "numeric(10,2)"},
        rows={
            "SELECT m FROM money_rounded ORDER BY id": [
                (Decimal("0.08"),),
                (Decimal("0.30"),),
                (Decimal("19.99"),),
                (Decimal("0.13"),),
            ]
        },
        changed={"rounded": 3 if repr(0.07 + 0.01) != "0.08" else 2},
    ),
    Scenario(
        case=26,
        name="an integer of 18 digits in a NUMERIC column",
        sql="CREATE TABLE big_numeric (id INTEGER PRIMARY KEY, n NUMERIC);"
        "INSERT INTO big_numeric VALUES (1, 123456789012345678), (2, 0.5);",
        types={"big_numeric.n": "numeric"},
        rows={"SELECT n FROM big_numeric ORDER BY id": [(Decimal(123456789012345678),), (Decimal("0.5"),)]},
    ),
    Scenario(
        case=27,
        name="texts in an INTEGER column are counted and kept",
        sql="CREATE TABLE texts_in_integer (id INTEGER PRIMARY KEY, i INTEGER);"
        "INSERT INTO texts_in_integer (i) VALUES"
        " ('12abc'), ('twelve'), (''), (' 7'), ('0x10'), ('1e3'), (5), (2.5);",
        types={"texts_in_integer.i": "text"},
        rows={
            # ' 7' and '1e3' look like numbers to SQLite, which stored the integers 7 and 1000.
            "SELECT i FROM texts_in_integer ORDER BY id": [
                ("12abc",),
                ("twelve",),
                ("",),
                ("7",),
                ("0x10",),
                ("1000",),
                ("5",),
                ("2.5",),
            ]
        },
        findings=["F-205"],
        told=["3 integers, 1 real and 4 texts"],
    ),
    Scenario(
        case=28,
        name="leading zeros that NUMERIC affinity took are gone in the source",
        sql="CREATE TABLE zeros_gone (id INTEGER PRIMARY KEY, s STRING);"
        "INSERT INTO zeros_gone VALUES (1, '007'), (2, '42');",
        types={"zeros_gone.s": "bigint"},
        rows={"SELECT s FROM zeros_gone ORDER BY id": [(7,), (42,)]},
        findings=["F-215"],
        told=["leading zeros"],
    ),
    Scenario(
        case=29,
        name="integers in TEXT columns are text, and stay integers in STRICT ANY",
        sql="CREATE TABLE numbers_in_text (id INTEGER PRIMARY KEY, s TEXT);"
        "INSERT INTO numbers_in_text VALUES (1, 42), (2, 1.0);"
        "CREATE TABLE strict_any (id INTEGER PRIMARY KEY, a ANY, t TEXT) STRICT;"
        "INSERT INTO strict_any VALUES (1, 42, 42);"
        "CREATE TABLE strict_mixed (id INTEGER PRIMARY KEY, a ANY) STRICT;"
        "INSERT INTO strict_mixed VALUES (1, 42), (2, '042'), (3, 1.5);",
        types={
            "numbers_in_text.s": "text",
            "strict_any.a": "bigint",
            "strict_any.t": "text",
            "strict_mixed.a": "text",
        },
        rows={
            "SELECT s FROM numbers_in_text ORDER BY id": [("42",), ("1.0",)],
            "SELECT a, t FROM strict_any": [(42, "42")],
            "SELECT a FROM strict_mixed ORDER BY id": [("42",), ("042",), ("1.5",)],
        },
        findings=["F-205"],
        changed={"stored-as-text": 2},
    ),
    Scenario(
        case=30,
        name="2^53 + 1 goes through no double",
        sql="CREATE TABLE above_doubles (id INTEGER PRIMARY KEY, i INTEGER, n NUMERIC, j JSON);"
        "INSERT INTO above_doubles VALUES"
        " (1, 9007199254740993, 9007199254740993, '{\"n\":9007199254740993}'), (2, 1, 0.5, '{}');",
        types={"above_doubles.i": "bigint", "above_doubles.n": "numeric", "above_doubles.j": "json"},
        rows={
            "SELECT i, n, j ->> 'n' FROM above_doubles WHERE id = 1": [
                (9007199254740993, Decimal(9007199254740993), "9007199254740993")
            ]
        },
    ),
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_numbers(scenario: Scenario, carry: Carry) -> None:
    check_scenario(scenario, carry(SCENARIOS, scenario))
