"""One database for all round trips of a module: each trip makes its own table."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import psycopg
import pytest
from psycopg import sql

from support.codec_crossing import Crossing

_numbers = count(1)


@pytest.fixture(scope="module")
def crossing(server: Any) -> Iterator[Crossing]:
    """Connections to a fresh database."""
    name = f"codecs_{next(_numbers)}"
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        opened = Crossing(server.dsn(name))
        try:
            yield opened
        finally:
            opened.close()
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
