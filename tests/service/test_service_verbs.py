"""health and pool advise from the shell and from Python."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import typer

from howdah.cli.service import health_command, pool_advise
from howdah.errors import UsageError
from howdah.model.health import HealthStatus
from howdah.ops.health import check_health
from howdah.ops.pool import advise_pool
from howdah.service.admin_server import AdminServer
from howdah.service.admin_settings import ADMIN_VARIABLES, AdminSettings
from howdah.service.database_settings import PoolSettings
from howdah.service.database_variables import DATABASE_VARIABLES
from howdah.service.log_settings import LOG_VARIABLES
from howdah.service.pool_advice import ServerFacts, advise
from support.service import OwnServer, settings_for

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "health-and-pool.md"

SERVER = ServerFacts(
    max_connections=100,
    superuser_reserved=3,
    reserved=0,
    role_limit=-1,
    database_limit=-1,
    sessions=2,
    active=1,
    idle_session_timeout=0,
    cores=2,
)


def test_a_healthy_database_passes(database: str) -> None:
    lines: list[str] = []
    report = check_health(database, environ={}, announce=lines.append)
    assert (report.status, report.exit_status) == (HealthStatus.PASS, 0)
    assert report.checks[0].name == "postgresql:connectivity"
    assert lines[0].startswith("target: postgresql://")


def test_what_cannot_be_reached_fails_with_seven_and_no_secret(own_server: OwnServer) -> None:
    conninfo = own_server.start().conninfo()
    own_server.stop()
    report = check_health(conninfo, environ={})
    assert (report.status, report.exit_status) == (HealthStatus.FAIL, 7)
    assert "T-111" in report.checks[0].output
    password = own_server.start().password
    assert password not in repr(report)


def test_a_database_that_takes_no_writes_warns_with_zero(database: str) -> None:
    report = check_health(f"{database} options='-c default_transaction_read_only=on'", environ={})
    assert (report.status, report.exit_status) == (HealthStatus.WARN, 0)


def test_the_environment_of_the_service_names_the_database(database: str) -> None:
    parts = psycopg.conninfo.conninfo_to_dict(database)
    environ = {
        "DATABASE_HOST": str(parts["host"]),
        "DATABASE_PORT": str(parts["port"]),
        "DATABASE_NAME": str(parts["dbname"]),
        "DATABASE_USERNAME": str(parts["user"]),
        "DATABASE_PASSWORD": str(parts["password"]),
        "DATABASE_POOL_REAP_INTERVAL": "1000",
    }
    report = check_health(environ=environ)
    assert report.exit_status == 0
    assert any("DATABASE_POOL_REAP_INTERVAL" in note for note in report.notes)
    with pytest.raises(UsageError) as refused:
        check_health(environ=environ | {"DATABASE_CLIENT": "sqlite"})
    assert refused.value.code == "U-321"


def test_without_any_database_nothing_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "home"))
    report = check_health(environ={})
    assert (report.status, report.exit_status) == (HealthStatus.FAIL, 7)
    assert "not running" in report.checks[0].output
    assert not (tmp_path / "home").exists()


def test_a_running_service_is_asked_by_url(database: str) -> None:
    token = "a-token-of-thirty-two-characters"
    settings = AdminSettings(port=0, token=token)
    with AdminServer(settings, settings_for(database)) as admin:
        url = admin.url
        report = check_health(url, environ={})
        assert (report.status, report.exit_status) == (HealthStatus.PASS, 0)
        assert {check.name for check in report.checks} >= {"postgresql:connectivity", "postgresql:role"}
        with pytest.raises(UsageError, match="wants a token"):
            check_health(url, environ={"HOWDAH_ADMIN_TOKEN": "wrong"})
    gone = check_health(url, environ={})
    assert (gone.status, gone.exit_status) == (HealthStatus.FAIL, 7)


@pytest.mark.parametrize(
    "answer",
    [
        b'HTTP/1.0 200 OK\r\n\r\n{"status": "UP"}',
        b'HTTP/1.0 200 OK\r\n\r\n{"checks": {"disk": ["UP"], "db": [{"status": "UP"}]}}',
        b"HTTP/1.0 200 OK\r\n\r\n[1]",
        b"HTTP/1.0 404 Not Found\r\n\r\nnot here",
        b"SSH-2.0-OpenSSH_9.6\r\n",
    ],
)
def test_another_program_behind_the_url_is_no_healthy_service(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def speak() -> None:
            peer, _ = listening.accept()
            with peer:
                peer.recv(4096)
                peer.sendall(answer)

        thread = threading.Thread(target=speak)
        thread.start()
        report = check_health(f"http://127.0.0.1:{listening.getsockname()[1]}", environ={})
        thread.join()
    assert (report.status, report.exit_status) == (HealthStatus.FAIL, 7)
    assert "no admin port of Howdah" in report.checks[0].output


@pytest.mark.parametrize("url", ["http://localhost:port", "http://[::1", "http://", "http://localhost:99999"])
def test_a_url_that_cannot_be_read_is_refused_and_not_shown(url: str) -> None:
    lines: list[str] = []
    with pytest.raises(UsageError) as refused:
        check_health(url.replace("//", "//me:secret@"), environ={}, announce=lines.append)
    assert refused.value.code == "U-325"
    assert "secret" not in f"{refused.value}{lines}"


def test_the_commands_print_text_or_json_and_end_with_the_status(
    database: str, own_server: OwnServer, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended:
        health_command(database, as_json=True)
    assert ended.value.exit_code == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["verb"], document["status"], document["exit_status"]) == ("health", "pass", 0)
    conninfo = own_server.start().conninfo()
    own_server.stop()
    with pytest.raises(typer.Exit) as ended:
        health_command(conninfo)
    assert ended.value.exit_code == 7
    assert re.search(r"fail\s+postgresql:connectivity", capsys.readouterr().out)
    with pytest.raises(typer.Exit) as ended:
        pool_advise(database, cores=2)
    assert ended.value.exit_code == 0
    assert "DATABASE_POOL_MAX=5" in capsys.readouterr().out


def test_the_guide_names_settings_that_exist_and_every_endpoint() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    known = {
        name
        for settings in (*DATABASE_VARIABLES.values(), ADMIN_VARIABLES, LOG_VARIABLES)
        for setting in settings
        for spelling in (setting.name, *setting.aliases)
        for name in (spelling, f"{spelling}_FILE")
    }
    assert set(re.findall(r"\b(?:DATABASE|HOWDAH)_[A-Z_]+[A-Z]\b", guide)) <= known
    for endpoint in ("/livez", "/startupz", "/readyz", "/_health", "/health", "/metrics", "/"):
        assert f"`{endpoint}`" in guide


# --- Advice.


def test_advice_for_a_server_at_hand(database: str) -> None:
    report = advise_pool(database, processes=2, cores=4, environ={})
    with psycopg.connect(database) as connection:
        row = connection.execute(
            "SELECT current_setting('max_connections'), current_setting('superuser_reserved_connections')"
        ).fetchone()
    assert row is not None
    assert (report.max_connections, report.reserved) == (int(row[0]), int(row[1]))
    assert report.pool_max == 5, "4 processors, 2 processes: (4 × 2 + 1) / 2"
    assert str(report.max_connections) in report.reasons[0]


@pytest.fixture
def crowd(database: str) -> Iterator[int]:
    """Somebody else's sessions."""
    others = [psycopg.connect(database, application_name="theirs") for _ in range(7)]
    yield len(others)
    for other in others:
        other.close()


