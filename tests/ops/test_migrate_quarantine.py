"""Rows that PostgreSQL cannot hold: set aside with every byte, told in the exit status, loadable later."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest

from howdah.errors import RefusedError, UsageError
from howdah.model.plan import PlanOptions, RejectPolicy
from howdah.ops.migrate import MigrateRequest, migrate
from howdah.ops.plan import PlanRequest, plan
from howdah.ops.quarantine import export_rows, list_rows, retry_rows, show_row
from howdah.planning.plan_file import render_plan
from support.files import make_database
from support.runs import migrate_file, target_request

NOTES = """
CREATE TABLE folder (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE note (id INTEGER PRIMARY KEY, folder_id INTEGER REFERENCES folder, body TEXT);
CREATE TABLE tag (id INTEGER PRIMARY KEY, note_id INTEGER REFERENCES note, label TEXT);
INSERT INTO folder VALUES (1, 'good'), (2, 'a' || char(0) || 'b'), (3, CAST(x'61ff62' AS TEXT));
INSERT INTO note VALUES (1, 1, 'kept'), (2, 2, 'child of a NUL'), (3, NULL, 'kept too'), (4, 3, 'child');
INSERT INTO tag VALUES (1, 1, 'kept'), (2, 2, 'grandchild'), (3, 4, 'grandchild');
"""


def test_rows_that_cannot_go_take_their_dependants_along(tmp_path: Path, database: str) -> None:
    report = migrate_file(make_database(tmp_path / "notes.db", NOTES), database)

    assert (report.status, report.exit_status) == ("quarantined", 5)
    rows = list_rows(target_request(database)).rows
    assert sorted((row.table, row.key.rowid, row.reason) for row in rows) == [
        ("folder", 2, "nul-in-text"),
        ("folder", 3, "invalid-utf8"),
        ("note", 2, "parent-quarantined"),
        ("note", 4, "parent-quarantined"),
        ("tag", 2, "parent-quarantined"),
        ("tag", 3, "parent-quarantined"),
    ]
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT id FROM note ORDER BY id").fetchall() == [(1,), (3,)]
        assert connection.execute("SELECT id FROM tag").fetchall() == [(1,)]
        assert connection.execute("SELECT conname FROM pg_constraint WHERE NOT convalidated").fetchall() == []


def test_quarantine_keeps_every_byte_and_the_file_is_private(tmp_path: Path, database: str) -> None:
    report = migrate_file(make_database(tmp_path / "notes.db", NOTES), database)

    rows = {(row.table, row.key.rowid): row for row in list_rows(target_request(database)).rows}
    assert rows["folder", 2].cells["name"].content == b"a\x00b"
    assert rows["folder", 3].cells["name"].content == b"a\xffb"
    number = rows["folder", 3].number
    assert show_row(target_request(database), number).rows[0].cells["name"].value == "61ff62"

    written = Path(report.report_dir) / "quarantine.jsonl"
    assert written.stat().st_mode & 0o777 == 0o600
    assert len([json.loads(line) for line in written.read_text().splitlines()]) == 6
    exported = tmp_path / "export.jsonl"
    assert export_rows(target_request(database), exported).total == 6
    assert exported.read_text() == written.read_text()


def test_a_retry_with_a_policy_loads_parents_then_children(tmp_path: Path, database: str) -> None:
    source = make_database(tmp_path / "notes.db", NOTES)
    migrate_file(source, database)
    text = render_plan(plan(PlanRequest(source=str(source))))
    edited = tmp_path / "plan.toml"
    edited.write_text(_with_policies(text, "folder", "name", {"nul": "strip", "invalid_utf8": "latin1"}))

    report = retry_rows(target_request(database), plan_file=edited)

    assert (report.loaded, report.total, report.exit_status) == (6, 0, 0)
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT name FROM folder ORDER BY id").fetchall() == [
            ("good",),
            ("ab",),
            ("aÿb",),
        ]
        assert connection.execute("SELECT id FROM tag ORDER BY id").fetchall() == [(1,), (2,), (3,)]


def test_a_retry_without_a_remedy_leaves_the_rows_and_says_so(tmp_path: Path, database: str) -> None:
    migrate_file(make_database(tmp_path / "notes.db", NOTES), database)

    report = retry_rows(target_request(database))

    assert (report.loaded, report.total, report.exit_status) == (0, 6, 5)


def test_a_number_that_no_row_has_is_said_and_nothing_is_loaded(tmp_path: Path, database: str) -> None:
    migrate_file(make_database(tmp_path / "notes.db", NOTES), database)
    rows = list_rows(target_request(database)).rows
    for numbers in ([99], [rows[0].number, 99]):
        with pytest.raises(UsageError, match="number 99") as refused:
            retry_rows(target_request(database), numbers=numbers)
        assert refused.value.code == "M-602"
    assert list_rows(target_request(database)).rows == rows


#: Too long for the quarantine to keep; it stays in the snapshot.
LONG = "long " * 1_000_000


def test_a_long_value_of_a_row_that_followed_its_parent_comes_back_whole(
    tmp_path: Path, database: str
) -> None:
    source = make_database(
        tmp_path / "notes.db",
        "CREATE TABLE folder (id INTEGER PRIMARY KEY, name TEXT);"
        "CREATE TABLE note (id INTEGER PRIMARY KEY, folder_id INTEGER REFERENCES folder, body TEXT);"
        "INSERT INTO folder VALUES (1, 'a' || char(0) || 'b');",
        [("INSERT INTO note VALUES (1, 1, ?)", (LONG,)), ("INSERT INTO note VALUES (2, 1, ?)", ("short",))],
    )
    migrate_file(source, database)
    rows = {(row.table, row.key.rowid): row for row in list_rows(target_request(database)).rows}
    assert {place: sorted(row.cells) for place, row in rows.items()} == {
        ("folder", 1): ["id", "name"],
        ("note", 1): ["folder_id", "id"],
        ("note", 2): ["body", "folder_id", "id"],
    }
    with psycopg.connect(database) as connection:
        connection.execute("INSERT INTO folder VALUES (1, 'ab')")

    assert retry_rows(target_request(database)).loaded == 2
    with psycopg.connect(database) as connection:
        found = connection.execute("SELECT id, body FROM note ORDER BY id").fetchall()
    assert found == [(1, LONG), (2, "short")]


@pytest.mark.parametrize("options", ["", " WITHOUT ROWID"])
def test_rows_with_and_without_a_long_value_are_tried_again_together(
    tmp_path: Path, database: str, options: str
) -> None:
    source = make_database(
        tmp_path / "notes.db",
        f"CREATE TABLE note (id INTEGER PRIMARY KEY, mark TEXT, body TEXT){options};",
        [
            ("INSERT INTO note VALUES (?, ?, ?)", row)
            for row in [(1, "m", LONG + "\0"), (2, "n\0", LONG), (3, "n\0", "short"), (4, "m", LONG)]
        ],
    )
    migrate_file(source, database)
    assert retry_rows(target_request(database)).loaded == 0

    edited = tmp_path / "plan.toml"
    text = render_plan(plan(PlanRequest(source=str(source))))
    edited.write_text(_with_policies(text, "note", "mark", {"nul": "strip"}))
    report = retry_rows(target_request(database), plan_file=edited)

    assert (report.loaded, report.total) == (2, 1)
    with psycopg.connect(database) as connection:
        found = connection.execute("SELECT id, mark, body FROM note ORDER BY id").fetchall()
    assert found == [(2, "n", LONG), (3, "n", "short"), (4, "m", LONG)]


@pytest.mark.parametrize("jobs", [None, 1, 2])
def test_told_to_stop_it_leaves_the_target_untouched(
    tmp_path: Path, database: str, jobs: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if jobs is not None:
        # Step by step although it is small: what earlier steps committed must go again.
        monkeypatch.setattr("howdah.ops.migrate.ONE_TRANSACTION_BYTES", 0)
    source = make_database(tmp_path / "notes.db", NOTES)

    with pytest.raises(RefusedError, match="folder"):
        migrate(
            MigrateRequest(
                source=str(source),
                target=target_request(database),
                options=PlanOptions(on_reject=RejectPolicy.STOP),
                jobs=jobs,
            )
        )

    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT FROM pg_tables WHERE schemaname = 'public'").fetchall() == []
        assert connection.execute("SELECT FROM pg_namespace WHERE nspname = 'howdah'").fetchall() == []


def test_orphans_of_the_source_are_carried_and_the_foreign_key_is_not_valid(
    tmp_path: Path, database: str
) -> None:
    source = make_database(
        tmp_path / "orphans.db",
        """
        CREATE TABLE parent (id INTEGER PRIMARY KEY);
        CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES parent);
        INSERT INTO parent VALUES (1);
        INSERT INTO child VALUES (1, 1), (2, 99), (3, NULL);
        """,
    )

    report = migrate_file(source, database)

    assert report.exit_status == 0
    orphans = [finding for finding in report.findings if "NOT VALID" in finding.message]
    assert len(orphans) == 1
    assert "99" in orphans[0].detail
    with psycopg.connect(database, autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM child").fetchone() == (3,)
        assert connection.execute(
            "SELECT convalidated FROM pg_constraint WHERE contype = 'f' AND conrelid = 'child'::regclass"
        ).fetchall() == [(False,)]
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            connection.execute("INSERT INTO child VALUES (4, 98)")


def test_a_renamed_column_is_followed_to_its_parent_and_its_orphans_are_counted(
    tmp_path: Path, database: str
) -> None:
    # "ctid" is a system column of PostgreSQL, so both get another name there.
    source = make_database(
        tmp_path / "renamed.db",
        """
        CREATE TABLE parent (ctid TEXT PRIMARY KEY, name TEXT);
        CREATE TABLE child (id INTEGER PRIMARY KEY, xmin TEXT REFERENCES parent (ctid));
        INSERT INTO parent VALUES ('good', 'x'), ('bad', 'a' || char(0));
        INSERT INTO child VALUES (1, 'good'), (2, 'bad'), (3, 'nowhere');
        """,
    )

    report = migrate_file(source, database)

    assert report.exit_status == 5
    assert {(row.table, row.reason) for row in list_rows(target_request(database)).rows} == {
        ("parent", "nul-in-text"),
        ("child", "parent-quarantined"),
    }
    orphans = [finding for finding in report.findings if "NOT VALID" in finding.message]
    assert ["nowhere" in finding.detail for finding in orphans] == [True]


def _with_policies(text: str, table: str, column: str, policies: dict[str, str]) -> str:
    """Edit the plan as a person would: policies on a column."""
    import tomlkit

    document = tomlkit.parse(text)
    document["tables"][table]["columns"][column]["params"] = policies
    return tomlkit.dumps(document)
