"""howdah content token: a token that the content API recognises."""

from __future__ import annotations

from pathlib import Path

import httpx

from support.api import ENVIRONMENT
from support.content import PLATFORM
from support.program import Program


def test_a_token_from_the_command_line_opens_what_it_says(
    tmp_path: Path, api: httpx.Client, strapi_database: str
) -> None:
    howdah = Program(directory=tmp_path, home=tmp_path / "home")
    salt = {"API_TOKEN_SALT": ENVIRONMENT["API_TOKEN_SALT"]}
    words = ("content", "token", strapi_database, "--content", str(PLATFORM), "--json")
    custom = ("--name", "mine", "--type", "custom", "--allow", "api::task.task.create")
    made = howdah.run(*words, *custom, env=salt)
    assert made.status == 0, made.err
    headers = {"Authorization": f"Bearer {made.document['token']}"}
    assert api.post("/api/tasks", headers=headers, json={"data": {"title": "t"}}).status_code == 201
    assert api.get("/api/tasks", headers=headers).status_code == 403
    assert howdah.run(*words, *custom, env=salt).status == 4
    assert howdah.run(*words, "--name", "other").status == 2
