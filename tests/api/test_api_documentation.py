"""The OpenAPI document and the paths that are served say the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from howdah.content.query.openapi import build_openapi
from howdah.content.query.schema import Schemas
from howdah.service.api.app import ContentApi
from howdah.service.api.engine import Engine
from howdah.service.pool import ApplicationPool
from support.api import recorded_settings
from support.content import PLATFORM, build_model
from support.service import settings_for


def test_the_documentation_names_every_path(tmp_path: Path) -> None:
    model = build_model(PLATFORM)
    pool = ApplicationPool(settings_for("dbname=nowhere"))
    api = ContentApi(Engine(Schemas(model), pool, recorded_settings(tmp_path), schema="public"))
    document = build_openapi(api.engine.schemas, title="", version="")
    named = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method in operations
        if method != "parameters"
    }
    # Logins that are kept are not served; whoever asks for them is told so.
    without = {"auth/refresh", "auth/logout", "auth/sessions", "auth/sessions/:id"}
    served = {
        (method, "/" + re.sub(r":(\w+)", r"{\1}", path.replace("connect/*", "connect/:provider")))
        for method, path in api.routes
        if path not in without
    }
    assert len(served) > 60
    assert named == served


def test_the_documentation_lets_an_update_leave_out_what_is_required() -> None:
    document = build_openapi(Schemas(build_model(PLATFORM)), title="", version="")
    schemas = document["components"]["schemas"]

    def body(path: str, method: str) -> dict[str, Any]:
        content = document["paths"][path][method]["requestBody"]["content"]["application/json"]
        name = content["schema"]["properties"]["data"]["$ref"].rpartition("/")[2]
        found: dict[str, Any] = schemas[name]
        return found

    created, updated = body("/agents", "post"), body("/agents/{id}", "put")
    assert "name" in created["required"]
    assert "required" not in updated
    assert updated["properties"] == created["properties"]
    assert "required" not in body("/harness-setting", "put")
