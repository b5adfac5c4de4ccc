"""What everything is called: exactly as in SQLite, as a person wrote it, or in snake_case."""

from __future__ import annotations

from pathlib import Path

import pytest

from howdah.errors import RefusedError, UsageError
from howdah.model.plan import Plan, PlanOptions, StepKind
from howdah.planning.plan_file import parse_plan_file, render_plan
from support.plans import apply_plan, facts_of, steps_of

FOLDED = PlanOptions(fold_names=True)
SCRIPT = """
CREATE TABLE "Order Details" (OrderID INTEGER PRIMARY KEY AUTOINCREMENT, "Unit Price" REAL DEFAULT 1.5,
    "select" TEXT, "a.b" TEXT CONSTRAINT "Must Be" CHECK ("a.b" <> ''), "quo""te" TEXT UNIQUE,
    "new
line" TEXT, CTID TEXT, "1st" TEXT, "Sum Total" REAL AS ("Unit Price" * 2) STORED,
    HTTPServerName TEXT COLLATE NOCASE UNIQUE);
CREATE TABLE Customers ("OrderID" INTEGER REFERENCES "Order Details" DEFERRABLE, Name TEXT NOT NULL,
    PRIMARY KEY (Name, "OrderID"));
CREATE INDEX "By Unit Price" ON "Order Details" ("Unit Price") WHERE "Unit Price" > 0;
CREATE VIEW "All Orders" AS SELECT o."Unit Price", c.Name AS "Customer Name"
    FROM "Order Details" o JOIN Customers c USING (OrderID);
CREATE VIEW OverViews AS SELECT "Customer Name" AS N FROM "All Orders";
CREATE TRIGGER "No Change" BEFORE UPDATE OF "Unit Price" ON "Order Details"
    WHEN NEW."Unit Price" > 9.5 BEGIN SELECT RAISE(ABORT, 'too dear'); END;
"""


def _columns(plan: Plan, table: str) -> dict[str, str]:
    return {column.name: column.target_name for column in plan.table(table).columns}


def test_without_the_option_every_name_stays(tmp_path: Path) -> None:
    plan = facts_of(tmp_path, SCRIPT).plan()
    assert {table.name: table.target_name for table in plan.tables} == {
        "Order Details": "Order Details",
        "Customers": "Customers",
    }
    assert all(column.name == column.target_name for table in plan.tables for column in table.columns)


def test_tables_columns_indexes_constraints_and_views_are_folded(tmp_path: Path, database: str) -> None:
    plan = facts_of(tmp_path, SCRIPT).plan(FOLDED)

    assert {table.name: table.target_name for table in plan.tables} == {
        "Order Details": "order_details",
        "Customers": "customers",
    }
    columns = _columns(plan, "Order Details")
    # A system column's name is nobody's, folded or not.
    assert columns.pop("CTID").startswith("ctid_")
    assert columns == {
        "OrderID": "order_id",
        "Unit Price": "unit_price",
        "select": "select",
        "a.b": "a_b",
        'quo"te': "quo_te",
        "new\nline": "new_line",
        "1st": "_1st",
        "Sum Total": "sum_total",
        "HTTPServerName": "http_server_name",
    }
    made = {step.object for step in plan.steps if step.sql and step.kind is not StepKind.SEQUENCE}
    assert made == {
        "order_details", "customers", "order_details_pkey", "customers_pkey", "order_details_quo_te_key",
        "order_details_http_server_name_key", "by_unit_price", "must_be", "customers_order_id_fkey",
        "all_orders", "over_views", "no_change",
    }  # fmt: skip
    assert {'table "Order Details"', 'view "All Orders"', 'column "Customers"."OrderID"'} <= {
        finding.object for finding in plan.findings if finding.code == "F-121"
    }
    (trigger,) = [step.sql for step in plan.steps if step.kind is StepKind.TRIGGER]
    assert 'CREATE FUNCTION "public"."no_change"()' in trigger
    assert 'BEFORE UPDATE OF "unit_price" ON "public"."order_details"' in trigger
    apply_plan(plan, database)


