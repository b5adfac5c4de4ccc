"""The type of a column follows from what it declares and what it really stores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from howdah.model.plan import ColumnPlan, Plan, PlanOptions
from support.plans import Facts, codes, facts_of


def column_of(
    directory: Path, declared: str, values: list[Any], options: PlanOptions | None = None
) -> tuple[ColumnPlan, Plan]:
    rows = tuple(("INSERT INTO t (c) VALUES (?)", (value,)) for value in values)
    plan = facts_of(directory, f"CREATE TABLE t (c {declared})", rows).plan(options)
    return plan.table("t").column("c"), plan


UUIDS = ["0a1b2c3d-0000-4000-8000-0123456789ab", "ffffffff-0000-4000-8000-0123456789ab"]


@pytest.mark.parametrize(
    ("declared", "values", "expected_type", "codec"),
    [
        ("INTEGER", [1, -5, 2**63 - 1], "bigint", "integer"),
        ("INT", [3_000_000_000], "bigint", "integer"),
        ("UNSIGNED BIG INT", [1], "bigint", "integer"),
        ("BOOLEAN", [0, 1, None], "boolean", "boolean"),
        ("BOOL", [1], "boolean", "boolean"),
        ("TINYINT(1)", [0, 1], "boolean", "boolean"),
        ("TINYINT", [0, 1], "bigint", "integer"),
        ("BIT", [0], "boolean", "boolean"),
        ("BIT(8)", [0], "bigint", "integer"),
        ("REAL", [1.5, 1700000000.123], "double precision", "real"),
        ("DOUBLE PRECISION", [0.1], "double precision", "real"),
        ("FLOAT", [1e300], "double precision", "real"),
        ("REAL", [float("inf")], "double precision", "real"),
        ("DECIMAL(10,2)", [12.5, 3, -99999999.99], "numeric(10,2)", "numeric"),
        ("NUMERIC(5)", [12345], "numeric(5,0)", "numeric"),
        ("NUMERIC", [1, 2.5], "numeric", "numeric"),
        ("DECIMAL", [123456789012345678], "numeric", "numeric"),
        ("INTEGER", [1, 2.5], "numeric", "numeric"),
        ("TEXT", ["a", "{}"], "text", "text"),
        ("VARCHAR(5)", ["äöüßé"], "varchar(5)", "text"),
        ("NVARCHAR(3)", ["abc"], "varchar(3)", "text"),
        ("CHAR(4)", ["ab"], "varchar(4)", "text"),
        ("VARYING CHARACTER(255)", ["x"], "varchar(255)", "text"),
        ("VARCHAR(99999999)", ["x"], "text", "text"),
        ("BLOB", [b"\x00"], "bytea", "bytes"),
        ("", [b"\x00"], "bytea", "bytes"),
        ("", ["x"], "text", "text"),
        ("", [5], "bigint", "integer"),
        ("", [1.5], "double precision", "real"),
        ("STRING", ["x"], "text", "text"),
        ("STRING", [7], "bigint", "integer"),
        ("DATE", ["2024-02-29"], "date", "iso-date"),
        ("DATETIME", ["2024-01-02 03:04:05"], "timestamp", "iso-datetime"),
        ("TIMESTAMP", ["2024-01-02T03:04:05.123Z"], "timestamptz", "iso-datetime"),
        ("DATETIME", [1700000000000, 1700000000001], "timestamptz", "epoch-ms"),
        ("TIMESTAMP", [1700000000], "timestamptz", "epoch-s"),
        ("TIMESTAMP", [1700000000000000], "timestamptz", "epoch-us"),
        ("TIMESTAMP", [1700000000.25], "timestamptz", "epoch-real"),
        ("TIME", ["12:34:56"], "time", "iso-time"),
        ("JSON", ['{"a": 1}', "[]"], "json", "json"),
        ("UUID", UUIDS, "uuid", "uuid-text"),
        ("UUID", ["0a1b2c3d0000400080000123456789ab"], "uuid", "uuid-hex32"),
    ],
)
def test_values_that_agree_with_the_declaration_get_its_type(
    tmp_path: Path, declared: str, values: list[Any], expected_type: str, codec: str
) -> None:
    column, _ = column_of(tmp_path, declared, values)
    assert (column.type, column.codec) == (expected_type, codec)


@pytest.mark.parametrize(
    ("declared", "values", "expected_type", "codec", "code"),
    [
        ("BOOLEAN", [0, 1, 2], "bigint", "integer", "F-208"),
        ("BOOLEAN", ["true", "false"], "text", "text", "F-208"),
        ("DECIMAL(10,2)", [0.1 + 0.2], "numeric", "numeric", "F-203"),
        ("DECIMAL(4,2)", [123.5], "numeric", "numeric", "F-203"),
        ("DECIMAL(4,2)", [float("inf")], "numeric", "numeric", "F-203"),
        ("VARCHAR(3)", ["long"], "text", "text", "F-204"),
        ("INTEGER", [1, "twelve"], "text", "any-text", "F-205"),
        ("INTEGER", ["twelve"], "text", "text", "F-205"),
        ("REAL", [1.5, "x"], "text", "any-text", "F-205"),
        ("", [1, "x"], "text", "any-text", "F-205"),
        ("INTEGER", [1.5], "double precision", "real", None),
        ("DATETIME", [2024], "bigint", "integer", "F-202"),
        ("DATETIME", [1700000000000, 5], "bigint", "integer", "F-202"),
        ("DATETIME", [1700000000, 1700000000000], "bigint", "integer", "F-202"),
        ("DATETIME", ["2024-01-02 03:04:05", "2024-01-02T03:04:05Z"], "text", "text", "F-202"),
        ("DATETIME", ["0000-00-00 00:00:00"], "text", "text", "F-202"),
        ("DATETIME", ["now"], "text", "text", "F-202"),
        ("DATETIME", ["31/12/2024"], "text", "text", "F-202"),
        ("DATETIME", ["2024-01-02 03:04:05", 1700000000], "text", "any-text", "F-202"),
        ("DATETIME", [2460311.5], "double precision", "real", "F-202"),
        ("DATETIME", ["2024-01-02"], "date", "iso-date", "F-202"),
        ("DATE", ["2024-01-02 03:04:05"], "timestamp", "iso-datetime", "F-201"),
        ("JSON", ["{'a': 1}"], "text", "text", "F-209"),
        ("JSON", ["{}", 5], "text", "any-text", "F-209"),
        ("JSON", ["NaN"], "text", "text", "F-209"),
        ("UUID", [UUIDS[0].upper()], "text", "text", "F-210"),
        ("UUID", [b"\x01" * 16], "bytea", "bytes", "F-210"),
        ("TEXT", ["a\0b"], "text", "text", "F-211"),
        ("BIGINT", [9.223372036854776e18 * 4], "double precision", "real", "F-215"),
    ],
)
def test_what_is_ambiguous_is_kept_as_stored_and_reported(
    tmp_path: Path, declared: str, values: list[Any], expected_type: str, codec: str, code: str | None
) -> None:
    column, plan = column_of(tmp_path, declared, values)
    assert (column.type, column.codec) == (expected_type, codec)
    assert code is None or code in codes(plan)


@pytest.mark.parametrize(
    ("declared", "expected_type"),
    [
        ("INTEGER", "bigint"),
        ("REAL", "double precision"),
        ("NUMERIC(8,3)", "numeric(8,3)"),
        ("VARCHAR(20)", "varchar(20)"),
        ("DATETIME", "timestamp"),
        ("TIMESTAMPTZ", "timestamptz"),
        ("DATE", "date"),
        ("TIME", "time"),
        ("JSON", "json"),
        ("UUID", "uuid"),
        ("BLOB", "bytea"),
        ("", "text"),
        ("BOOLEAN", "boolean"),
    ],
)
def test_a_column_without_values_follows_its_declaration(
    tmp_path: Path, declared: str, expected_type: str
) -> None:
    column, _ = column_of(tmp_path, declared, [])
    assert column.type == expected_type


def test_invalid_utf8_is_announced_as_quarantine(tmp_path: Path) -> None:
    plan = facts_of(tmp_path, "CREATE TABLE t (c TEXT); INSERT INTO t VALUES (CAST(x'61ff' AS TEXT))").plan()
    assert "F-212" in codes(plan)


def test_few_blobs_among_texts_are_announced_as_quarantine(tmp_path: Path) -> None:
    column, plan = column_of(tmp_path, "TEXT", ["a", "b", b"\xff\x00"])
    assert (column.type, column.codec) == ("text", "text")
    assert "F-206" in codes(plan)


def test_readable_blobs_among_texts_become_text_by_a_named_rule(tmp_path: Path) -> None:
    column, plan = column_of(tmp_path, "TEXT", ["a", "b", b"hi"])
    assert (column.codec, column.params) == ("any-text", {"affinity": "text", "blob": "utf8"})
    assert "F-207" in codes(plan)
    assert "F-211" not in codes(plan)


def test_a_nul_in_a_blob_that_becomes_text_is_told_beforehand(tmp_path: Path) -> None:
    column, plan = column_of(tmp_path, "TEXT", ["a", "b", "c", b"h\0i", b"hi"])
    assert (column.codec, column.params) == ("any-text", {"affinity": "text", "blob": "utf8"})
    assert {"F-207", "F-211"} <= codes(plan)


def test_texts_in_a_blob_column_become_their_bytes_by_a_named_rule(tmp_path: Path) -> None:
    column, plan = column_of(tmp_path, "BLOB", ["hello", b"\xff"])
    assert (column.type, column.codec, column.params) == ("bytea", "bytes", {"text": "utf8"})
    assert "F-207" in codes(plan)


def test_dates_stay_as_stored_where_conversion_is_switched_off(tmp_path: Path) -> None:
    column, _ = column_of(tmp_path, "DATETIME", [1700000000000], PlanOptions(convert_dates=False))
    assert (column.type, column.codec) == ("bigint", "integer")


@pytest.mark.parametrize("json_type", ["json", "jsonb", "text"])
def test_json_goes_into_the_type_asked_for(tmp_path: Path, json_type: str) -> None:
    column, _ = column_of(tmp_path, "JSON", ["{}"], PlanOptions(json_type=json_type))
    assert column.type == json_type


def test_json_that_jsonb_refuses_stays_json(tmp_path: Path) -> None:
    column, plan = column_of(tmp_path, "JSON", ['{"a": "\\u0000"}'], PlanOptions(json_type="jsonb"))
    assert column.type == "json"
    assert "F-217" in codes(plan)


def test_an_indexed_json_column_becomes_text(tmp_path: Path) -> None:
    plan = facts_of(tmp_path, "CREATE TABLE t (c JSON UNIQUE); INSERT INTO t VALUES ('{}')").plan()
    assert plan.table("t").column("c").type == "text"
    assert "F-214" in codes(plan)


def test_an_empty_date_column_takes_the_form_of_the_others(tmp_path: Path) -> None:
    plan = facts_of(
        tmp_path,
        "CREATE TABLE a (made DATETIME, gone DATETIME); INSERT INTO a (made) VALUES (1700000000000)",
    ).plan()
    gone = plan.table("a").column("gone")
    assert (gone.type, gone.codec) == ("timestamptz", "epoch-ms")


def test_the_plan_shows_what_the_codec_makes_of_smallest_and_largest(tmp_path: Path) -> None:
    column, _ = column_of(tmp_path, "DATETIME", [1700000000000, 1600000000500])
    # date -u -d @1600000000.5 / @1700000000
    assert column.minimum == "2020-09-13 12:26:40.500000+00"
    assert column.maximum == "2023-11-14 22:13:20+00"


def linked(directory: Path, script: str) -> tuple[Facts, Plan]:
    facts = facts_of(directory, script)
    return facts, facts.plan()


def test_an_empty_child_takes_the_type_of_its_parent(tmp_path: Path) -> None:
    _, plan = linked(
        tmp_path,
        "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p TEXT REFERENCES p(id));",
    )
    assert plan.table("c").column("p").type == "bigint"
    assert "F-216" in codes(plan)
    assert "F-314" not in codes(plan)


def test_a_child_of_a_uuid_key_becomes_uuid_as_well(tmp_path: Path) -> None:
    _, plan = linked(
        tmp_path,
        f"CREATE TABLE p (id UUID PRIMARY KEY); CREATE TABLE c (p CHAR(36) REFERENCES p);"
        f"INSERT INTO p VALUES ('{UUIDS[0]}'); INSERT INTO c VALUES ('{UUIDS[0]}')",
    )
    assert plan.table("c").column("p").type == "uuid"


def test_both_stay_text_where_the_child_holds_another_spelling(tmp_path: Path) -> None:
    _, plan = linked(
        tmp_path,
        f"CREATE TABLE p (id UUID PRIMARY KEY); CREATE TABLE c (p CHAR(36) REFERENCES p);"
        f"INSERT INTO p VALUES ('{UUIDS[0]}'); INSERT INTO c VALUES ('{UUIDS[0].upper()}')",
    )
    assert plan.table("p").column("id").type == "text"
    assert "F-314" not in codes(plan)


def test_text_that_references_numbers_is_reported_and_kept(tmp_path: Path) -> None:
    _, plan = linked(
        tmp_path,
        "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p TEXT REFERENCES p(id));"
        "INSERT INTO p VALUES (1); INSERT INTO c VALUES ('1')",
    )
    assert plan.table("c").column("p").type == "text"
    assert "F-314" in codes(plan)


def test_a_chain_of_references_gets_one_type(tmp_path: Path) -> None:
    _, plan = linked(
        tmp_path,
        """CREATE TABLE a (id NUMERIC(10,0) PRIMARY KEY);
        CREATE TABLE b (id INTEGER PRIMARY KEY REFERENCES a(id));
        CREATE TABLE c (b DECIMAL(8,0) REFERENCES b(id));
        INSERT INTO a VALUES (1); INSERT INTO b VALUES (1);
        INSERT INTO c VALUES (1)""",
    )
    types = {plan.table(name).columns[0].type for name in "abc"}
    assert types == {"bigint"}
