"""`howdah content create`: from nothing, forward, and never backward without consent."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest

from howdah.content.migration import is_widening
from howdah.errors import RefusedError
from howdah.ops.content import ContentRequest, create, verify
from howdah.state.store import StateSchema, exclusive_run
from support.content import PLATFORM, Platform
from support.runs import migrate_file, target_request

_TASK = "api/task/content-types/task/schema.json"
_COST = "components/task/cost.json"
_AGENT = "api/agent/content-types/agent/schema.json"


def _columns(platform: Platform, table: str) -> dict[str, str]:
    rows = platform.execute(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
        f" WHERE attrelid = 'public.{table}'::regclass AND attnum > 0 AND NOT attisdropped"
    )
    return {str(name): str(kind) for name, kind in rows}


def _history(platform: Platform) -> list[tuple[Any, ...]]:
    return platform.execute(
        "SELECT number, digest, jsonb_array_length(statements) FROM howdah.content_migration ORDER BY number"
    )


def test_an_empty_database_gets_every_table(platform: Platform) -> None:
    report = platform.create()
    assert (report.status, report.version, report.tables, len(report.types)) == ("created", 1, 65, 8)
    assert platform.verify().status == "verified"


def test_running_it_again_does_nothing(created: Platform) -> None:
    before = created.execute("SELECT max(oid::bigint) FROM pg_class")
    report = created.create()
    assert (report.status, report.version, report.steps) == ("unchanged", 1, ())
    assert created.execute("SELECT max(oid::bigint) FROM pg_class") == before
    assert len(_history(created)) == 1


def test_a_dry_run_changes_nothing(platform: Platform) -> None:
    report = platform.create(dry_run=True)
    assert report.status == "planned"
    assert sum(step.kind == "create-table" for step in report.steps) == 65
    assert platform.execute("SELECT nspname FROM pg_namespace WHERE nspname = 'howdah'") == []
    assert platform.execute("SELECT 1 FROM pg_class WHERE relname = 'agents'") == []


def test_a_schema_that_is_not_there_is_created(platform: Platform) -> None:
    request = ContentRequest(
        directory=platform.project, target=target_request(platform.database), schema='The "content"'
    )
    assert create(request).status == "created"
    assert verify(request).status == "verified"
    assert create(request).status == "unchanged"


def test_an_added_attribute_becomes_a_column(created: Platform) -> None:
    created.execute("INSERT INTO tasks (title) VALUES ('kept')")
    created.edit(_TASK, estimateHours={"type": "float"}, notes={"type": "richtext"})
    report = created.create()
    assert report.status == "migrated"
    assert [step.kind for step in report.steps] == ["add-column", "add-column"]
    assert _columns(created, "tasks")["estimate_hours"] == "double precision"
    assert created.execute("SELECT title FROM tasks") == [("kept",)]
    assert created.verify().status == "verified"
    assert [row[2] for row in _history(created)][1:] == [2]


def test_an_added_relation_and_a_new_component_become_tables(created: Platform) -> None:
    created.edit(_COST, breakdown={"type": "component", "repeatable": True, "component": "task.execution"})
    created.edit(_TASK, reviewer={"type": "relation", "relation": "oneToOne", "target": "admin::user"})
    report = created.create()
    made = {step.object for step in report.steps if step.kind == "create-table"}
    assert made == {"tasks_reviewer_lnk", "components_task_costs_cmps"}
    assert created.verify().status == "verified"


def test_a_widened_type_is_altered_and_keeps_every_value(created: Platform) -> None:
    created.execute("INSERT INTO tasks (title, retries) VALUES ('a', 2147483647)")
    created.edit(_TASK, title={"type": "text"}, retries={"type": "biginteger"})
    report = created.create()
    assert [(step.kind, step.destructive) for step in report.steps] == [("alter-type", False)] * 2
    assert _columns(created, "tasks")["retries"] == "bigint"
    assert created.execute("SELECT title, retries FROM tasks") == [("a", 2147483647)]
    assert created.verify().status == "verified"


def test_a_narrowed_type_wants_consent(created: Platform) -> None:
    created.execute("INSERT INTO tasks (prompt) VALUES ('12')")
    created.edit(_TASK, prompt={"type": "integer"})
    with pytest.raises(RefusedError) as raised:
        created.create()
    assert raised.value.code == "K-202"
    assert 'column "tasks"."prompt" from text to integer' in raised.value.detail
    assert _columns(created, "tasks")["prompt"] == "text"
    assert created.create(allow_destructive=True).status == "migrated"
    assert created.execute("SELECT prompt FROM tasks") == [(12,)]


def test_a_default_of_the_old_type_does_not_hold_up_the_new_type(created: Platform) -> None:
    created.edit(
        _TASK,
        level={"type": "string", "column": {"defaultTo": "low"}},
        rank={"type": "string", "column": {"defaultTo": "none"}},
    )
    created.create()
    created.edit(_TASK, level={"type": "integer"}, rank={"type": "integer", "column": {"defaultTo": 7}})
    assert created.create(allow_destructive=True).status == "migrated"
    assert created.execute("INSERT INTO tasks (title) VALUES ('a') RETURNING level, rank") == [(None, 7)]
    assert created.verify().status == "verified"


def test_values_that_do_not_fit_the_new_type_undo_everything(created: Platform) -> None:
    created.execute("INSERT INTO tasks (prompt) VALUES ('twelve')")
    created.edit(_TASK, prompt={"type": "integer"}, added={"type": "string"})
    with pytest.raises(RefusedError, match="rolled back") as raised:
        created.create(allow_destructive=True)
    assert raised.value.code == "K-203"
    assert "twelve" in raised.value.detail
    assert "added" not in _columns(created, "tasks")
    assert len(_history(created)) == 1


def test_a_removed_attribute_is_kept_until_somebody_agrees_to_drop_it(created: Platform) -> None:
    created.execute("INSERT INTO tasks (prompt) VALUES ('precious')")
    created.edit(_TASK, prompt=None, added={"type": "string"})
    report = created.create()
    assert (report.status, report.kept) == ("migrated", ('column "tasks"."prompt" with what it holds',))
    assert created.execute("SELECT prompt FROM tasks") == [("precious",)]
    assert created.verify().status == "verified"

    again = created.create()
    assert (again.status, again.kept) == ("unchanged", report.kept)
    assert created.create(allow_destructive=True).status == "migrated"
    assert "prompt" not in _columns(created, "tasks")
    assert created.create(allow_destructive=True).status == "unchanged"


def test_a_removed_type_goes_with_all_its_tables_after_consent(created: Platform) -> None:
    shutil.rmtree(created.project / "src/api/task")
    created.edit(_AGENT, tasks=None)
    assert any('"tasks_cmps"' in kept for kept in created.create().kept)
    created.create(allow_destructive=True)
    left = created.execute("SELECT relname FROM pg_class WHERE relname LIKE 'tasks%' AND relkind = 'r'")
    assert left == []
    assert created.verify().status == "verified"


def test_columns_and_tables_of_somebody_else_are_never_dropped(created: Platform) -> None:
    created.execute("ALTER TABLE tasks ADD COLUMN theirs text; CREATE TABLE theirs (id int)")
    created.edit(_TASK, added={"type": "string"})
    created.create(allow_destructive=True)
    assert "theirs" in _columns(created, "tasks")
    assert created.execute("SELECT 1 FROM pg_class WHERE relname = 'theirs'") == [(1,)]


def test_what_somebody_dropped_is_built_again(created: Platform) -> None:
    created.execute(
        "DROP INDEX agents_documents_idx; ALTER TABLE tasks_agent_lnk DROP CONSTRAINT tasks_agent_lnk_ifk;"
        " DROP TABLE agents_owner_lnk; ALTER TABLE skills DROP COLUMN license"
    )
    assert created.verify().status == "different"
    kinds = {step.kind for step in created.create().steps}
    assert kinds == {"add-index", "add-foreign-key", "create-table", "add-column"}
    assert created.verify().status == "verified"


def test_an_index_that_is_not_as_derived_is_built_anew(created: Platform) -> None:
    created.execute("DROP INDEX agents_documents_idx; CREATE INDEX agents_documents_idx ON agents (locale)")
    assert [step.kind for step in created.create().steps] == ["drop-index", "add-index"]
    assert created.verify().status == "verified"


def test_the_schema_of_strapi_is_taken_over_as_it_is(strapi_database: str, project: Path) -> None:
    platform = Platform(project, strapi_database)
    report = platform.create()
    assert (report.status, report.steps, report.version) == ("adopted", (), 1)
    platform.edit(_TASK, added={"type": "string"})
    assert [step.kind for step in platform.create().steps] == ["add-column"]


def test_tables_that_are_not_ours_are_refused_and_left_alone(platform: Platform) -> None:
    platform.execute("CREATE TABLE tasks (id serial PRIMARY KEY, what text)")
    with pytest.raises(RefusedError) as raised:
        platform.create()
    assert (raised.value.code, raised.value.detail) == ("K-201", "tasks")
    assert _columns(platform, "tasks") == {"id": "integer", "what": "text"}
    assert platform.execute("SELECT 1 FROM pg_class WHERE relname = 'agents'") == []


def test_a_plainly_migrated_database_is_refused_and_left_alone(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "home"))
    migrate_file(PLATFORM / "strapi.db", platform.database)
    with pytest.raises(RefusedError) as raised:
        platform.create()
    assert raised.value.code == "K-201"
    assert "agents" in raised.value.detail


def test_only_one_at_a_time_changes_a_target(created: Platform) -> None:
    created.edit(_TASK, added={"type": "string"})
    with (
        psycopg.connect(created.database) as other,
        exclusive_run(other, StateSchema()),
        pytest.raises(RefusedError) as raised,
    ):
        created.create()
    assert raised.value.code == "T-303"


def test_a_role_that_may_not_keep_records_is_told_what_to_grant(platform: Platform) -> None:
    role = f"maker_of_{psycopg.conninfo.conninfo_to_dict(platform.database)['dbname']}"
    platform.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT CREATE ON SCHEMA public TO {role}")
    try:
        request = ContentRequest(
            directory=platform.project,
            target=target_request(psycopg.conninfo.make_conninfo(platform.database, user=role, password="x")),
        )
        with pytest.raises(RefusedError) as raised:
            create(request)
        assert raised.value.code == "T-304"
        assert platform.execute("SELECT 1 FROM pg_class WHERE relname = 'agents'") == []
    finally:
        platform.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_names_that_want_quotes_and_defaults_that_hold_some(created: Platform) -> None:
    created.edit(
        _TASK,
        select={"type": "string", "column": {"defaultTo": 'it\'s \\ "quoted"'}},
        user={"type": "integer", "column": {"unique": True}},
    )
    created.create()
    assert created.execute("INSERT INTO tasks (title) VALUES ('a') RETURNING \"select\"") == [
        ('it\'s \\ "quoted"',)
    ]
    assert created.verify().status == "verified"


def test_the_history_tells_what_was_run(created: Platform) -> None:
    created.edit(_TASK, added={"type": "string"})
    report = created.create()
    (statements,) = created.execute(
        "SELECT statements::text FROM howdah.content_migration ORDER BY number DESC LIMIT 1"
    )[0]
    assert json.loads(str(statements)) == [step.sql for step in report.steps]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("integer", "bigint", True),
        ("bigint", "integer", False),
        ("character varying(255)", "text", True),
        ("character varying(80)", "character varying(255)", True),
        ("character varying(255)", "character varying(80)", False),
        ("text", "character varying(255)", False),
        ("numeric(10,2)", "numeric(20,6)", True),
        ("numeric(10,2)", "numeric(10,4)", False),
        ("numeric(10,2)", "numeric", True),
        ("numeric(10,2)", "double precision", False),
        ("timestamp(6) without time zone", "date", False),
        ("date", "timestamp(6) without time zone", True),
    ],
)
def test_widening_is_what_loses_no_value(old: str, new: str, expected: bool) -> None:
    assert is_widening(old, new) is expected
