"""The status page: what an operator reads of a running service, with and without scripts."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import httpx
import psycopg
import pytest
from PIL import Image

from howdah.model.health import HealthCheck, HealthReport, HealthStatus
from howdah.model.service_status import BackupNews, DatabaseNews, PoolGauges, PoolMoment, ServiceStatus
from howdah.report.status_page import draw_sparkline, render_status_page
from howdah.service.admin_server import AdminServer
from howdah.service.admin_settings import AdminSettings
from howdah.state.store import StateSchema, install_state
from support.browser import run_browser
from support.service import OwnServer, settings_for

HERE = AdminSettings(port=0)

STATUS = ServiceStatus(
    version="9.9",
    uptime=3.5,
    ready=True,
    server_version="16.4",
    health=HealthReport(
        status=HealthStatus.PASS, checks=(HealthCheck(name="a:b", status=HealthStatus.PASS),)
    ),
    pool=PoolGauges(
        used=3,
        idle=5,
        waiting=0,
        max_size=10,
        max_waiting=40,
        min_size=2,
        history=(
            PoolMoment(used=0, waiting=0),
            PoolMoment(used=10, waiting=20),
            PoolMoment(used=5, waiting=0),
        ),
    ),
    database=DatabaseNews(),
)


class Texts(HTMLParser):
    """The page as somebody reads it who runs no scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.feed(page.replace("<wbr>", ""))

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.parts))


def read(page: str) -> str:
    return Texts(page).text


@pytest.fixture
def admin(database: str) -> Iterator[AdminServer]:
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE agents (id int PRIMARY KEY, name text)")
        connection.execute("INSERT INTO agents SELECT n, 'a' FROM generate_series(1, 37) n")
        connection.execute("CREATE TABLE internal (id int)")
    types = {"agents": "api::agent.agent"}
    with AdminServer(HERE, settings_for(database), content_types=types) as server:
        yield server


def get(admin: AdminServer, path: str = "/") -> httpx.Response:
    return httpx.get(admin.url + path, timeout=10, trust_env=False)


def test_the_page_tells_state_checks_tables_and_what_is_missing(admin: AdminServer) -> None:
    page = read(get(admin).text)
    for sentence in (
        "Ready The service takes requests; every check passes.",
        "postgresql:connectivity pass",
        "Content types (1)",
        "Other tables (1)",
        "No backup is known. No repository of backups is set",
        "None is recorded in this database.",
    ):
        assert sentence in page, sentence
    assert re.search(r"agents\s+37", page)


def test_programs_read_the_same(admin: AdminServer) -> None:
    document = get(admin, "/status.json").json()
    assert document["ready"] is True
    assert {table["name"]: table["rows"] for table in document["database"]["tables"]} == {
        "agents": 37,
        "internal": 0,
    }
    assert document["backup"] is None
    assert "detail" not in document["health"]["checks"][0]


def test_nothing_on_the_page_is_inline_or_from_elsewhere(admin: AdminServer) -> None:
    """The security policy would not let it run, and a page that needs another server breaks with it."""
    response = get(admin)
    assert "default-src 'self'" in response.headers["content-security-policy"]
    assert not re.search(r"<style|\sstyle=|<script>|\son\w+=|https?://", response.text)
    for path in re.findall(r'(?:href|src)="([^"#]+)"', response.text):
        assert get(admin, f"/{path}").status_code == 200, path


