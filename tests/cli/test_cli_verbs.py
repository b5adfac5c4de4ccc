"""Every verb once, as a person reads it and as a program does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from support.files import make_database
from support.program import Program, list_objects

#: One note holds a NUL, which PostgreSQL's text cannot; its tag follows it.
WITH_QUARANTINE = """
CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT);
CREATE TABLE tag (id INTEGER PRIMARY KEY, note_id INTEGER REFERENCES note, label TEXT);
INSERT INTO note VALUES (1, 'kept'), (2, 'a' || char(0) || 'b');
INSERT INTO tag VALUES (1, 1, 'kept'), (2, 2, 'child');
"""


def ask(howdah: Program, *arguments: str | Path, status: int = 0, verb: str = "") -> tuple[Any, str]:
    """Run a verb for a program and for a person; return document and text."""
    as_json = howdah.run(*arguments, "--json")
    as_text = howdah.run(*arguments)
    assert (as_json.status, as_text.status) == (status, status), as_json.err + as_text.err
    document = as_json.document
    assert document["verb"] == (verb or arguments[0])
    assert document["exit_status"] == status
    assert document["status"]
    assert as_text.out.strip()
    assert not as_text.out.lstrip().startswith("{")
    return document, as_text.out


def test_inspect(howdah: Program, notes: Path) -> None:
    document, text = ask(howdah, "inspect", notes)
    assert {table["name"] for table in document["catalog"]["tables"]} == {"folder", "note"}
    assert "folder" in text
    assert howdah.files() == []


def test_plan_to_a_file_and_migrate_by_it(howdah: Program, notes: Path, database: str) -> None:
    document, text = ask(howdah, "plan", notes, database, "-o", "plan.toml")
    assert document["output"] == "plan.toml"
    assert "note" in text
    assert list_objects(database) == []
    plan = howdah.directory / "plan.toml"
    plan.write_text(plan.read_text().replace('type = "text"', 'type = "varchar(40)"'))

    ended = howdah.run("migrate", notes, database, "--plan", "plan.toml", "--json")

    assert ended.status == 0, ended.err
    with psycopg.connect(database) as connection:
        assert connection.execute(
            "SELECT format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = 'note'::regclass AND attname = 'body'"
        ).fetchone() == ("character varying(40)",)


def test_a_plan_that_no_longer_fits_is_refused_with_its_place(
    howdah: Program, notes: Path, database: str
) -> None:
    assert howdah.run("plan", notes, "-o", "plan.toml").status == 0
    plan = howdah.directory / "plan.toml"
    plan.write_text(plan.read_text().replace("body", "boddy"))
    ended = howdah.run("migrate", notes, database, "--plan", "plan.toml", "--json")
    assert ended.status == 2
    assert "boddy" in ended.error_line
    assert list_objects(database) == []


def test_migrate_verify_status_clean(howdah: Program, notes: Path, database: str) -> None:
    ended = howdah.run("migrate", notes, database)
    assert ended.status == 0
    assert ended.out.startswith("PROVEN")

    document, text = ask(howdah, "migrate", notes, database)
    assert document["repeated"] is True
    assert "PROVEN" in text

    document, text = ask(howdah, "verify", notes, database)
    assert document["verification"] == "proof"

    document, text = ask(howdah, "status", database)
    (run,) = document["runs"]
    assert (run["status"], run["proof"], run["snapshot_present"]) == ("done", "proven", True)
    assert run["id"] in text

    cleaned = howdah.run("clean", database, "--yes", "--json")
    assert (cleaned.status, cleaned.document["verb"]) == (0, "clean")
    assert cleaned.document["runs"] == [run["id"]]
    assert {schema for schema, _ in list_objects(database)} == {"public"}
    assert howdah.files() == []
    document, text = ask(howdah, "clean", database, "--yes")
    assert document["status"] == "nothing"


def test_rollback_says_what_it_dropped_and_refuses_after_a_write(
    howdah: Program, notes: Path, database: str
) -> None:
    assert howdah.run("migrate", notes, database).status == 0
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE note SET body = 'written since' WHERE id = 2")
    refused = howdah.run("rollback", database, "--json")
    assert (refused.status, refused.document["status"]) == (3, "different")
    assert "note" in refused.err
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE note SET body = 'second' WHERE id = 2")
    undone = howdah.run("rollback", database)
    assert undone.status == 0
    assert "2 tables and views dropped" in undone.out
    assert list_objects(database) == []
    again = howdah.run("rollback", database, "--json")
    assert (again.status, again.document["verb"]) == (4, "rollback")
    assert howdah.run("migrate", notes, database).status == 0
    undone = howdah.run("rollback", database, "--json")
    assert (undone.status, undone.document["verb"]) == (0, "rollback")
    assert set(undone.document["dropped"]) == {"folder", "note"}


def test_verify_repairs_what_differs(howdah: Program, notes: Path, database: str) -> None:
    assert howdah.run("migrate", notes, database).status == 0
    with psycopg.connect(database) as connection:
        connection.execute("DELETE FROM note WHERE id = 2")
    document, text = ask(howdah, "verify", notes, database, status=3)
    assert document["differences"][0]["table"] == "note"
    assert "note" in text
    repaired = howdah.run("verify", notes, database, "--repair", "--json")
    assert (repaired.status, repaired.document["repaired"]) == (0, 1)


def test_quarantine(howdah: Program, tmp_path: Path, database: str) -> None:
    source = make_database(tmp_path / "q.db", WITH_QUARANTINE)
    document, text = ask(howdah, "migrate", source, database, status=5)
    assert document["status"] == "quarantined"

    document, text = ask(howdah, "quarantine", "list", database, verb="quarantine list")
    numbers = {row["table"]: row["number"] for row in document["rows"]}
    assert set(numbers) == {"note", "tag"}
    assert "nul-in-text" in text
    document, _ = ask(howdah, "quarantine", "list", database, "--table", "tag", verb="quarantine list")
    assert [row["table"] for row in document["rows"]] == ["tag"]

    document, text = ask(howdah, "quarantine", "show", str(numbers["note"]), database, verb="quarantine show")
    assert document["rows"][0]["cells"]["body"]["is_hex"] in (True, False)
    assert "body" in text
    missing = howdah.run("quarantine", "show", "9999", database, "--json")
    assert (missing.status, missing.document["verb"]) == (2, "quarantine show")

    document, text = ask(howdah, "quarantine", "export", "out.jsonl", database, verb="quarantine export")
    written = howdah.directory / "out.jsonl"
    assert document["total"] == len([json.loads(line) for line in written.read_text().splitlines()]) == 2
    assert written.stat().st_mode & 0o777 == 0o600
    assert "out.jsonl" in text

    document, text = ask(howdah, "quarantine", "retry", database, status=5, verb="quarantine retry")
    assert (document["loaded"], document["total"]) == (0, 2)
    refused = howdah.run("quarantine", "export", "missing/out.jsonl", database, "--json")
    assert refused.status == 2
    assert "missing/out.jsonl" in refused.err


def test_a_first_row_that_cannot_go_may_stop_the_run(howdah: Program, tmp_path: Path, database: str) -> None:
    source = make_database(tmp_path / "q.db", WITH_QUARANTINE)
    ended = howdah.run("migrate", source, database, "--on-reject", "stop", "--json")
    assert (ended.status, ended.document["error"]["code"]) == (4, "M-201")
    assert list_objects(database) == []
    assert {path.name for path in howdah.files()} <= {"howdah.log"}


def test_without_proof_the_status_says_so(howdah: Program, notes: Path, database: str) -> None:
    ended = howdah.run("migrate", notes, database, "--no-verify", "--json")
    assert (ended.status, ended.document["status"]) == (9, "unproven")


def test_the_embedded_server_from_start_to_stop(howdah: Program, notes: Path) -> None:
    early = howdah.run("pg", "url", "--json")
    assert (early.status, early.document["error"]["code"]) == (7, "E-110")
    document, text = ask(howdah, "pg", "start", "--port", "0", verb="pg start")
    assert document["status"] == "running"
    assert "127.0.0.1" in text

    rehearsal = howdah.run("migrate", notes)
    assert rehearsal.status == 0
    assert "REHEARSAL" in rehearsal.err + rehearsal.out
    assert ask(howdah, "status")[0]["runs"][0]["status"] == "done"

    document, text = ask(howdah, "pg", "url", verb="pg url")
    assert document["url"] == text.strip()
    with psycopg.connect(text.strip()) as connection:
        password = connection.info.password
    assert password
    assert password not in howdah.run("pg", "start", "--json").out
    assert password not in howdah.run("doctor").out

    document, _ = ask(howdah, "pg", "stop", verb="pg stop")
    assert document["status"] == "stopped"
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(text.strip())


def test_doctor(howdah: Program) -> None:
    document, text = ask(howdah, "doctor")
    assert {"machine", "libraries", "PostgreSQL programs", "settings", "options"} <= set(document["sections"])
    assert "python" in text


def test_the_log_tells_what_the_run_did(howdah: Program, tmp_path: Path, database: str) -> None:
    source = make_database(tmp_path / "q.db", WITH_QUARANTINE)
    ended = howdah.run("migrate", source, database, "--report-dir", "here", "--json")
    assert ended.status == 5
    log = (howdah.directory / "here" / "howdah.log").read_text()
    (own,) = [path for path in howdah.files() if path.name == "howdah.log"]
    assert own.read_text() == log
    assert own.stat().st_mode & 0o777 == 0o600
    assert ended.document["run_id"] in log
    for phase in ended.document["phases"]:
        assert f"phase {phase['name']}: {phase['seconds']:.3f} s" in log
    for finding in ended.document["findings"]:
        assert f"finding {finding['code']}" in log
    assert "step copy:note:1: " in log
    assert "1 to quarantine" in log
    assert log.splitlines()[-1].endswith("ended: quarantined, exit status 5")
