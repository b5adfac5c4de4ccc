"""The recipe of the guide for a systemd service: stopped behind the fence, started on the other side."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import psycopg
import pytest

from howdah.ops.cutover import CutoverRequest, cutover
from howdah.ops.follow import FollowRequest, follow
from howdah.ops.go_home import go_home
from howdah.ops.live_run import LiveOptions
from support.files import make_database
from support.processes import run_sqlite
from support.runs import target_request

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "move-while-it-runs.md"

#: Started, the "application" writes once to the database that its environment names.
SYSTEMCTL = """#!/bin/sh
echo "$1 $2" >> {log}
[ "$1" = start ] || exit 0
. {etc}/current.env
exec {python} -c '
import os, sys
if os.environ["DB"] == "postgres":
    import psycopg
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        connection.execute("INSERT INTO item (note) VALUES (%s)", ("on postgres",))
else:
    import sqlite3
    with sqlite3.connect(os.environ["DATABASE_FILENAME"]) as connection:
        connection.execute("INSERT INTO item (note) VALUES (?)", ("on sqlite",))
'
"""


def test_the_systemd_recipe_moves_a_service_there_and_home(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_database(
        tmp_path / "app.db", "CREATE TABLE item (id INTEGER PRIMARY KEY AUTOINCREMENT, note TEXT)"
    )
    etc, log, programs = tmp_path / "etc", tmp_path / "log", tmp_path / "bin"
    etc.mkdir()
    programs.mkdir()
    (etc / "sqlite.env").write_text(f"export DB=sqlite DATABASE_FILENAME='{source}'\n")
    (etc / "postgres.env").write_text(f"export DB=postgres DATABASE_URL='{database}'\n")
    (etc / "current.env").symlink_to("sqlite.env")
    systemctl = programs / "systemctl"
    systemctl.write_text(SYSTEMCTL.format(log=log, etc=etc, python=sys.executable))
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    there, home = (
        LiveOptions(
            on_fence=fence.replace("/etc/app", str(etc)), on_release=release.replace("/etc/app", str(etc))
        )
        for fence, release in _recipe()
    )

    target = target_request(database)
    follow(FollowRequest(source=str(source), target=target, consent=True, until_caught_up=True))
    assert cutover(CutoverRequest(source=str(source), target=target, live=there)).exit_status == 0
    assert os.readlink(etc / "current.env") == "postgres.env"
    assert log.read_text().split() == ["stop", "app", "start", "app"]
    assert go_home(target, home).exit_status == 0
    assert os.readlink(etc / "current.env") == "sqlite.env"
    assert log.read_text().split() == ["stop", "app", "start", "app"] * 2
    # What the service wrote on either side, each time on the one that took writes.
    notes = "SELECT note FROM item ORDER BY id"
    assert run_sqlite(source, f"print(connection.execute({notes!r}).fetchall())").strip() == (
        "[('on postgres',), ('on sqlite',)]"
    )
    with psycopg.connect(database) as connection:
        assert connection.execute(notes).fetchall() == [("on postgres",)]


def _recipe() -> list[tuple[str, str]]:
    """Return --on-fence and --on-release of the guide's systemd recipe: there, and home."""
    section = GUIDE.read_text(encoding="utf-8").split("#### systemd")[1].split("####")[0]
    found = re.findall(r'--on-fence "([^"]+)".*?--on-release "([^"]+)"', section, re.S)
    assert len(found) == 2
    return found
