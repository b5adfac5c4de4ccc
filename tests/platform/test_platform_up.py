"""
The platform as `make platform` brings it up: embedded PostgreSQL, the service, Debian's nginx in front.

One run serves all of these tests. nginx comes from the package nginx-light (.ci/system-packages).
"""

from __future__ import annotations

import asyncio
import importlib.machinery
import importlib.util
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import psycopg
import pytest

from howdah.postgres.embedded import start_embedded, stop_embedded

pytestmark = [pytest.mark.nginx, pytest.mark.long]

TREE = Path(__file__).parent.parent.parent / "examples" / "agent-platform"
#: Entries of agents that are published, in strapi.db: 20 of 60 rows, as Strapi's own API counted them.
AGENTS = 20


@dataclass(frozen=True)
class Platform:
    proxy: str
    api: str
    admin: str
    token: str
    database: str
    server: Path

    def client(self, base: str = "") -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.Client(base_url=base or self.proxy, headers=headers, timeout=60, trust_env=False)


@pytest.fixture(scope="module")
def platform(server_bindir: Path) -> Iterator[Platform]:
    assert shutil.which("nginx"), "nginx is not on the PATH; Debian's package is nginx-light"
    with tempfile.TemporaryDirectory(prefix="howdah-up-", ignore_cleanup_errors=True) as home:
        environment = {**os.environ, "HOWDAH_HOME": home, "HOWDAH_PG_BINDIR": str(server_bindir)}
        up = subprocess.Popen(
            [sys.executable, str(TREE / "scripts" / "up"), "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert up.stdout is not None
        assert up.stderr is not None
        line = up.stdout.readline()
        if not line:
            pytest.fail(up.stderr.read())
        said = json.loads(line)
        [server] = Path(home).glob("pg/*")
        try:
            yield Platform(
                proxy=said["proxy"],
                api=said["api"],
                admin=said["admin"],
                token=said["token"],
                database=said["database"],
                server=server,
            )
        finally:
            up.send_signal(signal.SIGTERM)
            up.communicate(timeout=60)
        for url in (said["proxy"], said["api"], said["admin"]):
            with pytest.raises(OSError), socket.create_connection(_place(url), timeout=5):
                pass


def _place(url: str) -> tuple[str, int]:
    host, _, port = url.removeprefix("http://").partition(":")
    return host, int(port)


# --- nginx, in front.


def test_answers_pass_the_proxy_as_they_are(platform: Platform) -> None:
    path = "/api/agents?sort=id&pagination[pageSize]=5&populate=*"
    with platform.client() as proxy, platform.client(platform.api) as api:
        through, direct = proxy.get(path), api.get(path)
    assert through.status_code == direct.status_code == 200
    assert through.content == direct.content
    assert through.json()["meta"]["pagination"]["total"] == AGENTS
    assert through.headers["server"] == "nginx", "no version"
    assert through.headers.get_list("x-content-type-options") == ["nosniff"]


def test_one_request_id_is_in_the_answer_and_in_both_logs(platform: Platform) -> None:
    with platform.client() as proxy:
        request_id = proxy.get("/api/skills?filters[name][$eq]=C4n4ry").headers["x-request-id"]
    # The line is written once the answer has gone.
    deadline = time.monotonic() + 30
    lines: list[str] = []
    while not lines and time.monotonic() < deadline:
        log = (TREE / "logs" / "api" / "service.log").read_text()
        lines = [line for line in log.splitlines() if request_id in line]
        time.sleep(0.05)
    assert len(lines) == 1
    assert "C4n4ry" not in log


def test_bodies_beyond_the_limit_are_refused_in_the_apis_form(platform: Platform) -> None:
    with platform.client() as proxy:
        answer = proxy.post("/api/mcp-servers", json={"data": {"name": "x" * 3_000_000}})
    assert answer.status_code == 413
    assert answer.json()["error"]["name"] == "PayloadTooLargeError"


def test_health_passes_and_logins_are_slowed_down(platform: Platform) -> None:
    with platform.client() as proxy:
        assert proxy.get("/_health").status_code == 204
        answers = [
            proxy.post("/api/auth/local", json={"identifier": f"n{number}", "password": "x"})
            for number in range(12)
        ]
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses[429] >= 5, statuses
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["error"]["status"] == 429


def test_the_admin_port_does_not_answer_through_a_proxy(platform: Platform, tmp_path: Path) -> None:
    answer = httpx.get(f"{platform.admin}/health", headers={"X-Forwarded-For": "127.0.0.1"}, trust_env=False)
    assert answer.status_code == 401
    assert httpx.get(f"{platform.admin}/health", trust_env=False).status_code == 200


def test_the_status_page_names_all_seven_types_with_their_rows(platform: Platform) -> None:
    document = httpx.get(f"{platform.admin}/status.json", trust_env=False, timeout=20).json()
    rows = {table["name"]: table["rows"] for table in document["database"]["tables"] if table["content_type"]}
    # What SQLite's own count(*) says of strapi.db; other tests of this run add mcp_servers.
    assert (
        rows.items()
        >= {
            "agents": 60,
            "skills": 87,
            "tasks": 149,
            "chat_sessions": 60,
            "chat_messages": 399,
            "mcp_tools": 60,
        }.items()
    )
    assert rows["mcp_servers"] >= 15
    assert document["database"]["run"]["status"] == "done"


def _load_up() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("platform_up", str(TREE / "scripts" / "up"))
    spec = importlib.util.spec_from_loader("platform_up", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_the_tls_example_serves_https_and_says_so(platform: Platform, tmp_path: Path) -> None:
    up = _load_up()
    ports = {name: up._free_port() for name in ("http", "https")}
    with tempfile.TemporaryDirectory(prefix="howdah-tls-") as directory:
        prefix = Path(directory)
        address = f"127.0.0.1:{ports['http']}"
        upstream = platform.api.removeprefix("http://")
        up.prepare_nginx(prefix, {"UPSTREAM": upstream, "HTTP_PORT": address, "SERVER_NAME": "_"})
        example = (TREE / "nginx" / "tls" / "platform.conf.example").read_text()
        (prefix / "tls" / "platform.conf").write_text(example.replace("8443", f"127.0.0.1:{ports['https']}"))
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
                *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
                *("-keyout", str(prefix / "tls" / "privkey.pem")),
                *("-out", str(prefix / "tls" / "fullchain.pem")),
            ],
            check=True,
            capture_output=True,
        )
        directives = "daemon off;" + (" user root;" if os.geteuid() == 0 else "")
        nginx = subprocess.Popen(
            ["nginx", "-p", directory, "-c", str(prefix / "nginx.conf"), "-g", directives]
        )
        try:
            _wait_for("127.0.0.1", ports["https"])
            context = ssl.create_default_context(cafile=str(prefix / "tls" / "fullchain.pem"))
            url = f"https://127.0.0.1:{ports['https']}/_health"
            answer = httpx.get(url, verify=context, trust_env=False)
        finally:
            nginx.terminate()
            nginx.wait(timeout=20)
    assert answer.status_code == 204
    assert answer.headers["strict-transport-security"].startswith("max-age=")


def _wait_for(host: str, port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"nothing listens on {host}:{port}")


def test_a_dead_service_is_answered_in_the_apis_form(tmp_path: Path) -> None:
    up = _load_up()
    with tempfile.TemporaryDirectory(prefix="howdah-dead-") as directory:
        prefix = Path(directory)
        port, nobody = up._free_port(), up._free_port()
        up.prepare_nginx(
            prefix,
            {"UPSTREAM": f"127.0.0.1:{nobody}", "HTTP_PORT": f"127.0.0.1:{port}", "SERVER_NAME": "_"},
        )
        directives = "daemon off;" + (" user root;" if os.geteuid() == 0 else "")
        nginx = subprocess.Popen(
            ["nginx", "-p", directory, "-c", str(prefix / "nginx.conf"), "-g", directives]
        )
        try:
            _wait_for("127.0.0.1", port)
            answer = httpx.get(f"http://127.0.0.1:{port}/api/agents", trust_env=False)
        finally:
            nginx.terminate()
            nginx.wait(timeout=20)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["error"]["name"] == "ServiceUnavailableError"


# --- Writes, while things go wrong.


def count_written(platform: Platform, prefix: str) -> Counter[str]:
    """Entries by name, counted in the database and not by the API."""
    with psycopg.connect(platform.database) as connection:
        rows = connection.execute(
            "SELECT name, count(*) FROM mcp_servers WHERE name LIKE %s GROUP BY 1", (f"{prefix}%",)
        ).fetchall()
    return Counter(dict(rows))


async def write(client: httpx.AsyncClient, name: str) -> int:
    """Create an entry; return the status, 0 where there was none."""
    try:
        return (await client.post("/api/mcp-servers", json={"data": {"name": name}})).status_code
    except httpx.TransportError:
        return 0


def make_client(platform: Platform) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=platform.proxy,
        headers={"Authorization": f"Bearer {platform.token}"},
        timeout=60,
        limits=httpx.Limits(max_connections=200),
        trust_env=False,
    )


