"""Triggers are told, and written for PostgreSQL as far as that is certain."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from howdah.model.plan import PlanOptions
from howdah.ops.migrate import MigrateRequest, migrate
from support.files import make_database
from support.runs import target_request

_SOURCE = """
    CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, n INTEGER);
    CREATE TABLE log (words TEXT);
    INSERT INTO item VALUES (1, 'one', 1), (2, 'two', 2), (3, 'three', 3);
    CREATE TRIGGER no_delete BEFORE DELETE ON item WHEN old.n > 2
        BEGIN SELECT RAISE(ABORT, 'it''s 100% kept'); END;
    CREATE TRIGGER skip BEFORE UPDATE OF n ON item WHEN new.n < 0 AND old.name = 'one'
        BEGIN SELECT RAISE(IGNORE); END;
    CREATE TRIGGER write_log AFTER INSERT ON item
        BEGIN INSERT INTO log SELECT name || ' came' FROM item; END;
"""


@pytest.fixture(params=["create", "stub"])
def stubs(
    request: pytest.FixtureRequest, tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> str:
    """What the report directory has for the triggers of a migrated file, under either policy."""
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "howdah-home"))
    source = make_database(tmp_path / "triggers.db", _SOURCE)
    report = migrate(
        MigrateRequest(
            source=str(source),
            target=target_request(database),
            report_dir=tmp_path / "report",
            options=PlanOptions(policies=(f"triggers={request.param}",)),
        )
    )
    told = [finding for finding in report.findings if finding.code == "F-103"]
    assert all("triggers.sql" in finding.hint for finding in told)
    complete = [] if request.param == "create" else [True, True]
    assert ["complete" in finding.message for finding in told] == [*complete, False]
    return (tmp_path / "report" / "triggers.sql").read_text()


def test_what_is_certain_acts_as_in_sqlite_made_by_the_run_or_from_the_file(
    stubs: str, database: str
) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(stubs.encode())
        with pytest.raises(psycopg.errors.RaiseException, match="it's 100% kept"):
            connection.execute("DELETE FROM item WHERE id = 3")
        assert connection.execute("DELETE FROM item WHERE id = 2").rowcount == 1
        assert connection.execute("UPDATE item SET n = -1 WHERE id = 1").rowcount == 0
        assert connection.execute("UPDATE item SET n = 5 WHERE id = 1").rowcount == 1


def test_a_stub_is_not_taken_for_the_trigger(stubs: str, database: str) -> None:
    assert "-- BEGIN INSERT INTO log SELECT name || ' came' FROM item; END" in stubs
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(stubs.encode())
        with pytest.raises(psycopg.errors.RaiseException, match=r"write_log.* is not written yet"):
            connection.execute("INSERT INTO item (name) VALUES ('new')")


def test_a_trigger_whose_name_is_too_long_is_made_under_a_shorter_one_and_told(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "howdah-home"))
    long = "x" * 64
    source = make_database(
        tmp_path / "long.db",
        "CREATE TABLE t (a INTEGER PRIMARY KEY); INSERT INTO t VALUES (1);"
        f"CREATE TRIGGER {long} BEFORE DELETE ON t BEGIN SELECT RAISE(ABORT, 'it stays'); END;",
    )
    report = migrate(MigrateRequest(source=str(source), target=target_request(database)))
    with psycopg.connect(database) as connection:
        ((made,),) = connection.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal").fetchall()
    (told,) = [finding for finding in report.findings if finding.code == "F-121"]
    assert made != long[:63]
    assert long in told.object
    assert f'"{made}"' in told.message
