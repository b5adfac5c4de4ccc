"""One fault at one step of a live migration: loud, nothing lost, and the same command ends as without it."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from howdah.model.verb_reports import LiveReport
from howdah.ops.cutover import CutoverRequest, cutover
from howdah.ops.follow import FollowRequest, follow
from howdah.ops.go_home import go_home
from howdah.ops.live_run import LiveOptions
from support.faulty import run_faulty
from support.files import make_database
from support.processes import run_sqlite
from support.runs import target_request

pytestmark = pytest.mark.long

SCRIPT = """
CREATE TABLE box (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE);
CREATE TABLE item (id INTEGER PRIMARY KEY, box INTEGER REFERENCES box, note TEXT);
CREATE TABLE keyless (a INTEGER);
INSERT INTO box (name) VALUES ('one'), ('two');
INSERT INTO item VALUES (1, 1, 'a'), (2, 2, 'b');
INSERT INTO keyless VALUES (1), (1);
"""
ON_SQLITE = "UPDATE item SET note = 'late' WHERE id = 1; INSERT INTO box (name) VALUES ('three');" + (
    "INSERT INTO keyless VALUES (2);"
)
#: More than the fence leaves for its pause, so that catching up is a step of its own.
MANY = (
    "WITH RECURSIVE n (i) AS (VALUES (1000) UNION ALL SELECT i + 1 FROM n WHERE i < 1400)"
    " INSERT INTO item SELECT i, 1, 'many' FROM n;"
)
CONTENT = "SELECT 'box', id, name FROM box UNION ALL SELECT 'item', id, note FROM item" + (
    " UNION ALL SELECT 'keyless', a, '' FROM keyless"
)

#: Steps of each verb in an undisturbed run, and which of them `make test-long` tries.
STEPS = {"follow": 2, "cutover": 7, "home": 5}
SAMPLE = {("cutover", "kill-after", 3), ("cutover", "kill-before", 6), ("home", "kill-after", 3)}
EVERY = [
    (verb, fault, step)
    for verb, count in STEPS.items()
    for fault in ("kill-before", "kill-after", "cut")
    for step in range(1, count + 1)
]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_database(tmp_path / "app.db", SCRIPT)


def _follow(source: Path, database: str) -> LiveReport:
    return follow(
        FollowRequest(source=str(source), target=target_request(database), consent=True, until_caught_up=True)
    )


def _cut_over(source: Path, database: str) -> LiveReport:
    return cutover(CutoverRequest(source=str(source), target=target_request(database)))


def _write(source: Path, script: str) -> None:
    run_sqlite(source, f"connection.executescript({script!r})")


def _on_sqlite(source: Path) -> list[tuple[object, ...]]:
    return sorted(eval(run_sqlite(source, f"print(connection.execute({CONTENT!r}).fetchall())")))


def _on_postgresql(database: str) -> list[tuple[object, ...]]:
    with psycopg.connect(database) as connection:
        return sorted(connection.execute(CONTENT).fetchall())


def _require_nothing_left(database: str) -> None:
    """No session, no helper table of a step that did not end."""
    with psycopg.connect(database) as connection:
        assert connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'howdah%'"
            " AND datname = current_database()"
        ).fetchone() == (0,)


@pytest.mark.parametrize(
    ("verb", "fault", "step"),
    [
        pytest.param(*case, marks=() if case in SAMPLE else pytest.mark.slow, id="-".join(map(str, case)))
        for case in EVERY
    ],
)
def test_one_fault_at_one_step_and_the_same_command_again(
    source: Path, database: str, verb: str, fault: str, step: int
) -> None:
    _follow(source, database)
    if verb == "follow":
        _write(source, ON_SQLITE)
    if verb == "cutover":
        _write(source, ON_SQLITE + MANY)
    if verb == "home":
        _write(source, ON_SQLITE)
        _cut_over(source, database)
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("INSERT INTO box (name) VALUES ('there')")
            connection.execute("UPDATE keyless SET a = a + 1")
            connection.execute("INSERT INTO item SELECT i, 1, 'many' FROM generate_series(5000, 5300) i")
    expected = _on_postgresql(database) if verb == "home" else _on_sqlite(source)

    faulted = run_faulty(verb, source, database, fault, step)
    assert faulted.status in ((7, 6, 0) if fault == "cut" else (-9,)), faulted.errors
    assert "Traceback" not in faulted.errors
    assert "password" not in faulted.errors

    # Whatever happened, whichever side takes writes has every row.
    if verb == "home":
        again = go_home(target_request(database), LiveOptions())
        assert (again.phase, again.difference_count) == ("home", 0)
        assert _on_sqlite(source) == expected
        _write(source, "INSERT INTO box (name) VALUES ('writable')")
    elif verb == "cutover":
        done = _cut_over(source, database)
        assert (done.phase, done.difference_count) == ("complete", 0)
        assert _on_postgresql(database) == expected
    else:
        assert _follow(source, database).status == "caught-up"
        rows = [row for row in expected if row[0] != "keyless"]
        assert [row for row in _on_postgresql(database) if row[0] != "keyless"] == rows
    _require_nothing_left(database)


@pytest.mark.slow
def test_the_steps_that_are_swept_are_all_there_are(source: Path, database: str) -> None:
    _follow(source, database)
    _write(source, ON_SQLITE)
    assert len(run_faulty("follow", source, database, "none", 0).steps) == STEPS["follow"]
    _write(source, MANY)
    assert run_faulty("cutover", source, database, "none", 0).steps == [
        "apply", "prepare", "fence", "drain", "prove-dirty", "release", "prove-all", "done",
    ]  # fmt: skip
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("INSERT INTO item SELECT i, 1, 'many' FROM generate_series(5000, 5300) i")
    assert run_faulty("home", source, database, "none", 0).steps == [
        "home-apply", "home-fence", "home-drain", "prove-dirty", "home-release",
    ]  # fmt: skip


def test_a_cutover_that_died_behind_the_fence_can_be_called_off(source: Path, database: str) -> None:
    _follow(source, database)
    assert run_faulty("cutover", source, database, "kill-after", 2).status == -9
    cutover(CutoverRequest(source=str(source), target=target_request(database), abort=True))
    _write(source, "INSERT INTO box (name) VALUES ('goes on')")
    assert _follow(source, database).status == "caught-up"
