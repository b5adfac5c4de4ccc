"""A database as an application leaves it: owned by a plain role, its first rows in it; and its dumps."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from support.databases import create_database, drop_database

_numbers = itertools.count(1)

#: Role that owns the database and is nothing more.
OWNER = "app_owner"


@contextmanager
def owned_database(admin_conninfo: str, script: str = "") -> Iterator[str]:
    """Give the conninfo of a role without privileges, for a fresh database of its own that ran `script`."""
    name = f"owned_{next(_numbers)}"
    with psycopg.connect(admin_conninfo, autocommit=True) as admin:
        if not admin.execute("SELECT FROM pg_roles WHERE rolname = %s", (OWNER,)).fetchall():
            admin.execute(f"CREATE ROLE {OWNER} LOGIN PASSWORD 'owner' NOSUPERUSER NOCREATEDB NOCREATEROLE")
        create_database(admin, name, owner=OWNER)
        with psycopg.connect(make_conninfo(admin_conninfo, dbname=name), autocommit=True) as inside:
            inside.execute(f"ALTER SCHEMA public OWNER TO {OWNER}")
        conninfo = make_conninfo(admin_conninfo, dbname=name, user=OWNER, password="owner")
        try:
            run_script(conninfo, script)
            yield conninfo
        finally:
            drop_database(admin, name)


def run_script(conninfo: str, script: str) -> None:
    """Run SQL statements, committed."""
    if script:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute(script.encode())


def query(conninfo: str, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Return all rows of a query."""
    with psycopg.connect(conninfo) as connection:
        return connection.execute(statement.encode(), parameters or None).fetchall()


def dump_schema(bindir: Path, conninfo: str, *, state_schema: str = "howdah") -> str:
    """Return what pg_dump says of everything but our state schema, without what differs in each dump."""
    return _dump(bindir, conninfo, "--schema-only", f"--exclude-schema={state_schema}")


def dump_rows(bindir: Path, conninfo: str, *, state_schema: str = "howdah") -> str:
    """Return all rows and sequences outside our state schema, one line each, whatever order they lie in."""
    text = _dump(bindir, conninfo, "--data-only", "--inserts", f"--exclude-schema={state_schema}")
    return "\n".join(sorted(text.splitlines()))


def _dump(bindir: Path, conninfo: str, *options: str) -> str:
    found = conninfo_to_dict(conninfo)
    environment = {
        **os.environ,
        **{
            variable: str(found[key])
            for key, variable in (
                ("host", "PGHOST"),
                ("port", "PGPORT"),
                ("user", "PGUSER"),
                ("password", "PGPASSWORD"),
                ("dbname", "PGDATABASE"),
            )
            if key in found
        },
    }
    done = subprocess.run(
        [str(bindir / "pg_dump"), *options], env=environment, capture_output=True, text=True, check=True
    )
    return re.sub(r"^\\(un)?restrict .*$", "", done.stdout, flags=re.MULTILINE)
