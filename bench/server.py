"""
The PostgreSQL server that everything is measured against: databases by name, psql for it.

Every contestant gets a database of its own on the same server with the same
settings. The password travels in the environment, never in an argument.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from howdah.postgres.binaries import find_client_tool
from howdah.postgres.embedded import start_embedded, stop_embedded

_VARIABLES = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD"}
_SETTINGS = (
    "server_version",
    "shared_buffers",
    "maintenance_work_mem",
    "max_wal_size",
    "wal_level",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "max_parallel_maintenance_workers",
)


@dataclass(frozen=True, kw_only=True)
class BenchServer:
    #: libpq connection string of the maintenance database.
    conninfo: str = field(repr=False)

    @classmethod
    def start(cls, directory: Path) -> BenchServer:
        """Start an embedded server in `directory`, or attach to the one that runs there."""
        return cls(conninfo=start_embedded(directory).conninfo())

    @staticmethod
    def stop(directory: Path) -> None:
        """Stop the embedded server of a directory."""
        stop_embedded(directory)

    def conninfo_for(self, database: str) -> str:
        """Return the connection string of a database, password included."""
        return make_conninfo(self.conninfo, dbname=database)

    def public_conninfo_for(self, database: str) -> str:
        """Return the connection string without its password, for arguments; see `environment`."""
        parameters = {**conninfo_to_dict(self.conninfo), "dbname": database}
        parameters.pop("password", None)
        return make_conninfo("", **{name: value for name, value in parameters.items() if value is not None})

    def parameters(self) -> dict[str, str]:
        """Return host, port, user and password as text, those that are known."""
        known = conninfo_to_dict(self.conninfo)
        return {name: str(known[name]) for name in _VARIABLES if known.get(name) is not None}

    def processor_seconds(self) -> float | None:
        """
        Return what all processes of the server have used so far; None where the system does not say.

        Only for a server on this machine, and only where /proc is.
        """
        with self._connect() as connection:
            row = connection.execute(
                "SELECT pg_read_file('postmaster.pid'), inet_server_addr() IS NULL"
            ).fetchone()
        if row is None or not row[1]:
            return None
        postmaster = int(str(row[0]).split("\n", 1)[0])
        try:
            used = _read_ticks(postmaster)
            children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        except OSError:
            return None
        # What has ended is in the postmaster's own account of its children.
        ticks = sum(used) + sum(sum(_read_ticks(int(child))[:2]) for child in children)
        return ticks / os.sysconf("SC_CLK_TCK")

    def environment(self, database: str) -> Mapping[str, str]:
        """Return the PG* variables that lead libpq to a database."""
        variables = {_VARIABLES[name]: value for name, value in self.parameters().items()}
        return {**variables, "PGDATABASE": database}

    def psql(self) -> str:
        """Return the path of a psql that fits the server."""
        with self._connect() as connection:
            return os.fspath(find_client_tool("psql", connection.info.server_version // 10000))

    def recreate_database(self, name: str) -> None:
        """Make an empty database of that name, dropping an older one, and flush what came before."""
        self.drop_database(name)
        with self._connect() as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(name))
            )
        self.checkpoint()

    def checkpoint(self) -> None:
        """Write out what the contestant before has left to write: it is not the next one's to pay for."""
        with self._connect() as connection:
            connection.execute("CHECKPOINT")

    def drop_database(self, name: str) -> None:
        """Drop a database if it is there."""
        with self._connect() as connection:
            statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            connection.execute(statement.format(sql.Identifier(name)))

    def count_rows(self, database: str) -> int:
        """Return the rows of all tables of the schema public: what really arrived."""
        with psycopg.connect(self.conninfo_for(database)) as connection:
            names = connection.execute(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            ).fetchall()
            counts = [
                connection.execute(
                    sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("public", name))
                ).fetchone()
                for (name,) in names
            ]
        return sum(count[0] for count in counts if count)

    def describe(self) -> dict[str, str]:
        """Return version and the settings that matter for loading."""
        with self._connect() as connection:
            rows = [connection.execute("SELECT current_setting(%s)", [name]).fetchone() for name in _SETTINGS]
        return {name: str(row[0]) for name, row in zip(_SETTINGS, rows, strict=True) if row}

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.conninfo, autocommit=True)


def _read_ticks(pid: int) -> tuple[int, ...]:
    """Return user and system time of a process and of its children that have ended; zeros when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return (0, 0, 0, 0)
    return tuple(int(field) for field in fields[11:15])
