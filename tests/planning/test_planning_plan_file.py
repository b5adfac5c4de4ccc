"""The plan as a file: it says everything, takes edits, and refuses what does not fit."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from howdah.errors import UsageError
from howdah.model.plan import Plan, PlanOptions, RejectPolicy
from howdah.planning.plan_file import parse_plan_file, render_plan
from support.plans import Facts, codes, facts_of

SCRIPT = """
CREATE TABLE "odd.name [x]" (id INTEGER PRIMARY KEY, "a b" TEXT, made DATETIME, price DECIMAL(10,2),
    flag BOOLEAN, note TEXT);
INSERT INTO "odd.name [x]" VALUES
    (1, 'x', 1700000000000, 0.30000000000000004, 1, 'it''s "quoted"' || char(10) || '#');
CREATE TABLE other (k TEXT PRIMARY KEY, v BLOB);
CREATE TABLE child (id INTEGER PRIMARY KEY, k TEXT REFERENCES other(k));
CREATE VIEW v AS SELECT id FROM child;
"""


@pytest.fixture
def facts(tmp_path: Path) -> Facts:
    return facts_of(tmp_path, SCRIPT)


def edited(facts: Facts, old: str, new: str) -> Plan:
    text = render_plan(facts.plan())
    assert old in text
    return facts.plan(edits=parse_plan_file(text.replace(old, new), "my.toml"))


@pytest.mark.parametrize(
    "options",
    [
        PlanOptions(),
        PlanOptions(schema="app", collation="C", json_type="jsonb", convert_dates=False, jobs=3),
        PlanOptions(exclude=("other",), on_reject=RejectPolicy.STOP),
        PlanOptions(include=("o*", "child")),
    ],
)
def test_a_file_that_nobody_touched_gives_the_same_plan(facts: Facts, options: PlanOptions) -> None:
    plan = facts.plan(options)
    assert facts.plan(edits=parse_plan_file(render_plan(plan))) == plan


def test_an_edited_plan_written_again_gives_the_same_plan(facts: Facts) -> None:
    plan = edited(facts, 'type = "numeric"\ncodec = "numeric"\nparams = {affinity = "numeric"}',
                  'type = "numeric(10,2)"\ncodec = "numeric"\n'
                  'params = {affinity = "numeric", rounding = "half-away", scale = "2"}')  # fmt: skip
    price = plan.table("odd.name [x]").column("price")
    assert (price.type, price.params["rounding"]) == ("numeric(10,2)", "half-away")
    assert "F-203" not in codes(plan)
    assert facts.plan(edits=parse_plan_file(render_plan(plan))) == plan


def test_the_file_shows_what_conversions_make_of_the_values(facts: Facts) -> None:
    text = render_plan(facts.plan())
    assert "# smallest: 2023-11-14 22:13:20+00" in text
    assert "# F-203" in text


def test_the_file_is_toml_that_another_reader_understands(facts: Facts) -> None:
    content = tomllib.loads(render_plan(facts.plan()))
    assert content["tables"]["odd.name [x]"]["columns"]["a b"]["type"] == "text"
    assert content["options"]["schema"] == "public"


def test_a_table_can_be_left_out(facts: Facts) -> None:
    text = render_plan(facts.plan()).replace("[tables.other]\n", "[tables.other]\n# out\n")
    lines = text.splitlines()
    position = next(number for number, line in enumerate(lines) if line == "# out")
    include = next(number for number in range(position, len(lines)) if lines[number] == "include = true")
    lines[include] = "include = false"
    edits = parse_plan_file("\n".join(lines))
    plan = facts.plan(edits=edits)
    assert [table.name for table in plan.tables] == ["odd.name [x]", "child"]
    assert "F-312" in codes(plan)
    assert facts.plan(edits=parse_plan_file(render_plan(plan))) == plan


def test_a_table_can_get_another_name(facts: Facts) -> None:
    plan = edited(facts, 'target_name = "other"', 'target_name = "renamed"')
    assert plan.table("other").target_name == "renamed"
    assert any('REFERENCES "public"."renamed"' in step.sql for step in plan.steps)


def test_flags_come_before_the_file(facts: Facts) -> None:
    edits = parse_plan_file(render_plan(facts.plan(PlanOptions(schema="from_file", jobs=2))))
    assert facts.plan(PlanOptions(schema="flag"), edits).options == PlanOptions(schema="flag", jobs=2)


def test_a_few_lines_by_hand_are_a_plan_file_too(facts: Facts) -> None:
    text = '[tables."odd.name [x]".columns.made]\ntype = "bigint"\ncodec = "integer"\n'
    plan = facts.plan(edits=parse_plan_file(text))
    assert plan.table("odd.name [x]").column("made").type == "bigint"


@pytest.mark.parametrize(
    ("old", "new", "code", "said"),
    [
        ("[tables.other]", "[tables.missing]", "P-102", 'table "missing"'),
        ("[tables.other.columns.v]", "[tables.other.columns.w]", "P-102", 'column "other"."w"'),
        ('codec = "epoch-ms"', 'codec = "epoch-xs"', "P-104", '"made"'),
        ('type = "timestamptz"', 'type = "integer"', "P-104", '"made"'),
        ('type = "timestamptz"', 'type = "money"', "P-104", '"made"'),
        ('codec = "text"\n\n[tables."odd.name [x]".columns.made]',
         'codec = "text"\nparams = {nul = "dunno"}\n\n[tables."odd.name [x]".columns.made]',
         "P-104", '"a b"'),
        ('type = "text"\ncodec = "text"\n\n[tables."odd.name [x]".columns.made]',
         'type = "timestamptz"\ncodec = "epoch-ms"\n\n[tables."odd.name [x]".columns.made]',
         "P-105", '"a b"'),
        ('type = "bigint"\ncodec = "integer"\n', 'type = "numeric"\ncodec = "numeric"\n', "P-104", '"id"'),
        ("include = true", "includ = true", "P-111", "includ"),
        ("include = true", 'include = "yes"', "P-111", "include"),
        ("howdah_plan = 1", "howdah_plan = 2", "P-112", "2"),
        ("howdah_plan = 1", "howdah_plan 1", "P-110", "TOML"),
        ('schema = "public"', "schema = 5", "P-111", "schema"),
        ('json_type = "json"', 'json_type = "xml"', "P-111", "json_type"),
        ('on_reject = "quarantine"', 'on_reject = "ignore"', "P-111", "on_reject"),
        ('target_name = "other"', 'target_name = "child"', "P-106", "child"),
    ],
)  # fmt: skip
def test_an_edit_that_does_not_fit_is_refused_saying_where(
    facts: Facts, old: str, new: str, code: str, said: str
) -> None:
    with pytest.raises(UsageError) as caught:
        edited(facts, old, new)
    assert caught.value.code == code
    assert said in str(caught.value)


def test_every_refusal_names_the_file(facts: Facts) -> None:
    with pytest.raises(UsageError, match=r"my\.toml"):
        edited(facts, "[tables.other]", "[tables.missing]")


def test_an_edit_that_some_rows_do_not_fit_announces_quarantine(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, "CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1), (2), ('x')")
    plan = facts.plan(edits=parse_plan_file('[tables.t.columns.a]\ntype = "bigint"\ncodec = "integer"\n'))
    assert plan.table("t").column("a").codec == "integer"
    assert "F-206" in codes(plan)


@pytest.mark.parametrize("change", ["ALTER TABLE other ADD COLUMN fresh TEXT", "CREATE TABLE fresh (a)"])
def test_a_source_that_grew_since_is_refused(tmp_path: Path, change: str) -> None:
    text = render_plan(facts_of(tmp_path, SCRIPT).plan())
    (tmp_path / "later").mkdir()
    later = facts_of(tmp_path / "later", SCRIPT + change)
    with pytest.raises(UsageError, match="fresh") as caught:
        later.plan(edits=parse_plan_file(text))
    assert caught.value.code == "P-103"


@pytest.mark.parametrize("options", [PlanOptions(include=("nothing*",)), PlanOptions(exclude=("nothing",))])
def test_a_pattern_that_matches_no_table_is_refused(facts: Facts, options: PlanOptions) -> None:
    with pytest.raises(UsageError) as caught:
        facts.plan(options)
    assert caught.value.code == "P-201"
