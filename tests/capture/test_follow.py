"""Following: what it applies, what it notices, and that it leaves the file as it was."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from howdah.capture.way_back import WayBack
from howdah.errors import DifferenceError, RefusedError, UsageError
from howdah.model.plan import PlanOptions
from howdah.model.verb_reports import LiveReport
from howdah.ops.carry_back import CarryBackRequest, carry_back
from howdah.ops.clean import clean
from howdah.ops.cutover import CutoverRequest, cutover
from howdah.ops.finalize import finalize
from howdah.ops.follow import FollowRequest, follow, stop
from howdah.ops.go_home import go_home
from howdah.ops.live_run import LiveOptions
from howdah.ops.migrate import MigrateRequest, migrate
from howdah.ops.quarantine import list_rows
from howdah.ops.rollback import rollback
from howdah.ops.status import status
from support.files import make_database
from support.processes import run_sqlite
from support.program import list_objects
from support.runs import target_request

SCRIPT = """
CREATE TABLE box (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, body BLOB);
CREATE TABLE item (id INTEGER PRIMARY KEY, box INTEGER REFERENCES box, note TEXT);
CREATE TABLE keyless (a, b);
INSERT INTO box (name) VALUES ('one'), ('two'), ('three');
INSERT INTO item VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 99, 'an orphan');
INSERT INTO keyless VALUES (1, 'x'), (1, 'x');
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_database(tmp_path / "app.db", SCRIPT)


Follow = Callable[..., LiveReport]


@pytest.fixture
def follow_once(source: Path, database: str) -> Follow:
    def run(**more: object) -> LiveReport:
        return follow(
            FollowRequest(
                source=str(source),
                target=target_request(database),
                consent=True,
                until_caught_up=True,
                **more,  # type: ignore[arg-type]
            )
        )

    return run


def _write(path: Path, script: str) -> None:
    run_sqlite(path, f"connection.executescript({script!r})")


def _dump(path: Path) -> str:
    return run_sqlite(path, "print(list(connection.iterdump()))")


