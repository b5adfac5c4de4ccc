"""Create and drop whole databases, always as UTF-8 and from the untouched template."""

from __future__ import annotations

from psycopg import sql

from howdah.postgres.connect import Connection


def database_exists(connection: Connection, name: str) -> bool:
    """Tell whether the server has a database of exactly that name."""
    found = connection.execute("SELECT 1 FROM pg_catalog.pg_database WHERE datname = %s", (name,)).fetchone()
    return found is not None


def create_database(connection: Connection, name: str) -> None:
    """Create an empty UTF-8 database, on a connection in autocommit mode."""
    # template1 may hold what somebody put there for all new databases, and another encoding.
    query = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'")
    connection.execute(query.format(sql.Identifier(name)))


def drop_database(connection: Connection, name: str) -> None:
    """Drop a database if it is there, ending its sessions; on a connection in autocommit mode."""
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
