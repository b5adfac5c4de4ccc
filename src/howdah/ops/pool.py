"""pool advise: read the server, and say how large the pools of the service should be and why."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row

from howdah.errors import EnvironmentFailedError
from howdah.model.health import PoolAdviceReport
from howdah.ops.health import find_database
from howdah.ops.target import announce_nothing
from howdah.postgres.conninfo import secrets_in
from howdah.postgres.errors import translate_connect_error
from howdah.service.database_settings import DatabaseSettings
from howdah.service.pool_advice import ServerFacts, advise

#: Sessions of Howdah are left out: those of a running service are what the advice is about.
_FACTS = """
SELECT pg_catalog.current_setting('max_connections')::int4 AS max_connections,
       pg_catalog.current_setting('superuser_reserved_connections')::int4 AS superuser_reserved,
       coalesce(pg_catalog.current_setting('reserved_connections', true), '0')::int4 AS reserved,
       (SELECT rolconnlimit FROM pg_catalog.pg_roles WHERE rolname = CURRENT_USER) AS role_limit,
       (SELECT datconnlimit FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
         AS database_limit,
       -- Seen without privileges too; one of them is this session.
       (SELECT sum(numbackends) FROM pg_catalog.pg_stat_database)::int4
         - (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE application_name LIKE 'howdah/%')::int4
         AS sessions,
       (SELECT count(*) FROM pg_catalog.pg_stat_activity
         WHERE state = 'active' AND pid <> pg_catalog.pg_backend_pid())::int4 AS active,
       coalesce((SELECT setting FROM pg_catalog.pg_settings WHERE name = 'idle_session_timeout'), '0')::int4
         AS idle_session_timeout
"""


def advise_pool(
    target: str | None = None,
    *,
    processes: int = 1,
    cores: int | None = None,
    environ: Mapping[str, str] = os.environ,
    pg_bindir: Path | None = None,
    announce: Callable[[str], None] = announce_nothing,
) -> PoolAdviceReport:
    """
    Return sizes for the pools of `processes` processes of the service; nothing is changed.

    `cores` are the server's processors; this machine's where the server runs here and nobody says.
    Raises UsageError and EnvironmentFailedError where there is no connection.
    """
    settings = find_database(target, environ=environ, pg_bindir=pg_bindir)
    if settings.target is None:
        raise EnvironmentFailedError(
            "E-113",
            "The embedded server is not running, and nothing names another database.",
            hint='Name the target, or start the server with "howdah pg start".',
        )
    announce(f"target: {settings.target.redacted} (from {settings.target.origin})")
    if cores is None:
        cores = _processors_of_this_machine() if settings.target.local else 0
    facts = _read_facts(settings, cores)
    return advise(facts, settings.pool, processes=processes, target=settings.target.redacted)


def _read_facts(settings: DatabaseSettings, cores: int) -> ServerFacts:
    with settings.open_conninfo("howdah/advise") as conninfo:
        try:
            with psycopg.connect(conninfo, autocommit=True, row_factory=namedtuple_row) as connection:
                row: Any = connection.execute(_FACTS).fetchone()
        except psycopg.Error as error:
            # From None: the driver's exception may carry the connection string.
            raise translate_connect_error(
                error, where=settings.target.redacted if settings.target else "", secrets=secrets_in(conninfo)
            ) from None
    return ServerFacts(**row._asdict(), cores=cores)


def _processors_of_this_machine() -> int:
    """Return the processors that this process may use; a container's limit of time is not seen."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 0
