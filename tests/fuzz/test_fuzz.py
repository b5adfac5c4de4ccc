"""What the fuzzer found stays mended; its second checker is seen seeing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from fuzz.counter import Tally, record
from fuzz.scenario_file import FuzzCase, read_case, write_case
from howdah.ops.quarantine import list_rows
from support.crossing import NaiveChecker
from support.files import make_database
from support.naive_checker import alike
from support.random_databases import RandomDatabase
from support.runs import migrate_file, target_request
from support.stored_values import Text

#: Cases that once failed, shrunk; the name of each file says what was wrong.
FOUND = sorted(Path(__file__).with_name("found").glob("*.json"))


@pytest.fixture(scope="module")
def checker() -> Iterator[NaiveChecker]:
    """One process of the checker for all tests here."""
    with NaiveChecker() as process:
        yield process


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_what_the_fuzzer_found_stays_mended(
    path: Path, tmp_path: Path, database: str, checker: NaiveChecker, howdah_home: None
) -> None:
    case = read_case(path)
    source = case.database.build(tmp_path / "found.db")
    report = migrate_file(source, database, **case.options)
    quarantined = list_rows(target_request(database)).rows
    assert checker.problems(source, database, report, quarantined) == []


_SOURCE = """
    CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT DEFAULT 'x', b REAL, c BLOB, d DATETIME);
    CREATE INDEX by_letter ON t (a);
    CREATE VIEW v AS SELECT a, b + 1 AS n FROM t;
    INSERT INTO t VALUES (1, 'one', 0.5, x'00', '2024-01-02 03:04:05'), (7, NULL, NULL, NULL, NULL),
        (8, 'nul' || char(0), 1, x'', '2024-01-02 03:04:06');
"""


@pytest.mark.parametrize(
    ("damage", "seen"),
    [
        ("UPDATE t SET a = 'One' WHERE id = 1", "rows"),
        ("UPDATE t SET b = 0.5000000000000001 WHERE id = 1", "rows"),
        ("UPDATE t SET c = '' WHERE id = 1", "rows"),
        ("UPDATE t SET d = d + interval '1 microsecond' WHERE id = 1", "rows"),
        ("DELETE FROM t WHERE id = 7", "rows"),
        ("INSERT INTO t (id) VALUES (9)", "rows"),
        ("SELECT setval(pg_get_serial_sequence('t', 'id'), 5)", "numbering"),
        ("DROP INDEX by_letter", "objects"),
        ("ALTER TABLE t ALTER a SET DEFAULT 'y'", "defaults"),
    ],
)
def test_the_second_checker_sees_damage(
    damage: str, seen: str, tmp_path: Path, database: str, checker: NaiveChecker, howdah_home: None
) -> None:
    source = make_database(tmp_path / "source.db", _SOURCE)
    report = migrate_file(source, database)
    quarantined = list_rows(target_request(database)).rows
    assert [row.key.rowid for row in quarantined] == [8]
    assert checker.problems(source, database, report, quarantined) == []

    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(damage.encode())

    assert [problem.split(":")[0] for problem in checker.problems(source, database, report, quarantined)] == [
        seen
    ]


@pytest.mark.parametrize(
    ("mine", "theirs", "same"),
    [
        ('{"k":2468793.31929149}', '{"k":2468793.3192914943}', True),
        ("2468793.31929149 a", "2468793.31929249 a", False),
        ("2468793.31929149 a", "2468793.3192914943 b", False),
        ("0.1", "0.10000000000000001", False),
        ("2024-01-02 03:04:05.123456", "2024-01-02 03:04:05.123457", False),
    ],
)
def test_the_second_checker_passes_over_the_last_digits_of_long_fractions_alone(
    mine: str, theirs: str, same: bool
) -> None:
    assert alike(mine, theirs) is same


def test_the_second_checker_sees_a_view_with_other_rows(
    tmp_path: Path, database: str, checker: NaiveChecker, howdah_home: None
) -> None:
    source = make_database(
        tmp_path / "source.db",
        "CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1), (2);CREATE VIEW v AS SELECT a + 1 AS n FROM t",
    )
    report = migrate_file(source, database)
    assert checker.problems(source, database, report, ()) == []

    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE OR REPLACE VIEW v AS SELECT a + 2 AS n FROM t")

    (problem,) = checker.problems(source, database, report, ())
    assert problem.startswith("views: view 'v' lacks (2,)")


def test_a_case_survives_its_file(tmp_path: Path) -> None:
    values = (None, 2**63 - 1, 0.1, -0.0, float("inf"), Text(b"a\0\xff"), b"\xff", "plain")
    case = FuzzCase(database=RandomDatabase([("INSERT …", values)]), options={"json_type": "jsonb"})

    write_case(tmp_path / "case.json", case, seed=7)
    read = read_case(tmp_path / "case.json")

    assert repr(read) == repr(case)
    ((_, parameters),) = read.database.statements
    assert [type(value) for value in parameters] == [type(value) for value in values]


def test_the_counter_grows_and_counts_a_run_once(tmp_path: Path) -> None:
    path = tmp_path / "clean.json"
    totals: list[str] = []
    read: Callable[[], str] = path.read_text
    for clean, seed in ((5, 1), (8, 1), (3, 2)):
        record(Tally(first_seed=seed, last_seed=seed, clean=clean), path)
        totals.append(read().split("\n")[1].strip())
    assert totals == ['"clean_cases": 5,', '"clean_cases": 8,', '"clean_cases": 11,']
