"""Values go into types of extensions, times of a named zone and sets of ranges of an application's tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from howdah.errors import RefusedError
from howdah.ops.quarantine import list_rows
from support.files import make_database
from support.owned import dump_schema, owned_database, query, run_script
from support.runs import migrate_file, target_request


@pytest.fixture
def contrib(server: Any) -> Any:
    """A server with PostgreSQL's own extensions."""
    with psycopg.connect(server.dsn()) as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_available_extensions WHERE name IN ('citext', 'hstore')"
        ).fetchone()
    if found != (2,):
        pytest.skip("the server that the tests run on was built without contrib: no citext, no hstore")
    return server


def test_citext_takes_texts_and_its_own_idea_of_what_is_unique(tmp_path: Path, contrib: Any) -> None:
    source = make_database(
        tmp_path / "s.db",
        "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT UNIQUE, tags TEXT,"
        " boss TEXT REFERENCES users(email));"
        "INSERT INTO users VALUES (1,'Ann@x','[\"A\",\"b c\",null]',NULL),(2,'bob@X','{}','Ann@x'),"
        "(3,'ANN@x',NULL,NULL),(4,'',NULL,'bob@X');",
    )
    # Trusted: the owner of the database may make it.
    script = (
        "CREATE EXTENSION citext;"
        "CREATE TABLE users (tags citext[], email citext CONSTRAINT one UNIQUE, id integer PRIMARY KEY,"
        " boss citext CONSTRAINT boss REFERENCES users (email));"
        "INSERT INTO users (id, email) VALUES (7, 'seed@x');"
    )
    with owned_database(contrib.dsn(), script) as app:
        report = migrate_file(source, app)
        assert (report.exit_status, report.differences) == (5, ())
        assert query(app, "SELECT id, email::text, tags::text, boss::text FROM users ORDER BY id") == [
            (1, "Ann@x", '{A,"b c",NULL}', None),
            (2, "bob@X", "{}", "Ann@x"),
            (4, "", None, "bob@X"),
        ]
        assert [(row.table, row.key.rowid) for row in list_rows(target_request(app)).rows] == [("users", 3)]
        assert query(app, "SELECT id FROM users WHERE email = 'ann@X'") == [(1,)]


def test_times_without_a_zone_are_those_of_the_zone_that_was_named(tmp_path: Path, server: Any) -> None:
    source = make_database(
        tmp_path / "s.db",
        "CREATE TABLE logs (id INTEGER PRIMARY KEY, wall DATETIME, moment DATETIME, told DATETIME,"
        " counted DATETIME, day DATE);"
        # Summer and winter, the hour that is leapt over, the one that comes twice.
        "INSERT INTO logs VALUES"
        " (1,'2024-07-01 12:00:00','2024-07-01 12:00:00','2024-07-01T12:00:00+05:30',1719828000,"
        "  '2024-07-01'),"
        " (2,'2024-01-01 12:00:00','2024-01-01 12:00:00','2024-01-01 12:00:00Z',1704106800,'2024-01-01'),"
        " (3,'2024-03-31 02:30:00',NULL,NULL,NULL,NULL), (4,NULL,'2024-03-31 02:30:00',NULL,NULL,NULL),"
        " (5,NULL,'2024-10-27 02:30:00',NULL,NULL,NULL);",
    )
    script = (
        "CREATE TABLE logs (id integer PRIMARY KEY, wall timestamp, moment timestamptz, told timestamp,"
        " counted timestamp(0), day date);"
    )
    with owned_database(server.dsn(), script) as app:
        report = migrate_file(source, app, source_tz="Europe/Berlin")
        assert (report.exit_status, report.differences) == (5, ())
        # What names its own zone, or counts from 1970, is a moment: in Berlin the clock shows it so.
        assert query(
            app,
            "SELECT id, wall::text, to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), told::text,"
            " counted::text, day::text FROM logs ORDER BY id",
        ) == [
            (
                1,
                "2024-07-01 12:00:00",
                "2024-07-01 10:00",
                "2024-07-01 08:30:00",
                "2024-07-01 12:00:00",
                "2024-07-01",
            ),
            (
                2,
                "2024-01-01 12:00:00",
                "2024-01-01 11:00",
                "2024-01-01 13:00:00",
                "2024-01-01 12:00:00",
                "2024-01-01",
            ),
            (3, "2024-03-31 02:30:00", None, None, None, None),
            (5, None, "2024-10-27 00:30", None, None, None),
        ]
        listed = list_rows(target_request(app)).rows
        assert [(row.key.rowid, row.reason) for row in listed] == [(4, "no-such-local-time")]
        (logs,) = report.tables
        assert dict(logs.values_changed)["repeated-hour"] == 1


