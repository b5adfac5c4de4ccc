"""The commands: what they print, and how they end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from howdah.cli.content import content_app
from howdah.errors import RefusedError
from support.content import PLATFORM, Platform


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(content_app, list(arguments), catch_exceptions=False)


def _document(result: Result) -> Any:
    return json.loads(result.stdout)


def test_create_verify_and_list_agree(database: str) -> None:
    created = _run("create", database, "--content", str(PLATFORM), "--json")
    assert (created.exit_code, _document(created)["status"]) == (0, "created")
    verified = _run("verify", database, "--content", str(PLATFORM), "--json")
    assert verified.exit_code == 0
    listed = _run("list", database, "--content", str(PLATFORM), "--json")
    assert listed.exit_code == 0
    digests = {_document(result)["digest"] for result in (created, verified, listed)}
    assert len(digests) == 1
    uids = {item["uid"] for item in _document(verified)["types"]}
    assert {f"api::{name}.{name}" for name in ("agent", "skill", "mcp-server", "task")} <= uids
    assert {f"api::{name}.{name}" for name in ("chat-session", "chat-message", "mcp-tool")} <= uids


def test_verify_ends_with_3_and_names_what_is_off(created: Platform) -> None:
    created.execute("ALTER TABLE tasks DROP COLUMN deadline")
    result = _run("verify", created.database, "--content", str(PLATFORM))
    assert result.exit_code == 3
    assert 'column "tasks"."deadline": expected date; found missing' in result.stdout
    document = _document(_run("verify", created.database, "--content", str(PLATFORM), "--json"))
    assert document["verb"] == "content verify"
    assert document["exit_status"] == 3
    assert document["differences"][0] == {
        "kind": "column",
        "table": "tasks",
        "object": "deadline",
        "expected": "date",
        "found": "missing",
    }


def test_the_list_needs_no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@nowhere.invalid/x")
    result = _run("list", "--content", str(PLATFORM))
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert "api::agent.agent (draft and publish)" in lines
    assert "api::skill.skill (draft and publish, localized)" in lines
    assert "api::harness-setting.harness-setting (single type)" in lines
    words = [" ".join(line.split()) for line in lines]
    assert "skills manyToMany → api::skill.skill agents_skills_lnk" in words
    assert "gallery media (several) files_related_mph" in words
    assert "budget decimal budget numeric(10,2)" in words


def test_create_says_what_it_kept(created: Platform) -> None:
    created.edit("api/task/content-types/task/schema.json", prompt=None)
    result = _run("create", created.database, "--content", str(created.project))
    assert result.exit_code == 0
    assert 'kept: column "tasks"."prompt"' in result.stdout
    again = _run("create", created.database, "--content", str(created.project), "--allow-destructive")
    assert 'drop column "tasks"."prompt"' in again.stdout


def test_a_dry_run_marks_what_loses_values(created: Platform) -> None:
    created.edit("api/task/content-types/task/schema.json", prompt=None)
    arguments = ("create", created.database, "--content", str(created.project), "--dry-run")
    result = _run(*arguments, "--allow-destructive")
    assert '! drop column "tasks"."prompt"' in result.stdout
    assert "nothing was changed" in result.stdout
    assert _run(*arguments, "--json").exit_code == 0


def test_a_refusal_is_an_error_with_its_code(database: str, tmp_path: Path, platform: Platform) -> None:
    platform.execute("CREATE TABLE agents (x int)")
    with pytest.raises(RefusedError) as raised:
        _run("create", database, "--content", str(PLATFORM))
    assert raised.value.code == "K-201"


def test_without_any_target_nothing_is_made_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DATABASE_URL", "DATABASE_HOST", "DATABASE_NAME", "PGHOST", "PGDATABASE", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "home"))
    with pytest.raises(RefusedError) as raised:
        _run("create", "--content", str(PLATFORM))
    assert raised.value.code == "T-202"
    assert not (tmp_path / "home").exists()
