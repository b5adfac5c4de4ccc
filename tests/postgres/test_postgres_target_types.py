"""Types of an application's columns are read as PostgreSQL knows them, whatever they stand on."""

from __future__ import annotations

import psycopg
import pytest

from howdah.model.target_type import TargetType, TypeKind
from howdah.postgres.connect import connect
from howdah.postgres.target_types import read_target_types

_SCHEMA = """
CREATE SCHEMA app;
CREATE TYPE app.mood AS ENUM ('sad', 'so "so"', 'happy');
CREATE DOMAIN app.short AS varchar(7) CHECK (VALUE <> 'x');
CREATE DOMAIN app.shorter AS app.short NOT NULL CHECK (length(VALUE) < 5);
CREATE DOMAIN app.scores AS numeric(6,-2)[];
CREATE TYPE app.pair AS (a int, b text);
CREATE TYPE app.floats AS RANGE (subtype = float8);
CREATE TABLE app."Every" (
    i2 int2, i8 bigint, n numeric, n2 numeric(10,2), v varchar, v255 varchar(255), c char(3), b "char",
    ts timestamp, ts3 timestamp(3), tz timestamptz(0), t time(2), ttz timetz, iv interval, ivd interval day,
    iv3 interval(3), bits bit(5), vbits varbit(9), "Mood" app.mood, moods app.mood[][], s app.shorter,
    sc app.scores, tags text[], v9 varchar(9)[], r int4range, mr datemultirange, f app.floats, p app.pair
);
"""


@pytest.fixture
def types(any_server_database: str) -> dict[str, TargetType]:
    with psycopg.connect(any_server_database, autocommit=True) as admin:
        admin.execute(_SCHEMA)
    with connect(any_server_database) as connection:
        read = read_target_types(connection, "app")
    assert {table for table, _ in read} == {"Every"}
    return {column: kind for (_, column), kind in read.items()}


def test_modifiers_and_texts_are_those_of_the_declaration(types: dict[str, TargetType]) -> None:
    assert {
        column: (kind.name, kind.modifiers, kind.text)
        for column, kind in types.items()
        if kind.kind is TypeKind.BASE
    } == {
        "i2": ("int2", (), "smallint"),
        "i8": ("int8", (), "bigint"),
        "n": ("numeric", (), "numeric"),
        "n2": ("numeric", (10, 2), "numeric(10,2)"),
        "v": ("varchar", (), "character varying"),
        "v255": ("varchar", (255,), "character varying(255)"),
        "c": ("bpchar", (3,), "character(3)"),
        "b": ("char", (), '"char"'),
        "ts": ("timestamp", (), "timestamp without time zone"),
        "ts3": ("timestamp", (3,), "timestamp(3) without time zone"),
        "tz": ("timestamptz", (0,), "timestamp(0) with time zone"),
        "t": ("time", (2,), "time(2) without time zone"),
        "ttz": ("timetz", (), "time with time zone"),
        "iv": ("interval", (), "interval"),
        "ivd": ("interval", (), "interval day"),
        "iv3": ("interval", (3,), "interval(3)"),
        "bits": ("bit", (5,), "bit(5)"),
        "vbits": ("varbit", (9,), "bit varying(9)"),
    }


def test_enums_domains_arrays_and_ranges_hold_what_they_stand_on(types: dict[str, TargetType]) -> None:
    mood = types["Mood"]
    assert (mood.kind, mood.text, mood.labels) == (TypeKind.ENUM, "app.mood", ("sad", 'so "so"', "happy"))
    moods = types["moods"]
    assert (moods.kind, moods.dimensions, moods.element) == (TypeKind.ARRAY, 2, mood)
    short = types["s"]
    assert (short.kind, short.not_null, short.stored.text) == (
        TypeKind.DOMAIN,
        True,
        "character varying(7)",
    )
    assert len(short.domain_checks) == 2
    scores = types["sc"].stored
    assert scores.element is not None
    assert (scores.kind, scores.element.modifiers) == (TypeKind.ARRAY, (6, -2))
    words = types["v9"].element
    assert words is not None
    assert (words.name, words.modifiers, words.text) == ("varchar", (9,), "character varying(9)")
    assert types["tags"].element is not None
    whole = types["r"].subtype
    assert whole is not None
    assert (types["r"].kind, whole.name) == (TypeKind.RANGE, "int4")
    dates = types["mr"].subtype
    assert dates is not None
    assert dates.subtype is not None
    assert (types["mr"].kind, dates.name, dates.subtype.name) == (TypeKind.MULTIRANGE, "daterange", "date")
    floats = types["f"].subtype
    assert floats is not None
    assert floats.name == "float8"
    assert types["p"].kind is TypeKind.COMPOSITE


def test_a_type_of_an_extension_names_the_extension(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        installed = admin.execute(
            "SELECT name FROM pg_available_extensions WHERE name IN ('citext', 'hstore')"
        ).fetchall()
        if not installed:
            pytest.skip("the server has no contrib extensions")
        for (name,) in installed:
            admin.execute(f"CREATE EXTENSION {name}")
        admin.execute(
            "CREATE TABLE t (" + ", ".join(f"c_{name} public.{name}" for (name,) in installed) + ")"
        )
    with connect(database) as connection:
        read = read_target_types(connection, "public")
    assert {kind.extension for kind in read.values()} == {name for (name,) in installed}