def test_names_that_would_be_one_are_all_listed_and_nothing_is_planned(tmp_path: Path) -> None:
    facts = facts_of(
        tmp_path,
        """
        CREATE TABLE "User Data" (a); CREATE TABLE UserData (b); CREATE VIEW user_data AS SELECT 1 AS x;
        CREATE TABLE t (FirstName, first_name, "first name", other);
        CREATE INDEX "By Other" ON t (other); CREATE TABLE by_other (z);
        CREATE VIEW v AS SELECT 1 AS "A b", 2 AS a_b;
        """,
    )
    with pytest.raises(RefusedError) as refused:
        facts.plan(FOLDED)
    assert refused.value.code == "P-310"
    assert set((refused.value.detail or "").rstrip(".").split("; ")) == {
        'table "User Data" and table "UserData" and view "user_data" would all be "user_data"',
        'table "by_other" and index "By Other" would both be "by_other"',
        'column "t"."FirstName" and column "t"."first_name" and column "t"."first name" would all be '
        '"first_name"',
        'column "v"."A b" and column "v"."a_b" would both be "a_b"',
    }


def test_the_plan_file_settles_a_collision_and_names_columns(tmp_path: Path, database: str) -> None:
    facts = facts_of(tmp_path, "CREATE TABLE t (FirstName, first_name, Third); CREATE TABLE T_2 (a)")
    edits = parse_plan_file(
        'options.fold_names = true\n[tables.t.columns.FirstName]\ntarget_name = "Given Name"\n'
        '[tables.T_2]\ntarget_name = "T_2"\n'
    )
    plan = facts.plan(edits=edits)
    assert _columns(plan, "t") == {"FirstName": "Given Name", "first_name": "first_name", "Third": "third"}
    assert plan.table("T_2").target_name == "T_2"
    apply_plan(plan, database)


def test_a_file_written_without_folding_does_not_keep_the_tables_from_it(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, "CREATE TABLE OneTable (a); CREATE TABLE Other (a)")
    written = render_plan(facts.plan()).replace('target_name = "Other"', 'target_name = "Mine"')
    plan = facts.plan(FOLDED, parse_plan_file(written))
    assert [table.target_name for table in plan.tables] == ["one_table", "Mine"]


def test_a_plan_file_with_folded_names_gives_the_same_plan(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, SCRIPT)
    plan = facts.plan(FOLDED)
    assert facts.plan(edits=parse_plan_file(render_plan(plan))) == plan


@pytest.mark.parametrize("name", ["b", "ctid_"])
def test_two_columns_of_one_name_are_refused(tmp_path: Path, name: str) -> None:
    facts = facts_of(tmp_path, "CREATE TABLE t (a, b, ctid_)")
    edits = parse_plan_file(f'[tables.t.columns.a]\ntarget_name = "{name}"\n')
    with pytest.raises(UsageError) as refused:
        facts.plan(edits=edits)
    assert refused.value.code == "P-106"
    assert f'would be called "{name}"' in refused.value.message


def test_long_names_are_shortened_after_folding_and_stay_apart(tmp_path: Path, database: str) -> None:
    names = ["É" * 40 + ending for ending in ("A", "B")]
    facts = facts_of(
        tmp_path,
        "CREATE TABLE t (" + ", ".join(f'"{name}"' for name in names) + ");"
        f'CREATE VIEW v AS SELECT 1 AS "{names[0]}", 2 AS "{names[1]}";',
    )
    for options in (FOLDED, PlanOptions()):
        plan = facts.plan(options)
        targets = list(_columns(plan, "t").values())
        assert len(set(targets)) == 2
        assert all(len(target.encode()) <= 63 for target in targets)
        assert all(target.startswith("é" if options.fold_names else "É") for target in targets)
        assert len(steps_of(plan, StepKind.VIEW)) == 1
    apply_plan(plan, database)
