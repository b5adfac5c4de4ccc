"""Each column of an application's schema gets the codec that its type and its stored values call for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from howdah.errors import UsageError
from howdah.model.target_type import TargetType
from howdah.planning.column_facts import ColumnFacts
from howdah.planning.owned_codecs import OwnedOptions
from howdah.planning.owned_columns import (
    ColumnOverride,
    OwnedDecision,
    decide_owned_column,
    find_epoch_units,
)
from howdah.postgres.connect import connect
from howdah.postgres.target_types import read_target_types
from support.files import make_database
from support.plans import read_facts

_TYPES = """
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE DOMAIN percent AS numeric(5,2) CHECK (VALUE <= 100);
CREATE TYPE pair AS (a int, b int);
CREATE TABLE every (
    i4 integer, i8 bigint, o oid, truth boolean, f4 real, f8 double precision, n102 numeric(10,2),
    n numeric, cash money, t text, v5 varchar(5), c3 char(3), bytes bytea, day date, at timestamp,
    at0 timestamp(0), atz timestamptz, clock time, clockz timetz, span interval, doc json, docb jsonb,
    id uuid, net inet, mac macaddr, flags bit(3), mood mood, moods mood[],
    numbers int4[], prices numeric(6,2)[],
    span4 int4range, share percent, pair pair, docs json[], vec tsvector, markup xml, pt point,
    moments timestamptz[], spans int4multirange, byte "char", padded char(3)[], parts bytea[]
);
"""


@pytest.fixture(scope="module")
def types(server: Any) -> Mapping[str, TargetType]:
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE owned_columns")
    with psycopg.connect(server.dsn("owned_columns"), autocommit=True) as made:
        made.execute(_TYPES)
    with connect(server.dsn("owned_columns")) as connection:
        return {column: kind for (_, column), kind in read_target_types(connection, "public").items()}


class Decide:
    """Stores values in a column of a real SQLite file and asks for the decision."""

    def __init__(self, directory: Path, types: Mapping[str, TargetType]) -> None:
        self._directory = directory
        self._types = types
        self._files = 0

    def __call__(
        self,
        target: str,
        *literals: str,
        declared: str = "",
        options: OwnedOptions | None = None,
        override: ColumnOverride | None = None,
    ) -> OwnedDecision:
        self._files += 1
        path = self._directory / f"{self._files}.db"
        rows = "".join(f"INSERT INTO s VALUES ({literal});" for literal in literals)
        make_database(path, f"CREATE TABLE s (c {declared});{rows}")
        read = read_facts(path)
        (column,) = read.catalog.table("s").columns
        (census,) = read.census.table("s").columns
        facts = ColumnFacts(table="s", column=column, census=census)
        return decide_owned_column(facts, self._types[target], options or OwnedOptions(), override)


@pytest.fixture
def decide(tmp_path: Path, types: Mapping[str, TargetType]) -> Decide:
    return Decide(tmp_path, types)


def codes(decision: OwnedDecision) -> set[str]:
    return {finding.code for finding in decision.findings}


@pytest.mark.parametrize(
    ("target", "declared", "literals", "codec", "params"),
    [
        ("i4", "integer", ["1"], "integer", {}),
        ("i4", "real", ["1.0"], "any-integer", {}),
        ("truth", "integer", ["1", "0"], "boolean", {}),
        ("truth", "text", ["'true'"], "any-boolean", {}),
        ("f8", "real", ["0.5"], "real", {}),
        ("f8", "integer", ["5"], "any-real", {}),
        ("f4", "real", ["0.1"], "any-real", {"width": "4"}),
        ("n102", "float", ["0.125"], "numeric", {"affinity": "real", "rounding": "half-away", "scale": "2"}),
        ("n102", "text", ["'1.5'"], "any-numeric", {"scale": "2"}),
        ("n", "numeric", ["1", "1.5"], "numeric", {"affinity": "numeric"}),
        ("cash", "real", ["1.5"], "money", {"digits": "2"}),
        ("t", "text", ["'x'"], "text", {}),
        ("v5", "string", ["5", "'x'"], "any-text", {"affinity": "numeric"}),
        ("t", "blob", ["x'6869'", "'x'"], "any-text", {"affinity": "blob", "blob": "utf8"}),
        ("bytes", "blob", ["x'00'"], "bytes", {}),
        ("bytes", "blob", ["'text'"], "bytes", {"text": "utf8"}),
        ("day", "date", ["'2024-01-02'"], "iso-date", {}),
        ("day", "datetime", ["'2024-01-02 00:00:00'"], "any-date", {}),
        ("at", "datetime", ["'2024-01-02 03:04:05'"], "iso-datetime", {"format": " 0"}),
        ("atz", "datetime", ["'2024-01-02T03:04:05.000Z'"], "iso-datetime", {"format": "T3Z"}),
        ("at", "datetime", ["'2024-01-02 03:04:05'", "'2024-01-02'"], "any-timestamp", {}),
        ("at", "datetime", ["1700000000000"], "epoch-ms", {}),
        ("at", "datetime", ["1700000000000", "'2024-01-02'"], "any-timestamp", {}),
        ("at0", "datetime", ["1700000000123"], "any-timestamp", {"digits": "0", "unit": "ms"}),
        ("at0", "datetime", ["1700000000"], "epoch-s", {}),
        ("clock", "time", ["'08:00:00.000'"], "iso-time", {"format": "3"}),
        ("clock", "time", ["'08:00'"], "any-time", {}),
        ("clockz", "time", ["'08:00+01'"], "any-timetz", {}),
        ("span", "bigint", ["1000000"], "duration", {"unit": "us"}),
        ("span", "datetime", ["'1970-01-02 00:00:00.000000'"], "duration", {"unit": "us"}),
        ("doc", "json", ["'{\"a\":1}'"], "json", {"validity": "census"}),
        ("docb", "json", ["'{\"a\":1}'"], "jsonb", {}),
        ("docb", "json", ["5", "'{\"a\":1}'"], "any-json", {}),
        ("id", "text", ["'01234567-89ab-cdef-fedc-ba9876543210'"], "uuid-text", {}),
        ("id", "text", ["'0123456789abcdeffedcba9876543210'"], "uuid-hex32", {}),
        ("id", "blob", ["zeroblob(16)"], "uuid-blob", {}),
        ("id", "text", ["'{01234567-89ab-cdef-fedc-ba9876543210}'"], "any-uuid", {}),
        ("net", "text", ["'::1'"], "inet", {}),
        ("mac", "text", ["'08002b010203'"], "macaddr", {}),
        ("flags", "text", ["'101'"], "bits", {}),
        ("mood", "text", ["'ok'"], "enum", {"labels": '["sad", "ok"]'}),
        ("numbers", "text", ["'[1]'"], "array", {"element": "int4", "element_oid": "23"}),
        ("prices", "text", ["'[1]'"], "array", {"element": "numeric", "element_oid": "1700", "scale": "2"}),
        ("span4", "text", ["'[1,2)'"], "range", {"element": "int4"}),
        ("spans", "text", ["'{[1,2)}'"], "multirange", {"element": "int4"}),
        ("byte", "text", ["'x'"], "byte-char", {}),
        ("docs", "text", ["'[]'"], "documents", {"element_oid": "114"}),
        ("padded", "text", ["'[]'"], "array", {"element": "char", "element_oid": "1042", "pad": "3"}),
        ("parts", "text", ["'[]'"], "array", {"element": "bytea", "element_oid": "17"}),
        ("share", "real", ["1.5"], "numeric", {"affinity": "real", "rounding": "half-away", "scale": "2"}),
        ("vec", "text", ["'a'"], "tsvector", {}),
        ("markup", "text", ["'<a/>'"], "text", {}),
        ("o", "integer", ["5"], "any-integer", {}),
    ],
)  # fmt: skip
def test_the_type_and_what_is_stored_choose_the_codec(
    decide: Decide, target: str, declared: str, literals: list[str], codec: str, params: dict[str, str]
) -> None:
    decision = decide(target, *literals, declared=declared)
    assert (decision.codec, dict(decision.params)) == (codec, params)


@pytest.mark.parametrize("target", ["i4", "truth", "n102", "at", "day", "clock", "doc", "id", "t", "span"])
def test_a_column_without_values_has_a_codec_too(decide: Decide, target: str) -> None:
    assert decide(target, declared="datetime").codec
    assert decide(target, "NULL", declared="text").codec


@pytest.mark.parametrize("target", ["pair", "pt"])
def test_a_type_that_no_codec_writes_is_said_to_be_one(decide: Decide, target: str) -> None:
    decision = decide(target, "'x'")
    assert decision.codec == ""
    assert codes(decision) == {"F-222"}


def test_local_times_need_the_codec_that_knows_zones(decide: Decide) -> None:
    berlin = OwnedOptions(source_tz="Europe/Berlin")
    zoned = decide("atz", "'2024-01-02 03:04:05'", declared="datetime", options=berlin)
    assert (zoned.codec, zoned.params) == ("any-timestamptz", {"zone": "Europe/Berlin"})
    counted = decide("at", "1700000000000", declared="datetime", options=berlin)
    assert (counted.codec, counted.params) == ("any-timestamp", {"zone": "Europe/Berlin", "unit": "ms"})
    listed = decide("moments", "'[]'", declared="text", options=berlin)
    assert listed.params["zone"] == "Europe/Berlin"


def test_odd_moments_follow_the_unit_of_the_columns_that_leave_no_doubt(
    tmp_path: Path, decide: Decide
) -> None:
    path = tmp_path / "units.db"
    make_database(
        path,
        "CREATE TABLE a (x datetime, y DATETIME, z date);"
        "INSERT INTO a VALUES (1700000000000, -5, 1700000000), (1700000000001, 99999999999999, 1700000001)",
    )
    read = read_facts(path)
    units = find_epoch_units(read.catalog, read.census)
    assert units == {"DATETIME": "ms", "DATE": "s"}
    known = OwnedOptions(epoch_units=units)
    followed = decide("at", "-5", "99999999999999", declared="datetime", options=known)
    assert followed.codec == "epoch-ms"
    assert codes(followed) == {"F-220"}
    alone = decide("at", "-5", "99999999999999", declared="datetime")
    assert alone.codec == "any-timestamp"
    assert "F-221" in codes(alone)


def test_what_the_type_cannot_hold_is_told_before_the_load(decide: Decide) -> None:
    assert "3000000000" in finding_of(decide("i4", "3000000000", declared="integer"), "F-219")
    assert "fraction" in finding_of(decide("i4", "1.5", declared="real"), "F-219")
    assert "6 characters" in finding_of(decide("v5", "'sixsix'", declared="text"), "F-219")
    assert "not all 0" in finding_of(decide("truth", "2", declared="integer"), "F-219")
    assert "9 digits" in finding_of(decide("n102", "1e8", declared="float"), "F-219")
    assert "up to 3 digits" in finding_of(decide("n102", "0.125", declared="float"), "F-223")
    assert "no JSON" in finding_of(decide("docb", "'bare'", "'{}'", declared="text"), "F-225")
    assert "percent" in finding_of(decide("share", "1.5", declared="real"), "F-226")
    assert "microseconds" in finding_of(decide("span", "5", declared="bigint"), "F-224")
    assert "F-219" not in codes(decide("n102", "0.125", declared="float"))
    assert "F-211" in codes(decide("t", "'a' || char(0)", declared="text"))


def finding_of(decision: OwnedDecision, code: str) -> str:
    (found,) = [finding for finding in decision.findings if finding.code == code]
    return f"{found.message} {found.detail}"


def test_what_somebody_said_of_a_column_goes_over_the_rules(decide: Decide) -> None:
    strapi = ColumnOverride(codec="any-json", params={"bare": "string-in-string"}, origin='pack "strapi"')
    decision = decide("docb", "'{}'", declared="json", override=strapi)
    assert (decision.codec, decision.params) == ("any-json", {"bare": "string-in-string"})
    assert 'pack "strapi"' in decision.reason
    stripped = decide(
        "t", "'a' || char(0)", declared="text", override=ColumnOverride(params={"nul": "strip"})
    )
    assert (stripped.codec, stripped.params) == ("text", {"nul": "strip"})
    assert "F-211" not in codes(stripped)
    forced = decide("n102", "1.5", declared="float", override=ColumnOverride(codec="any-numeric"))
    assert forced.params == {"scale": "2"}
    with pytest.raises(UsageError) as caught:
        decide("i4", "1", declared="integer", override=ColumnOverride(codec="jsonb"))
    assert caught.value.code == "C-102"
    with pytest.raises(UsageError):
        decide("t", "'x'", declared="text", override=ColumnOverride(params={"unit": "ms"}))


def test_a_domain_over_a_domain_is_written_as_what_it_stands_on(
    decide: Decide, types: Mapping[str, TargetType]
) -> None:
    share = types["share"]
    nested = replace(share, name="deep", text="deep", base=share, checks=("CHECK (VALUE > 0)",))
    decide._types = {**types, "deep": nested}
    decision = decide("deep", "1.5", declared="real")
    assert (decision.type, decision.wire_type) == ("deep", "numeric(5,2)")
    assert "VALUE > 0" in finding_of(decision, "F-226")