def test_a_restart_of_the_server_loses_and_doubles_no_write(platform: Platform, server_bindir: Path) -> None:
    """What was answered 201 is there once; what was not is there once or not at all."""

    def restart() -> None:
        stop_embedded(platform.server, mode="immediate")
        start_embedded(platform.server, bindir=server_bindir)

    async def work() -> dict[str, int]:
        outcome: dict[str, int] = {}
        ended = asyncio.Event()

        async def keep_writing(client: httpx.AsyncClient, writer: int) -> None:
            number = 0
            while not ended.is_set() or number < 5:
                name = f"restart {writer}-{number}"
                outcome[name] = await write(client, name)
                number += 1

        async with make_client(platform) as client:
            writers = [asyncio.create_task(keep_writing(client, writer)) for writer in range(8)]
            while sum(status == 201 for status in outcome.values()) < 20:
                await asyncio.sleep(0.01)
            await asyncio.to_thread(restart)
            before = sum(status == 201 for status in outcome.values())
            while sum(status == 201 for status in outcome.values()) < before + 20:
                await asyncio.sleep(0.01)
            ended.set()
            await asyncio.gather(*writers)
        return outcome

    outcome = asyncio.run(work())
    written = count_written(platform, "restart ")
    acknowledged = {name for name, status in outcome.items() if status == 201}
    assert set(outcome.values()) <= {201, 503, 500, 0}
    assert 500 not in outcome.values()
    assert acknowledged <= set(written), "lost"
    assert set(written.values()) == {1}, "doubled"
    assert set(written) <= set(outcome)


