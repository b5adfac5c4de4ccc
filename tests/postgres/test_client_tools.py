"""What a client program of PostgreSQL is told, and what it cannot be."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from howdah.errors import UsageError
from howdah.postgres.client_tools import tool_access
from howdah.postgres.connect import connect


def test_a_password_of_two_lines_is_refused_before_a_program_fails_with_half_of_it(database: str) -> None:
    password = "C4n4ry\nof two lines"
    role = sql.Identifier("two_lines")
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(password)))
        try:
            conninfo = make_conninfo(database, user="two_lines", password=password)
            with (
                connect(conninfo) as connection,
                pytest.raises(UsageError) as refused,
                tool_access(connection, conninfo),
            ):
                raise AssertionError("a program could be started")
        finally:
            admin.execute(sql.SQL("DROP ROLE {}").format(role))
    assert refused.value.code == "T-121"
    assert "C4n4ry" not in str(refused.value) + refused.value.detail
