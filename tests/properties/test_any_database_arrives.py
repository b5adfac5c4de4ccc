"""Whatever SQLite accepts, schema and values, is in PostgreSQL or in quarantine afterwards."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings

from support.random_databases import RandomDatabase, databases

#: One fixture serves all examples on purpose: it makes a new database for each.
RELAXED = settings(
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.filter_too_much,
    ],
    print_blob=True,
)


@settings(RELAXED, max_examples=10)
@given(database=databases())
def test_any_database_arrives_whole(
    cross: Callable[[RandomDatabase], None], database: RandomDatabase
) -> None:
    cross(database)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@settings(RELAXED, max_examples=int(os.environ.get("HOWDAH_EXAMPLES", "1500")))
@given(database=databases())
def test_many_more_databases_arrive_whole(
    cross: Callable[[RandomDatabase], None], database: RandomDatabase
) -> None:
    cross(database)