def test_an_exhausted_pool_refuses_beyond_its_queue_and_loses_and_doubles_no_write(
    platform: Platform,
) -> None:
    """Ten connections, forty that wait: of seventy writes some are refused at once, and the rest are done."""

    async def work() -> list[tuple[str, int, str]]:
        names = [f"exhausted {number}" for number in range(70)]
        async with make_client(platform) as client:

            async def one(name: str) -> tuple[str, int, str]:
                answer = await client.post("/api/mcp-servers", json={"data": {"name": name}})
                return name, answer.status_code, answer.headers.get("retry-after", "")

            with psycopg.connect(platform.database) as holder:
                holder.execute("LOCK TABLE mcp_servers IN ACCESS EXCLUSIVE MODE")
                tasks = [asyncio.create_task(one(name)) for name in names]
                while not any(task.done() for task in tasks):
                    await asyncio.sleep(0.01)
                health = await client.get(f"{platform.admin}/health", headers={"Authorization": ""})
                holder.rollback()
            assert health.json()["checks"]["postgresql:connectivity"][0]["status"] != "fail"
            return [await task for task in tasks]

    answers = asyncio.run(work())
    done = {name for name, status, _ in answers if status == 201}
    refused = [(status, after) for _, status, after in answers if status != 201]
    assert refused
    assert all(status == 503 and int(after) >= 1 for status, after in refused), refused
    assert len(done) >= 50
    assert count_written(platform, "exhausted ") == Counter(dict.fromkeys(done, 1))


def test_the_database_of_the_platform_is_used_by_the_least_privileged_role(platform: Platform) -> None:
    with psycopg.connect(platform.database) as connection:
        rows: list[Any] = connection.execute(
            "SELECT DISTINCT usename FROM pg_stat_activity WHERE application_name = 'howdah/app'"
        ).fetchall()
    assert rows == [("platform_app",)]


# --- Done?


def test_the_platform_is_accepted_once_it_is_backed_up_and_drilled(
    platform: Platform, server_bindir: Path, tmp_path: Path
) -> None:
    def howdah(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "HOWDAH_PG_BINDIR": str(server_bindir), "HOWDAH_HOME": str(tmp_path)}
        command = [sys.executable, "-m", "howdah", *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    repo = str(tmp_path / "repo")
    look = ["accept", platform.database, "--path", str(TREE), "--repo", repo, "--service", platform.admin]
    look += ["--baseline", str(TREE / "audit-baseline"), "--json"]
    before = json.loads(howdah(*look).stdout)
    crosses = {item["name"] for item in before["criteria"] if item["status"] != "met"}
    assert (before["status"], crosses) == ("not accepted", {"backup"})

    backed_up = howdah("backup", platform.database, "--repo", repo, "--drill", "always")
    assert backed_up.returncode == 0, backed_up.stdout + backed_up.stderr
    finished = howdah(*look)
    assert finished.returncode == 0, finished.stdout
    after = json.loads(finished.stdout)
    assert after["status"] == "accepted"
    assert {item["status"] for item in after["criteria"]} == {"met"}
    assert len(after["criteria"]) == 6
