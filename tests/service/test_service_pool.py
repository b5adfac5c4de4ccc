"""The pool on a real server: restarts, silence, exhaustion, refusal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

import psycopg
import pytest

from howdah.service.pool import ApplicationPool
from howdah.service.unavailable import (
    ConnectionRefusedByServerError,
    NoConnectionInTimeError,
    PoolClosedError,
    QueueFullError,
    UnavailableError,
)
from support.service import OwnServer, settings_for

#: Seconds. Each takes a fraction of one on a quiet machine; what goes wrong otherwise takes fifteen (the
#: waits between dead connections) or thirty (nobody connects).
PROMPTLY = 10.0


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


async def ask(pool: ApplicationPool, query: str = "SELECT 1") -> Any:
    async with pool.connection() as connection:
        return await (await connection.execute(query)).fetchone()


async def fill(pool: ApplicationPool, count: int) -> None:
    """Make the pool open that many connections, and give them all back."""
    async with AsyncExitStack() as stack:
        for _ in range(count):
            await stack.enter_async_context(pool.connection())


async def in_thread(work: Any, *arguments: Any) -> None:
    await asyncio.get_running_loop().run_in_executor(None, work, *arguments)


@pytest.mark.parametrize("check_after_idle", [0.0, 5.0], ids=["checked by a query", "checked by a look"])
@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_stale_connections_after_a_restart_cost_no_error_and_little_time(
    own_server: OwnServer, mode: str, check_after_idle: float
) -> None:
    async def work() -> None:
        conninfo = own_server.start().conninfo()
        settings = settings_for(conninfo, min_size=6, check_after_idle=check_after_idle)
        async with ApplicationPool(settings) as pool:
            await fill(pool, 6)
            await in_thread(own_server.restart, mode)
            began = time.monotonic()
            for _ in range(12):
                assert await ask(pool) == (1,)
            assert time.monotonic() - began < PROMPTLY

    run(work())


def test_the_pool_works_again_soon_after_a_long_outage(own_server: OwnServer) -> None:
    async def work() -> None:
        settings = settings_for(own_server.start().conninfo(), min_size=4)
        async with ApplicationPool(settings) as pool:
            await fill(pool, 4)
            await in_thread(own_server.stop, "immediate")
            # Longer than the pool's own attempts go on, with somebody waiting and somebody giving up.
            with pytest.raises(NoConnectionInTimeError) as failed:
                async with pool.connection(timeout=2.5):
                    pass
            waiting = asyncio.create_task(ask(pool))
            await in_thread(own_server.start)
            began = time.monotonic()
            assert await waiting == (1,)
            assert await ask(pool) == (1,)
            assert time.monotonic() - began < PROMPTLY
            assert failed.value.code == "A-142"
            assert failed.value.__cause__ is not None
            assert "T-1" in str(failed.value.__cause__), "the reason is the newest failure to connect"

    run(work())


def test_a_pool_without_a_minimum_comes_back_too(own_server: OwnServer) -> None:
    async def work() -> None:
        settings = settings_for(own_server.start().conninfo(), min_size=0)
        async with ApplicationPool(settings) as pool:
            assert await ask(pool) == (1,)
            await in_thread(own_server.stop)
            waiting = asyncio.create_task(ask(pool))
            await asyncio.sleep(2.5)
            await in_thread(own_server.start)
            began = time.monotonic()
            assert await waiting == (1,)
            assert time.monotonic() - began < PROMPTLY

    run(work())


def test_requests_queue_up_to_a_bound_and_the_next_is_refused_at_once(database: str) -> None:
    async def work() -> None:
        settings = settings_for(database, min_size=2, max_size=2, max_waiting=3, acquire_timeout=1.0)
        async with ApplicationPool(settings) as pool:
            async with AsyncExitStack() as lent:
                for _ in range(2):
                    await lent.enter_async_context(pool.connection())
                queued = [asyncio.create_task(ask(pool)) for _ in range(3)]
                while pool.facts().waiting < 3:
                    await asyncio.sleep(0)
                began = time.monotonic()
                with pytest.raises(QueueFullError) as full:
                    await ask(pool)
                assert time.monotonic() - began < 0.1
                assert full.value.retry_after >= 1
                facts = pool.facts()
                assert (facts.used, facts.idle, facts.waiting, facts.utilization) == (2, 0, 3, 1.0)
            assert await asyncio.gather(*queued) == [(1,)] * 3
            async with AsyncExitStack() as lent:
                for _ in range(2):
                    await lent.enter_async_context(pool.connection())
                with pytest.raises(NoConnectionInTimeError, match="became free in time"):
                    await ask(pool)

    run(work())


def test_a_request_that_is_given_up_while_it_waits_loses_no_connection(database: str) -> None:
    async def work() -> None:
        settings = settings_for(database, min_size=1, max_size=1)
        async with ApplicationPool(settings) as pool:
            for _ in range(20):
                async with pool.connection():
                    waiting = asyncio.create_task(ask(pool))
                    while not pool.facts().waiting:
                        await asyncio.sleep(0)
                # Just now it may have been handed the connection, or not yet.
                waiting.cancel()
                await asyncio.wait({waiting})
            assert await ask(pool) == (1,)
            assert pool.facts().size == 1

    run(work())


def test_a_wrong_password_is_told_at_once_and_not_shown(database: str) -> None:
    async def work() -> None:
        with psycopg.connect(database, autocommit=True) as admin:
            admin.execute("DROP ROLE IF EXISTS pool_test")
            admin.execute("CREATE ROLE pool_test LOGIN PASSWORD 'right-C4n4ry'")
        settings = settings_for(f"{database} user=pool_test password=wrong-C4n4ry", min_size=2)
        async with ApplicationPool(settings) as pool:
            began = time.monotonic()
            with pytest.raises(ConnectionRefusedByServerError) as refused:
                await ask(pool)
            assert time.monotonic() - began < PROMPTLY
            assert "did not accept the user name and password" in refused.value.detail
            assert "C4n4ry" not in str(refused.value) + repr(refused.value.__cause__)
            assert "pool_test" not in refused.value.message

            with psycopg.connect(database, autocommit=True) as admin:
                admin.execute("ALTER ROLE pool_test PASSWORD 'wrong-C4n4ry'")
            began = time.monotonic()
            while not pool.facts().connected:
                await asyncio.sleep(0.02)
            assert await ask(pool) == (1,)
            assert time.monotonic() - began < PROMPTLY
        with psycopg.connect(database, autocommit=True) as admin:
            admin.execute("DROP ROLE pool_test")

    run(work())


def test_a_database_that_is_not_there_is_told_at_once(database: str) -> None:
    async def work() -> None:
        async with ApplicationPool(settings_for(f"{database} dbname=nowhere")) as pool:
            began = time.monotonic()
            with pytest.raises(UnavailableError, match="does not let the service in"):
                await ask(pool)
            assert time.monotonic() - began < PROMPTLY

    run(work())


def test_a_server_that_became_read_only_empties_the_pool(database: str) -> None:
    """After a failover the old primary is a standby: its connections are good for nothing."""

    async def work() -> None:
        async with ApplicationPool(settings_for(database, min_size=2)) as pool:
            await ask(pool, "SELECT pg_backend_pid()")
            async with pool.connection() as connection:
                await connection.execute("CREATE TABLE t (a int)")
            before = {await ask(pool, "SELECT pg_backend_pid()") for _ in range(4)}
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                async with pool.connection() as connection:
                    await connection.execute("SET default_transaction_read_only = on")
                    await connection.execute("INSERT INTO t VALUES (1)")
            after = {await ask(pool, "SELECT pg_backend_pid()") for _ in range(4)}
            assert before.isdisjoint(after)

    run(work())


def test_a_server_that_is_silent_is_noticed(own_server: OwnServer) -> None:
    """Its machine vanished, or a firewall forgot the connection: nothing is ever answered."""

    async def work() -> None:
        conninfo = own_server.start().conninfo()
        async with ApplicationPool(settings_for(conninfo, min_size=1, check_after_idle=0.0)) as pool:
            async with pool.connection() as connection:
                silent = connection.info.backend_pid
            with psycopg.connect(conninfo, autocommit=True) as other:
                _signal_backend(silent, "STOP")
                try:
                    began = time.monotonic()
                    assert await ask(pool, "SELECT pg_backend_pid()") != (silent,)
                    assert time.monotonic() - began < PROMPTLY
                finally:
                    _signal_backend(silent, "CONT")
                assert other.execute("SELECT 1").fetchone() == (1,)

    run(work())


def _signal_backend(pid: int, name: str) -> None:
    import os
    import signal

    os.kill(pid, signal.Signals[f"SIG{name}"])


def test_a_closed_pool_says_so(database: str) -> None:
    async def work() -> None:
        pool = ApplicationPool(settings_for(database))
        with pytest.raises(PoolClosedError):
            await ask(pool)
        await pool.open()
        await pool.close()
        with pytest.raises(PoolClosedError):
            await ask(pool)
        assert pool.facts().closed

    run(work())


def test_connections_carry_the_services_name(database: str) -> None:
    async def work() -> None:
        async with ApplicationPool(settings_for(database), name="content") as pool:
            assert await ask(pool, "SELECT current_setting('application_name')") == ("howdah/content",)

    run(work())
