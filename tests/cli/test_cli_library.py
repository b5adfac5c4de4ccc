"""`import howdah`: the verbs as functions that return reports, print nothing and load nothing early."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from typer.main import get_command

import howdah
from howdah.cli.app import app
from support.files import make_database

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "use-as-a-library.md"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_migration_from_start_to_end(
    notes: Path, database: str, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    target = howdah.TargetRequest(target=database)
    inspected: howdah.InspectReport = howdah.inspect(str(notes))
    assert [table.name for table in inspected.catalog.tables] == ["folder", "note"]
    plan: howdah.Plan = howdah.plan(howdah.PlanRequest(source=str(notes), target=target))
    assert [table.rows for table in plan.tables] == [2, 3]

    report: howdah.RunReport = howdah.migrate(howdah.MigrateRequest(source=str(notes), target=target))
    assert (report.status, report.exit_status) == ("done", howdah.ExitStatus.OK)
    assert howdah.verify(howdah.VerifyRequest(source=str(notes), target=target)).verification == "proof"
    status: howdah.StatusReport = howdah.status(target)
    assert [run.status for run in status.runs] == ["done"]
    assert howdah.quarantine.list_rows(target).total == 0
    assert set(howdah.rollback(target).dropped) == {"folder", "note"}
    again = howdah.migrate(howdah.MigrateRequest(source=str(notes), target=target))
    assert howdah.clean(target).runs == (again.run_id,)
    assert "doctor" in howdah.doctor().verb
    assert capfd.readouterr() == ("", "")


def test_what_cannot_be_done_is_raised_with_code_and_hint(tmp_path: Path, database: str) -> None:
    source = tmp_path / "text.db"
    source.write_text("not a database at all")
    request = howdah.MigrateRequest(source=str(source), target=howdah.TargetRequest(target=database))
    with pytest.raises(howdah.RefusedError) as refused:
        howdah.migrate(request)
    assert refused.value.code == "S-010"
    assert refused.value.exit_status is howdah.ExitStatus.REFUSED


def test_every_name_is_there_and_no_other() -> None:
    for name in howdah.__all__:
        assert getattr(howdah, name) is not None
    assert set(dir(howdah)) == set(howdah.__all__)
    with pytest.raises(AttributeError, match="no attribute 'migrat'"):
        _ = howdah.migrat


#: Verbs whose names are packages, or whose functions are several.
SPELLED_OTHERWISE = {
    "audit": "audit_project",
    "content": "verify_content",
    "health": "check_health",
}


def test_every_verb_of_the_command_line_is_there() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    assert {"migrate", "follow", "serve"} <= set(commands)
    missing = [verb for verb in commands if SPELLED_OTHERWISE.get(verb, verb) not in howdah.__all__]
    assert missing == []


def test_importing_loads_nothing_else() -> None:
    script = "import sys, howdah; print([name for name in sys.modules if name.startswith('howdah.')])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_example_of_the_page_runs(tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make_database(tmp_path / "app.db", "CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)")
    page = HOW_TO.read_text()
    example = page.split("```python\n")[1].split("```")[0]
    done = subprocess.run(
        [sys.executable, "-c", example],
        cwd=tmp_path,
        env={"TARGET": database, "HOWDAH_HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "t: 1 rows, proven" in done.stdout
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT id FROM t").fetchall() == [(1,)]


def test_a_user_of_the_library_sees_its_types(tmp_path: Path) -> None:
    user = tmp_path / "user.py"
    user.write_text(
        "import howdah\n"
        "report = howdah.migrate(howdah.MigrateRequest(source='app.db'))\n"
        "reveal_type(report)\n"
        "howdah.migrate('app.db')\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", str(user)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert 'Revealed type is "howdah.model.report.RunReport"' in done.stdout
    assert "user.py:4: error: Argument 1 to" in done.stdout
