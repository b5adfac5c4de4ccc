"""A policy asked for by flag holds for every column that has it, and the plan file's word for a column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from howdah.codecs.registry import CODECS
from howdah.errors import UsageError
from howdah.model.plan import PlanOptions
from howdah.ops.migrate import MigrateRequest, migrate
from howdah.ops.quarantine import list_rows
from howdah.planning.plan_file import parse_plan_file, render_plan
from howdah.planning.policies import POLICIES, read_policies, render_reference
from support.files import make_database
from support.plans import facts_of
from support.runs import migrate_file, target_request

ROOT = Path(__file__).parent.parent.parent
SCRIPT = """
CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT, c BLOB, d DECIMAL(6,2));
INSERT INTO t VALUES (1, 'a' || char(0) || 'b', 'plain', x'00', 1.005),
    (2, CAST(x'61ff' AS TEXT), 'more', x'01', 2.5), (3, 'x', 'y', x'02', 3.999);
"""


def test_the_default_sets_the_rows_aside(tmp_path: Path, database: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "home"))
    report = migrate_file(make_database(tmp_path / "a.db", SCRIPT), database)
    assert report.exit_status == 5
    assert {row.key.rowid for row in list_rows(target_request(database)).rows} == {1, 2}


def test_policies_of_all_columns_are_carried_out_counted_and_proven(
    tmp_path: Path, database: str, monkeypatch: Any
) -> None:
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "home"))
    report = migrate_file(
        make_database(tmp_path / "a.db", SCRIPT),
        database,
        policies=("nul=replace", "invalid_utf8=latin1", "rounding=half-away"),
    )
    assert (report.exit_status, report.verification, report.differences) == (0, "proof", ())
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT a, d::text FROM t ORDER BY id").fetchall() == [
            ("a\u2400b", "1.01"),
            ("a\u00ff", "2.50"),
            ("x", "4.00"),
        ]
    (table,) = report.tables
    assert table.values_changed == {"nul-replaced": 1, "utf8-read-as-latin1": 1, "rounded": 2}
    assert [(column.name, column.target_type) for column in table.columns][-1] == ("d", "numeric(6,2)")


def test_policies_hold_for_tables_of_the_application_too(
    tmp_path: Path, database: str, monkeypatch: Any
) -> None:
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "home"))
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (id bigint PRIMARY KEY, a text, b text, c bytea, d float8)")
    source = make_database(tmp_path / "a.db", SCRIPT)
    report = migrate_file(source, database, policies=("nul=strip", "invalid_utf8=escape"))
    assert (report.exit_status, report.differences) == (0, ())
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT a FROM t ORDER BY id").fetchall() == [("ab",), ("a\\xff",), ("x",)]


def test_a_column_of_the_plan_file_keeps_what_the_file_says(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, SCRIPT)
    edits = parse_plan_file('[tables.t.columns.a]\nparams = { nul = "strip" }\n')
    plan = facts.plan(PlanOptions(policies=("nul=replace",)), edits)
    assert plan.table("t").column("a").params == {"nul": "strip"}
    assert plan.table("t").column("b").params == {"nul": "replace"}


def test_a_plan_file_with_policies_gives_the_same_plan(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, SCRIPT)
    plan = facts.plan(PlanOptions(policies=("nul=strip", "rounding=half-away", "text=utf8")))
    assert facts.plan(edits=parse_plan_file(render_plan(plan))) == plan


def test_blobs_among_texts_become_text_where_that_is_asked_for(tmp_path: Path) -> None:
    facts = facts_of(
        tmp_path,
        "CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('x'), ('y'), ('z'), (x'6869'), (x'ff');",
    )
    column = facts.plan(PlanOptions(policies=("blob=utf8",))).table("t").column("a")
    assert (column.codec, column.params["blob"]) == ("any-text", "utf8")


ORPHANS = """
CREATE TABLE p (id INTEGER PRIMARY KEY, up INTEGER REFERENCES p (id));
CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p (id) ON DELETE CASCADE);
INSERT INTO p VALUES (1, NULL), (2, 1), (3, 99), (4, 3), (5, 2);
INSERT INTO c VALUES (1, 1), (2, 4), (3, 50), (4, NULL), (5, 5);
"""


@pytest.mark.parametrize("jobs", [None, 2])
def test_orphans_are_set_aside_with_all_that_refer_to_them(
    jobs: int | None, tmp_path: Path, database: str, monkeypatch: Any
) -> None:
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "home"))
    source = make_database(tmp_path / "a.db", ORPHANS)
    report = migrate_file(source, database, jobs=jobs, policies=("orphans=quarantine",))
    assert (report.exit_status, report.verification, report.differences) == (5, "proof", ())
    rows = list_rows(target_request(database)).rows
    assert sorted((row.table, row.key.rowid) for row in rows) == [("c", 2), ("c", 3), ("p", 3), ("p", 4)]
    assert {row.reason for row in rows} <= {"parent-missing", "parent-quarantined"}
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT id FROM p ORDER BY id").fetchall() == [(1,), (2,), (5,)]
        assert connection.execute("SELECT id FROM c ORDER BY id").fetchall() == [(1,), (4,), (5,)]
        assert connection.execute(
            "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated"
            " AND connamespace = 'public'::regnamespace"
        ).fetchone() == (2,)


def test_orphans_of_one_table_are_set_aside_by_the_plan_file(
    tmp_path: Path, database: str, monkeypatch: Any
) -> None:
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "home"))
    source = make_database(tmp_path / "a.db", ORPHANS)
    (tmp_path / "plan.toml").write_text('howdah_plan = 1\n[tables.c]\norphans = "quarantine"\n')
    report = migrate(
        MigrateRequest(source=str(source), target=target_request(database), plan_file=tmp_path / "plan.toml")
    )
    assert [(row.table, row.key.rowid) for row in list_rows(target_request(database)).rows] == [("c", 3)]
    assert [finding.object for finding in report.findings if finding.code == "F-902"] == [
        'foreign key "p_up_fkey" of table "p"'
    ]


def test_a_plan_file_with_orphans_gives_the_same_plan(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, ORPHANS)
    edits = parse_plan_file('[tables.c]\norphans = "quarantine"\n[tables.p]\norphans = "keep"\n')
    plan = facts.plan(PlanOptions(policies=("orphans=quarantine",)), edits)
    assert (plan.table("c").orphans, plan.table("p").orphans) == ("quarantine", "keep")
    again = facts.plan(edits=parse_plan_file(render_plan(plan)))
    assert (again.table("c").orphans, again.table("p").orphans) == ("quarantine", "keep")
    with pytest.raises(UsageError, match="orphans"):
        parse_plan_file('[tables.c]\norphans = "drop"\n')


def test_words_of_a_boolean_column_become_true_and_false(
    tmp_path: Path, database: str, monkeypatch: Any
) -> None:
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "home"))
    script = """
        CREATE TABLE t (id INTEGER PRIMARY KEY, good BOOLEAN, mixed BOOLEAN, plain BOOLEAN, free TEXT);
        INSERT INTO t VALUES (1, 'yes', 'on', 1, 'yes'), (2, 'no', '', 0, 'no'), (3, 0, 2, NULL, 'x'),
            (4, 'TRUE', NULL, 1, NULL), (5, NULL, x'01', 0, NULL);
    """
    source = make_database(tmp_path / "a.db", script)
    report = migrate_file(source, database, policies=("booleans=words",))
    assert (report.exit_status, report.differences) == (5, ())
    assert [row.key.rowid for row in list_rows(target_request(database)).rows] == [2, 3, 5]
    assert [finding.object for finding in report.findings if finding.code == "F-206"] == [
        'column "t"."mixed"'
    ]
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT good, mixed, plain, free FROM t ORDER BY id").fetchall() == [
            (True, True, True, "yes"),
            (True, None, True, None),
        ]
    (table,) = report.tables
    assert table.values_changed == {"read-as-boolean": 3}


def test_empty_texts_among_numbers_become_null(tmp_path: Path, database: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "home"))
    script = """
        CREATE TABLE t (id INTEGER PRIMARY KEY, i INTEGER, r REAL, d DECIMAL(6,2), b BOOLEAN,
            n INTEGER NOT NULL, all_empty INTEGER, mixed INTEGER, word BOOLEAN, s TEXT);
        INSERT INTO t VALUES (1, 5, 1.5, 2.25, 1, 1, '', 1, 'yes', ''),
            (2, '', '', '', '', '', '', 'x', '', 'a');
    """
    source = make_database(tmp_path / "a.db", script)
    report = migrate_file(source, database, policies=("empty=null", "booleans=words"))
    assert (report.exit_status, report.verification, report.differences) == (0, "proof", ())
    (table,) = report.tables
    types = {column.name: column.target_type for column in table.columns}
    assert types == {
        "id": "bigint",
        "i": "bigint",
        "r": "double precision",
        "d": "numeric(6,2)",
        "b": "boolean",
        "n": "text",
        "all_empty": "bigint",
        "mixed": "text",
        "word": "boolean",
        "s": "text",
    }
    with psycopg.connect(database) as connection:
        assert connection.execute(
            "SELECT i, r, d::text, b, n, all_empty, mixed, word, s FROM t ORDER BY id"
        ).fetchall() == [
            (5, 1.5, "2.25", True, "1", None, "1", True, ""),
            (None, None, None, None, "", None, "x", None, "a"),
        ]
    assert table.values_changed["empty-to-null"] == 7
    assert not [finding for finding in report.findings if finding.code == "F-206"]


def test_empty_texts_become_null_in_an_applications_columns(
    tmp_path: Path, database: str, monkeypatch: Any
) -> None:
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "home"))
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz, on_day date, n int)")
    source = make_database(
        tmp_path / "a.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, at TEXT, on_day TEXT, n INTEGER);"
        "INSERT INTO t VALUES (1, '', '2024-01-02', ''), (2, '2024-01-02T03:04:05Z', '', 7)",
    )
    report = migrate_file(source, database, policies=("empty=null",))
    assert (report.exit_status, report.differences) == (0, ())
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT at IS NULL, on_day IS NULL, n FROM t ORDER BY id").fetchall() == [
            (True, False, None),
            (False, True, 7),
        ]


def test_json_and_dates_of_an_applications_columns_follow_their_policies(
    tmp_path: Path, database: str, monkeypatch: Any
) -> None:
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "home"))
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (id bigint PRIMARY KEY, j jsonb, d date)")
    source = make_database(
        tmp_path / "a.db",
        r"""CREATE TABLE t (id INTEGER PRIMARY KEY, j JSON, d TEXT);
        INSERT INTO t VALUES (1, '{"a": "x\u0000"}', '2024-01-02 03:04:05'), (2, 'no json', '2024-01-02'),
            (3, '[1]', NULL);""",
    )
    report = migrate_file(source, database, policies=("escapes=replace", "bare=string", "time=drop"))
    assert (report.exit_status, report.differences) == (0, ())
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT j, d::text FROM t ORDER BY id").fetchall() == [
            ({"a": "x\ufffd"}, "2024-01-02"),
            ("no json", "2024-01-02"),
            ([1], None),
        ]
    (table,) = report.tables
    assert table.values_changed == {"escape-replaced": 1, "bare-text-to-string": 1, "time-dropped": 1}
    assert not {finding.code for finding in report.findings} & {"F-211", "F-212", "F-225"}


def test_texts_that_postgresql_cannot_hold_become_bytes_where_that_is_asked_for(
    tmp_path: Path, database: str, monkeypatch: Any
) -> None:
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "home"))
    script = """
        CREATE TABLE t (id INTEGER PRIMARY KEY, nul TEXT, wrong TEXT, fine TEXT, number TEXT);
        INSERT INTO t VALUES (1, 'a' || char(0) || 'b', CAST(x'61ff' AS TEXT), 'x', 'y'),
            (2, 'c', 'd', 'e', 'f');
    """
    source = make_database(tmp_path / "a.db", script)
    report = migrate_file(source, database, policies=("nul=bytea", "invalid_utf8=bytea"))
    assert (report.exit_status, report.verification, report.differences) == (0, "proof", ())
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT nul, wrong, fine FROM t ORDER BY id").fetchall() == [
            (b"a\0b", b"a\xff", "x"),
            (b"c", b"d", "e"),
        ]
    assert not {finding.code for finding in report.findings} & {"F-211", "F-212"}


def test_dates_stay_as_stored_where_that_is_asked_for(tmp_path: Path) -> None:
    script = "CREATE TABLE t (d DATETIME, e DATE); INSERT INTO t VALUES (1700000000, '2024-01-02')"
    facts = facts_of(tmp_path, script)

    def types(options: PlanOptions) -> list[str]:
        return [column.type for column in facts.plan(options).table("t").columns]

    assert types(PlanOptions()) == ["timestamptz", "date"]
    assert types(PlanOptions(policies=("dates=stored",))) == ["bigint", "text"]
    assert types(PlanOptions(policies=("dates=convert",), convert_dates=False)) == ["bigint", "text"]
    plan = facts.plan(PlanOptions(policies=("dates=stored",)))
    assert facts.plan(edits=parse_plan_file(render_plan(plan))) == plan


@pytest.mark.parametrize("written", ["nul", "nul=drop", "nil=strip", ""])
def test_what_no_policy_knows_is_refused_with_what_there_is(written: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_policies([written])
    assert refused.value.code == "P-113"


def test_the_page_says_what_the_codecs_take() -> None:
    assert (ROOT / "docs" / "reference" / "policies.md").read_text("utf-8") == render_reference()
    for name, policy in POLICIES.items():
        for codec in policy.codecs:
            of_codec = CODECS[codec].choices[name]
            assert policy.choices[: len(of_codec)] == of_codec
            assert set(policy.choices[len(of_codec) :]) <= {"bytea"}


def test_a_time_zone_that_does_not_exist_is_refused_whoever_made_the_tables(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, "CREATE TABLE t (a TEXT)")
    with pytest.raises(UsageError, match="Europe/Atlantis") as refused:
        facts.plan(PlanOptions(source_tz="Europe/Atlantis"))
    assert refused.value.code == "P-114"
    assert facts.plan(PlanOptions(source_tz="Europe/Berlin")).tables
