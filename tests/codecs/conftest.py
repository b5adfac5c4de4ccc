"""One database for all round trips of a module: each trip makes its own table."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import psycopg
import pytest

from support.codec_crossing import Crossing
from support.databases import create_database, drop_database

_numbers = count(1)


@pytest.fixture(scope="module")
def crossing(server: Any) -> Iterator[Crossing]:
    """Connections to a fresh database."""
    name = f"codecs_{next(_numbers)}"
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        create_database(admin, name)
        opened = Crossing(server.dsn(name))
        try:
            yield opened
        finally:
            opened.close()
            drop_database(admin, name)
