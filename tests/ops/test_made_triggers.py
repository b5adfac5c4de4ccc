"""Triggers are made after the rows, fire for none that is loaded, and go with what they were made for."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import psycopg
import pytest

from howdah.errors import UsageError
from howdah.ops.carry_back import CarryBackRequest, carry_back
from howdah.ops.migrate import MigrateRequest, migrate
from howdah.ops.plan import PlanRequest, plan
from howdah.ops.quarantine import retry_rows
from howdah.ops.rollback import rollback
from howdah.ops.verify import VerifyRequest, verify_run
from howdah.planning.plan_file import render_plan
from howdah.state.ledger import Ledger, StepOutcome
from support.files import make_database
from support.runs import migrate_file, target_request

_SCRIPT = """
    CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, n INTEGER);
    CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT, words TEXT);
    INSERT INTO item VALUES (1, 'one', 1), (2, 'two', 2), (3, 'three', 3);
    CREATE TRIGGER came AFTER INSERT ON item BEGIN INSERT INTO log (words) VALUES (new.name); END;
    CREATE TRIGGER changed AFTER UPDATE ON item BEGIN INSERT INTO log (words) VALUES ('to ' || new.name); END;
    CREATE TRIGGER odd AFTER DELETE ON item BEGIN INSERT INTO log (words) SELECT my_function(old.name); END;
    DELETE FROM log;
