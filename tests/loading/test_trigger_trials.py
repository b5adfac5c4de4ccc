"""Translated triggers are tried on both sides; what acts otherwise is not made, and no trial stays."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from howdah.loading.job import LoadJob
from howdah.loading.trial_step import run_trial_step
from howdah.model.plan import Plan, PlanOptions, Step, StepKind
from howdah.model.report import RunReport
from howdah.ops.migrate import MigrateRequest, migrate
from howdah.ops.verify import VerifyRequest, verify_run
from howdah.state.ledger import Ledger, StepOutcome
from howdah.state.store import StateSchema
from support.files import make_database
from support.plans import read_facts
from support.runs import migrate_file, target_request

_SOURCE = """
    CREATE TABLE account (id INTEGER PRIMARY KEY, owner TEXT NOT NULL UNIQUE, balance INTEGER NOT NULL,
        changed DATETIME, state TEXT);
    CREATE TABLE entry (id INTEGER PRIMARY KEY AUTOINCREMENT, account INTEGER NOT NULL REFERENCES account,
        amount INTEGER NOT NULL, word TEXT);
    CREATE TABLE log (what TEXT, at DATETIME);
    CREATE TABLE gone (id TEXT PRIMARY KEY, n REAL) WITHOUT ROWID;
    CREATE TABLE empty (code TEXT PRIMARY KEY, n INTEGER);
    INSERT INTO account VALUES (1, 'Ann', 10, '2024-01-01 10:00:00', 'open'), (2, 'Bob', 20, NULL, 'shut');
    INSERT INTO entry VALUES (1, 1, 10, 'start'), (2, 2, 20, NULL), (7, 1, 3, 'end');
    INSERT INTO gone VALUES ('a', 1.5);
    INSERT INTO log VALUES ('begun', '2024-01-01 10:00:00');
    CREATE TRIGGER sum_up AFTER INSERT ON entry BEGIN
        UPDATE account SET balance = balance + new.amount WHERE id = new.account;
        INSERT INTO log VALUES ('entry ' || new.id, datetime('now')); END;
    CREATE TRIGGER no_big BEFORE INSERT ON entry WHEN new.amount > 700 AND new.word = 'huge' BEGIN
        SELECT RAISE(ABORT, 'too big'); END;
    CREATE TRIGGER keep AFTER DELETE ON entry BEGIN
        INSERT OR IGNORE INTO gone VALUES ('e' || old.id, old.amount / 2); END;
    CREATE TRIGGER touch AFTER UPDATE OF owner ON account BEGIN
        UPDATE account SET changed = CURRENT_TIMESTAMP WHERE id = new.id; END;
    CREATE TRIGGER stay BEFORE DELETE ON account WHEN old.state = 'open' BEGIN SELECT RAISE(IGNORE); END;
    CREATE TRIGGER count_empty AFTER INSERT ON empty WHEN new.n > 5 BEGIN
        INSERT INTO log (what) VALUES (new.code); END;
