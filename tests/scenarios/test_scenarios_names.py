"""Cases 57 to 63: names and declared types are kept where PostgreSQL can hold them, else changed and told."""

from __future__ import annotations

import pytest

from howdah.errors import RefusedError
from support.scenario import Carry, Scenario, check_scenario, run_migration

_ODD_NAMES = ["select", "has space", "Camel", 'q"x', "ünï", "a.b", "back", "brackets", "new\nline", "%s", "'"]
#: 66 bytes each, equal in the first 63.
_LONG_NAMES = ["é" * 32 + "1x", "é" * 32 + "2x"]
_LONG_TABLES = ["long_" + "ñ" * 30 + "a", "long_" + "ñ" * 30 + "b"]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


SCENARIOS = [
    Scenario(
        case=57,
        name="names that need quotes are kept letter by letter",
        sql='CREATE TABLE "Order" ("id" INTEGER PRIMARY KEY, '
        + ", ".join(f"{_quoted(name)} TEXT" for name in _ODD_NAMES if name not in ("back", "brackets"))
        + ", `back` TEXT, [brackets] TEXT);"
        'CREATE UNIQUE INDEX "In dex" ON "Order" ("has space", "Camel");'
        'CREATE VIEW "Vi ew" AS SELECT "Camel" AS "C C", "a.b" FROM "Order";'
        + 'INSERT INTO "Order" ("id", "Camel", "a.b") VALUES (1, \'c\', \'d\');',
        types={f"Order.{name}": "text" for name in _ODD_NAMES if "." not in name},
        rows={
            'SELECT "Camel", "a.b" FROM "Order"': [("c", "d")],
            'SELECT "C C", "a.b" FROM "Vi ew"': [("c", "d")],
            "SELECT attname FROM pg_attribute WHERE attrelid = '\"Order\"'::regclass AND attnum > 1"
            ' ORDER BY attname COLLATE "C"': [(name,) for name in sorted(_ODD_NAMES)],
            "SELECT count(*) FROM pg_indexes WHERE indexname = 'In dex'": [(1,)],
        },
    ),
    Scenario(
        case=58,
        name="names that differ behind the 63rd byte only",
        sql=f"CREATE TABLE long_columns (id INTEGER PRIMARY KEY, {', '.join(_LONG_NAMES)});"
        + "".join(
            f'CREATE TABLE "{table}" (id INTEGER PRIMARY KEY, v TEXT);'
            f'CREATE INDEX "index_{table}" ON "{table}" (v);'
            f"INSERT INTO \"{table}\" VALUES (1, '{number}');"
            for number, table in enumerate(_LONG_TABLES)
        )
        + "INSERT INTO long_columns VALUES (1, 'one', 'two');",
        rows={
            "SELECT * FROM long_columns": [(1, "one", "two")],
            "SELECT count(*), count(DISTINCT attname), max(octet_length(attname)) <= 63 FROM pg_attribute"
            " WHERE attrelid = 'long_columns'::regclass AND attnum > 0": [(3, 3, True)],
            "SELECT count(DISTINCT relname) FROM pg_class WHERE relname LIKE 'long\\_ñ%' AND relkind = 'r'": [
                (2,)
            ],
            "SELECT count(DISTINCT relname) FROM pg_class WHERE relname LIKE 'index\\_long\\_ñ%'": [(2,)],
        },
        findings=["F-121"],
    ),
    Scenario(
        case=59,
        name="columns whose names differ in the case of other letters than A to Z",
        sql='CREATE TABLE two_cases (id INTEGER PRIMARY KEY, "é" TEXT, "É" TEXT, Name TEXT);'
        "INSERT INTO two_cases VALUES (1, 'small', 'capital', 'n');",
        rows={'SELECT "é", "É", "Name" FROM two_cases': [("small", "capital", "n")]},
    ),
    Scenario(
        case=59,
        name="expressions over names that differ in the case of other letters than A to Z",
        sql='CREATE TABLE "Öl" (id INTEGER PRIMARY KEY, "é" TEXT CHECK ("é" <> \'no\'),'
        ' "É" TEXT CHECK ("É" <> \'nein\'));'
        'CREATE TABLE "öl" (id INTEGER PRIMARY KEY, x TEXT);'
        'CREATE UNIQUE INDEX "once É" ON "Öl" ("É") WHERE "É" IS NOT NULL;'
        'CREATE VIEW "both öl" AS SELECT a."É", a."é", b.x FROM "Öl" AS a JOIN "öl" AS b ON b.id = a.id;'
        "INSERT INTO \"Öl\" VALUES (1, 'nein', 'no'); INSERT INTO \"öl\" VALUES (1, 'x');",
        rows={'SELECT "É", "é", x FROM "both öl"': [("no", "nein", "x")]},
        refuses={
            "INSERT INTO \"Öl\" VALUES (2, 'no', 'a')": "CheckViolation",
            "INSERT INTO \"Öl\" VALUES (2, 'a', 'nein')": "CheckViolation",
            "INSERT INTO \"Öl\" VALUES (2, 'b', 'no')": "UniqueViolation",
        },
    ),
    Scenario(
        case=60,
        name="tables without rows",
        sql="CREATE TABLE no_rows (id INTEGER PRIMARY KEY, a TEXT, b);"
        "CREATE TABLE one_column (a);"
        "CREATE TABLE mostly_generated (a INTEGER, b INTEGER AS (a + 1) STORED, c INTEGER AS (a) VIRTUAL);"
        "CREATE TABLE only_defaults (a INTEGER DEFAULT 1, g INTEGER AS (a * 2) STORED);"
        "INSERT INTO only_defaults DEFAULT VALUES;",
        rows={
            "SELECT count(*) FROM no_rows": [(0,)],
            "SELECT count(*) FROM one_column": [(0,)],
            "SELECT count(*) FROM mostly_generated": [(0,)],
            "SELECT a, g FROM only_defaults": [(1, 2)],
        },
        findings=["F-319"],
    ),
    Scenario(
        case=61,
        name="declared types of every kind never reach the DDL",
        sql='CREATE TABLE declared (id INTEGER PRIMARY KEY, a, b "", c UNSIGNED BIG INT,'
        " d NATIVE CHARACTER(70), e VARYING CHARACTER(255), f DOUBLE PRECISION, g LONGVARCHAR, h byte[],"
        ' i TEXT[], j GEOMETRY, k ANY, l int8, m "weird \'; DROP TABLE declared; --", n FLOATING POINT,'
        " o VARCHAR(-1), p DECIMAL(3,5), q NUMERIC(2000), r POINT, s VARCHAR(0), t INTERVAL);"
        'CREATE TABLE declared_filled (id INTEGER PRIMARY KEY, a, b "", h byte[], j GEOMETRY, k ANY,'
        " n FLOATING POINT, r POINT, t INTERVAL);"
        "INSERT INTO declared_filled VALUES (1, 'x', x'00', x'01', x'02', 'y', 1.5, 2.5, 'P1D');",
        types={
            "declared.a": "text",
            "declared.b": "text",
            "declared.c": "bigint",
            "declared.d": "character varying(70)",
            "declared.e": "character varying(255)",
            "declared.f": "double precision",
            "declared.g": "text",
            "declared.h": "numeric",
            "declared.i": "text",
            "declared.j": "numeric",
            "declared.k": "numeric",
            "declared.l": "bigint",
            # Affinity by the first rule that matches: INT, CHAR/CLOB/TEXT, BLOB, REAL/FLOA/DOUB, else
            # NUMERIC (sqlite.org/datatype3.html, 3.1): POINT holds INT.
            "declared.m": "numeric",
            "declared.n": "bigint",
            "declared.o": "text",
            "declared.p": "numeric",
            "declared.q": "numeric",
            "declared.r": "bigint",
            "declared.s": "text",
            "declared.t": "bigint",
            "declared_filled.a": "text",
            "declared_filled.b": "bytea",
            "declared_filled.h": "bytea",
            "declared_filled.j": "bytea",
            "declared_filled.k": "text",
            "declared_filled.n": "double precision",
            "declared_filled.r": "double precision",
            "declared_filled.t": "text",
        },
        rows={
            "SELECT * FROM declared_filled": [
                (1, "x", b"\x00", b"\x01", b"\x02", "y", 1.5, 2.5, "P1D"),
            ]
        },
        findings=["F-205"],
    ),
    Scenario(
        case=62,
        name="PostgreSQL's own names for tables and columns",
        sql="CREATE TABLE user (id INTEGER PRIMARY KEY, ctid TEXT, xmin TEXT, oid TEXT, tableoid TEXT);"
        "INSERT INTO user VALUES (1, 'a', 'b', 'c', 'd');"
        "CREATE TABLE pg_x (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO pg_x VALUES (1, 'x');"
        "CREATE TABLE pg_class (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO pg_class VALUES (1, 'y');",
        rows={
            'SELECT * FROM "user"': [(1, "a", "b", "c", "d")],
            "SELECT attname FROM pg_attribute WHERE attrelid = '\"user\"'::regclass AND attname = 'oid'": [
                ("oid",)
            ],
            "SELECT v FROM public.pg_x": [("x",)],
            "SELECT v FROM public.pg_class": [("y",)],
        },
        findings=["F-121"],
        told=["ctid", "xmin", "tableoid"],
    ),
    Scenario(
        case=63,
        name="an index and a key of more than 32 columns",
        sql="CREATE TABLE wide_index (id INTEGER PRIMARY KEY, "
        + ", ".join(f"c{number}" for number in range(33))
        + f"); CREATE INDEX over_33 ON wide_index ({', '.join(f'c{number}' for number in range(33))});"
        "CREATE TABLE wide_key ("
        + ", ".join(f"k{number} INTEGER NOT NULL" for number in range(33))
        + f", PRIMARY KEY ({', '.join(f'k{number}' for number in range(33))}));"
        + f"INSERT INTO wide_key VALUES ({', '.join(['1'] * 33)});",
        rows={
            "SELECT count(*) FROM pg_indexes WHERE indexname = 'over_33'": [(0,)],
            "SELECT k0, k32 FROM wide_key": [(1, 1)],
        },
        findings=["F-306", "F-307"],
        told=["33 columns"],
    ),
    Scenario(
        case=63,
        name="a row that fills more than a page",
        sql="CREATE TABLE wide_rows (id INTEGER PRIMARY KEY, "
        + ", ".join(f"c{number} TEXT" for number in range(1000))
        + ");",
        inserts=[
            (f"INSERT INTO wide_rows VALUES (1{', ?' * 1000})", ("0123456789",) * 1000),
            ("INSERT INTO wide_rows (id, c0) VALUES (2, 'fits')", ()),
        ],
        rows={"SELECT id, c0 FROM wide_rows": [(2, "fits")]},
        quarantined=[("wide_rows", 1, "server-rejected")],
        findings=["F-321"],
    ),
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_names_and_declared_types(scenario: Scenario, carry: Carry) -> None:
    check_scenario(scenario, carry(SCENARIOS, scenario))


def test_case_63_more_columns_than_a_table_may_have_are_refused(
    database: str, howdah_home: None, tmp_path: object
) -> None:
    columns = ", ".join(f"c{number}" for number in range(1601))
    scenario = Scenario(case=63, name="1601 columns", sql=f"CREATE TABLE too_wide ({columns});")

    with pytest.raises(RefusedError) as refusal:
        run_migration(tmp_path, database, [scenario])  # type: ignore[arg-type]

    assert refusal.value.code == "P-307"
    assert "1601 columns" in str(refusal.value)
