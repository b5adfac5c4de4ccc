"""The comparison's checker sees what did not arrive, and the page says what was measured."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from bench.arrived import Arrived, look
from bench.compare import BEGIN, PAGE, RESULTS, render
from bench.page import END
from bench.tricky import MOMENTS, ROWS, write_tricky

from support.databases import database_name, new_database
from support.program import Program


@pytest.fixture(scope="module")
def migrated_once(server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    directory = tmp_path_factory.mktemp("tricky")
    source = write_tricky(directory / "tricky.db")
    with new_database(server.dsn(), "tricky") as conninfo:
        ended = Program(directory=directory, home=directory / "home").run("migrate", source, conninfo)
        assert ended.status == 5, ended.err
        yield str(source), conninfo


@pytest.fixture
def migrated(server: Any, migrated_once: tuple[str, str]) -> Iterator[tuple[str, str]]:
    """Source and a target of the test's own."""
    source, conninfo = migrated_once
    with new_database(server.dsn(), "tricky_copy", template=database_name(conninfo)) as copy:
        yield source, copy


def test_what_arrived_whole_is_said_to_have(migrated: tuple[str, str]) -> None:
    found = look(*migrated, MOMENTS)
    assert found.rows == sum(map(len, ROWS.values())) + 2
    # The two that PostgreSQL cannot hold, in quarantine.
    assert (found.rows_missing, found.values_changed) == (2, 0), found.examples
    assert {kind: missing for kind, (_, missing) in found.objects.items() if missing} == {}


@pytest.mark.parametrize(
    ("damage", "seen"),
    [
        ("DELETE FROM letters WHERE id = 3", lambda found: found.rows_missing == 3),
        ("UPDATE numbers SET whole = whole - 1 WHERE id = 2", lambda found: found.values_changed == 1),
        (
            "ALTER TABLE numbers ALTER ratio TYPE real",
            lambda found: any("numbers.ratio" in example for example in found.examples),
        ),
        ("ALTER TABLE words DROP COLUMN uses", lambda found: found.values_changed == 3),
        ("DROP TABLE letters CASCADE", lambda found: found.objects["foreign key"] == (2, 1)),
        (
            "ALTER TABLE people DROP CONSTRAINT people_pkey CASCADE",
            lambda found: found.objects["primary key"][1],
        ),
        ("DROP INDEX letters_person", lambda found: found.objects["index"] == (1, 1)),
        ("ALTER TABLE letters ALTER body DROP NOT NULL", lambda found: found.objects["not null"][1] == 1),
        ("ALTER TABLE people ALTER id RESTART WITH 8", lambda found: found.objects["numbering"][1] == 1),
        ("DROP VIEW busy", lambda found: found.objects["view"] == (1, 1)),
    ],
)
def test_each_damage_is_seen(migrated: tuple[str, str], damage: str, seen: object) -> None:
    with psycopg.connect(migrated[1], autocommit=True) as connection:
        connection.execute(damage.encode())
    found: Arrived = look(*migrated, MOMENTS)
    assert callable(seen)
    assert seen(found), found


def test_the_page_is_what_was_measured() -> None:
    measured = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    assert measured.strip() == render(json.loads(RESULTS.read_text(encoding="utf-8"))).strip()
