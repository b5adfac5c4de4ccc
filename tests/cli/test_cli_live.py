"""What a person reads of a live migration: the target once, and findings that are alike in one place."""

from __future__ import annotations

from pathlib import Path

from support.files import make_database
from support.program import Program

_COLUMNS = [f"price{number}" for number in range(12)]


def test_the_target_is_said_once_and_findings_that_are_alike_stand_together(
    tmp_path: Path, database: str
) -> None:
    listed = ", ".join(f"{name} DECIMAL(8,2)" for name in _COLUMNS)
    source = make_database(
        tmp_path / "app.db",
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, {listed});"
        f"INSERT INTO t VALUES (1, {', '.join('1.25' for _ in _COLUMNS)});",
    )
    program = Program(directory=tmp_path, home=tmp_path / "home")
    followed = program.run("follow", str(source), database, "--install-triggers", "--until-caught-up")
    assert followed.status == 0
    assert followed.err.count("target: ") == 1
    ended = program.run("cutover", str(source), database)
    assert ended.status == 0
    assert ended.err.count("target: ") == 1
    assert ended.out.count("F-607") == 1
    assert "and 9 more" in ended.out
