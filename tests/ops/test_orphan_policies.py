"""Orphans become NULL, or are left out, where a policy asks for it, and the source stays as it is."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path
from typing import Any

import psycopg
import pytest

from howdah.errors import RefusedError, UsageError
from howdah.model.acceptance import CriterionStatus
from howdah.model.plan import PlanOptions
from howdah.model.report import RunReport
from howdah.ops.accept import AcceptRequest, accept
from howdah.ops.inspect import inspect
from howdah.ops.migrate import MigrateRequest, migrate
from howdah.ops.plan import PlanRequest, plan
from howdah.ops.verify import VerifyRequest, verify_run
from howdah.planning.plan_file import parse_plan_file, render_plan
from howdah.report.verdict import judge
from support.files import make_database
from support.runs import migrate_file, target_request

#: Children of every form of key; what is right and what is not is written beside each row.
SCRIPT = """
CREATE TABLE p (id INTEGER PRIMARY KEY, code TEXT COLLATE NOCASE UNIQUE, up INTEGER REFERENCES p (id));
CREATE TABLE pair (x INTEGER, y TEXT, PRIMARY KEY (x, y)) WITHOUT ROWID;
CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p (id) ON DELETE CASCADE,
    code TEXT REFERENCES p (code), x INTEGER, y TEXT, note TEXT,
    FOREIGN KEY (x, y) REFERENCES pair);
CREATE TABLE leaf (c INTEGER NOT NULL REFERENCES c (id), n INTEGER, PRIMARY KEY (c, n)) WITHOUT ROWID;
CREATE TRIGGER loud BEFORE UPDATE ON c BEGIN SELECT RAISE(ABORT, 'no'); END;
CREATE TRIGGER louder BEFORE DELETE ON c BEGIN SELECT RAISE(ABORT, 'no'); END;
INSERT INTO p VALUES (1, 'One', NULL), (2, 'Two', 1), (3, 'Three', 99);
INSERT INTO pair VALUES (1, 'a'), (2, 'b');
INSERT INTO c VALUES (1, 1, 'ONE', 1, 'a', 'right'), (2, 77, 'two', NULL, 'zzz', 'no p'),
    (3, '', NULL, 2, 'b', 'empty p'), (4, NULL, '', 1, 'b', 'no code, no pair'),
    (5, '2', NULL, NULL, NULL, 'right'), (6, 'x' || char(0), x'ff', NULL, NULL, 'no p, no code');
