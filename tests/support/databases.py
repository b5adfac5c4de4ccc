"""Databases for tests: new ones and copies, made the quick way."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

_numbers = itertools.count(1)


def create_database(
    admin: psycopg.Connection[Any], name: str, *, template: str = "template0", owner: str | None = None
) -> None:
    """
    Create a database in UTF-8, empty or a copy; nobody may be connected to the template.

    By copied files: on the tests' servers, which sync nothing, that takes half the time of the default.
    """
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} ENCODING 'UTF8' STRATEGY FILE_COPY").format(
        sql.Identifier(name), sql.Identifier(template)
    )
    if owner is not None:
        statement += sql.SQL(" OWNER {}").format(sql.Identifier(owner))
    admin.execute(statement)


def database_name(conninfo: str) -> str:
    """Return the name of the database that a connection string leads to."""
    return str(conninfo_to_dict(conninfo)["dbname"])


def drop_database(admin: psycopg.Connection[Any], name: str) -> None:
    """Drop a database if it is there, whoever is connected to it."""
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def new_database(
    conninfo: str, prefix: str, *, template: str = "template0", owner: str | None = None
) -> Iterator[str]:
    """Give the conninfo of a database of one's own on the server of `conninfo`, whose role may create it."""
    name = f"{prefix}_{next(_numbers)}"
    with psycopg.connect(conninfo, autocommit=True) as admin:
        create_database(admin, name, template=template, owner=owner)
        try:
            yield make_conninfo(conninfo, dbname=name)
        finally:
            drop_database(admin, name)
