"""The admin port as Kubernetes, Compose, Prometheus and a person meet it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace

import httpx
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from howdah.errors import EnvironmentFailedError
from howdah.model.health import HealthCheck, HealthStatus
from howdah.service.admin_app import build_admin_app
from howdah.service.admin_server import AdminServer
from howdah.service.admin_settings import AdminSettings
from howdah.service.health import HealthMonitor
from howdah.service.heartbeat import Heartbeat
from howdah.service.metrics import ServiceMetrics
from howdah.service.pool import ApplicationPool
from howdah.service.probe import Probe
from support.service import OwnServer, settings_for

HERE = AdminSettings(port=0)
ENDPOINTS = ("/livez", "/startupz", "/readyz", "/_health", "/health", "/metrics")


@contextmanager
def client_of(admin: AdminServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=admin.url, timeout=10, trust_env=False) as client:
        yield client


def seconds_until(holds: Callable[[], bool], *, at_most: float = 10.0) -> float:
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < at_most
        time.sleep(0.02)
    return time.monotonic() - began


def test_a_service_in_order_answers_every_endpoint(database: str) -> None:
    async def work() -> None:
        async with ApplicationPool(settings_for(database)) as pool:
            async with pool.connection(), pool.connection():
                pass
            with AdminServer(HERE, settings_for(database), pool=pool) as admin:
                await asyncio.get_running_loop().run_in_executor(None, look, admin)

    def look(admin: AdminServer) -> None:
        with client_of(admin) as client:
            statuses = {path: client.get(path).status_code for path in ENDPOINTS}
            assert statuses == {path: 204 if path == "/_health" else 200 for path in ENDPOINTS}
            assert client.head("/readyz").status_code == 200
            assert client.get("/_health").content == b""
            assert {client.get(path).headers["cache-control"] for path in ENDPOINTS} == {"no-store"}
            health = client.get("/health")
            assert health.headers["content-type"] == "application/health+json"
            document = health.json()
            assert document["status"] == "pass"
            assert document["checks"]["postgresql:role"][0]["observedValue"] == "primary"
            assert set(document["checks"]) == {
                "postgresql:connectivity",
                "postgresql:role",
                "postgresql:sessions",
                "pool:connections",
                "pool:utilization",
            }

    asyncio.run(work())


def test_probes_answer_while_the_pool_is_exhausted_and_say_so(database: str) -> None:
    async def work() -> None:
        settings = settings_for(database, min_size=1, max_size=1)
        async with ApplicationPool(settings) as pool, AsyncExitStack() as lent:
            await lent.enter_async_context(pool.connection())
            waiting = asyncio.create_task(take(pool))
            while not pool.facts().waiting:
                await asyncio.sleep(0)
            with AdminServer(HERE, settings, pool=pool) as admin:
                await asyncio.get_running_loop().run_in_executor(None, look, admin)
            await lent.aclose()
            await waiting

    async def take(pool: ApplicationPool) -> None:
        async with pool.connection():
            pass

    def look(admin: AdminServer) -> None:
        with client_of(admin) as client:
            began = time.monotonic()
            assert client.get("/readyz").status_code == 200, "a full pool serves, slowly"
            document = client.get("/health").json()
            assert time.monotonic() - began < 1.0
        assert document["status"] == "warn"
        assert document["checks"]["pool:utilization"][0]["observedValue"] == 1.0
        assert document["checks"]["pool:utilization"][0]["status"] == "warn"

    asyncio.run(work())


def test_readiness_follows_the_server_both_ways_and_liveness_does_not(own_server: OwnServer) -> None:
    with AdminServer(HERE, own_server.settings) as admin, client_of(admin) as client:

        def status(path: str = "/readyz") -> int:
            return client.get(path).status_code

        seconds_until(lambda: status() == 200)
        own_server.stop("immediate")
        assert seconds_until(lambda: status() == 503) < 2.5
        assert (status("/livez"), status("/startupz"), status("/_health"), status("/health")) == (
            200,
            200,
            503,
            503,
        )
        body = client.get("/readyz").text
        assert "T-111" in body
        own_server.start()
        assert seconds_until(lambda: status() == 200) < 2.0


def test_a_restart_between_two_looks_is_no_outage(own_server: OwnServer) -> None:
    async def work() -> None:
        monitor = HealthMonitor(Probe(own_server.settings))
        assert (await monitor.read_readiness()).ready
        for _ in range(3):
            await asyncio.get_running_loop().run_in_executor(None, own_server.restart)
            # A measurement counts for a second.
            await asyncio.sleep(1.1)
            assert (await monitor.read_readiness()).ready
            assert (await monitor.read()).status is not HealthStatus.FAIL
        await monitor.close()

    asyncio.run(work())


def test_a_service_whose_database_is_not_there_is_starting_and_alive(own_server: OwnServer) -> None:
    settings = own_server.settings
    own_server.stop()
    with AdminServer(HERE, settings) as admin, client_of(admin) as client:
        assert client.get("/livez").status_code == 200
        assert client.get("/startupz").status_code == 503
        assert client.get("/readyz").status_code == 503
        own_server.start()
        seconds_until(lambda: client.get("/startupz").status_code == 200, at_most=3.0)
        assert client.get("/readyz").status_code == 200


def test_shutting_down_is_not_ready_and_alive(database: str) -> None:
    with AdminServer(HERE, settings_for(database)) as admin, client_of(admin) as client:
        assert client.get("/readyz").status_code == 200
        admin.begin_shutdown()
        response = client.get("/readyz")
        assert (response.status_code, response.text) == (503, "not ready: The service is shutting down.\n")
        assert client.get("/livez").status_code == 200


def test_a_stuck_event_loop_is_seen_from_the_admin_port(database: str) -> None:
    async def work() -> None:
        heartbeat = Heartbeat(stuck_after=0.7)
        beating = asyncio.create_task(heartbeat.keep_beating())
        await asyncio.sleep(0)
        with (
            AdminServer(HERE, settings_for(database), heartbeat=heartbeat) as admin,
            client_of(admin) as client,
        ):
            assert client.get("/livez").status_code == 200
            # This client blocks the very loop that is watched.
            seconds_until(lambda: client.get("/livez").status_code == 503, at_most=3.0)
            await asyncio.sleep(0.01)
            assert client.get("/livez").status_code == 200
        beating.cancel()

    asyncio.run(work())


def test_bodies_name_no_secret_host_or_role(own_server: OwnServer) -> None:
    conninfo = own_server.start().conninfo()
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS r0le_C4n4ry")
        connection.execute("CREATE ROLE r0le_C4n4ry LOGIN PASSWORD 'x'")
    settings = settings_for(f"{conninfo} user=r0le_C4n4ry password=p4ss_C4n4ry")
    with AdminServer(HERE, settings) as admin, client_of(admin) as client:
        bodies = "".join(client.get(path).text for path in ENDPOINTS)
    assert "T-112" in bodies, "what is wrong is said"
    assert "C4n4ry" not in bodies
    assert own_server.directory.name not in bodies
    assert str(own_server.directory.parent) not in bodies
    assert "SELECT" not in bodies


def test_measurements_are_shared_by_all_who_ask(database: str) -> None:
    """A hundred probes at once are one question to the server."""

    async def ask(url: str) -> set[str]:
        limits = httpx.Limits(max_connections=100)
        async with httpx.AsyncClient(base_url=url, timeout=10, limits=limits, trust_env=False) as client:
            answers = await asyncio.gather(*(client.get("/health") for _ in range(100)))
        return {json.dumps(answer.json()["checks"]["postgresql:connectivity"]) for answer in answers}

    with AdminServer(HERE, settings_for(database)) as admin:
        assert len(asyncio.run(ask(admin.url))) <= 2
        with psycopg.connect(database) as connection:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'howdah/health'"
            ).fetchone()
        assert row == (1,)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("role=primary", 200),
        ("role=replica", 503),
        ("role=replica&lag=5", 503),
        ("role=king", 400),
        ("lag=soon", 400),
    ],
)
def test_readiness_for_a_role(database: str, query: str, status: int) -> None:
    with AdminServer(HERE, settings_for(database)) as admin, client_of(admin) as client:
        assert client.get(f"/readyz?{query}").status_code == status


def test_a_database_that_takes_no_writes_is_ready_but_not_as_primary(database: str) -> None:
    settings = settings_for(database)
    read_only = replace(settings, session={**settings.session, "default_transaction_read_only": "on"})
    with AdminServer(HERE, read_only) as admin, client_of(admin) as client:
        assert client.get("/readyz").status_code == 200
        assert client.get("/readyz?role=primary").status_code == 503
        assert client.get("/health").json()["status"] == "warn"


def test_further_checks_warn_at_most(database: str) -> None:
    async def backup_age() -> list[HealthCheck]:
        return [
            HealthCheck(name="backup:age", status=HealthStatus.FAIL, observed_value=777600, observed_unit="s")
        ]

    async def broken() -> list[HealthCheck]:
        raise RuntimeError("C4n4ry")

    async def hanging() -> list[HealthCheck]:
        await asyncio.sleep(60)
        return []

    settings = settings_for(database)
    with (
        AdminServer(HERE, settings, further_checks=[backup_age, broken, hanging]) as admin,
        client_of(admin) as client,
    ):
        document = client.get("/health").json()
        assert client.get("/readyz").status_code == 200
    assert document["status"] == "warn"
    for name in ("backup:age", "howdah:broken", "howdah:hanging"):
        assert document["checks"][name][0]["status"] == "warn"
    assert "C4n4ry" not in str(document)


def test_metrics_are_what_prometheus_reads(database: str) -> None:
    async def work() -> None:
        settings = settings_for(database, min_size=2, max_size=4, acquire_timeout=0.1)
        async with ApplicationPool(settings, name="content") as pool, AsyncExitStack() as lent:
            for _ in range(3):
                await lent.enter_async_context(pool.connection(timeout=5))
            with AdminServer(HERE, settings, pool=pool) as admin:
                await asyncio.get_running_loop().run_in_executor(None, look, admin)

    def look(admin: AdminServer) -> None:
        with client_of(admin) as client:
            response = client.get("/metrics")
        assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        samples = {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(response.text)
            for sample in family.samples
        }
        pool = ("pool", "content")
        assert samples["db_client_connection_count", pool, ("state", "used")] >= 3
        assert samples["db_client_connection_max", pool] == 4
        assert samples["db_client_connection_idle_min", pool] == 2
        assert samples["db_client_connection_wait_time_seconds_count", pool] == 3
        assert samples["db_client_connection_create_time_seconds_count", pool] >= 3
        assert samples["db_client_connection_refusals_total", pool, ("reason", "queue_full")] == 0
        # 0.5 where this machine is so busy that the server answers slowly.
        assert samples[("howdah_health",)] in {1.0, 0.5}
        assert samples["howdah_health_check", ("check", "postgresql:role")] == 1.0
        assert ("process_resident_memory_bytes",) in samples

    asyncio.run(work())


# --- Who may ask.

TOKEN = "a-token-of-thirty-two-characters"


def test_a_name_that_points_here_and_a_proxy_here_are_somebody_else(database: str) -> None:
    with (
        AdminServer(replace(HERE, token=TOKEN), settings_for(database)) as admin,
        client_of(admin) as client,
    ):
        assert client.get("/health").status_code == 200
        for headers in (
            {"Host": "evil.example"},
            {"Host": f"127.0.0.1.evil.example:{admin.port}"},
            {"X-Forwarded-For": "127.0.0.1"},
            {"Authorization": "Bearer wrong"},
            {"Authorization": f"Bearer {TOKEN}x"},
        ):
            for path in ("/livez", "/health", "/metrics", "/nothing"):
                response = client.get(path, headers=headers)
                assert (response.status_code, response.content) == (401, b""), headers
        forwarded = {"X-Forwarded-For": "203.0.113.9", "Authorization": f"Bearer {TOKEN}"}
        assert client.get("/health", headers=forwarded).status_code == 200


@pytest.mark.parametrize("peer", ["203.0.113.9", "10.0.0.2", "fe80::1", "::ffff:10.0.0.2"])
def test_another_machine_needs_the_token(database: str, peer: str) -> None:
    monitor = HealthMonitor(Probe(settings_for(database)))
    app = build_admin_app(monitor, metrics=ServiceMetrics(), token=TOKEN)

    async def work() -> None:
        transport = httpx.ASGITransport(app=app, client=(peer, 1234))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            assert (await client.get("/livez")).status_code == 401
            headers = {"Authorization": f"Bearer {TOKEN}"}
            assert (await client.get("/livez", headers=headers)).status_code == 200

    asyncio.run(work())


def test_without_a_token_nobody_elsewhere_is_answered(database: str) -> None:
    app = build_admin_app(HealthMonitor(Probe(settings_for(database))), metrics=ServiceMetrics())

    async def work() -> None:
        transport = httpx.ASGITransport(app=app, client=("203.0.113.9", 1234))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            for given in ("", "Bearer", "Bearer "):
                response = await client.get("/livez", headers={"Authorization": given})
                assert response.status_code == 401

    asyncio.run(work())


def test_a_port_in_use_is_told(database: str) -> None:
    with AdminServer(HERE, settings_for(database)) as first:
        second = AdminServer(AdminSettings(port=first.port), settings_for(database))
        with pytest.raises(EnvironmentFailedError, match="cannot be used"):
            second.start()