def test_columns_that_no_codec_writes_go_by_way_of_text(tmp_path: Path, server: Any) -> None:
    source = make_database(
        tmp_path / "s.db",
        "CREATE TABLE places (id INTEGER PRIMARY KEY, spot TEXT, address TEXT);"
        'INSERT INTO places VALUES (1,\'(1,2)\',\'{"town": "Ulm, (old)", "code": 89073}\'), (2,NULL,NULL);',
    )
    script = (
        "CREATE TYPE address AS (code integer, town text);"
        "CREATE TABLE places (id integer PRIMARY KEY, spot point, address address);"
    )
    with owned_database(server.dsn(), script) as app:
        schema = dump_schema(server.bindir, app)
        with pytest.raises(RefusedError) as caught:
            migrate_file(source, app)
        assert caught.value.code == "P-309"
        assert '"places"."spot" (point), "places"."address" (public.address)' in caught.value.detail
        run_script(app, "ALTER TABLE places ALTER COLUMN spot TYPE text, ALTER COLUMN address TYPE text;")
        assert migrate_file(source, app).exit_status == 0
        run_script(
            app,
            "ALTER TABLE places ALTER COLUMN spot TYPE point USING spot::point, ALTER COLUMN address TYPE"
            " address USING json_populate_record(NULL::address, address::json);",
        )
        assert query(
            app, "SELECT id, spot::text, (address).code, (address).town FROM places ORDER BY id"
        ) == [
            (1, "(1,2)", 89073, "Ulm, (old)"),
            (2, None, None, None),
        ]
        assert dump_schema(server.bindir, app) == schema


def test_sets_of_ranges_documents_and_bytes_arrive_and_are_proven(tmp_path: Path, server: Any) -> None:
    source = make_database(
        tmp_path / "s.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, spans TEXT, docs TEXT, parts TEXT, code TEXT, kind TEXT);"
        "INSERT INTO t VALUES (1,'{[5,7],[1,3)}','[{\"a\":1},\"x\"]','{\"\\\\x00ff\"}','[\"a\",\"ab\"]','x'),"
        " (2,'{}','[]','{}','[]',''), (3,'{[9,1)}',NULL,NULL,NULL,NULL), (4,NULL,'{\"a\":1}',NULL,NULL,NULL),"
        " (5,NULL,NULL,NULL,NULL,'xy');",
    )
    script = (
        "CREATE TABLE t (id integer PRIMARY KEY, spans int4multirange, docs jsonb[], parts bytea[],"
        ' code char(2)[], kind "char");'
    )
    with owned_database(server.dsn(), script) as app:
        report = migrate_file(source, app)
        assert (report.exit_status, report.differences) == (5, ())
        assert query(
            app, "SELECT id, spans::text, docs::text, parts::text, code::text, kind::text FROM t ORDER BY id"
        ) == [
            (1, "{[1,3),[5,8)}", '{"{\\"a\\": 1}","\\"x\\""}', '{"\\\\x00ff"}', '{"a ",ab}', "x"),
            (2, "{}", "{}", "{}", "{}", ""),
        ]
        aside = {row.key.rowid for row in list_rows(target_request(app)).rows}
        assert aside == {3, 4, 5}
        with psycopg.connect(app, autocommit=True) as connection:
            connection.execute("UPDATE t SET spans = '{[1,3),[5,9)}', docs = '{null}' WHERE id = 1")
        from howdah.ops.verify import VerifyRequest, verify_run

        damaged = verify_run(VerifyRequest(source=str(source), target=target_request(app)))
        assert {found.column for found in damaged.differences} == {"spans", "docs"}