def test_a_running_migration_is_told(admin: AdminServer, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as worker:
        worker.execute("SELECT pg_advisory_lock(hashtextextended('howdah run howdah', 0))")
        assert "A migration is at work on this database." in read(get(admin).text)


def test_the_newest_run_is_told_where_this_role_may_read_it(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        install_state(connection, StateSchema())
        connection.execute(
            "INSERT INTO howdah.run (id, status, source, target_schema, schema_created, snapshot, plan,"
            """ plan_digest, howdah_version) VALUES ('run-7', 'running', 's', 'public', true, '{}',"""
            """ '{"steps": [1, 2, 3]}', '', '')"""
        )
        connection.execute(
            "INSERT INTO howdah.step (run_id, id, outcome) VALUES ('run-7', 'a', '{\"rows\": 41}')"
        )
        connection.execute("DROP ROLE IF EXISTS status_reader")
        connection.execute("CREATE ROLE status_reader LOGIN PASSWORD 'x'")
    with AdminServer(HERE, settings_for(database)) as admin:
        run = get(admin, "/status.json").json()["database"]["run"]
        assert (run["id"], run["status"], run["steps_done"], run["steps"], run["rows"]) == (
            "run-7",
            "running",
            1,
            3,
            41,
        )
        assert "nobody works on it" in read(get(admin).text)
    with AdminServer(HERE, settings_for(f"{database} user=status_reader password=x")) as admin:
        news = get(admin, "/status.json").json()["database"]
        assert (news["run"], news["failure"]) == (None, "")


def test_a_big_table_is_estimated_and_said_to_be(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE big (id int, filler text)")
        connection.execute("ALTER TABLE big ALTER filler SET STORAGE PLAIN")
        connection.execute("INSERT INTO big SELECT n, repeat('x', 2000) FROM generate_series(1, 6000) n")
        connection.execute("ANALYZE big")
    with AdminServer(HERE, settings_for(database)) as admin:
        assert re.search(r"big\s+about 6,\d{3}|big\s+about 5,9\d\d", read(get(admin).text))


def test_a_big_partitioned_table_is_estimated_too(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE logs (id int, filler text) PARTITION BY RANGE (id)")
        connection.execute("CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM (1) TO (10000)")
        connection.execute("ALTER TABLE logs_1 ALTER filler SET STORAGE PLAIN")
        connection.execute("INSERT INTO logs SELECT n, repeat('x', 2000) FROM generate_series(1, 6000) n")
        connection.execute("ANALYZE logs")
    with AdminServer(HERE, settings_for(database)) as admin:
        tables = get(admin, "/status.json").json()["database"]["tables"]
    (logs,) = [table for table in tables if table["name"] == "logs"]
    assert not logs["exact"]
    assert 5_900 <= logs["rows"] <= 6_100
    assert logs["size"] > 6_000 * 2_000


def test_the_page_answers_while_the_database_is_away(own_server: OwnServer) -> None:
    settings = own_server.settings
    own_server.stop()
    with AdminServer(HERE, settings) as admin:
        response = get(admin)
        own_server.start()
    assert response.status_code == 200
    page = read(response.text)
    assert "Not ready" in page
    assert "The PostgreSQL server cannot be reached." in page
    assert own_server.directory.name not in page


def test_names_that_are_markup_show_as_themselves(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute('CREATE TABLE "<img src=x onerror=alert(1)>" (id int)')
    with AdminServer(HERE, settings_for(database)) as admin:
        page = get(admin).text
    assert "<img" not in page
    assert "&lt;img" in page


def test_a_browser_elsewhere_gives_the_token_as_its_password(database: str) -> None:
    token = "a-token-of-thirty-two-characters"
    elsewhere = {"X-Forwarded-For": "203.0.113.9"}

    def ask(admin: AdminServer, credentials: str | None) -> httpx.Response:
        given = {} if credentials is None else {"Authorization": f"Basic {credentials}"}
        return httpx.get(admin.url, headers=elsewhere | given, timeout=10, trust_env=False)

    def encode(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    with AdminServer(replace(HERE, token=token), settings_for(database)) as admin:
        refused = ask(admin, None)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith("Basic")
        assert ask(admin, encode(f"anybody:{token}")).status_code == 200
        for wrong in (encode("anybody:"), encode("anybody"), encode(f"{token}:"), "%%%", encode("a:ä")):
            assert ask(admin, wrong).status_code == 401, wrong


def test_warnings_and_backups_are_told() -> None:
    late = HealthCheck(name="backup:age", status=HealthStatus.WARN, output="The newest backup is 9 days old.")
    health = HealthReport(status=HealthStatus.WARN, checks=(late,))
    backup = BackupNews(
        taken_at="2026-01-01T00:00:00Z",
        size=1000,
        drilled_at="2026-01-02T00:00:00Z",
        drill_status="pass",
        drill_seconds=3.8,
    )
    page = read(render_status_page(replace(STATUS, health=health, backup=backup)))
    assert "Ready, with a warning The newest backup is 9 days old." in page
    assert "2026-01-01T00:00:00Z" in page
    assert "answered after 3.80 s" in page
    never = read(render_status_page(replace(STATUS, backup=replace(backup, drilled_at=""))))
    assert "no backup was ever restored" in never


def test_the_sparkline_fills_its_height_with_the_larger_of_pool_and_queue() -> None:
    assert STATUS.pool is not None
    spark = draw_sparkline(STATUS.pool.history, STATUS.pool.max_size)
    assert spark is not None
    # Twenty waited where ten connections are: 20 is the top (y 2), 10 the middle (y 50), 0 the bottom (y 98).
    assert spark.waiting_line == "M0.0 98.0 L300.0 2.0 L600.0 98.0"
    assert spark.used_line == "M0.0 98.0 L300.0 50.0 L600.0 74.0"
    assert draw_sparkline(STATUS.pool.history[:1], 10) is None


@pytest.mark.browser
def test_the_page_is_drawn_by_a_browser(admin: AdminServer, tmp_path: Path) -> None:
    """HOWDAH_ARTEFACTS names a directory that keeps the picture."""
    kept = Path(os.environ.get("HOWDAH_ARTEFACTS", tmp_path)).absolute()
    kept.mkdir(parents=True, exist_ok=True)
    picture = kept / "status.png"
    picture.unlink(missing_ok=True)
    run_browser(tmp_path / "profile", "--window-size=1100,1400", f"--screenshot={picture}", f"{admin.url}/")
    with Image.open(picture) as image:
        assert image.size == (1100, 1400)
        # Half-way down and in all its width there is something to see.
        colours = image.convert("RGB").crop((0, 0, 1100, 700)).getcolors(maxcolors=1 << 20)
    assert colours is not None
    background = max(colours)[0]
    assert len(colours) > 20
    assert 1 - background / (1100 * 700) > 0.02


@pytest.mark.browser
@pytest.mark.long
@pytest.mark.parametrize("width", [500, 1100])
def test_the_page_in_a_browser_fits_and_keeps_itself_fresh(
    admin: AdminServer, database: str, tmp_path: Path, width: int
) -> None:
    """HOWDAH_ARTEFACTS names a directory that keeps the picture."""
    kept = Path(os.environ.get("HOWDAH_ARTEFACTS", tmp_path))
    picture = kept / f"status-{width}.png"
    run_browser(
        tmp_path / "profile", f"--window-size={width},1400", f"--screenshot={picture}", f"{admin.url}/"
    )
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"

    # Six seconds of the browser's time are two refreshes: what it holds then was rendered later.
    first = get(admin, "/status.json").json()["health"]["time"]
    dom = run_browser(
        tmp_path / "profile",
        "--dump-dom",
        "--timeout=6000",
        "--virtual-time-budget=6000",
        f"{admin.url}/",
    )
    shown = re.search(r'<time datetime="([^"]+)"', dom)
    assert shown
    assert shown[1] >= first
    assert "does not answer" not in dom
