"""
The agent platform moves from SQLite to PostgreSQL, told in the order in which its people would do it.

Everything is done by the command line. What is expected comes from elsewhere: SQLite's and PostgreSQL's
own answers, and the requests that Strapi was asked over the same rows. `make e2e` runs it and keeps the
report; E2E_REPORT names the directory.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import psycopg
import pytest

from e2e.backend import Backend, read_saved
from e2e.story import Story
from e2e.world import World, make_platform_database, read_settings, serving
from support.api import Replay, read_recorded
from support.content import PLATFORM
from support.program import Program

# Minutes where the machine does other things besides.
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
#: Requests to Strapi with its answers, in tests/data/strapi/rest.
RECORDED = ("reads", "writes", "access")
#: Strapi's own housekeeping, for which the content types have no tables.
HOUSEKEEPING = (
    "strapi_migrations*",
    "strapi_database_schema",
    "strapi_webhooks",
    "strapi_transfer_token*",
)
SEVEN = ("agents", "skills", "mcp_servers", "tasks", "chat_sessions", "chat_messages", "mcp_tools")


@pytest.fixture
def world() -> Iterator[World]:
    """A directory with the platform's SQLite file; its embedded server ends with the story."""
    # Short, because the server's socket is below it.
    with tempfile.TemporaryDirectory(prefix="howdah-e2e-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        shutil.copy(PLATFORM / "strapi.db", directory / "strapi.db")
        story = Story(
            "The agent platform moves to PostgreSQL",
            Path(os.environ.get("E2E_REPORT", ROOT / ".work" / "e2e")).absolute(),
        )
        program = Program(directory=directory, home=directory / "home")
        world = World(story=story, program=program, project=PLATFORM, settings=read_settings(PLATFORM))
        try:
            yield world
        finally:
            program.run("pg", "stop")


def test_the_platform_moves_to_postgresql(world: World) -> None:
    look_before(world)
    rehearse(world)
    owner, app = make_platform(world)
    platform = world.at(owner)
    with ExitStack() as running:
        backend = follow_while_the_backend_writes(platform, running)
        cut_over(platform, backend)
        verify_the_content_types(platform)
        service = start_the_service(world.at(app), running)
        ask_what_strapi_was_asked(world, service["url"], owner)
        back_up_and_drill(platform)
        look_at_the_status_page(world, service["admin_url"])
        go_home_with_the_writes(platform, backend)
        move_again(platform, backend, running)
        accept(platform, service["admin_url"])
    nothing_was_lost(platform, backend)


def look_before(world: World) -> None:
    with world.story.step("Look at the file, and read every decision before anything is written"):
        before = (world.directory / "strapi.db").read_bytes()
        inspected = world.howdah("inspect", "strapi.db", "--json").document
        with closing(sqlite3.connect(PLATFORM / "strapi.db")) as sqlite:
            (tables,) = sqlite.execute(
                "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name <> 'sqlite_sequence'"
            ).fetchone()
        found = [table for table in inspected["catalog"]["tables"] if table["kind"] == "table"]
        assert len(found) == tables
        world.story.saw(f"inspect names the {tables} tables that SQLite's own catalogue has.")
        world.howdah("plan", "strapi.db", "-o", "plan.toml")
        assert (world.directory / "strapi.db").read_bytes() == before
        world.story.saw("The file's bytes are what they were.")


def rehearse(world: World) -> None:
    with world.story.step("Rehearse on the embedded server, and undo the rehearsal") as step:
        file = world.directory / "strapi.db"
        report = world.howdah(
            "migrate", "strapi.db", "--plan", "plan.toml", "--report-dir", "rehearsal", "--json"
        )
        assert (report.document["status"], report.document["verification"]) == ("done", "proof")
        assert report.document["differences"] == []
        assert sum(table["rows_target"] for table in report.document["tables"]) == count_rows(file)
        world.story.saw("Every row is there, and was compared.")
        page = (world.directory / "rehearsal" / "report.html").as_uri()
        assert "Proven" in world.photograph(step, "rehearsal", page)
        world.howdah("rollback")


def make_platform(world: World) -> tuple[str, str]:
    with world.story.step("Make the platform's roles, and its tables from its content types"):
        world.howdah("pg", "start")
        owner, app = make_platform_database(world)
        world.at(owner).howdah("content", "create", "--content", world.project / "src")
    return owner, app


def follow_while_the_backend_writes(platform: World, running: ExitStack) -> Backend:
    with platform.story.step("Follow the file into them while the backend goes on saving"):
        backend = running.enter_context(start_backend(platform))
        follow(platform, backend, running)
    return backend


def follow(platform: World, backend: Backend, running: ExitStack) -> None:
    excluded = [f"--exclude={name}" for name in HOUSEKEEPING]
    running.enter_context(platform.running("follow", "strapi.db", "--install-triggers", *excluded))
    backend.wait_for("SQLite", 50)
    wait_until_followed(platform)


def cut_over(platform: World, backend: Backend) -> None:
    with platform.story.step("Cut over: the backend now saves on PostgreSQL"):
        cut = platform.howdah("cutover", "strapi.db", "--on-release", "cp there address", "--json").document
        assert (cut["status"], cut["proof"], cut["difference_count"]) == ("complete", "proven", 0)
        backend.wait_for("PostgreSQL", 50)
        platform.story.saw(f"Nobody could write for {cut['pause_seconds']:.2f} seconds.")
        with psycopg.connect(platform.database) as postgres, closing(sqlite3.connect(backend.file)) as sqlite:
            for table in SEVEN:
                counts = [
                    connection.execute(f"SELECT count(*) FROM {table}").fetchone()
                    for connection in (postgres, sqlite)
                ]
                assert counts[0] == counts[1], table
        platform.story.saw("Each of the seven types has as many rows as SQLite counts.")


def start_backend(there: World) -> Backend:
    """Return the backend, pointed to the file, with both addresses laid out for who moves it."""
    for name, address in (("here", "SQLite"), ("there", there.database), ("address", "SQLite")):
        (there.directory / name).write_text(address)
    return Backend(there.directory / "strapi.db", there.directory / "address")


def wait_until_followed(world: World) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        ended = world.program.run("status", "--json", env=world.environment())
        live = ended.document.get("live") if ended.status == 0 else None
        if live and live["phase"] == "following" and live["rows_applied"] > 0:
            return
        time.sleep(0.2)
    pytest.fail("the target was not followed within a minute")


def verify_the_content_types(platform: World) -> None:
    with platform.story.step("Verify the content types: each table compared, each type probed"):
        source = platform.project / "src"
        verified = platform.howdah("content", "verify", "--content", source, "--json").document
        assert verified["exit_status"] == 0
        assert {check["table"] for check in verified["types"] if check["ok"]} >= set(SEVEN)
        platform.howdah("content", "verify", "--content", source)


def start_the_service(world: World, running: ExitStack) -> dict[str, str]:
    with world.story.step("Start the service"):
        return running.enter_context(serving(world))


def ask_what_strapi_was_asked(world: World, url: str, owner: str) -> None:
    with world.story.step("The service answers what Strapi answered"):
        differences: dict[str, str] = {}
        with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
            for name in RECORDED:
                replay = Replay(client)
                differences |= {item.name: replay.difference(item) for item in read_recorded(name)}
        assert {name: found for name, found in differences.items() if found} == {}
        world.story.saw(f"{len(differences)} requests, reads and writes; every answer is the recorded one.")
        with psycopg.connect(owner) as connection:
            roles = connection.execute(
                "SELECT DISTINCT usename FROM pg_stat_activity WHERE application_name = 'howdah/app'"
            ).fetchall()
        assert roles == [("platform_app",)]
        world.story.saw("It works as a role that can change no table.")


def back_up_and_drill(world: World) -> None:
    with world.story.step("Back the platform up, and restore the backup to see that it can be"):
        world.howdah("backup", "--repo", "backups", "--drill", "never")
        drilled = world.howdah("drill", "--repo", "backups", "--json").document
        assert (drilled["status"], drilled["exit_status"]) == ("pass", 0)
        world.howdah("backups", "list", "--repo", "backups")


def look_at_the_status_page(world: World, admin: str) -> None:
    with world.story.step("The status page shows the platform as it is") as step:
        # Where a long name may break is marked in it.
        page = world.photograph(step, "status", f"{admin}/").replace("<wbr>", "")
        assert [table for table in SEVEN if table not in page] == []
        world.story.saw("All seven types are on the page.")
        world.howdah("health", admin)


def go_home_with_the_writes(platform: World, backend: Backend) -> None:
    with platform.story.step(
        "Roll back: all that was written on PostgreSQL is in the file, which takes saves again"
    ):
        with psycopg.connect(platform.database) as postgres:
            rows = postgres.execute("SELECT document_id, name FROM agents").fetchall()
        before = read_agents(PLATFORM / "strapi.db")
        home = platform.howdah("rollback", "--on-release", "cp here address", "--json").document
        assert (home["status"], home["proof"]) == ("home", "proven")
        carried = read_agents(backend.file)
        assert sorted(carried) == sorted(rows)
        assert sorted(carried) != sorted(before)
        backend.wait_for("SQLite", 50)
        platform.story.saw(
            f"{len(carried)} rows of agents are in the file, {len(before)} before the service."
        )


def read_agents(file: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(file)) as sqlite:
        return sqlite.execute("SELECT document_id, name FROM agents").fetchall()


def move_again(platform: World, backend: Backend, running: ExitStack) -> None:
    with platform.story.step("Convinced: cut over a second time"):
        follow(platform, backend, running)
        cut = platform.howdah("cutover", "strapi.db", "--on-release", "cp there address", "--json").document
        assert (cut["status"], cut["proof"], cut["difference_count"]) == ("complete", "proven", 0)
        backend.wait_for("PostgreSQL", 50)


def nothing_was_lost(platform: World, backend: Backend) -> None:
    with platform.story.step("Not one save was lost or doubled on the way there, back, and there again"):
        saved = [key for key, _ in backend.saved]
        assert sorted(read_saved(platform.database, backend.file)) == sorted(saved)
        platform.story.saw(
            f"{len(saved)} saves, {backend.count('PostgreSQL')} of them acknowledged by PostgreSQL."
        )


def accept(world: World, admin: str) -> None:
    with world.story.step("The migration is accepted: every criterion with its evidence") as step:
        arguments = ["accept", "--path", str(world.project), "--repo", "backups", "--service", admin]
        arguments += [
            "--baseline",
            str(world.project / "audit-baseline"),
            "--html",
            "accepted.html",
            "--json",
        ]
        accepted = world.howdah(*arguments).document
        assert accepted["status"] == "accepted"
        assert {criterion["status"] for criterion in accepted["criteria"]} == {"met"}
        world.story.saw(f"{len(accepted['criteria'])} criteria are met.")
        page = world.photograph(step, "accepted", (world.directory / "accepted.html").as_uri())
        assert re.search(r"<h1>Accepted", page)


def count_rows(file: Path) -> int:
    with closing(sqlite3.connect(file)) as sqlite:
        tables = sqlite.execute("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'")
        names = [name for (name,) in tables if not name.startswith("sqlite_")]
        return sum(sqlite.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names)