def test_sessions_of_others_are_counted_and_those_of_the_service_are_not(database: str, crowd: int) -> None:
    before = advise_pool(database, environ={}).sessions
    with psycopg.connect(database, application_name="howdah/app"):
        assert advise_pool(database, environ={}).sessions == before
    assert before >= crowd


def test_limits_of_the_role_are_seen(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("CREATE ROLE limited LOGIN PASSWORD 'x' CONNECTION LIMIT 12")
        try:
            report = advise_pool(f"{database} user=limited password=x", environ={})
        finally:
            admin.execute("DROP ROLE limited")
    assert any("CONNECTION LIMIT of 12" in reason for reason in report.reasons)
    assert report.ceiling <= 12


@pytest.mark.parametrize(
    ("facts", "processes", "pool_max", "ceiling"),
    [
        # 100 - 3 - 5 - 2 = 90; 2 × 2 + 1 = 5 at work.
        (SERVER, 1, 5, 89),
        (SERVER, 4, 2, 21),
        # reserved_connections of PostgreSQL 16.
        (replace(SERVER, reserved=10), 1, 5, 79),
        (replace(SERVER, role_limit=10), 1, 2, 2),
        (replace(SERVER, database_limit=12), 1, 4, 4),
        (replace(SERVER, cores=32), 1, 65, 89),
        (replace(SERVER, cores=0), 1, 10, 89),
        (replace(SERVER, max_connections=20), 8, 1, 0),
    ],
)
def test_sizes_follow_from_the_facts(facts: ServerFacts, processes: int, pool_max: int, ceiling: int) -> None:
    report = advise(facts, PoolSettings(), processes=processes, target="")
    assert (report.pool_max, report.ceiling) == (pool_max, ceiling)
    assert report.pool_min <= report.pool_max


@pytest.mark.parametrize(
    ("facts", "current", "words"),
    [
        (SERVER, PoolSettings(), ""),
        (SERVER, PoolSettings(max_size=95), "DATABASE_POOL_MAX=95"),
        (replace(SERVER, active=9), PoolSettings(), "smaller pools would be faster"),
        (replace(SERVER, max_connections=8), PoolSettings(), "no room"),
        (replace(SERVER, idle_session_timeout=60000), PoolSettings(), "idle_session_timeout"),
        (replace(SERVER, cores=64), PoolSettings(), "not its processors"),
    ],
)
def test_what_should_change_is_a_warning(facts: ServerFacts, current: PoolSettings, words: str) -> None:
    report = advise(facts, current, processes=1, target="")
    assert report.status == ("warn" if words else "done")
    assert words in " ".join(report.warnings)