def _ask(database: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(database) as connection:
        return connection.execute(query).fetchall()


def _cut_over(source: Path, database: str, **live: object) -> LiveReport:
    return cutover(
        CutoverRequest(
            source=str(source),
            target=target_request(database),
            live=LiveOptions(**live),  # type: ignore[arg-type]
        )
    )


def test_consent_is_asked_before_anything_is_touched(source: Path, database: str) -> None:
    before = source.read_bytes()
    with pytest.raises(RefusedError) as refused:
        follow(FollowRequest(source=str(source), target=target_request(database)))
    assert refused.value.code == "L-113"
    assert source.read_bytes() == before
    assert list_objects(database) == []


def test_policies_hold_for_what_is_followed_but_for_that_of_orphans(
    follow_once: Follow, source: Path, database: str
) -> None:
    _write(source, "INSERT INTO item VALUES (7, 1, 'a' || char(0) || 'b')")
    before = _dump(source)
    with pytest.raises(UsageError) as refused:
        follow_once(options=PlanOptions(policies=("orphans=quarantine",)))
    assert refused.value.code == "L-123"
    assert _dump(source) == before

    assert follow_once(options=PlanOptions(policies=("nul=replace",))).exit_status == 0
    _write(source, "INSERT INTO item VALUES (8, 1, 'c' || char(0))")
    assert follow_once().exit_status == 0
    assert _ask(database, "SELECT note FROM item WHERE id > 6 ORDER BY id") == [("a\u2400b",), ("c\u2400",)]


def test_a_generated_column_that_fails_on_a_row_is_left_out_of_what_is_followed(
    follow_once: Follow, source: Path, database: str
) -> None:
    _write(
        source,
        "CREATE TABLE made (id INTEGER PRIMARY KEY, n INTEGER);"
        "INSERT INTO made VALUES (1, -9223372036854775808);"
        "ALTER TABLE made ADD COLUMN size AS (abs(n)); ALTER TABLE made ADD COLUMN next AS (id + 1);",
    )
    assert follow_once().exit_status == 0
    _write(source, "INSERT INTO made (id, n) VALUES (2, -5)")
    assert follow_once().exit_status == 0
    assert _ask(database, "SELECT * FROM made ORDER BY id") == [(1, -(2**63), 2), (2, -5, 3)]


def test_a_table_that_is_called_like_one_of_full_text_is_followed_without_triggers(
    follow_once: Follow, source: Path, database: str
) -> None:
    _write(
        source,
        "CREATE TABLE docs_content (id INTEGER PRIMARY KEY, body TEXT);"
        "CREATE VIRTUAL TABLE docs USING fts5(body, content='docs_content', content_rowid='id');"
        "INSERT INTO docs_content VALUES (1, 'before');",
    )
    before = _dump(source)
    with pytest.raises(RefusedError) as refused:
        follow_once()
    assert refused.value.code == "L-130"
    assert _dump(source) == before
    assert follow_once(triggers=False).exit_status == 0
    _write(source, "INSERT INTO docs_content VALUES (2, 'after')")
    assert follow_once(triggers=False).exit_status == 0
    assert _ask(database, "SELECT * FROM docs_content ORDER BY id") == [(1, "before"), (2, "after")]


def test_what_is_written_after_the_snapshot_arrives(follow_once: Follow, source: Path, database: str) -> None:
    assert follow_once().status == "caught-up"
    _write(
        source,
        "UPDATE box SET name = 'swap' WHERE id = 1; UPDATE box SET name = 'one' WHERE id = 2;"
        "UPDATE box SET name = 'two' WHERE id = 1; DELETE FROM item WHERE id = 2;"
        "INSERT OR REPLACE INTO box (id, name, body) VALUES (50, 'three', zeroblob(5000000));",
    )
    report = follow_once()
    assert (report.status, report.exit_status, report.backlog) == ("caught-up", 0, 0)
    assert _ask(database, "SELECT id, name, length(body) FROM box ORDER BY id") == [
        (1, "two", None),
        (2, "one", None),
        (50, "three", 5_000_000),
    ]
    # SQLite does not enforce foreign keys by default: the orphan and the child without a parent stay.
    assert _ask(database, "SELECT id FROM item ORDER BY id") == [(1,), (3,)]


def test_a_table_of_the_applications_that_begins_like_ours_is_carried_and_stays(
    follow_once: Follow, source: Path, database: str
) -> None:
    _write(source, "CREATE TABLE _howdah_mine (a INTEGER PRIMARY KEY); INSERT INTO _howdah_mine VALUES (1)")
    before = _dump(source)
    assert follow_once().exit_status == 0
    assert _ask(database, "SELECT * FROM _howdah_mine") == [(1,)]
    stop(str(source), target_request(database))
    assert _dump(source) == before


def test_stop_removes_every_trace_and_so_does_undo(follow_once: Follow, source: Path, database: str) -> None:
    before = _dump(source)
    follow_once()
    assert _dump(source) != before
    stop(str(source), target_request(database))
    assert _dump(source) == before

    rollback(target_request(database))
    assert list_objects(database) == []
    follow_once()
    _write(source, "INSERT INTO box (name) VALUES ('more')")
    before = _dump(source).replace("_howdah", "")
    rollback(target_request(database))
    assert "_howdah" not in _dump(source)
    assert "more" in before
    assert list_objects(database) == []


def test_undo_refuses_where_somebody_else_wrote_to_the_target(
    follow_once: Follow, source: Path, database: str
) -> None:
    follow_once()
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("INSERT INTO item VALUES (77, 1, 'theirs')")
    with pytest.raises(DifferenceError):
        rollback(target_request(database))
    assert _ask(database, "SELECT count(*) FROM item WHERE id = 77") == [(1,)]


def test_a_table_that_was_rebuilt_is_compared_row_by_row(
    follow_once: Follow, source: Path, database: str
) -> None:
    follow_once()
    _write(
        source,
        "CREATE TABLE item_new (id INTEGER PRIMARY KEY, box INTEGER REFERENCES box, note TEXT);"
        "INSERT INTO item_new SELECT * FROM item; DROP TABLE item; ALTER TABLE item_new RENAME TO item;"
        "UPDATE item SET note = 'nobody noted this' WHERE id = 1;"
        "INSERT INTO item VALUES (60, 1, 'nor this');",
    )
    report = follow_once()
    assert [finding.code for finding in report.findings] == ["F-611"]
    assert _ask(database, "SELECT id, note FROM item ORDER BY id") == [
        (1, "nobody noted this"),
        (2, "b"),
        (3, "an orphan"),
        (60, "nor this"),
    ]
    _write(source, "DELETE FROM item WHERE id = 60")
    assert follow_once().findings == ()
    assert _ask(database, "SELECT count(*) FROM item") == [(3,)]


def test_a_journal_that_disarmed_itself_is_made_up_for(
    follow_once: Follow, source: Path, database: str
) -> None:
    follow_once(journal_limit=1000)
    _write(
        source,
        "WITH RECURSIVE n (i) AS (VALUES (100) UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
        " INSERT INTO item SELECT i, NULL, 'many' FROM n; DELETE FROM item WHERE id = 1;",
    )
    report = follow_once()
    assert [finding.code for finding in report.findings] == ["F-612"]
    assert _ask(database, "SELECT count(*), min(id) FROM item") == [(1903, 2)]
    _write(source, "DELETE FROM item WHERE id = 100")
    assert follow_once().findings == ()
    assert _ask(database, "SELECT count(*) FROM item") == [(1902,)]


def test_what_is_followed_is_neither_cleaned_away_nor_gone_on_with_by_other_decisions(
    follow_once: Follow, source: Path, database: str
) -> None:
    follow_once()
    before = _dump(source)
    with pytest.raises(RefusedError) as refused:
        clean(target_request(database))
    assert (refused.value.code, "cutover" in refused.value.hint) == ("M-503", True)
    with pytest.raises(RefusedError) as refused:
        follow_once(options=PlanOptions(exclude=("item",)))
    assert refused.value.code == "M-102"
    assert _dump(source) == before
    stop(str(source), target_request(database))
    clean(target_request(database))
    assert "_howdah" not in _dump(source)


def test_a_changed_schema_stops_it(follow_once: Follow, source: Path) -> None:
    follow_once()
    _write(source, "ALTER TABLE item ADD COLUMN extra TEXT")
    with pytest.raises(RefusedError) as refused:
        follow_once()
    assert refused.value.code == "L-103"


def test_a_replaced_file_stops_it(follow_once: Follow, source: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    shutil.copy(source, old)
    follow_once()
    os.replace(old, source)
    with pytest.raises(RefusedError) as refused:
        follow_once()
    assert refused.value.code == "L-102"


def test_a_row_that_cannot_go_is_set_aside_and_comes_out_when_it_can(
    follow_once: Follow, source: Path, database: str
) -> None:
    follow_once()
    _write(source, "UPDATE item SET note = 'a' || char(0) WHERE id = 1")
    assert follow_once().exit_status == 5
    assert [row.key.rowid for row in list_rows(target_request(database)).rows] == [1]
    assert _ask(database, "SELECT id FROM item ORDER BY id") == [(2,), (3,)]

    with pytest.raises(RefusedError) as refused:
        _cut_over(source, database)
    assert refused.value.code == "L-109"

    _write(source, "UPDATE item SET note = 'well' WHERE id = 1")
    assert follow_once().exit_status == 0
    assert list_rows(target_request(database)).rows == ()
    assert _ask(database, "SELECT note FROM item WHERE id = 1") == [("well",)]


def test_a_plain_migration_is_not_followed_into(follow_once: Follow, source: Path, database: str) -> None:
    migrate(MigrateRequest(source=str(source), target=target_request(database)))
    with pytest.raises(RefusedError) as refused:
        follow_once()
    assert refused.value.code == "L-114"
    assert "_howdah" not in _dump(source)


def test_a_cutover_brings_keys_sequences_and_keyless_tables(
    follow_once: Follow, source: Path, database: str
) -> None:
    follow_once()
    _write(
        source,
        "INSERT INTO box (name) VALUES ('last'); DELETE FROM box WHERE name = 'last';"
        "DELETE FROM keyless; INSERT INTO keyless VALUES (2, 'y'), (2, 'y'), (3, NULL);"
        "DELETE FROM item WHERE id = 3;",
    )
    report = _cut_over(source, database)
    assert (report.status, report.exit_status, report.proof) == ("complete", 0, "proven")
    # AUTOINCREMENT had given out 4.
    assert _ask(database, "INSERT INTO box (name) VALUES ('next') RETURNING id") == [(5,)]
    assert sorted(_ask(database, "SELECT a, b FROM keyless"), key=str) == [
        (2, "y"),
        (2, "y"),
        (3, None),
    ]
    assert _ask(
        database,
        "SELECT convalidated FROM pg_constraint WHERE contype = 'f' AND"
        " connamespace = 'public'::regnamespace",
    ) == [(True,)]
    again = _cut_over(source, database)
    assert (again.status, again.exit_status) == ("complete", 0)


def test_a_row_that_cannot_go_in_the_last_batch_calls_the_cutover_off(
    follow_once: Follow, source: Path, database: str
) -> None:
    follow_once()
    _write(source, "INSERT INTO keyless VALUES ('no number', 'y')")
    with pytest.raises(RefusedError) as refused:
        _cut_over(source, database)
    assert refused.value.code == "L-109"
    _write(source, "DELETE FROM keyless WHERE a = 'no number'")
    assert follow_once().phase == "following"
    assert _cut_over(source, database).proof == "proven"


def test_a_failing_command_at_the_fence_calls_the_cutover_off(
    follow_once: Follow, source: Path, database: str
) -> None:
    follow_once()
    with pytest.raises(Exception, match="on-fence") as failed:
        _cut_over(source, database, on_fence="exit 3")
    assert getattr(failed.value, "code", "") == "L-105"
    _write(source, "INSERT INTO box (name) VALUES ('goes on')")
    assert follow_once().status == "caught-up"
    assert _cut_over(source, database).proof == "proven"


def test_damage_on_postgresql_is_found_after_the_release_and_told(
    follow_once: Follow, source: Path, database: str
) -> None:
    follow_once()
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE item SET note = 'damaged' WHERE id = 2")
    report = _cut_over(source, database)
    assert (report.status, report.exit_status) == ("different", 3)
    assert [(found.table, found.column) for found in report.differences] == [("item", "note")]
    # The way home is open.
    assert go_home(target_request(database), LiveOptions()).phase == "home"


def test_a_followed_migration_is_carried_back_without_a_trace_of_the_journal(
    follow_once: Follow, source: Path, database: str
) -> None:
    follow_once()
    _write(source, "DELETE FROM item WHERE id = 3; UPDATE box SET name = 'late' WHERE id = 1")
    _cut_over(source, database)
    live = status(target_request(database)).live
    assert live is not None
    assert (live.phase, live.proof) == ("complete", "proven")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("INSERT INTO item VALUES (70, 1, 'from there')")
    report = carry_back(CarryBackRequest(target=target_request(database), all_rows=True))
    assert report.proof == "proven"
    written = _dump(Path(report.output))
    assert "_howdah" not in written
    assert "from there" in written
    assert "late" in written
    assert "an orphan" not in written


def test_home_again_with_what_was_written_and_then_finalized(
    follow_once: Follow, source: Path, database: str
) -> None:
    follow_once()
    _write(source, "DELETE FROM item WHERE id = 3")
    _cut_over(source, database)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("INSERT INTO box (name, body) VALUES ('from there', '\\x00ff')")
        connection.execute("UPDATE keyless SET b = 'z'")
        connection.execute("DELETE FROM item WHERE id = 1")
    report = go_home(target_request(database), LiveOptions())
    assert (report.status, report.exit_status, report.proof) == ("home", 0, "proven")
    assert run_sqlite(source, "print(connection.execute('SELECT name, body FROM box').fetchall())") == (
        "[('one', None), ('two', None), ('three', None), ('from there', b'\\x00\\xff')]\n"
    )
    assert run_sqlite(source, "print(connection.execute('SELECT b FROM keyless').fetchall())") == (
        "[('z',), ('z',)]\n"
    )
    with psycopg.connect(database, autocommit=True) as connection, pytest.raises(psycopg.Error) as refused:
        connection.execute("DELETE FROM box")
    assert "moved to" in str(refused.value)
    with pytest.raises(RefusedError):
        finalize(target_request(database))
    # No cutover is under way that could be given up: nothing changes.
    nothing = cutover(CutoverRequest(source=str(source), target=target_request(database), abort=True))
    assert (nothing.status, nothing.exit_status) == ("home", 0)

    _write(source, "INSERT INTO box (name) VALUES ('home')")
    assert _cut_over(source, database).proof == "proven"
    assert _ask(database, "SELECT name FROM box WHERE name = 'home'") == [("home",)]
    assert [run.next for run in status(target_request(database)).runs] == ["howdah rollback"]
    with pytest.raises(RefusedError, match="has not ended") as refused_to_clean:
        clean(target_request(database))
    assert "finalize" in refused_to_clean.value.hint
    done = finalize(target_request(database))
    assert [run.next for run in status(target_request(database)).runs] == [""]
    assert [Path(file).name for file in done.files] == ["app.db", "app.db.sha256"]
    assert source.stat().st_mode & 0o222 == 0
    assert "_howdah" not in _dump(source)
    assert _ask(database, "SELECT count(*) FROM pg_trigger WHERE tgname LIKE '%howdah%'") == [(0,)]


_NOTES = (
    "CREATE TABLE note (code TEXT PRIMARY KEY, body TEXT){options};"
    'INSERT INTO note SELECT value, \'a\' || char(0) || value FROM json_each(\'["k", "l", "m"]\')'
)
_READ_NOTES = "print(connection.execute('SELECT code, body FROM note ORDER BY code').fetchall())"


@pytest.mark.parametrize("options", ["", " WITHOUT ROWID"])
def test_a_row_in_quarantine_stays_in_the_file_until_another_takes_its_place(
    follow_once: Follow, source: Path, database: str, options: str
) -> None:
    _write(source, _NOTES.format(options=options))
    follow_once()
    _cut_over(source, database, accept_quarantine=True)
    with psycopg.connect(database) as connection:
        connection.execute("INSERT INTO note VALUES ('k', 'new'), ('l', 'came')")
        connection.execute("DELETE FROM note WHERE code = 'l'")
    home = go_home(target_request(database), LiveOptions())
    assert (home.status, home.proof, home.differences) == ("home", "proven", ())
    assert [(found.code, found.message) for found in home.findings if found.code == "F-605"] == [
        ("F-605", "1 rows have the key of a row in quarantine")
    ]
    assert run_sqlite(source, _READ_NOTES) == "[('k', 'new'), ('l', 'a\\x00l'), ('m', 'a\\x00m')]\n"
    # What gave way is still there to be read, and holds nobody up.
    listed = list_rows(target_request(database)).rows
    assert [row.reason for row in listed] == ["overwritten", "nul-in-text", "nul-in-text"]

    _cut_over(source, database, accept_quarantine=True)
    with psycopg.connect(database) as connection:
        connection.execute("DELETE FROM note WHERE code = 'k'")
    assert go_home(target_request(database), LiveOptions()).proof == "proven"
    assert run_sqlite(source, _READ_NOTES) == "[('l', 'a\\x00l'), ('m', 'a\\x00m')]\n"


def test_a_row_that_took_the_place_of_one_in_quarantine_before_a_crash_may_go_again(
    follow_once: Follow, source: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(source, _NOTES.format(options=""))
    follow_once()
    _cut_over(source, database, accept_quarantine=True)
    with psycopg.connect(database) as connection:
        connection.execute("INSERT INTO note VALUES ('k', 'new')")

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        # The file has it, PostgreSQL does not know.
        patched.setattr(WayBack, "forget", die)
        go_home(target_request(database), LiveOptions())
    assert "('k', 'new')" in run_sqlite(source, _READ_NOTES)
    assert {row.reason for row in list_rows(target_request(database)).rows} == {"nul-in-text"}
    with psycopg.connect(database) as connection:
        connection.execute("DELETE FROM note WHERE code = 'k'")
    assert go_home(target_request(database), LiveOptions()).proof == "proven"
    assert run_sqlite(source, _READ_NOTES) == "[('l', 'a\\x00l'), ('m', 'a\\x00m')]\n"
    assert "overwritten" not in _dump(source)


def test_a_file_that_is_replaced_behind_the_fence_calls_the_cutover_off(
    follow_once: Follow, source: Path, database: str
) -> None:
    follow_once()
    _write(source, "DELETE FROM item WHERE id = 3")
    # Somebody's script puts a copy in its place: nothing holds the writers of that one.
    swap = f"cp {source} {source}.new && mv {source}.new {source}"
    with pytest.raises(RefusedError) as refused:
        _cut_over(source, database, on_fence=swap)
    assert refused.value.code == "L-110"
    assert follow_once().phase == "following"
    _write(source, "INSERT INTO box (name) VALUES ('goes on')")
    assert _cut_over(source, database).proof == "proven"
    assert _ask(database, "SELECT name FROM box WHERE id = 4") == [("goes on",)]


def test_rows_with_null_in_a_unique_column_are_neither_lost_nor_doubled(
    tmp_path: Path, database: str
) -> None:
    source = make_database(
        tmp_path / "null.db",
        "CREATE TABLE person (email TEXT UNIQUE, n INT); INSERT INTO person VALUES ('a', 1), ('b', 2);",
    )
    request = FollowRequest(
        source=str(source), target=target_request(database), consent=True, until_caught_up=True
    )
    for script in (
        "INSERT INTO person VALUES (NULL, 3), (NULL, 4)",
        "INSERT INTO person VALUES (NULL, 5); UPDATE person SET email = NULL WHERE n = 2",
        "DELETE FROM person WHERE n = 3",
    ):
        follow(request)
        _write(source, script)
    assert _cut_over(source, database).proof == "proven"
    assert _ask(database, "SELECT * FROM person ORDER BY n") == [("a", 1), (None, 2), (None, 4), (None, 5)]

    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("INSERT INTO person VALUES (NULL, 6), ('c', 7)")
        connection.execute("DELETE FROM person WHERE n = 4")
    assert go_home(target_request(database), LiveOptions()).proof == "proven"
    assert run_sqlite(source, "print(connection.execute('SELECT * FROM person ORDER BY n').fetchall())") == (
        "[('a', 1), (None, 2), (None, 5), (None, 6), ('c', 7)]\n"
    )


def _followed_texts(tmp_path: Path, database: str) -> tuple[Path, FollowRequest]:
    """A file with texts for keys that is followed, and the request that goes on with it."""
    source = make_database(
        tmp_path / "bytes.db",
        "CREATE TABLE note (code TEXT PRIMARY KEY, n INT); INSERT INTO note VALUES ('a', 1), ('b', 2);",
    )
    request = FollowRequest(
        source=str(source), target=target_request(database), consent=True, until_caught_up=True
    )
    follow(request)
    return source, request


def test_a_key_that_is_not_unicode_does_not_end_the_following(tmp_path: Path, database: str) -> None:
    source, request = _followed_texts(tmp_path, database)
    _write(
        source,
        "INSERT INTO note VALUES (CAST(x'ff41' AS TEXT), 3), ('c', 4); DELETE FROM note WHERE code = 'a'",
    )
    assert follow(request).status == "caught-up"
    assert _ask(database, "SELECT * FROM note ORDER BY n") == [("b", 2), ("c", 4)]
    assert [(row.table, row.reason) for row in list_rows(target_request(database)).rows] == [
        ("note", "invalid-utf8")
    ]
    _write(source, "UPDATE note SET code = 'd' WHERE n = 3")
    assert follow(request).status == "caught-up"
    assert _ask(database, "SELECT * FROM note ORDER BY n") == [("b", 2), ("d", 3), ("c", 4)]
    assert list_rows(target_request(database)).rows == ()
    assert _cut_over(source, database).proof == "proven"


def test_a_row_whose_key_is_the_same_but_for_case_takes_the_place_of_the_other(
    tmp_path: Path, database: str
) -> None:
    source = make_database(
        tmp_path / "case.db",
        "CREATE TABLE word (g INT, word TEXT COLLATE NOCASE, n INT, PRIMARY KEY (g, word)) WITHOUT ROWID;"
        "INSERT INTO word VALUES (1, 'A', 1), (1, 'B', 2);",
    )
    request = FollowRequest(
        source=str(source), target=target_request(database), consent=True, until_caught_up=True
    )
    follow(request)
    _write(source, "REPLACE INTO word VALUES (1, 'a', 3); UPDATE word SET word = 'b' WHERE word = 'B'")
    report = follow(request)
    assert (report.exit_status, report.rows_quarantined) == (0, 0)
    assert _ask(database, "SELECT word, n FROM word ORDER BY n") == [("b", 2), ("a", 3)]
    assert _cut_over(source, database).proof == "proven"


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(
            "CREATE TABLE note (code PRIMARY KEY, n INT); INSERT INTO note VALUES (7, 0)", id="mixed"
        ),
        pytest.param(
            "CREATE TABLE note (code TEXT PRIMARY KEY, n INT); INSERT INTO note VALUES (NULL, 0)", id="null"
        ),
        pytest.param(
            "CREATE TABLE note (code TEXT, n INT, folded TEXT AS (lower(code)) STORED NOT NULL UNIQUE);"
            "INSERT INTO note VALUES ('x', 0)",
            id="computed",
        ),
    ],
)
def test_what_is_written_to_a_table_whose_key_is_not_carried_exactly_arrives(
    tmp_path: Path, database: str, script: str
) -> None:
    source = make_database(
        tmp_path / "key.db", script + "; INSERT INTO note (code, n) VALUES ('a', 1), ('b', 2)"
    )
    request = FollowRequest(
        source=str(source), target=target_request(database), consent=True, until_caught_up=True
    )
    follow(request)
    _write(source, "DELETE FROM note WHERE code = 'a'; INSERT INTO note (code, n) VALUES ('c', 3)")
    # The watermark passes what was noted long before the table is copied.
    follow(request)
    assert _cut_over(source, database).proof == "proven"
    assert _ask(database, "SELECT n FROM note ORDER BY n") == [(0,), (2,), (3,)]


def _swap_content(path: Path, content: bytes) -> None:
    """Put a backup back as `cp` does: into the same file."""
    with path.open("r+b") as file:
        file.write(content)
        file.truncate()


@pytest.mark.parametrize(
    "change", ["DROP TABLE keyless", "ALTER TABLE box RENAME TO crate", "ALTER TABLE item DROP COLUMN note"]
)
def test_what_is_gone_from_the_schema_stops_it_and_the_run_can_be_undone(
    follow_once: Follow, source: Path, database: str, change: str
) -> None:
    follow_once()
    _write(source, change + "; UPDATE item SET box = 3 WHERE id = 1")
    with pytest.raises(RefusedError) as refused:
        follow_once()
    assert refused.value.code == "L-103"
    with pytest.raises(RefusedError) as refused:
        _cut_over(source, database)
    assert refused.value.code == "L-103"
    assert rollback(target_request(database)).dropped
    assert "_howdah" not in _dump(source)
    assert _ask(database, "SELECT to_regclass('item')") == [(None,)]


def test_a_unique_index_that_comes_while_it_follows_is_heeded(source: Path, database: str) -> None:
    scripts = iter(
        [
            "CREATE UNIQUE INDEX note_once ON item (note); INSERT INTO item VALUES (4, 1, 'd')",
            "REPLACE INTO item VALUES (5, 1, 'a')",
        ]
    )

    def tell(standing: object) -> None:
        if (script := next(scripts, None)) is not None:
            _write(source, script)

    follow(
        FollowRequest(
            source=str(source),
            target=target_request(database),
            consent=True,
            until_caught_up=True,
            tell=tell,
        )
    )
    assert _ask(database, "SELECT id FROM item ORDER BY id") == [(2,), (3,), (4,), (5,)]


def test_a_file_that_was_put_back_to_an_earlier_state_is_compared_row_by_row(
    follow_once: Follow, source: Path, database: str
) -> None:
    follow_once()
    _write(source, "INSERT INTO box (name) VALUES ('four')")
    follow_once()
    earlier = source.read_bytes()
    _write(source, "INSERT INTO box (name) VALUES ('five'), ('six'), ('seven')")
    follow_once()
    _swap_content(source, earlier)
    _write(source, "INSERT INTO box (name) VALUES ('another five'); INSERT INTO keyless VALUES (2, 'y')")
    assert [finding.code for finding in follow_once().findings] == ["F-614"]
    _write(source, "INSERT INTO box (name) VALUES ('another six')")
    assert follow_once().findings == ()
    assert _cut_over(source, database).proof == "proven"
    assert _ask(database, "SELECT name FROM box WHERE id > 3 ORDER BY id") == [
        ("four",),
        ("another five",),
        ("another six",),
    ]


def test_rows_go_home_into_the_file_that_was_fenced_and_into_no_other(
    follow_once: Follow, source: Path, database: str
) -> None:
    follow_once()
    _write(source, "INSERT INTO box (name) VALUES ('four')")
    follow_once()
    earlier = source.read_bytes()
    _write(source, "INSERT INTO box (name) VALUES ('five')")
    _cut_over(source, database)
    fenced = source.read_bytes()
    _ask(database, "INSERT INTO box (name) VALUES ('six') RETURNING id")
    plain = make_database(source.with_name("plain.db"), SCRIPT).read_bytes()
    for other in (earlier, plain):
        _swap_content(source, other)
        with pytest.raises(RefusedError) as refused:
            go_home(target_request(database), LiveOptions())
        assert refused.value.code == "L-131"
        assert source.read_bytes() == other
    _swap_content(source, fenced)
    assert go_home(target_request(database), LiveOptions()).proof == "proven"
    assert run_sqlite(source, "print(connection.execute('SELECT count(*) FROM box').fetchall())") == (
        "[(6,)]\n"
    )


def test_a_key_that_is_not_unicode_does_not_end_a_comparison_of_all_rows(
    tmp_path: Path, database: str
) -> None:
    source, request = _followed_texts(tmp_path, database)
    _write(
        source,
        "ALTER TABLE note RENAME TO old; CREATE TABLE note (code TEXT PRIMARY KEY, n INT);"
        "INSERT INTO note SELECT * FROM old; DROP TABLE old;"
        "INSERT INTO note VALUES (CAST(x'ff41' AS TEXT), 3), ('c', 4)",
    )
    assert follow(request).status == "caught-up"
    assert _ask(database, "SELECT * FROM note ORDER BY n") == [("a", 1), ("b", 2), ("c", 4)]
    assert [row.reason for row in list_rows(target_request(database)).rows] == ["invalid-utf8"]


@pytest.mark.parametrize("when", ["followed", "fenced"])
def test_a_row_in_quarantine_is_found_again_behind_a_vacuum(tmp_path: Path, database: str, when: str) -> None:
    source = make_database(
        tmp_path / "holes.db",
        "CREATE TABLE keyless (a TEXT, b INT); INSERT INTO keyless VALUES ('x', 1), ('y', 2);"
        "INSERT INTO keyless VALUES ('a' || char(0), 3), ('z', 4); DELETE FROM keyless WHERE b = 1;",
    )
    request = FollowRequest(
        source=str(source), target=target_request(database), consent=True, until_caught_up=True
    )
    assert follow(request).rows_quarantined == 1
    if when == "followed":
        _write(source, "VACUUM")
    report = _cut_over(source, database, accept_quarantine=True)
    assert (report.proof, report.exit_status) == ("proven", 0)
    assert _ask(database, "SELECT b FROM keyless ORDER BY b") == [(2,), (4,)]
    if when == "fenced":
        # What refuses writes lets the file be packed.
        _write(source, "VACUUM")
    _ask(database, "INSERT INTO keyless VALUES ('new', 5) RETURNING b")
    assert go_home(target_request(database), LiveOptions()).proof == "proven"
    assert run_sqlite(source, "print(connection.execute('SELECT b FROM keyless ORDER BY b').fetchall())") == (
        "[(2,), (3,), (4,), (5,)]\n"
    )


def test_what_is_kept_of_an_overwritten_row_stays_whatever_becomes_of_its_key(
    follow_once: Follow, source: Path, database: str
) -> None:
    _write(source, "INSERT INTO item VALUES (4, 1, 'first' || char(0))")
    follow_once()
    _cut_over(source, database, accept_quarantine=True)
    _ask(database, "INSERT INTO item VALUES (4, 1, 'took it') RETURNING id")
    assert go_home(target_request(database), LiveOptions()).proof == "proven"

    def kept() -> list[tuple[str, str]]:
        rows = list_rows(target_request(database)).rows
        return [(row.reason, bytes(row.cells["note"].content or b"").decode()) for row in rows]  # type: ignore[arg-type]

    assert kept() == [("overwritten", "first\0")]
    _write(source, "UPDATE item SET note = 'fine' WHERE id = 4")
    follow_once()
    assert kept() == [("overwritten", "first\0")]
    _write(source, "UPDATE item SET note = 'second' || char(0) WHERE id = 4")
    assert follow_once().rows_quarantined == 1
    assert kept() == [("overwritten", "first\0"), ("nul-in-text", "second\0")]
    assert _cut_over(source, database, accept_quarantine=True).proof == "proven"
    _ask(database, "INSERT INTO item VALUES (4, 1, 'took it again') RETURNING id")
    assert go_home(target_request(database), LiveOptions()).proof == "proven"
    assert kept() == [("overwritten", "first\0"), ("overwritten", "second\0")]