"""
_NAMES = ["sum_up", "no_big", "keep", "touch", "stay", "count_empty"]

#: Tries the triggers of the file, with changes in the text of their translations.
Try = Callable[..., StepOutcome]


@pytest.fixture(scope="module")
def loaded(
    tmp_path_factory: pytest.TempPathFactory, module_database: str
) -> Iterator[tuple[str, Path, Plan, LoadJob]]:
    """A migrated database without the triggers, its snapshot, and the plan that has them."""
    directory = tmp_path_factory.mktemp("trials")
    database = module_database
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOWDAH_HOME", str(directory / "howdah-home"))
        source = make_database(directory / "app.db", _SOURCE)
        report = migrate_file(source, database, policies=("triggers=stub",))
        assert "trigger" not in report.objects
        facts = read_facts(source)
        plan = facts.plan(PlanOptions())
        state = StateSchema(name="howdah")
        with psycopg.connect(database) as connection:
            (run,) = Ledger(state=state).runs(connection)
        job = LoadJob(
            conninfo=database,
            state=state,
            run_id=run.id,
            plan=plan,
            catalog=facts.catalog,
            census=facts.census,
            snapshot_path=run.snapshot.path,
        )
        yield database, Path(run.snapshot.path), plan, job


def _everything(database: str) -> list[Any]:
    with psycopg.connect(database) as connection:
        queries = [
            f"SELECT * FROM {name} ORDER BY 1" for name in ("account", "entry", "log", "gone", "empty")
        ]
        queries += [
            "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public' ORDER BY 1",
            "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
            "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
        ]
        return [connection.execute(query.encode()).fetchall() for query in queries]


@pytest.fixture
def attempt(loaded: tuple[str, Path, Plan, LoadJob]) -> Try:
    """Try, and see that nothing of it stays: no row, number, function or trigger, no byte of the file."""
    database, snapshot, plan, job = loaded
    (step,) = [step for step in plan.steps if step.kind is StepKind.TRIAL]
    assert [trial.name for trial in step.trials] == _NAMES

    def run(*damages: tuple[str, str], only: tuple[str, ...] = tuple(_NAMES)) -> StepOutcome:
        before = _everything(database), hashlib.sha256(snapshot.read_bytes()).digest()
        with psycopg.connect(database) as connection:
            connection.execute("SET search_path TO pg_catalog, pg_temp")
            outcome = run_trial_step(connection, job, _damaged(step, damages, only))
            connection.commit()
        assert before == (_everything(database), hashlib.sha256(snapshot.read_bytes()).digest())
        return outcome

    return run


def _damaged(step: Step, damages: tuple[tuple[str, str], ...], only: tuple[str, ...]) -> Step:
    trials = [trial for trial in step.trials if trial.name in only]
    for right, wrong in damages:
        hit = [number for number, trial in enumerate(trials) if right in trial.translated_sql]
        assert len(hit) == 1, (right, [trials[number].name for number in hit])
        trial = trials[hit[0]]
        trials[hit[0]] = replace(trial, translated_sql=trial.translated_sql.replace(right, wrong))
    return replace(step, trials=tuple(trials))


def test_triggers_that_act_alike_are_all_tried_and_none_is_told(attempt: Try) -> None:
    outcome = attempt()
    assert (outcome.findings, outcome.removed) == ((), ())


@pytest.mark.parametrize(
    ("damage", "name"),
    [
        ((' + NEW."amount"', ' - NEW."amount"'), "sum_up"),
        (("'entry '", "'Entry '"), "sum_up"),
        (('"id" = NEW."account"', '"id" = NEW."id"'), "sum_up"),
        (("::text), date_trunc('second', (now()", "::text), date_trunc('second', (now() + '1 s'"), "sum_up"),
        (("> 700", ">= 700"), "no_big"),
        (("'too big'", "'too large'"), "no_big"),
        (("'huge'", "'Huge'"), "no_big"),
        (("RAISE EXCEPTION 'too big';", "NULL;"), "no_big"),
        (("ON CONFLICT DO NOTHING", "ON CONFLICT DO NOTHING; DELETE FROM public.gone"), "keep"),
        (("'e'", "'f'"), "keep"),
        (('UPDATE OF "owner"', 'UPDATE OF "balance"'), "touch"),
        (("RETURN NULL;", "RETURN OLD;"), "stay"),
        (("'open'", "'shut'"), "stay"),
        (('NEW."n" > 5', 'NEW."n" > 6'), "count_empty"),
        (('NEW."code"', "upper(NEW.\"code\")"), "count_empty"),
    ],
)  # fmt: skip
def test_one_that_acts_otherwise_is_found_and_no_other_is_blamed(
    attempt: Try, damage: tuple[str, str], name: str
) -> None:
    outcome = attempt(damage, only=(name, "keep"))

    assert outcome.removed == (f"trigger:{name}",)
    (finding,) = outcome.findings
    assert finding.code == "F-907"
    assert f'trigger "{name}" of' in finding.object
    assert "In SQLite: CREATE TRIGGER" in finding.detail
    assert "Translated: CREATE FUNCTION" in finding.detail


def test_two_that_act_otherwise_are_both_found(attempt: Try) -> None:
    outcome = attempt(("'entry '", "'Entry '"), ("> 700", "< 700"))
    assert outcome.removed == ("trigger:sum_up", "trigger:no_big")


def test_a_trigger_that_no_statement_lets_act_is_told_and_stays(attempt: Try, monkeypatch: Any) -> None:
    monkeypatch.setattr("howdah.loading.trial_course.choose_trials", lambda trigger, table: [])
    outcome = attempt()
    assert outcome.removed == ()
    assert [finding.code for finding in outcome.findings] == ["F-908"] * len(_NAMES)


def test_what_there_is_no_time_left_to_try_is_not_made(
    attempt: Try, tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("howdah.loading.trial_step.SECONDS_IN_ALL", -1.0)
    outcome = attempt()
    assert outcome.removed == tuple(f"trigger:{name}" for name in _NAMES)
    assert [finding.code for finding in outcome.findings] == ["F-909"] * len(_NAMES)
    assert "Translated: CREATE FUNCTION" in outcome.findings[0].detail

    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "howdah-home"))
    source = make_database(tmp_path / "app.db", _SOURCE)
    report = migrate(
        MigrateRequest(source=str(source), target=target_request(database), report_dir=tmp_path / "report")
    )
    assert (report.exit_status, report.objects.get("trigger", 0)) == (0, 0)
    assert (tmp_path / "report" / "triggers.sql").read_text().count('CREATE TRIGGER "') == len(_NAMES)


def test_the_time_for_all_ends_the_trials_of_one(attempt: Try, monkeypatch: pytest.MonkeyPatch) -> None:
    from howdah.loading import trial_course

    monkeypatch.setattr(trial_course, "SECONDS_PER_TRIGGER", 1e9)
    monkeypatch.setattr("howdah.loading.trial_step.SECONDS_IN_ALL", 30.0)
    # The clock goes on by a minute whenever the course looks at it.
    clock = [time.monotonic()]

    def look() -> float:
        clock[0] += 60
        return clock[0]

    monkeypatch.setattr(trial_course, "time", SimpleNamespace(monotonic=look))
    outcome = attempt(only=("sum_up",))
    (finding,) = outcome.findings
    assert (outcome.removed, finding.code) == ((), "F-908")
    assert "it took too long" in finding.detail


@pytest.fixture
def migrated(tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], RunReport]:
    """Migrate a file made by a script."""
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "howdah-home"))
    return lambda script: migrate_file(make_database(tmp_path / "made.db", script), database)


def test_a_virtual_table_keeps_no_other_trigger_from_being_tried(
    migrated: Callable[[str], RunReport],
) -> None:
    report = migrated(
        """
        CREATE VIRTUAL TABLE box USING rtree(id, low, high);
        CREATE TABLE item (id INTEGER PRIMARY KEY, size INTEGER NOT NULL);
        CREATE TABLE log (what TEXT);
        INSERT INTO item VALUES (1, 5), (2, 9);
        INSERT INTO box VALUES (1, 0, 5), (2, 0, 9);
        CREATE TRIGGER pack AFTER UPDATE OF size ON item BEGIN
            DELETE FROM box WHERE id = new.id; END;
        CREATE TRIGGER note AFTER DELETE ON item BEGIN
            INSERT INTO log VALUES ('gone ' || old.id); END;
        CREATE TRIGGER peek AFTER INSERT ON item WHEN EXISTS (SELECT 1 FROM box WHERE id = new.id - 1) BEGIN
            INSERT INTO log VALUES ('follows'); END;
        """
    )
    assert report.status == "done"
    assert report.objects["trigger"] == 3
    told = [(item.object, item.detail) for item in report.findings if item.code in ("F-907", "F-908")]
    assert [object_ for object_, _ in told] == ['trigger "pack" of "item"']
    assert '"box" is a virtual table' in told[0][1]


def test_a_run_goes_on_without_a_trigger_that_acts_otherwise(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "howdah-home"))
    from howdah.ops.migrate import build_plan  # type: ignore[attr-defined]

    def wrong_plan(*arguments: Any) -> Plan:
        plan: Plan = build_plan(*arguments)
        steps = []
        for step in plan.steps:
            trials = tuple(
                replace(trial, translated_sql=trial.translated_sql.replace("'too big'", "'too small'"))
                for trial in step.trials
            )
            steps.append(replace(step, trials=trials, sql=step.sql.replace("'too big'", "'too small'")))
        return replace(plan, steps=tuple(steps))

    monkeypatch.setattr("howdah.ops.migrate.build_plan", wrong_plan)
    source = make_database(tmp_path / "app.db", _SOURCE)
    request = MigrateRequest(
        source=str(source), target=target_request(database), report_dir=tmp_path / "report"
    )
    report = migrate(request)

    assert report.exit_status == 0
    told = [(finding.code, finding.object) for finding in report.findings]
    assert [item for item in told if item[0] not in ("F-201", "F-319")] == [
        ("F-907", 'trigger "no_big" of "entry"')
    ]
    assert report.objects["trigger"] == len(_NAMES) - 1
    stubs = (tmp_path / "report" / "triggers.sql").read_text()
    assert "it was not made, as the report says why (F-907, F-909)" in stubs
    assert stubs.count('CREATE TRIGGER "') == 1
    with psycopg.connect(database) as connection:
        there = connection.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1")
        assert [name for (name,) in there] == sorted(set(_NAMES) - {"no_big"})
    assert migrate(request).repeated
    assert verify_run(VerifyRequest(source=str(source), target=target_request(database))).exit_status == 0


def test_triggers_of_tables_with_the_largest_and_smallest_numbers_are_tried(
    migrated: Callable[[str], RunReport],
) -> None:
    report = migrated(
        """
        CREATE TABLE edge (id INTEGER PRIMARY KEY, b BLOB UNIQUE, n NUMERIC UNIQUE);
        INSERT INTO edge VALUES (9223372036854775807, 9223372036854775807, 1e300), (0, 5, -1e300),
            (-9223372036854775808, -9223372036854775808, 9223372036854775807);
        CREATE TABLE log (what TEXT);
        CREATE TRIGGER hold BEFORE DELETE ON edge WHEN old.n > 1 BEGIN SELECT RAISE(IGNORE); END;
        CREATE TRIGGER tell AFTER INSERT ON edge WHEN new.n > 9223372036854775806 BEGIN
            INSERT INTO log VALUES ('large'); END;
        CREATE TRIGGER lose AFTER UPDATE ON edge WHEN new.b < -9223372036854775807 BEGIN
            INSERT INTO log VALUES ('small'); END;
        """
    )
    assert report.status == "done"
    assert {finding.code for finding in report.findings} & {"F-905", "F-907"} == set()


def test_triggers_beside_a_row_in_quarantine_whose_text_cannot_be_read_are_tried(
    migrated: Callable[[str], RunReport],
) -> None:
    report = migrated(
        """
        CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT);
        INSERT INTO note VALUES (1, 'kept'), (2, CAST(x'ed' AS TEXT)), (3, 'a' || char(0));
        CREATE TRIGGER hold BEFORE DELETE ON note BEGIN SELECT RAISE(ABORT, 'it stays'); END;
        """
    )
    assert (report.status, report.rows_quarantined) == ("quarantined", 2)
    assert report.objects["trigger"] == 1
    assert {finding.code for finding in report.findings} & {"F-907", "F-908"} == set()


def test_rows_without_their_parent_do_not_make_a_trigger_act_otherwise(tmp_path: Path, database: str) -> None:
    source = make_database(
        tmp_path / "app.db",
        "CREATE TABLE origin (id INTEGER PRIMARY KEY);"
        "CREATE TABLE place (id INTEGER PRIMARY KEY, n INTEGER, origin INTEGER REFERENCES origin);"
        "CREATE TABLE visit (id INTEGER PRIMARY KEY, place INTEGER);"
        "INSERT INTO origin VALUES (1); INSERT INTO place VALUES (1, 0, 1), (2, 0, 99), (3, 0, 98);"
        "INSERT INTO visit VALUES (1, 2), (2, 3), (3, 2);"
        "CREATE TRIGGER counted AFTER INSERT ON visit BEGIN"
        " UPDATE place SET n = n + 1 WHERE id = new.place; END;"
        "CREATE TRIGGER less AFTER DELETE ON visit BEGIN"
        " UPDATE place SET n = n - 1 WHERE id = old.place; END",
    )
    report = migrate_file(source, database)
    assert report.objects["trigger"] == 2
    assert [finding.code for finding in report.findings if finding.code in ("F-907", "F-103")] == []
    with psycopg.connect(database) as connection:
        connection.execute("INSERT INTO visit VALUES (7, 2)")
        assert connection.execute("SELECT n FROM place WHERE id = 2").fetchone() == (1,)


def test_a_foreign_key_to_no_table_does_not_make_a_trigger_act_otherwise(
    tmp_path: Path, database: str
) -> None:
    # As in the contacts of Android, which refer to "mimetype" and have "mimetypes".
    source = make_database(
        tmp_path / "app.db",
        "CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT);"
        "CREATE TABLE data (id INTEGER PRIMARY KEY, kind INTEGER REFERENCES kind_of (id) NOT NULL,"
        " person INTEGER);"
        "CREATE TABLE lookup (data INTEGER REFERENCES data (id));"
        "INSERT INTO person VALUES (1, 'ann'), (2, 'bob'); INSERT INTO data VALUES (1, 1, 1), (2, 1, 2);"
        "INSERT INTO lookup VALUES (1);"
        "CREATE TRIGGER gone BEFORE DELETE ON person BEGIN DELETE FROM data WHERE person = old.id; END",
    )
    report = migrate_file(source, database)
    assert report.objects["trigger"] == 1
    (told,) = [finding for finding in report.findings if finding.code == "F-908"]
    assert "SQLite cannot carry it out while it enforces foreign keys (no such table: " in told.detail
