"""
Tables with their rows, and the newest migration, for the status page.

Asked at most every half minute, on a connection of its own that is closed again: neither the pool's
nor the health checks'. A table is counted where that reads little, and estimated by the server's own
figures where it would read much.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import sql

from howdah.model.service_status import DatabaseNews, RunNews, TableRows
from howdah.postgres.conninfo import secrets_in
from howdah.postgres.errors import translate_connect_error
from howdah.service.database_settings import DatabaseSettings

#: Seconds for which an answer counts, and that asking may take.
_COUNTS_FOR = 30.0
_PATIENCE = 5.0
#: Pages (of 8 KiB) up to which a table is counted.
_COUNTED_PAGES = 1024

_TABLES = """
SELECT c.relname, greatest(c.reltuples, 0)::int8, s.size, s.pages
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       -- A partitioned table holds nothing itself: what it reads is its partitions.
       CROSS JOIN LATERAL (SELECT sum(pg_catalog.pg_total_relation_size(p.oid))::int8 AS size,
                                  sum(pg_catalog.pg_relation_size(p.oid))::int8 / 8192 AS pages
                             FROM (SELECT c.oid UNION SELECT relid FROM pg_catalog.pg_partition_tree(c.oid))
                                  AS p (oid)) AS s
 WHERE n.nspname = pg_catalog.current_schema() AND c.relkind IN ('r', 'p')
   AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
 ORDER BY c.relname
"""

#: The lock of `state.store.exclusive_run`: the two halves of its key show in classid and objid.
_AT_WORK = """
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_locks l
     WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
       AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
       AND ((l.classid::bigint << 32) | l.objid::bigint) = pg_catalog.hashtextextended(%s, 0)
)
"""

#: Asked of the catalog: to_regclass() fails for a schema that this role may not use.
_LEDGER = """
SELECT count(*) = 2
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %s AND c.relname IN ('run', 'step')
   AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
   AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
"""

_RUN = """
SELECT r.id, r.status, r.started_at, r.finished_at, pg_catalog.json_array_length(r.plan -> 'steps'),
       count(s.id), coalesce(sum((s.outcome ->> 'rows')::int8), 0)::int8
  FROM {schema}.run r LEFT JOIN {schema}.step s ON s.run_id = r.id
 GROUP BY r.id
 ORDER BY r.started_at DESC
 LIMIT 1
"""


class DatabaseNewsReader:
    """Keeps the newest answer; `content_types` are API names by table."""

    def __init__(
        self,
        settings: DatabaseSettings,
        *,
        content_types: Mapping[str, str] | None = None,
        state_schema: str = "howdah",
    ) -> None:
        self._settings = settings
        self._content_types = content_types or {}
        self._state_schema = state_schema
        self._lock = asyncio.Lock()
        self._read_at = float("-inf")
        self._news = DatabaseNews(failure="The database was not asked yet.")

    async def read(self) -> DatabaseNews:
        """Return the newest answer, asking where it is old; a failure is part of the answer."""
        async with self._lock:
            if time.monotonic() - self._read_at >= _COUNTS_FOR:
                self._news = await self._ask()
                self._read_at = time.monotonic()
        return self._news

    async def _ask(self) -> DatabaseNews:
        with self._settings.open_conninfo("howdah/status") as conninfo:
            try:
                async with (
                    asyncio.timeout(_PATIENCE),
                    await psycopg.AsyncConnection.connect(conninfo) as connection,
                ):
                    await connection.set_read_only(True)
                    return DatabaseNews(
                        tables=await self._read_tables(connection),
                        run=await self._read_run(connection),
                        at_work=await self._read_at_work(connection),
                        time=_iso(datetime.now(UTC)),
                    )
            except psycopg.Error as error:
                failure = translate_connect_error(error, secrets=secrets_in(conninfo)).message
            except TimeoutError:
                failure = f"No answer within {_PATIENCE:g} seconds."
        # What was known stays, with its time.
        return replace(self._news, failure=failure)

    async def _read_tables(self, connection: psycopg.AsyncConnection[Any]) -> tuple[TableRows, ...]:
        found = await (await connection.execute(_TABLES)).fetchall()
        counts = await self._count(connection, [name for name, *_, pages in found if pages <= _COUNTED_PAGES])
        return tuple(
            TableRows(
                name=name,
                rows=counts.get(name, estimate),
                exact=name in counts,
                size=size,
                content_type=self._content_types.get(name, ""),
            )
            for name, estimate, size, _ in found
        )

    async def _count(self, connection: psycopg.AsyncConnection[Any], names: list[str]) -> dict[str, int]:
        if not names:
            return {}
        each = sql.SQL("SELECT {}, count(*) FROM {}")
        query = sql.SQL(" UNION ALL ").join(
            each.format(sql.Literal(name), sql.Identifier(name)) for name in names
        )
        return dict(await (await connection.execute(query)).fetchall())

    async def _read_run(self, connection: psycopg.AsyncConnection[Any]) -> RunNews | None:
        row = await (await connection.execute(_LEDGER, (self._state_schema,))).fetchone()
        if row is None or not row[0]:
            return None
        query = sql.SQL(_RUN).format(schema=sql.Identifier(self._state_schema))
        row = await (await connection.execute(query)).fetchone()
        if row is None:
            return None
        run_id, status, started, finished, steps, done, rows = row
        return RunNews(
            id=run_id,
            status=status,
            steps_done=done,
            steps=steps or 0,
            rows=rows,
            started_at=_iso(started),
            finished_at=_iso(finished) if finished else "",
        )

    async def _read_at_work(self, connection: psycopg.AsyncConnection[Any]) -> bool:
        lock = f"howdah run {self._state_schema}"
        row = await (await connection.execute(_AT_WORK, (lock,))).fetchone()
        return row is not None and bool(row[0])


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
