"""What was translated is executed on both sides; what answers otherwise goes, and is told."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from howdah.loading.comparison_step import run_comparison_step
from howdah.loading.job import LoadJob
from howdah.model.census import Census
from howdah.model.plan import Comparison, Step, StepKind
from howdah.ops.source_facts import read_kept_catalog
from howdah.ops.verify import VerifyRequest, verify_run
from howdah.sqlite.answers import NotAnsweredError, Questions
from howdah.sqlite.connect import open_snapshot
from howdah.state.ledger import Ledger, StepOutcome
from howdah.state.store import StateSchema
from support.files import make_database
from support.runs import migrate_file, target_request

_SOURCE = """
    CREATE TABLE t (
        id INTEGER PRIMARY KEY, a TEXT, n INTEGER CHECK (n > 1), r REAL, d DATETIME, day DATE, u UUID, b BLOB,
        truth BOOLEAN, price DECIMAL(8,2), j JSON, at INTEGER
    );
    CREATE INDEX i ON t (lower(a)) WHERE n > 2;
    INSERT INTO t VALUES
        (1, 'One', 2, 0.1, '2024-01-02 03:04:05', '2024-01-02', '00000000-0000-0000-0000-00000000000a', x'00',
         1, 1.5, '{"a": [1, 2]}', 1700000000),
        (2, 'Two', 3, 0.2, '1999-12-31 23:59:59', '1999-12-31', '00000000-0000-0000-0000-00000000000b', x'',
         0, 2.25, '[]', 1700000001),
        (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    CREATE VIEW v AS SELECT * FROM t;
    CREATE VIEW computed AS SELECT a || '!' AS loud, n + 1 AS more, r * 3 AS thrice, max(d, d) AS d2,
        coalesce(day, day) AS day2, CASE WHEN truth THEN u ELSE u END AS u2, sum(r) OVER () AS s FROM t;
    CREATE VIEW grouped AS SELECT n, sum(r) AS s, avg(r) AS m, max(d) AS last, min(day) AS first,
        count(*) AS k FROM t GROUP BY n;
    CREATE VIEW above AS SELECT n FROM v WHERE n > 2;
"""

#: Runs the step of the comparisons again, as the source and the target are now.
Again = Callable[..., StepOutcome]


@pytest.fixture
def again(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], tuple[Again, Step]]:
    """Migrate a script; return how to ask again, and the step."""
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "howdah-home"))

    def migrate(script: str) -> tuple[Again, Step]:
        migrate_file(make_database(tmp_path / "source.db", script), database)
        state = StateSchema(name="howdah")
        with psycopg.connect(database) as connection:
            (run,) = Ledger(state=state).runs(connection)
        job = LoadJob(
            conninfo=database,
            state=state,
            run_id=run.id,
            plan=run.plan,
            catalog=read_kept_catalog(run),
            census=Census(tables=()),
            snapshot_path=run.snapshot.path,
        )
        (step,) = [step for step in run.plan.steps if step.kind is StepKind.COMPARISON]

        def ask(*comparisons: Comparison) -> StepOutcome:
            with psycopg.connect(database) as connection:
                return run_comparison_step(
                    connection, job, replace(step, comparisons=comparisons) if comparisons else step
                )

        return ask, step

    return migrate


def test_every_translation_of_a_database_is_asked_and_answers_alike(
    again: Callable[[str], tuple[Again, Step]],
) -> None:
    ask, step = again(_SOURCE)

    assert [comparison.object for comparison in step.comparisons] == [
        'index "i" of table "t"',
        'index "i" of table "t"',
        'check "t_n_check" of table "t"',
        'view "v"',
        'view "grouped"',
        'view "above"',
    ]
    assert ask().findings == ()


@pytest.mark.parametrize(
    ("damage", "removed"),
    [
        ("CREATE OR REPLACE VIEW grouped AS SELECT n, s * 1.0001 AS s, m, last, first, k FROM (SELECT n,"
         " sum(r) AS s, avg(r) AS m, max(d) AS last, min(day) AS first, count(*) AS k FROM t GROUP BY n) g",
         ["view:grouped"]),
        ("UPDATE t SET d = d + interval '1 microsecond'", ["view:v", "view:above", "view:grouped"]),
        ("UPDATE t SET u = '00000000-0000-0000-0000-00000000000c' WHERE id = 1", ["view:v", "view:above"]),
        ("UPDATE t SET j = '{\"a\": [1,2]}' WHERE id = 1", ["view:v", "view:above"]),
        ("UPDATE t SET b = '\\x01' WHERE id = 1", ["view:v", "view:above"]),
        ("UPDATE t SET truth = NOT truth WHERE id = 1", ["view:v", "view:above"]),
        ("UPDATE t SET a = 'one' WHERE id = 1", ["view:v", "view:above"]),
        ("UPDATE t SET a = 'x' WHERE id = 1", ["index:t:i", "view:v", "view:above"]),
        ("DELETE FROM t WHERE id = 3",
         ["index:t:i", "check:t:t_n_check", "view:v", "view:above", "view:grouped"]),
    ],
)  # fmt: skip
def test_an_answer_that_differs_removes_what_gave_it(
    damage: str, removed: list[str], again: Callable[[str], tuple[Again, Step]], database: str
) -> None:
    ask, _ = again(_SOURCE)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(damage.encode())

    outcome = ask()

    assert list(outcome.removed) == removed
    assert {finding.code for finding in outcome.findings} == {"F-905"}
    told = outcome.findings[-1].detail
    assert "In SQLite: C" in told
    assert "Translated: C" in told


def test_a_view_whose_answer_differs_goes_with_the_views_that_read_it_and_verify_knows(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "howdah-home"))
    # SQLite reads the names from their index, PostgreSQL from the table: group_concat() says them otherwise.
    source = make_database(
        tmp_path / "source.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT, c TEXT); CREATE INDEX by_name ON t (a);"
        "INSERT INTO t (a) VALUES ('c'), ('a'), ('b');"
        "CREATE VIEW joined AS SELECT group_concat(a) AS names FROM t;"
        "CREATE VIEW shouted AS SELECT names || '!' AS names FROM joined;"
        "CREATE VIEW counted AS SELECT count(*) AS k FROM t;",
    )

    report = migrate_file(source, database)

    (finding,) = [finding for finding in report.findings if finding.code == "F-905"]
    assert finding.object == 'view "joined"'
    assert "with view:shouted" in finding.message
    assert "only in SQLite: ('a,b,c',); only here: ('c,a,b',)" in finding.detail
    assert report.exit_status == 0
    assert report.objects["view"] == 1
    with psycopg.connect(database) as connection:
        views = connection.execute("SELECT viewname FROM pg_views WHERE schemaname = 'public'").fetchall()
    assert views == [("counted",)]
    assert verify_run(VerifyRequest(source=str(source), target=target_request(database))).exit_status == 0


def test_a_view_that_postgresql_cannot_compute_goes(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "howdah-home"))
    source = make_database(
        tmp_path / "source.db",
        "CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (9223372036854775807);"
        "CREATE VIEW more AS SELECT n + 1 AS n FROM t;",
    )

    report = migrate_file(source, database)

    (finding,) = [finding for finding in report.findings if finding.code == "F-905"]
    assert "PostgreSQL fails: bigint out of range" in finding.detail


def test_rows_in_quarantine_are_in_neither_answer(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "howdah-home"))
    source = make_database(
        tmp_path / "source.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, n INTEGER CHECK (n > 0));"
        "CREATE TABLE w (k TEXT PRIMARY KEY, a TEXT) WITHOUT ROWID;"
        "CREATE TRIGGER no BEFORE DELETE ON t BEGIN SELECT RAISE(ABORT, 'kept'); END;"
        "INSERT INTO t VALUES (1, 'a' || char(0), 1), (2, 'b', 2);"
        "INSERT INTO w VALUES ('x', 'a' || char(0)), ('y', 'b');"
        "CREATE VIEW both AS SELECT t.n AS n, w.k AS k FROM t, w;",
    )

    report = migrate_file(source, database)

    assert (report.exit_status, report.rows_quarantined, report.objects["view"]) == (5, 2, 1)
    assert not {"F-905", "F-906"} & {finding.code for finding in report.findings}


def test_postgresql_answers_without_a_superusers_rights(
    again: Callable[[str], tuple[Again, Step]],
) -> None:
    ask, step = again(_SOURCE)
    who = replace(
        step.comparisons[0],
        source_sql="SELECT 'pg_read_all_data', 'off'",
        target_sql="SELECT current_user::text, current_setting('is_superuser')",
    )
    assert ask(who).findings == ()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT load_extension('x')", "not authorized"),
        ("SELECT edit('x')", "edit"),
        ("SELECT readfile('/etc/passwd')", "readfile"),
        ("SELECT sqlite_version()", "not authorized"),
        ("DELETE FROM t", "not authorized"),
        ("PRAGMA writable_schema = 1", "not authorized"),
        ("ATTACH 'x.db' AS x", "not authorized"),
        ("WITH RECURSIVE c AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM c) SELECT sum(n) FROM c", "longer"),
    ],
)
def test_a_query_of_the_file_only_reads_with_known_functions_and_for_a_while(
    query: str, words: str, tmp_path: Path
) -> None:
    path = make_database(tmp_path / "file.db", "CREATE TABLE t (a); INSERT INTO t VALUES (1);")
    with closing(open_snapshot(str(path))) as connection:
        questions = Questions(connection, 0.2)
        with pytest.raises(NotAnsweredError, match=words):
            list(questions.ask(query))
        assert _answers(questions, "SELECT upper(hex(a)) FROM t") == [("31",)]


def _answers(questions: Questions, query: str) -> list[tuple[Any, ...]]:
    return list(questions.ask(query))


def test_a_view_of_the_moment_is_kept_and_told(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "howdah-home"))
    source = make_database(
        tmp_path / "source.db",
        "CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (1); CREATE VIEW r AS SELECT random() AS n FROM t;",
    )

    report = migrate_file(source, database)

    (finding,) = [finding for finding in report.findings if finding.code == "F-906"]
    assert (finding.object, report.objects["view"]) == ('view "r"', 1)


def test_a_view_that_shows_the_encoding_of_a_utf_16_file_goes(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "howdah-home"))
    source = make_database(
        tmp_path / "source.db",
        "PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT);"
        # As UTF-16 the second character begins with D83D and sorts before the first.
        "INSERT INTO t VALUES (1, char(0xff61)), (2, char(0x1f600));"
        "CREATE VIEW bytes AS SELECT hex(a) AS h FROM t; CREATE VIEW largest AS SELECT max(a) AS a FROM t;"
        "CREATE VIEW lengths AS SELECT length(a) AS l, unicode(a) AS u, a || '!' AS loud FROM t;",
    )
    report = migrate_file(source, database)
    removed = {finding.object for finding in report.findings if finding.code == "F-905"}
    assert removed == {'view "bytes"', 'view "largest"'}
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT l, u FROM lengths ORDER BY u").fetchall() == [
            (1, 0xFF61),
            (1, 0x1F600),
        ]
