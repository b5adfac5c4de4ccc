"""Following into tables that the application created: they are what they were, at the end and at home."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from howdah.errors import RefusedError
from howdah.model.plan import PlanOptions
from howdah.model.verb_reports import LiveReport
from howdah.ops.clean import clean
from howdah.ops.cutover import CutoverRequest, cutover
from howdah.ops.finalize import finalize
from howdah.ops.follow import FollowRequest, follow, stop
from howdah.ops.go_home import go_home
from howdah.ops.live_run import LiveOptions
from howdah.ops.rollback import rollback
from howdah.ops.status import status
from howdah.ops.verify import VerifyRequest, verify_run
from howdah.report.verbs import render_status
from support.files import DATA, make_database
from support.owned import dump_rows, dump_schema, owned_database, query, run_script
from support.processes import run_sqlite
from support.runs import target_request

SOURCE = """
CREATE TABLE box (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, body BLOB, made INTEGER);
CREATE TABLE item (id INTEGER PRIMARY KEY, box INTEGER REFERENCES box, note TEXT, colour TEXT);
CREATE TABLE event (id INTEGER PRIMARY KEY, box INTEGER, at TEXT);
CREATE TABLE keyless (a INTEGER, b TEXT);
CREATE TABLE history (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE idle (id INTEGER PRIMARY KEY);
INSERT INTO box (name, made) VALUES ('one', 1700000000000), ('two', 1700000000001), ('three', NULL);
INSERT INTO item VALUES (1, 1, 'a', 'red'), (2, 2, 'b', NULL);
INSERT INTO event VALUES (1, 1, '2024-01-01 00:00:00'), (2, 2, '2025-01-01 00:00:00');
INSERT INTO keyless VALUES (1, 'x'), (1, 'x');
INSERT INTO history VALUES (1, 'first in SQLite');
"""
TARGET = """
CREATE FUNCTION public.louder(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE
  AS 'BEGIN RETURN loud_here(t) || ''!''; END';
CREATE FUNCTION public.loud_here(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper(t)';
CREATE TABLE box (
    id serial PRIMARY KEY, name varchar(20) UNIQUE DEFERRABLE INITIALLY DEFERRED, body bytea,
    made timestamp(3), seen integer NOT NULL, rank integer DEFAULT 7
) WITH (autovacuum_enabled = false);
CREATE TABLE item (
    id integer PRIMARY KEY, box integer, note text, loud text GENERATED ALWAYS AS (louder(note)) STORED,
    CONSTRAINT item_in_box FOREIGN KEY (box) REFERENCES box ON DELETE CASCADE DEFERRABLE
) WITH (autovacuum_enabled = true, fillfactor = 90);
COMMENT ON CONSTRAINT item_in_box ON item IS 'an item''s box';
CREATE TABLE event (id integer, box integer REFERENCES box, at timestamp(0), PRIMARY KEY (id, at))
  PARTITION BY RANGE (at);
CREATE TABLE event_old PARTITION OF event FOR VALUES FROM (MINVALUE) TO ('2025-01-01');
CREATE TABLE event_new PARTITION OF event FOR VALUES FROM ('2025-01-01') TO (MAXVALUE);
CREATE TABLE keyless (a integer, b text);
CREATE TABLE history (id integer PRIMARY KEY, name text);
CREATE TABLE trail (what text);
CREATE TABLE elsewhere (item integer);
ALTER TABLE elsewhere ADD CONSTRAINT to_item FOREIGN KEY (item) REFERENCES item NOT VALID;
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN INSERT INTO trail VALUES (TG_OP || TG_TABLE_NAME); RETURN NULL; END';
CREATE TRIGGER noting AFTER INSERT OR UPDATE OR DELETE ON item FOR EACH ROW EXECUTE FUNCTION note();
CREATE TRIGGER always AFTER DELETE ON box FOR EACH ROW EXECUTE FUNCTION note();
ALTER TABLE box ENABLE ALWAYS TRIGGER always;
CREATE TRIGGER never AFTER DELETE ON box FOR EACH ROW EXECUTE FUNCTION note();
ALTER TABLE box DISABLE TRIGGER never;
INSERT INTO box (id, name, seen) VALUES (40, 'of the first start', 1);
INSERT INTO item VALUES (40, 40, 'of the first start');
INSERT INTO history VALUES (9, 'first on PostgreSQL');
DELETE FROM trail;
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_database(tmp_path / "app.db", SOURCE)


@pytest.fixture
def target(server: Any) -> Iterator[str]:
    with owned_database(server.dsn(), TARGET) as conninfo:
        yield conninfo


def _follow(source: Path, database: str, **options: Any) -> LiveReport:
    return follow(
        FollowRequest(
            source=str(source),
            target=target_request(database),
            options=PlanOptions(**{"fill": ("box.seen=3",), "rows": ("history=keep",), **options}),
            consent=True,
            until_caught_up=True,
        )
    )


def _cut_over(source: Path, database: str, *, accept_orphans: bool = False) -> LiveReport:
    options = LiveOptions(accept_orphans=accept_orphans)
    return cutover(CutoverRequest(source=str(source), target=target_request(database), live=options))


def _write(path: Path, script: str) -> None:
    run_sqlite(path, f"connection.executescript({script!r})")


def _read(path: Path, statement: str) -> str:
    return run_sqlite(path, f"print(connection.execute({statement!r}).fetchall())").strip()


def test_there_and_home_and_there_again_with_the_schema_as_it_was(
    source: Path, target: str, server_bindir: Path
) -> None:
    schema = dump_schema(server_bindir, target)
    assert _follow(source, target).status == "caught-up"
    _write(
        source,
        "UPDATE box SET name = 'swap' WHERE id = 1; UPDATE box SET name = 'one' WHERE id = 2;"
        "UPDATE box SET name = 'two' WHERE id = 1; DELETE FROM box WHERE id = 3;"
        "INSERT INTO item (id, box, note) VALUES (3, 2, 'new'); UPDATE item SET note = 'c' WHERE id = 1;"
        "DELETE FROM event WHERE id = 1; INSERT INTO event VALUES (3, 2, '2023-01-01 00:00:00');"
        "INSERT INTO history VALUES (2, 'more');",
    )
    assert _follow(source, target).status == "caught-up"
    # Deleted children do not cascade here, no trigger fires, functions are found by the role's own path.
    assert query(target, "SELECT id, name, seen, rank FROM box ORDER BY id") == [
        (1, "two", 3, 7),
        (2, "one", 3, 7),
    ]
    assert query(target, "SELECT id, loud FROM item ORDER BY id") == [(1, "C!"), (2, "B!"), (3, "NEW!")]
    assert query(target, "SELECT id FROM event ORDER BY id") == [(2,), (3,)]
    assert query(target, "SELECT * FROM trail") == []
    verified = verify_run(VerifyRequest(source=str(source), target=target_request(target)))
    assert (verified.differences, verified.exit_status) == ((), 0)
    with pytest.raises(RefusedError) as refused:
        clean(target_request(target))
    assert refused.value.code == "M-503"

    _write(source, "DELETE FROM keyless WHERE rowid = 1")
    report = _cut_over(source, target)
    assert (report.status, report.proof, report.difference_count) == ("complete", "proven", 0)
    assert query(target, "SELECT a, b FROM keyless") == [(1, "x")]
    assert query(target, "SELECT name FROM history") == [("first on PostgreSQL",)]
    run_script(
        target,
        "INSERT INTO box (name, seen) VALUES ('there', 1); UPDATE item SET note = 'there' WHERE id = 1;"
        "DELETE FROM event WHERE id = 2; UPDATE event SET box = 1; DELETE FROM box WHERE id = 2;"
        "INSERT INTO event VALUES (4, 1, '2026-01-01');"
        "INSERT INTO history VALUES (10, 'later')",
    )
    # AUTOINCREMENT had given out 3, the application's first start 40. Item 2 and 3 went with their box.
    assert query(target, "SELECT id FROM box ORDER BY id") == [(1,), (4,)]
    assert query(target, "SELECT what FROM trail ORDER BY what") == [
        ("DELETEbox",),
        ("DELETEitem",),
        ("DELETEitem",),
        ("UPDATEitem",),
    ]

    home = go_home(target_request(target), LiveOptions())
    assert (home.status, home.proof, home.difference_count) == ("home", "proven", 0)
    assert _read(source, "SELECT id, name FROM box ORDER BY id") == "[(1, 'two'), (4, 'there')]"
    # What PostgreSQL has no place for is still there.
    assert _read(source, "SELECT id, note, colour FROM item") == "[(1, 'there', 'red')]"
    assert _read(source, "SELECT * FROM event ORDER BY id") == (
        "[(3, 1, '2023-01-01 00:00:00'), (4, 1, '2026-01-01 00:00:00')]"
    )
    assert _read(source, "SELECT id FROM history ORDER BY id") == "[(1,), (2,)]"
    assert _read(source, "SELECT seq FROM sqlite_sequence WHERE name = 'box'") == "[(4,)]"

    _write(source, "INSERT INTO item (id, box, note) VALUES (8, 4, 'home')")
    assert _cut_over(source, target).proof == "proven"
    assert query(target, "SELECT note FROM item WHERE id = 8") == [("home",)]
    assert dump_schema(server_bindir, target) != schema
    finalize(target_request(target))
    assert dump_schema(server_bindir, target) == schema
    clean(target_request(target))
    assert dump_schema(server_bindir, target, state_schema="nobody") == schema


@pytest.mark.parametrize("aborted", [False, True])
def test_undone_everything_is_as_the_application_left_it(
    source: Path, target: str, server_bindir: Path, aborted: bool
) -> None:
    schema, rows = dump_schema(server_bindir, target), dump_rows(server_bindir, target)
    before = _read(source, "SELECT sql FROM sqlite_schema")
    _follow(source, target)
    _write(source, "DELETE FROM box WHERE id = 1; INSERT INTO box (name) VALUES ('late')")
    if aborted:
        # The rows of keyless do not go, so the cutover is called off behind its drain.
        _write(source, "DELETE FROM event; INSERT INTO keyless VALUES ('no number', 'x')")
        with pytest.raises(RefusedError) as refused:
            _cut_over(source, target, accept_orphans=True)
        assert refused.value.code == "L-109"
        _write(source, "DELETE FROM keyless WHERE a = 'no number'")
        assert _follow(source, target).phase == "following"
        # What a cutover puts back is away again: nothing cascades.
        _write(source, "DELETE FROM box WHERE id = 2")
        _follow(source, target)
        assert query(target, "SELECT id FROM item ORDER BY id") == [(1,), (2,)]
    rollback(target_request(target))
    assert dump_schema(server_bindir, target, state_schema="nobody") == schema
    assert dump_rows(server_bindir, target, state_schema="nobody") == rows
    assert _read(source, "SELECT sql FROM sqlite_schema") == before


def test_stopped_the_schema_is_whole_and_what_rows_violate_is_told(
    source: Path, target: str, server_bindir: Path
) -> None:
    schema = dump_schema(server_bindir, target)
    _follow(source, target)
    _write(source, "INSERT INTO item (id, box, note) VALUES (3, 99, 'an orphan')")
    _follow(source, target)
    report = stop(str(source), target_request(target))
    assert [finding.code for finding in report.findings] == ["F-902"]
    there = dump_schema(server_bindir, target)
    assert there == schema.replace(
        "item_in_box FOREIGN KEY (box) REFERENCES public.box(id) ON DELETE CASCADE DEFERRABLE;",
        "item_in_box FOREIGN KEY (box) REFERENCES public.box(id) ON DELETE CASCADE DEFERRABLE NOT VALID;",
    )
    assert there != schema
    assert verify_run(VerifyRequest(source=str(source), target=target_request(target))).differences == ()
    run_script(target, "ALTER TABLE item DISABLE TRIGGER noting")
    found = verify_run(VerifyRequest(source=str(source), target=target_request(target))).differences
    assert [(each.kind, each.object) for each in found] == [("trigger", "noting")]


def test_a_trigger_that_comes_back_by_itself_is_a_difference(source: Path, target: str) -> None:
    _follow(source, target)
    run_script(target, "ALTER TABLE item ENABLE TRIGGER noting")
    found = verify_run(VerifyRequest(source=str(source), target=target_request(target))).differences
    assert [(each.kind, each.object) for each in found] == [("trigger", "noting")]


@pytest.mark.parametrize(
    ("options", "code"),
    [({"rows": ("item=merge",)}, "P-311"), ({"fill": ()}, "P-308"), ({"schema_mode": "create"}, "P-306")],
)
def test_what_is_refused_leaves_no_trace(
    source: Path, target: str, server_bindir: Path, options: dict[str, Any], code: str
) -> None:
    schema, before = dump_schema(server_bindir, target), _read(source, "SELECT sql FROM sqlite_schema")
    with pytest.raises(RefusedError) as refused:
        _follow(source, target, **options)
    assert refused.value.code == code
    assert dump_schema(server_bindir, target, state_schema="nobody") == schema
    assert _read(source, "SELECT sql FROM sqlite_schema") == before


@pytest.mark.parametrize(
    ("written", "taken_back", "code"),
    [
        pytest.param(
            "INSERT INTO idle VALUES (1)", "DELETE FROM idle", "L-125", id="rows-of-a-table-not-there"
        ),
        pytest.param(
            "INSERT INTO item (id, box, note) VALUES (3, 99, 'an orphan')",
            "UPDATE item SET box = 1 WHERE id = 3",
            "L-129",
            id="orphan",
        ),
        pytest.param(
            "INSERT INTO event VALUES (7, 99, '2024-01-01 00:00:00')",
            "DELETE FROM event WHERE id = 7",
            "L-129",
            id="orphan-in-a-partitioned-table",
        ),
    ],
)
def test_what_the_target_cannot_take_calls_the_cutover_off_until_it_is_gone(
    source: Path, target: str, written: str, taken_back: str, code: str
) -> None:
    _follow(source, target)
    _write(source, written)
    with pytest.raises(RefusedError) as refused:
        _cut_over(source, target)
    assert refused.value.code == code
    _write(source, taken_back)
    assert _cut_over(source, target).proof == "proven"


def test_foreign_keys_that_rows_violate_stay_not_valid_by_consent_alone(
    source: Path, target: str, server_bindir: Path
) -> None:
    schema = dump_schema(server_bindir, target)
    keys = "SELECT conname FROM pg_constraint WHERE contype = 'f' AND NOT convalidated ORDER BY 1"
    assert query(target, keys) == [("to_item",)]
    _follow(source, target)
    _write(
        source,
        "INSERT INTO item (id, box, note) VALUES (3, 99, 'an orphan'), (4, 98, 'another'), (5, NULL, 'none')",
    )
    with pytest.raises(RefusedError) as refused:
        _cut_over(source, target)
    assert refused.value.code == "L-129"
    assert '2 rows of table "item" (98, 99) violate "item_in_box"' in refused.value.detail
    _write(source, "UPDATE item SET box = 2 WHERE id = 4")

    report = _cut_over(source, target, accept_orphans=True)
    assert (report.status, report.proof, report.exit_status) == ("complete", "proven", 0)
    assert [each.object for each in report.findings if each.code == "F-902"] == [
        'foreign key "item_in_box" of table "item"'
    ]
    assert query(target, keys) == [("item_in_box",), ("to_item",)]
    found = status(target_request(target))
    assert [run.not_valid for run in found.runs] == [('"item_in_box" of table "item"',)]
    assert "NOT VALID" in render_status(found)

    run_script(
        target, "UPDATE item SET box = 1 WHERE id = 3; ALTER TABLE item VALIDATE CONSTRAINT item_in_box"
    )
    assert [run.not_valid for run in status(target_request(target)).runs] == [()]
    finalize(target_request(target))
    assert dump_schema(server_bindir, target) == schema


@pytest.fixture
def strapi(server: Any) -> Iterator[str]:
    script = "".join(
        (DATA / "strapi" / f"strapi-5.54.0-pg16-{part}.sql").read_text("utf-8")
        for part in ("schema", "fresh-data")
    )
    with owned_database(server.dsn(), script) as conninfo:
        yield conninfo


def test_strapi_goes_there_and_home_while_it_runs(strapi: str, tmp_path: Path, server_bindir: Path) -> None:
    schema = dump_schema(server_bindir, strapi)
    source = tmp_path / "data.db"
    source.write_bytes((DATA / "strapi" / "small.db").read_bytes())
    request = FollowRequest(
        source=str(source), target=target_request(strapi), consent=True, until_caught_up=True
    )
    first = follow(request)
    assert first.status == "caught-up"
    _write(
        source,
        "PRAGMA foreign_keys = ON; UPDATE agents SET updated_at = updated_at + 1;"
        "DELETE FROM chat_messages WHERE id IN (SELECT min(id) FROM chat_messages);"
        "UPDATE tasks SET title = title || '!' WHERE title IS NOT NULL;"
        "UPDATE strapi_core_store_settings SET value = value || ' ' WHERE id = 1",
    )
    follow(request)
    report = cutover(
        CutoverRequest(
            source=str(source), target=target_request(strapi), live=LiveOptions(accept_quarantine=True)
        )
    )
    assert (report.status, report.proof, report.differences) == ("complete", "proven", ())
    keys = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND NOT convalidated"
    assert query(strapi, keys) == [(0,)]
    run_script(
        strapi,
        "DELETE FROM chat_sessions WHERE id = (SELECT min(id) FROM chat_sessions);"
        "UPDATE agents SET name = 'renamed there' WHERE id = (SELECT min(id) FROM agents);"
        "INSERT INTO strapi_core_store_settings (key, value) VALUES ('there', 'yes')",
    )
    there = query(strapi, "SELECT count(*) FROM chat_messages_session_lnk")
    home = go_home(target_request(strapi), LiveOptions(nearest=True))
    assert (home.status, home.proof, home.differences) == ("home", "proven", ())
    assert _read(source, "SELECT name FROM agents ORDER BY id LIMIT 1") == "[('renamed there',)]"
    counted = _read(source, "SELECT count(*) FROM chat_messages_session_lnk")
    assert counted == str(there)
    cutover(
        CutoverRequest(
            source=str(source), target=target_request(strapi), live=LiveOptions(accept_quarantine=True)
        )
    )
    finalize(target_request(strapi))
    assert dump_schema(server_bindir, strapi) == schema