"""


@pytest.fixture(autouse=True)
def howdah_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "howdah-home"))


def _source(tmp_path: Path, script: str = _SCRIPT) -> Path:
    return make_database(tmp_path / "app.db", script)


def _ask(database: str, query: str) -> list[Any]:
    with psycopg.connect(database, autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        return cursor.fetchall() if cursor.description else []


def _triggers(database: str) -> list[str]:
    query = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgname !~ '^_' ORDER BY 1"
    return [name for (name,) in _ask(database, query)]


def _verify(source: Path, database: str, *, repair: bool = False) -> Any:
    return verify_run(VerifyRequest(source=str(source), target=target_request(database), repair=repair))


def test_they_are_there_when_the_rows_are_and_have_fired_for_none(tmp_path: Path, database: str) -> None:
    source = _source(tmp_path)
    report = migrate_file(source, database)

    assert report.exit_status == 0
    assert report.objects["trigger"] == 2
    assert [finding.object for finding in report.findings if finding.code == "F-103"] == [
        'trigger "odd" of "item"'
    ]
    assert _ask(database, "SELECT * FROM log") == []
    _ask(database, "INSERT INTO item (name) VALUES ('four')")
    # The numbers that the trials took are given again.
    assert _ask(database, "SELECT * FROM log") == [(1, "four")]
    assert _ask(database, "SELECT max(id) FROM item") == [(4,)]
    assert migrate_file(source, database).repeated


def test_rollback_leaves_neither_table_nor_function(tmp_path: Path, database: str) -> None:
    _ask(database, "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    migrate_file(_source(tmp_path), database, schema="app")
    rollback(target_request(database))

    assert _ask(database, "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace") == [
        ("mine",)
    ]
    assert _ask(database, "SELECT nspname FROM pg_namespace WHERE nspname IN ('app', 'howdah')") == []


@pytest.mark.parametrize(
    ("damage", "target"),
    [
        ("DROP TRIGGER came ON item", "missing"),
        ("DROP FUNCTION came() CASCADE", "missing"),
        ("ALTER TABLE item DISABLE TRIGGER came", "disabled"),
        ("ALTER TABLE item ENABLE REPLICA TRIGGER came", "disabled"),
    ],
)
def test_verify_misses_a_trigger_and_mends_it(
    tmp_path: Path, database: str, damage: str, target: str
) -> None:
    source = _source(tmp_path)
    migrate_file(source, database)
    _ask(database, damage)

    report = _verify(source, database)
    assert report.exit_status == 3
    assert [(found.kind, found.object, found.target) for found in report.differences] == [
        ("trigger", "came", target)
    ]
    assert _verify(source, database, repair=True).exit_status == 0
    assert _triggers(database) == ["came", "changed"]


def test_mending_rows_fires_no_trigger(tmp_path: Path, database: str) -> None:
    source = _source(tmp_path)
    migrate_file(source, database)
    _ask(database, "ALTER TABLE item DISABLE TRIGGER USER")
    _ask(database, "DELETE FROM item WHERE id = 1; UPDATE item SET n = 9 WHERE id = 2")
    _ask(database, "ALTER TABLE item ENABLE TRIGGER came; ALTER TABLE item ENABLE ALWAYS TRIGGER changed")

    report = _verify(source, database, repair=True)
    assert (report.exit_status, report.repaired) == (0, 2)
    assert _ask(database, "SELECT * FROM log") == []
    query = "SELECT tgname, tgenabled::text FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1"
    assert _ask(database, query) == [
        ("came", "O"),
        ("changed", "A"),
    ]


def test_loading_from_quarantine_fires_no_trigger(tmp_path: Path, database: str) -> None:
    source = _source(tmp_path, _SCRIPT + "INSERT INTO item VALUES (9, 'nul' || char(0), 1); DELETE FROM log;")
    report = migrate_file(source, database)
    assert report.exit_status == 5
    assert report.objects["trigger"] == 2
    plan_file = tmp_path / "plan.toml"
    plan_file.write_text('[tables.item.columns.name]\ncodec = "text"\nparams = { nul = "strip" }\n')

    retried = retry_rows(target_request(database), plan_file=plan_file)
    assert (retried.loaded, retried.total) == (1, 0)
    assert _ask(database, "SELECT * FROM log") == []
    assert _triggers(database) == ["came", "changed"]


def test_a_run_killed_at_any_step_makes_them_once(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """Stands for the end of the process."""

    source = _source(tmp_path)
    monkeypatch.setattr("howdah.ops.migrate.ONE_TRANSACTION_BYTES", 0)
    record_step = Ledger.record_step
    killed: list[str] = []

    def run() -> bool:
        done = 0

        def record(self: Ledger, connection: Any, run_id: str, outcome: StepOutcome) -> None:
            nonlocal done
            done += 1
            if done > 1 and outcome.step_id.startswith(("trials", "trigger")):
                killed.append(outcome.step_id)
                raise Killed
            record_step(self, connection, run_id, outcome)

        monkeypatch.setattr(Ledger, "record_step", record)
        try:
            migrate_file(source, database, jobs=1)
        except Killed:
            return True
        finally:
            monkeypatch.setattr(Ledger, "record_step", record_step)
        return False

    while run():
        assert _ask(database, "SELECT * FROM log") == []
    assert killed == ["trials", "trigger:came", "trigger:changed"]
    assert _triggers(database) == ["came", "changed"]
    assert _verify(source, database).exit_status == 0


def test_a_policy_leaves_them_to_a_person(tmp_path: Path, database: str) -> None:
    source = _source(tmp_path)
    request = MigrateRequest(
        source=str(source), target=target_request(database), report_dir=tmp_path / "report"
    )
    plan_file = tmp_path / "plan.toml"
    text = render_plan(plan(PlanRequest(source=str(source))))
    assert text.count('policy = "create"') == 2
    assert text.count('policy = "stub"') == 1
    plan_file.write_text(text.replace('policy = "create"', 'policy = "stub"', 1))

    report = migrate(
        MigrateRequest(
            source=request.source, target=request.target, report_dir=request.report_dir, plan_file=plan_file
        )
    )
    told = [finding.message for finding in report.findings if finding.code == "F-103"]
    assert ["it complete" in message for message in told] == [True, False]
    assert _triggers(database) == ["changed"]
    _ask(database, (tmp_path / "report" / "triggers.sql").read_text())
    assert _triggers(database) == ["came", "changed", "odd"]
    _ask(database, "INSERT INTO item (name) VALUES ('four')")
    assert _ask(database, "SELECT words FROM log") == [("four",)]


def test_a_plan_file_cannot_ask_for_what_is_not_certain(tmp_path: Path) -> None:
    source = _source(tmp_path)
    plan_file = tmp_path / "plan.toml"
    for section, code in (
        ('[triggers.odd]\npolicy = "create"\n', "P-104"),
        ('[triggers.other]\npolicy = "stub"\n', "P-102"),
        ('[triggers.odd]\npolicy = "make"\n', "P-111"),
        ('[triggers.odd]\nmode = "stub"\n', "P-111"),
    ):
        plan_file.write_text(section)
        with pytest.raises(UsageError) as refused:
            plan(PlanRequest(source=str(source), plan_file=plan_file))
        assert refused.value.code == code


def test_what_they_write_goes_home_once(tmp_path: Path, database: str) -> None:
    source = _source(tmp_path)
    migrate(MigrateRequest(source=str(source), target=target_request(database), keep_way_back=True))
    _ask(database, "INSERT INTO item (name) VALUES ('four'); UPDATE item SET n = 7 WHERE id = 1")

    report = carry_back(CarryBackRequest(target=target_request(database), output=tmp_path / "home.db"))
    assert report.exit_status == 0
    with sqlite3.connect(tmp_path / "home.db") as home:
        assert home.execute("SELECT * FROM log").fetchall() == [(1, "four"), (2, "to one")]
        assert home.execute("SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'").fetchall() == [(3,)]
