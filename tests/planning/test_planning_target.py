"""A target that cannot take the migration is refused with what to do about it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from howdah.errors import ExitStatus, RefusedError
from howdah.model.finding_kinds import KINDS, make_finding
from howdah.model.plan import PlanOptions, StepKind
from howdah.model.target import TargetFacts
from howdah.planning.target_checks import check_plan, check_target
from support.plans import codes, facts_of

GOOD = TargetFacts(
    server_version=160004,
    database="app",
    encoding="UTF8",
    collation="C",
    role="me",
    may_create_schema=True,
    may_create_in_schema=True,
    schema_exists=True,
)


def test_an_empty_database_is_taken() -> None:
    check_target(GOOD, PlanOptions())


@pytest.mark.parametrize(
    ("facts", "code", "said"),
    [
        (replace(GOOD, server_version=130012), "P-301", "PostgreSQL 13"),
        (replace(GOOD, in_recovery=True), "P-302", "recovery"),
        (replace(GOOD, encoding="LATIN1"), "P-303", "LATIN1"),
        (replace(GOOD, encoding="SQL_ASCII"), "P-303", "SQL_ASCII"),
        (replace(GOOD, schema_exists=False, may_create_schema=False), "P-304", 'CREATE ON DATABASE "app"'),
        (replace(GOOD, may_create_in_schema=False), "P-305", 'GRANT USAGE, CREATE ON SCHEMA "public"'),
        (replace(GOOD, objects=('table "users"', 'view "v"')), "P-306", 'table "users", view "v"'),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_a_remedy(facts: TargetFacts, code: str, said: str) -> None:
    with pytest.raises(RefusedError) as caught:
        check_target(facts, PlanOptions())
    assert caught.value.code == code
    assert caught.value.exit_status is ExitStatus.REFUSED
    assert said in str(caught.value)
    assert caught.value.hint


def test_our_own_schema_is_not_in_the_way() -> None:
    check_target(
        replace(GOOD, objects=('table "run"',)), PlanOptions(schema="howdah"), ignored_schemas=("howdah",)
    )


def test_a_schema_is_created_only_where_it_is_missing(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, "CREATE TABLE t (a)")
    for schema, target, expected in (
        ("public", None, []),
        ("app", None, ["schema"]),
        ("app", replace(GOOD, schema_exists=False), ["schema"]),
        ("app", GOOD, []),
    ):
        plan = facts.plan(PlanOptions(schema=schema), target=target)
        assert [step.id for step in plan.steps if step.kind is StepKind.SCHEMA] == expected


@pytest.mark.parametrize(
    ("collation", "option", "expected"),
    [("C", None, False), ("en_US.UTF-8", None, True), ("en_US.UTF-8", "C", False), ("C", "de-x-icu", True),
     ("C.UTF-8", None, False)],
)  # fmt: skip
def test_a_collation_that_sorts_unlike_bytes_is_a_finding(
    tmp_path: Path, collation: str, option: str | None, expected: bool
) -> None:
    facts = facts_of(tmp_path, "CREATE TABLE t (a TEXT)")
    plan = facts.plan(PlanOptions(collation=option), target=replace(GOOD, collation=collation))
    assert ("F-401" in codes(plan)) is expected


def test_a_plan_with_a_value_too_large_is_refused(tmp_path: Path) -> None:
    plan = facts_of(tmp_path, "CREATE TABLE t (a TEXT)").plan()
    check_plan(plan)
    too_large = make_finding("F-213", 'column "t"."a"', "the longest value has 2147483648 bytes")
    with pytest.raises(RefusedError, match="cannot keep") as caught:
        check_plan(replace(plan, findings=(*plan.findings, too_large)))
    assert "2147483648" in str(caught.value)


def test_a_table_with_too_many_columns_is_refused(tmp_path: Path) -> None:
    columns = ", ".join(f"c{number}" for number in range(1601))
    with pytest.raises(RefusedError, match="cannot keep"):
        check_plan(facts_of(tmp_path, f"CREATE TABLE t ({columns})").plan())


def test_every_finding_that_any_room_makes_is_in_the_reference() -> None:
    source = Path(__file__).parent.parent.parent / "src" / "howdah"
    used = {
        code
        for path in source.rglob("*.py")
        for code in re.findall(r'"(F-\d{3})"', path.read_text(encoding="utf-8"))
    }
    assert used <= set(KINDS)


def test_an_unknown_finding_is_a_bug() -> None:
    with pytest.raises(KeyError):
        make_finding("F-000", "x", "y")
    assert all(kind.title and kind.explanation for kind in KINDS.values())
