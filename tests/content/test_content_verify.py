"""`howdah content verify`: seen passing on two schemas, and seen failing for every kind of damage."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from howdah.model.content import ContentVerifyReport, TypeCheck
from howdah.ops.content import ContentRequest, verify
from howdah.report.content import render_verification
from support.content import PLATFORM, Platform
from support.runs import migrate_file, target_request

#: Damage, and what the report must say of it: kind, table, object.
_DAMAGES = {
    "a table is gone": ("DROP TABLE tasks_depends_on_lnk", ("table", "tasks_depends_on_lnk", "")),
    "a table has another name": ("ALTER TABLE mcp_tools RENAME TO tools", ("table", "mcp_tools", "")),
    "a column is gone": ("ALTER TABLE agents DROP COLUMN wake_at", ("column", "agents", "wake_at")),
    "a column of a component is gone": (
        "ALTER TABLE components_task_costs DROP COLUMN amount",
        ("column", "components_task_costs", "amount"),
    ),
    "a column has another name": (
        "ALTER TABLE skills RENAME COLUMN license TO licence",
        ("column", "skills", "license"),
    ),
    "a type is wider": (
        "ALTER TABLE chat_messages ALTER content_rich TYPE varchar(20)",
        ("type", "chat_messages", "content_rich"),
    ),
    "a scale is another": (
        "ALTER TABLE agents ALTER budget TYPE numeric(10,3)",
        ("type", "agents", "budget"),
    ),
    "a moment has a zone": (
        "ALTER TABLE tasks ALTER created_at TYPE timestamptz",
        ("type", "tasks", "created_at"),
    ),
    "a column wants a value": (
        "ALTER TABLE tasks ALTER payload SET NOT NULL",
        ("column", "tasks", "payload"),
    ),
    "a column has a default": (
        "ALTER TABLE tasks ALTER state SET DEFAULT 'pending'",
        ("default", "tasks", "state"),
    ),
    "an index is gone": ("DROP INDEX agents_documents_idx", ("index", "agents", "agents_documents_idx")),
    "an index is on another column": (
        "DROP INDEX tasks_agent_lnk_oifk; CREATE INDEX tasks_agent_lnk_oifk ON tasks_agent_lnk (id)",
        ("index", "tasks_agent_lnk", "tasks_agent_lnk_oifk"),
    ),
    "an index is partial": (
        "DROP INDEX agents_field_idx; CREATE INDEX agents_field_idx ON agents_cmps (field) WHERE field <> ''",
        ("index", "agents_cmps", "agents_field_idx"),
    ),
    "a unique constraint is gone": (
        "ALTER TABLE agents_cmps DROP CONSTRAINT agents_uq",
        ("index", "agents_cmps", "agents_uq"),
    ),
    "a primary key is gone": (
        "ALTER TABLE agents_owner_lnk DROP CONSTRAINT agents_owner_lnk_pkey",
        ("primary-key", "agents_owner_lnk", "agents_owner_lnk_pkey"),
    ),
    "a foreign key is gone": (
        "ALTER TABLE tasks_agent_lnk DROP CONSTRAINT tasks_agent_lnk_fk",
        ("foreign-key", "tasks_agent_lnk", "tasks_agent_lnk_fk"),
    ),
    "a foreign key deletes nothing": (
        "ALTER TABLE agents_cmps DROP CONSTRAINT agents_entity_fk, ADD CONSTRAINT agents_entity_fk"
        " FOREIGN KEY (entity_id) REFERENCES agents (id)",
        ("foreign-key", "agents_cmps", "agents_entity_fk"),
    ),
    "a foreign key is not validated": (
        "ALTER TABLE files_related_mph DROP CONSTRAINT files_related_mph_fk,"
        " ADD CONSTRAINT files_related_mph_fk FOREIGN KEY (file_id) REFERENCES files (id)"
        " ON DELETE CASCADE NOT VALID",
        ("foreign-key", "files_related_mph", "files_related_mph_fk"),
    ),
    "a sequence feeds nothing": (
        "ALTER TABLE mcp_servers ALTER id DROP DEFAULT",
        ("sequence", "mcp_servers", "mcp_servers_id_seq"),
    ),
    "a sequence is gone": (
        "DROP SEQUENCE chat_sessions_id_seq CASCADE",
        ("sequence", "chat_sessions", "chat_sessions_id_seq"),
    ),
    "a sequence belongs to nobody": (
        "ALTER SEQUENCE skills_id_seq OWNED BY NONE",
        ("sequence", "skills", "skills_id_seq"),
    ),
    "a sequence feeds another table": (
        "ALTER TABLE skills ALTER id SET DEFAULT nextval('tasks_id_seq')",
        ("sequence", "skills", "skills_id_seq"),
    ),
    "a sequence is behind the rows": (
        "INSERT INTO harness_settings (id) VALUES (7)",
        ("sequence", "harness_settings", "harness_settings_id_seq"),
    ),
    "a further column wants a value": (
        "ALTER TABLE mcp_servers ADD COLUMN region text NOT NULL",
        ("column", "mcp_servers", "region"),
    ),
    "a check lets nothing in": (
        "ALTER TABLE chat_messages ADD CHECK (token_count < 0)",
        ("probe", "chat_messages", "api::chat-message.chat-message"),
    ),
    "a trigger changes what is written": (
        "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN NEW.title := upper(NEW.title) || ''!''; RETURN NEW; END';"
        " CREATE TRIGGER shout BEFORE UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION shout()",
        ("probe", "tasks", "api::task.task"),
    ),
    "a rule swallows deletes": (
        "CREATE RULE keep AS ON DELETE TO skills DO INSTEAD NOTHING",
        ("probe", "skills", "api::skill.skill"),
    ),
    "a row of a link table stays behind": (
        "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
        " CREATE TRIGGER hold BEFORE DELETE ON agents_cmps FOR EACH ROW EXECUTE FUNCTION hold()",
        ("probe", "agents", "api::agent.agent"),
    ),
}


def _check_of(report: ContentVerifyReport, uid: str) -> TypeCheck:
    return next(check for check in report.types if check.uid == uid)


@pytest.mark.parametrize("damage", _DAMAGES)
def test_damage_is_found_and_named(created: Platform, damage: str) -> None:
    statement, expected = _DAMAGES[damage]
    created.execute(statement)
    report = created.verify()
    assert (report.status, report.exit_status) == ("different", 3)
    assert expected in [(item.kind, item.table, item.object) for item in report.differences]
    text = render_verification(report)
    assert "✗" in text
    assert (expected[2] or expected[1]) in text


def test_the_schema_of_strapi_is_verified(strapi_database: str) -> None:
    report = verify(ContentRequest(directory=PLATFORM, target=target_request(strapi_database)))
    assert (report.status, report.exit_status, report.differences) == ("verified", 0, ())
    assert all(check.probe.status == "passed" for check in report.types)


def test_every_type_is_named_with_its_rows(created: Platform) -> None:
    created.execute("INSERT INTO agents (name) VALUES ('a'), ('b'); INSERT INTO mcp_tools DEFAULT VALUES")
    report = created.verify()
    assert _check_of(report, "api::agent.agent").rows == 2
    assert _check_of(report, "api::mcp-tool.mcp-tool").rows == 1
    lines = render_verification(report).splitlines()
    for table, rows in {
        "agents": "2",
        "skills": "0",
        "mcp_servers": "0",
        "tasks": "0",
        "chat_sessions": "0",
        "chat_messages": "0",
        "mcp_tools": "1",
    }.items():
        assert any(line.split()[:3] == ["✓", table, rows] for line in lines), table


def test_the_probes_leave_no_row_and_say_what_they_took(created: Platform) -> None:
    report = created.verify()
    assert created.execute("SELECT count(*) FROM agents") == [(0,)]
    assert created.execute("SELECT count(*) FROM agents_skills_lnk") == [(0,)]
    taken = _check_of(report, "api::agent.agent").probe.sequence_values
    assert taken["agents_id_seq"] == 1
    assert taken["skills_id_seq"] == 1
    ((last, called),) = created.execute("SELECT last_value, is_called FROM agents_skills_lnk_id_seq")
    assert (last, called) == (1, True)
    assert any("does not give back" in note for note in report.notes)


def test_without_probes_nothing_is_taken(created: Platform) -> None:
    report = verify(created.request, probe=False)
    assert (report.status, report.probed) == ("verified", False)
    assert created.execute("SELECT is_called FROM agents_id_seq") == [(False,)]


def test_columns_and_indexes_of_somebody_else_are_no_difference(created: Platform) -> None:
    created.execute("ALTER TABLE agents ADD COLUMN note text; CREATE INDEX theirs ON agents (note)")
    report = created.verify()
    assert report.status == "verified"
    assert any('"agents": note' in note for note in report.notes)


def test_an_empty_database_lacks_every_table(platform: Platform) -> None:
    report = platform.verify()
    assert report.exit_status == 3
    assert [difference.kind for difference in report.differences] == ["table"] * 65
    assert _check_of(report, "api::task.task").counts["tables"] == (0, 4)


def test_rights_that_are_missing_are_found(created: Platform) -> None:
    created.execute(
        "CREATE ROLE content_reader LOGIN PASSWORD 'x'; GRANT USAGE ON SCHEMA public TO content_reader"
    )
    created.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO content_reader")
    created.execute("GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO content_reader")
    try:
        request = ContentRequest(
            directory=PLATFORM, target=target_request(f"{created.database} user=content_reader password=x")
        )
        report = verify(request)
        assert {difference.kind for difference in report.differences} == {"probe"}
        assert "permission denied" in report.differences[0].found
        assert verify(request, probe=False).status == "verified"
    finally:
        created.execute("DROP OWNED BY content_reader; DROP ROLE content_reader")


def test_a_plainly_migrated_database_differs_in_types_and_says_so(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "home"))
    migrate_file(PLATFORM / "strapi.db", platform.database)
    report = platform.verify()
    assert report.exit_status == 3
    assert _check_of(report, "api::agent.agent").rows == 60
    assert _check_of(report, "api::chat-message.chat-message").rows == 399
    found = {(item.table, item.object): item for item in report.differences if item.kind == "type"}
    assert found["agents", "seen_at"].expected == "timestamp(6) without time zone"
    assert all(check.counts["tables"][0] == check.counts["tables"][1] for check in report.types)
    # Alike differences are one line.
    assert len(render_verification(report).splitlines()) < 140


def test_rows_inserted_meanwhile_are_not_ahead_of_their_sequence(created: Platform) -> None:
    with ThreadPoolExecutor(1) as reader, psycopg.connect(created.database) as writer:
        writer.execute("LOCK TABLE agents")
        report = reader.submit(lambda: verify(created.request, probe=False))
        deadline = time.monotonic() + 30
        while not created.execute(
            "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'agents'::regclass"
        ):
            assert time.monotonic() < deadline, report
            time.sleep(0.02)
        # The verification has read much by now, and waits for the rows of agents.
        writer.execute("INSERT INTO agents (name) SELECT 'n' FROM generate_series(1, 50)")
        writer.commit()
        assert report.result(30).differences == ()
        assert _check_of(report.result(), "api::agent.agent").rows == 50


def test_the_text_fits_a_terminal(created: Platform) -> None:
    report = replace(created.verify(), content="examples/agent-platform", target="postgresql://db/app")
    assert max(map(len, render_verification(report).splitlines())) <= 110
