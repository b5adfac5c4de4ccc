"""
Carry one case over as cheaply as it can be done: one server, one database, this process.

The schema is emptied between cases; every so often the database is made anew, because dropped objects
swell its catalog. The second checker sits in a process of its own.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg

from fuzz.scenario_file import FuzzCase
from howdah.errors import HowdahError
from howdah.ops.quarantine import list_rows
from howdah.postgres.binaries import list_server_binaries
from howdah.postgres.embedded import start_embedded
from support.crossing import NaiveChecker
from support.runs import migrate_file, target_request

_CASES_PER_DATABASE = 250
_DATABASE = "fuzz"


@dataclass(frozen=True, kw_only=True)
class Carried:
    """What came of one case."""

    #: What the second checker saw, or the error that ended the migration; () for a clean case.
    problems: tuple[str, ...] = ()
    tables: int = 0
    rows: int = 0
    quarantined: int = 0
    views: int = 0


class Carrier:
    """A server, a database and the second checker, for any number of cases."""

    def __init__(self) -> None:
        self._resources = ExitStack()
        # In memory where there is such a place: nothing here has to survive.
        shared = Path("/dev/shm")
        self._directory = Path(
            self._resources.enter_context(
                tempfile.TemporaryDirectory(
                    prefix="howdah-fuzz-",
                    dir=shared if shared.is_dir() else None,
                    ignore_cleanup_errors=True,
                )
            )
        )
        os.environ["HOWDAH_HOME"] = str(self._directory / "home")
        self._server = start_embedded(
            self._directory / "pg",
            bindir=list_server_binaries()[0].bindir,
            durable=False,
            settings={
                "shared_buffers": "32MB",
                "autovacuum": "off",
                "jit": "off",
                "wal_level": "minimal",
                "max_wal_senders": "0",
            },
            end_with_parent=True,
        )
        self._resources.callback(self._server.stop, mode="immediate")
        self._trust_everybody()
        self._checker = self._resources.enter_context(NaiveChecker())
        self._cases = 0
        self._connection: psycopg.Connection[Any] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.close()
        self._resources.close()

    def carry(self, case: FuzzCase) -> Carried:
        """Migrate, prove and check a case."""
        dsn = self._empty_database()
        source = self._directory / "case.db"
        for leftover in self._directory.glob("case.db*"):
            leftover.unlink()
        case.database.build(source)
        try:
            report = migrate_file(source, dsn, **case.options)
            # Asked only where there are any: it reads the whole plan back.
            quarantined = list_rows(target_request(dsn)).rows if report.rows_quarantined else ()
        except HowdahError as error:
            return Carried(problems=(f"{error.code}: {error.message} {error.detail}",))
        except Exception as error:
            # What is no HowdahError is a bug, and a bug is what is looked for.
            return Carried(problems=(f"{type(error).__name__}: {error}",))
        problems = self._checker.problems(source, dsn, report, quarantined)
        shutil.rmtree(self._directory / "home" / "runs", ignore_errors=True)
        return Carried(
            problems=tuple(problems),
            tables=len(report.tables),
            rows=sum(table.rows_source for table in report.tables),
            quarantined=len(quarantined),
            views=report.objects.get("view", 0),
        )

    def _trust_everybody(self) -> None:
        # Ten connections a case: proving the password costs more than the rest of them.
        (self._directory / "pg" / "data" / "pg_hba.conf").write_text("local all all trust\n")
        with psycopg.connect(self._server.conninfo(), autocommit=True) as admin:
            admin.execute("SELECT pg_reload_conf()")

    def _empty_database(self) -> str:
        dsn = self._server.conninfo(_DATABASE)
        if self._cases % _CASES_PER_DATABASE == 0 or self._connection is None or self._connection.closed:
            if self._connection is not None:
                self._connection.close()
            with psycopg.connect(self._server.conninfo(), autocommit=True) as admin:
                admin.execute(f"DROP DATABASE IF EXISTS {_DATABASE} WITH (FORCE)")
                admin.execute(f"CREATE DATABASE {_DATABASE} TEMPLATE template0 ENCODING 'UTF8'")
            self._connection = psycopg.connect(dsn, autocommit=True)
        self._cases += 1
        self._connection.execute(
            "DROP SCHEMA public CASCADE; DROP SCHEMA IF EXISTS howdah CASCADE; CREATE SCHEMA public"
        )
        return dsn
