"""Names in snake_case on PostgreSQL and the application's own at home: every verb maps them."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import psycopg
import pytest

from howdah.errors import RefusedError
from howdah.model.plan import PlanOptions
from howdah.ops.carry_back import CarryBackRequest, carry_back
from howdah.ops.cutover import CutoverRequest, cutover
from howdah.ops.follow import FollowRequest, follow
from howdah.ops.go_home import go_home
from howdah.ops.live_run import LiveOptions
from howdah.ops.migrate import MigrateRequest, migrate
from howdah.ops.rollback import rollback
from howdah.ops.verify import VerifyRequest, verify_run
from support.files import make_database
from support.processes import run_sqlite
from support.program import list_objects
from support.runs import migrate_file, target_request

SCRIPT = """
CREATE TABLE "Order Details" (OrderID INTEGER PRIMARY KEY AUTOINCREMENT, "Unit Price" REAL, "select" TEXT);
CREATE TABLE CustomerNames ("Full Name" TEXT PRIMARY KEY, OrderID INTEGER REFERENCES "Order Details")
    WITHOUT ROWID;
CREATE TABLE NoKey (A, B);
CREATE INDEX "By Price" ON "Order Details" ("Unit Price");
CREATE VIEW AllOrders AS SELECT "Unit Price" FROM "Order Details";
INSERT INTO "Order Details" ("Unit Price", "select") VALUES (1.5, 'one'), (2.5, NULL);
INSERT INTO CustomerNames VALUES ('Ann', 1), ('Bob', 2);
INSERT INTO NoKey VALUES (1, 'x'), (1, 'x');
"""
WRITES = [
    "INSERT INTO order_details (unit_price, \"select\") VALUES (3.5, 'three')",
    "UPDATE order_details SET unit_price = 9.25 WHERE order_id = 1",
    "DELETE FROM customer_names WHERE full_name = 'Bob'",
    "INSERT INTO no_key VALUES (2, 'y')",
]
HOME = {
    'SELECT OrderID, "Unit Price", "select" FROM "Order Details" ORDER BY 1': [
        (1, 9.25, "one"),
        (2, 2.5, None),
        (3, 3.5, "three"),
    ],
    'SELECT "Full Name", OrderID FROM CustomerNames': [("Ann", 1)],
    "SELECT A, B FROM NoKey ORDER BY A": [(1, "x"), (1, "x"), (2, "y")],
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_database(tmp_path / "app.db", SCRIPT)


def _execute(database: str, statements: list[str]) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def _at_home(path: str | Path) -> dict[str, list[tuple[Any, ...]]]:
    connection = sqlite3.connect(path)
    try:
        return {query: connection.execute(query).fetchall() for query in HOME}
    finally:
        connection.close()


@pytest.mark.parametrize("journal", [True, False])
def test_folded_rows_are_proven_and_go_home_under_their_own_names(
    source: Path, database: str, journal: bool
) -> None:
    report = migrate(
        MigrateRequest(
            source=str(source),
            target=target_request(database),
            options=PlanOptions(fold_names=True),
            keep_way_back=journal,
        )
    )
    assert (report.exit_status, report.verification) == (0, "proof")
    assert [(table.name, table.target_name) for table in report.tables] == [
        ("Order Details", "order_details"),
        ("CustomerNames", "customer_names"),
        ("NoKey", "no_key"),
    ]
    checked = verify_run(VerifyRequest(source=str(source), target=target_request(database)))
    assert (checked.exit_status, checked.verification, checked.differences) == (0, "proof", ())
    _execute(database, WRITES)

    carried = carry_back(CarryBackRequest(target=target_request(database)))

    assert (carried.exit_status, carried.proof) == (0, "proven")
    assert _at_home(carried.output) == HOME


def test_a_difference_in_a_folded_column_is_seen_and_repaired(source: Path, database: str) -> None:
    migrate_file(source, database, fold_names=True)
    _execute(database, ["UPDATE order_details SET unit_price = 7 WHERE order_id = 2"])
    request = VerifyRequest(source=str(source), target=target_request(database))
    seen = verify_run(request)
    assert [(item.table, item.column) for item in seen.differences] == [("Order Details", "Unit Price")]
    mended = verify_run(VerifyRequest(source=str(source), target=target_request(database), repair=True))
    assert (mended.repaired, mended.exit_status) == (1, 0)


def test_a_collision_is_refused_before_anything_is_written(tmp_path: Path, database: str) -> None:
    source = make_database(tmp_path / "app.db", "CREATE TABLE t (FirstName, first_name)")
    with pytest.raises(RefusedError, match="would be one in snake_case"):
        migrate_file(source, database, fold_names=True)
    assert list_objects(database) == []


def test_rollback_takes_what_was_made_under_folded_names(source: Path, database: str) -> None:
    before = list_objects(database)
    migrate_file(source, database, fold_names=True)
    rollback(target_request(database))
    assert list_objects(database) == before


def test_what_is_written_while_it_is_followed_arrives_and_comes_home(source: Path, database: str) -> None:
    request = FollowRequest(
        source=str(source),
        target=target_request(database),
        options=PlanOptions(fold_names=True),
        consent=True,
        until_caught_up=True,
    )
    assert follow(request).status == "caught-up"
    run_sqlite(
        source,
        "connection.executescript('''"
        'UPDATE "Order Details" SET "Unit Price" = 4.5 WHERE OrderID = 2;'
        "INSERT INTO CustomerNames VALUES (''Eve'', 1); DELETE FROM NoKey WHERE rowid = 1;''')".replace(
            "''Eve''", "'Eve'"
        ),
    )
    assert follow(request).status == "caught-up"
    cutover(CutoverRequest(source=str(source), target=target_request(database)))
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT unit_price FROM order_details ORDER BY order_id").fetchall() == [
            (1.5,),
            (4.5,),
        ]
        assert connection.execute("SELECT full_name FROM customer_names ORDER BY 1").fetchall() == [
            ("Ann",),
            ("Bob",),
            ("Eve",),
        ]
        assert connection.execute("SELECT count(*) FROM no_key").fetchone() == (1,)
    _execute(database, [*WRITES, "DELETE FROM customer_names WHERE full_name = 'Eve'"])

    assert go_home(target_request(database), LiveOptions()).status == "home"

    assert _at_home(source) == {
        **HOME,
        'SELECT OrderID, "Unit Price", "select" FROM "Order Details" ORDER BY 1': [
            (1, 9.25, "one"),
            (2, 4.5, None),
            (3, 3.5, "three"),
        ],
        "SELECT A, B FROM NoKey ORDER BY A": [(1, "x"), (2, "y")],
    }
