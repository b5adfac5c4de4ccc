"""Content types for tests: where they are, how to alter them, and what is derived from them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import psycopg

from howdah.content.derive import derive_model
from howdah.content.schema_files import read_content_types
from howdah.model.content import ContentCreateReport, ContentModel, ContentVerifyReport
from howdah.ops.content import ContentRequest, create, verify
from support.runs import target_request

_REPOSITORY = Path(__file__).resolve().parents[2]

PLATFORM = _REPOSITORY / "examples" / "agent-platform"
STRAPI_DATA = _REPOSITORY / "tests" / "data" / "strapi"
STRAPI_SCHEMA = STRAPI_DATA / "strapi-5.54.0-pg16-schema.sql"


def build_model(directory: Path) -> ContentModel:
    """Return what is derived from a project."""
    return derive_model(read_content_types(directory))


def edit_schema(path: Path, attributes: Mapping[str, object]) -> None:
    """Set attributes of a schema file; None removes one."""
    document = json.loads(path.read_text(encoding="utf-8"))
    for name, definition in attributes.items():
        if definition is None:
            del document["attributes"][name]
        else:
            document["attributes"][name] = definition
    path.write_text(json.dumps(document), encoding="utf-8")


def write_project(directory: Path, types: Mapping[str, Mapping[str, object]]) -> Path:
    """Write a project of content types by name and components by "category.name", with their attributes."""
    for name, attributes in types.items():
        category, dot, component = name.partition(".")
        document: dict[str, object] = {
            "collectionName": f"{name.replace('.', '_').replace('-', '_')}s",
            "attributes": attributes,
        }
        if dot:
            path = directory / "src" / "components" / category / f"{component}.json"
        else:
            path = directory / "src" / "api" / name / "content-types" / name / "schema.json"
            document |= {"kind": "collectionType", "info": {"singularName": name, "pluralName": f"{name}s"}}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document), encoding="utf-8")
    return directory


class Platform:
    """Content types that change, and the database that follows them."""

    def __init__(self, project: Path, database: str) -> None:
        self.project = project
        self.database = database

    @property
    def request(self) -> ContentRequest:
        return ContentRequest(directory=self.project, target=target_request(self.database))

    def create(self, *, allow_destructive: bool = False, dry_run: bool = False) -> ContentCreateReport:
        return create(self.request, allow_destructive=allow_destructive, dry_run=dry_run)

    def verify(self) -> ContentVerifyReport:
        return verify(self.request)

    def edit(self, path: str, **attributes: object) -> None:
        """Set attributes of a schema file below src; None removes one."""
        edit_schema(self.project / "src" / path, attributes)

    def execute(self, query: str) -> list[tuple[object, ...]]:
        """Run SQL as anybody might, and return what it gives."""
        with psycopg.connect(self.database, autocommit=True) as connection:
            cursor = connection.execute(query.encode())
            return cursor.fetchall() if cursor.description else []