INSERT INTO leaf VALUES (1, 1), (2, 1), (9, 1);
"""


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "home"))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _rows(database: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database) as connection:
        return connection.execute(query.encode()).fetchall()


def _not_valid(database: str) -> set[str]:
    query = "SELECT conname FROM pg_constraint WHERE contype = 'f' AND NOT convalidated"
    return {name for (name,) in _rows(database, query)}


def _changed(report: RunReport) -> dict[str, dict[str, int]]:
    return {table.name: dict(table.values_changed) for table in report.tables if table.values_changed}


@pytest.mark.parametrize("jobs", [None, 2])
def test_orphans_become_null_and_nothing_else_changes(
    tmp_path: Path, database: str, jobs: int | None
) -> None:
    source = make_database(tmp_path / "a.db", SCRIPT)
    before = _digest(source)
    report = migrate_file(source, database, jobs=jobs, policies=("orphans=null",))
    assert (report.exit_status, report.verification, report.differences) == (0, "proof", ())
    assert _digest(source) == before
    assert _rows(database, "SELECT id, p, code, x, y, note FROM c ORDER BY id") == [
        (1, 1, "ONE", 1, "a", "right"),
        (2, None, "two", None, "zzz", "no p"),
        (3, None, None, 2, "b", "empty p"),
        (4, None, None, None, None, "no code, no pair"),
        (5, 2, None, None, None, "right"),
        (6, None, None, None, None, "no p, no code"),
    ]
    assert _rows(database, "SELECT id, up FROM p ORDER BY id") == [(1, None), (2, 1), (3, None)]
    # The column is one of whole numbers: what made it another is no longer there.
    assert _rows(database, "SELECT pg_typeof(p)::text FROM c LIMIT 1") == [("bigint",)]
    # A key that cannot be NULL stays as it is; PostgreSQL compares 'two' with 'Two' by its letters.
    assert _rows(database, "SELECT c, n FROM leaf ORDER BY c") == [(1, 1), (2, 1), (9, 1)]
    assert _not_valid(database) == {"leaf_c_fkey", "c_code_fkey"}
    assert _changed(report) == {"c": {"orphan-to-null": 6}, "p": {"orphan-to-null": 1}}
    assert sorted((value.key, value.column, value.value) for value in report.touched) == [
        ('{"rowid":2}', "p", "77"),
        ('{"rowid":3}', "p", "''"),
        ('{"rowid":3}', "up", "99"),
        ('{"rowid":4}', "code", "''"),
        ('{"rowid":4}', "x, y", "1, 'b'"),
        ('{"rowid":6}', "code", "x'ff'"),
        ('{"rowid":6}', "p", "CAST(x'7800' AS TEXT)"),
    ]
    told = {finding.object: finding.message for finding in report.findings if finding.code == "F-114"}
    assert told == {'foreign key ("c") of table "leaf"': '1 orphan of table "c"'}


def test_orphans_are_left_out_with_all_that_refer_to_them(tmp_path: Path, database: str) -> None:
    source = make_database(tmp_path / "a.db", SCRIPT)
    before = _digest(source)
    report = migrate_file(source, database, policies=("orphans=delete",))
    assert (report.exit_status, report.verification, report.differences) == (0, "proof", ())
    assert _digest(source) == before
    assert _rows(database, "SELECT id FROM c ORDER BY id") == [(1,), (5,)]
    assert _rows(database, "SELECT id FROM p ORDER BY id") == [(1,), (2,)]
    assert _rows(database, "SELECT c, n FROM leaf") == [(1, 1)]
    assert _changed(report) == {
        "c": {"orphan-left-out": 4},
        "p": {"orphan-left-out": 1},
        "leaf": {"orphan-left-out": 2},
    }
    assert {finding.code for finding in report.findings} & {"F-113", "F-114"} == {"F-113"}
    assert judge(report).sentence == (
        "All 7 rows of 4 tables were read from both sides, and nothing else was lost:"
        " 7 orphans were left out, as you asked."
    )


def test_inspect_and_plan_look_for_orphans_beforehand(tmp_path: Path) -> None:
    source = make_database(tmp_path / "a.db", SCRIPT)
    for findings in (inspect(str(source)).findings, plan(PlanRequest(source=str(source))).findings):
        told = {each.object: (each.message, each.detail) for each in findings if each.code == "F-115"}
        assert told == {
            'foreign key ("up") of table "p"': ('1 orphan of table "p"', "They refer to 99."),
            'foreign key ("p") of table "c"': (
                '3 orphans of table "p"',
                "They refer to 77, '', CAST(x'7800' AS TEXT).",
            ),
            'foreign key ("code") of table "c"': (
                '2 orphans of table "p"',
                "They refer to '', x'ff'.",
            ),
            'foreign key ("x", "y") of table "c"': ('1 orphan of table "pair"', "They refer to 1, 'b'."),
            'foreign key ("c") of table "leaf"': ('1 orphan of table "c"', "They refer to 9."),
        }


def test_each_table_has_its_own_choice_in_the_plan_file(tmp_path: Path, database: str) -> None:
    source = make_database(tmp_path / "a.db", SCRIPT)
    file = tmp_path / "plan.toml"
    file.write_text('howdah_plan = 1\n[tables.p]\norphans = "null"\n[tables.leaf]\norphans = "delete"\n')
    report = migrate(MigrateRequest(source=str(source), target=target_request(database), plan_file=file))
    # The text with a NUL in it is where it was, and goes to quarantine.
    assert (report.exit_status, report.differences) == (5, ())
    assert _rows(database, "SELECT id, up FROM p ORDER BY id") == [(1, None), (2, 1), (3, None)]
    assert _rows(database, "SELECT count(*) FROM c") == [(5,)]
    assert _rows(database, "SELECT c FROM leaf ORDER BY c") == [(1,), (2,)]
    made = plan(PlanRequest(source=str(source), plan_file=file))
    again = tmp_path / "again.toml"
    again.write_text(render_plan(made))
    assert plan(PlanRequest(source=str(source), plan_file=again)) == made


@pytest.mark.parametrize("encoding", ["UTF-16le", "UTF-16be"])
def test_orphans_of_other_encodings_are_named_as_they_are(tmp_path: Path, encoding: str) -> None:
    source = make_database(
        tmp_path / "a.db",
        f"PRAGMA encoding = '{encoding}'; CREATE TABLE p (k TEXT PRIMARY KEY) WITHOUT ROWID;"
        "CREATE TABLE c (k TEXT REFERENCES p, n TEXT, PRIMARY KEY (n)) WITHOUT ROWID;"
        "INSERT INTO p VALUES ('grün'); INSERT INTO c VALUES ('grün', 'a'), ('schräg', 'ü')",
    )
    made = plan(PlanRequest(source=str(source), options=PlanOptions(policies=("orphans=delete",))))
    (found,) = made.corrections
    assert [(value.key, value.value) for value in found.named] == [
        ('{"key":[["text","\\u00fc"]]}', "'schräg'")
    ]


def test_the_plan_tells_what_will_be_corrected_and_writes_nothing(tmp_path: Path) -> None:
    source = make_database(tmp_path / "a.db", SCRIPT)
    before = _digest(source)
    made = plan(PlanRequest(source=str(source), options=PlanOptions(policies=("orphans=delete",))))
    assert _digest(source) == before
    told = {finding.object: finding.detail for finding in made.findings if finding.code == "F-113"}
    assert told['foreign key ("up") of table "p"'] == "They refer to 99."


def test_verify_corrects_its_copy_alike_and_still_finds_what_differs(tmp_path: Path, database: str) -> None:
    source = make_database(tmp_path / "a.db", SCRIPT)
    migrate_file(source, database, policies=("orphans=null",))
    request = VerifyRequest(source=str(source), target=target_request(database))
    proof = verify_run(request)
    assert (proof.exit_status, proof.verification, proof.differences) == (0, "proof", ())
    assert _changed(proof)["c"] == {"orphan-to-null": 6}
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE p SET up = 2 WHERE id = 3")
    (found,) = verify_run(request).differences
    assert (found.table, found.column, found.source, found.target) == ("p", "up", "NULL", "2")
    # A parent that came since is no longer missing: its child is compared as it is stored.
    with sqlite3.connect(source) as file:
        file.execute("INSERT INTO p VALUES (77, 'new', NULL)")
    file.close()
    later = verify_run(request)
    assert later.verification == "comparison"
    assert sorted((each.kind, each.table, each.key, each.column) for each in later.differences) == [
        ("missing-row", "p", "77", ""),
        ("sequence", "p", "", "id"),
        ("value", "c", "2", "p"),
        ("value", "p", "3", "up"),
    ]


def test_rows_of_an_applications_tables_are_corrected_too(tmp_path: Path, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE p (id bigint PRIMARY KEY)")
        connection.execute("CREATE TABLE c (id bigint PRIMARY KEY, p bigint REFERENCES p)")
    source = make_database(
        tmp_path / "a.db",
        "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES p);"
        "INSERT INTO p VALUES (1); INSERT INTO c VALUES (1, 1), (2, 5), (3, '')",
    )
    report = migrate_file(source, database, policies=("orphans=null",))
    assert (report.exit_status, report.differences) == (0, ())
    assert _rows(database, "SELECT id, p FROM c ORDER BY id") == [(1, 1), (2, None), (3, None)]
    assert _changed(report) == {"c": {"orphan-to-null": 2}}


def test_what_a_constraint_forbids_is_refused_and_nothing_is_written(tmp_path: Path, database: str) -> None:
    source = make_database(
        tmp_path / "a.db",
        "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p INTEGER REFERENCES p);"
        "CREATE UNIQUE INDEX one ON c (coalesce(p, 0)); INSERT INTO c VALUES (5), (6)",
    )
    with pytest.raises(RefusedError, match='orphans of table "c"') as refused:
        migrate_file(source, database, policies=("orphans=null",))
    assert refused.value.code == "S-043"
    assert _rows(database, "SELECT count(*) FROM pg_class WHERE relname = 'c'") == [(0,)]


def test_a_plan_file_that_says_what_is_no_choice_is_refused() -> None:
    with pytest.raises(UsageError, match="orphans"):
        parse_plan_file('[tables.c]\norphans = "drop"\n')


def test_acceptance_says_which_rows_somebody_asked_to_leave_out(tmp_path: Path, database: str) -> None:
    source = make_database(tmp_path / "a.db", SCRIPT)
    migrate_file(source, database, policies=("orphans=delete",))
    (tmp_path / "project").mkdir()
    report = accept(AcceptRequest(path=tmp_path / "project", target=target_request(database)), environ={})
    (criterion,) = [each for each in report.criteria if each.name == "no-loss"]
    assert criterion.status is CriterionStatus.MET
    (asked,) = [line for line in criterion.evidence if line.startswith("Left out because")]
    assert '2 orphans of table "leaf"' in asked
