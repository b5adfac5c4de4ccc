"""Tables derived from schema files, against those that Strapi itself made or planned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from howdah.content.derive import digest_of
from howdah.content.schema_files import read_content_types
from howdah.errors import UsageError
from howdah.model.content import (
    ComponentStorage,
    ContentModel,
    LinkStorage,
    MorphColumnsStorage,
    MorphInverseStorage,
)
from howdah.model.target import TargetTable
from howdah.postgres.catalog import read_target_facts
from howdah.postgres.connect import connect
from support.content import STRAPI_DATA, STRAPI_SCHEMA, Platform, build_model, edit_schema, write_project


def _tables_in(database: str) -> dict[str, TargetTable]:
    with connect(database) as connection:
        return {table.name: table for table in read_target_facts(connection, "public").tables}


def test_the_created_schema_is_the_one_that_strapi_makes(
    created: Platform, server: Any, platform_model: ContentModel
) -> None:
    """Catalog against catalog, for every table: columns in order, defaults, keys, indexes, sequences."""
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS made_by_strapi WITH (FORCE)")
        admin.execute("CREATE DATABASE made_by_strapi TEMPLATE template0 ENCODING 'UTF8'")
        try:
            with psycopg.connect(server.dsn("made_by_strapi"), autocommit=True) as connection:
                connection.execute(STRAPI_SCHEMA.read_bytes())
            theirs = _tables_in(server.dsn("made_by_strapi"))
        finally:
            admin.execute("DROP DATABASE made_by_strapi WITH (FORCE)")
    ours = _tables_in(created.database)
    assert set(ours) == {table.name for table in platform_model.tables}
    assert {name: theirs[name] for name in ours} == ours


def test_the_tables_of_the_platform_are_all_there(platform_model: ContentModel) -> None:
    names = {table.name for table in platform_model.tables}
    assert {
        "agents",
        "skills",
        "mcp_servers",
        "tasks",
        "chat_sessions",
        "chat_messages",
        "mcp_tools",
        "harness_settings",
        "agents_cmps",
        "agents_skills_lnk",
        "components_agent_tool_configs",
        "components_agent_model_configs_cmps",
        "files_related_mph",
        "mcp_tools_related_to_mph",
        "i18n_locale",
        "up_users",
    } <= names
    own = {item.uid for item in platform_model.types if item.origin == "content-type"}
    assert len(own) == 8


def test_names_beyond_the_limit_are_those_of_strapi() -> None:
    """The expected tables are what @strapi/core and @strapi/database 5.54.0 plan for these schema files."""
    project = STRAPI_DATA / "long-names"
    expected = json.loads((project / "strapi-5.54.0-tables.json").read_text(encoding="utf-8"))
    model = build_model(project)
    derived = {
        table.name: {
            "columns": [column.name for column in table.columns],
            "indexes": {
                index.name: [*index.columns, *(["unique"] if index.unique else [])] for index in table.indexes
            },
            "foreign_keys": {
                key.name: [key.column, key.referenced_table, key.on_delete] for key in table.foreign_keys
            },
        }
        for table in model.tables
        if model.type(table.owner).origin != "built-in"
    }
    assert derived == expected


def test_a_column_takes_type_and_default_from_its_definition() -> None:
    model = build_model(STRAPI_DATA / "long-names")
    table = model.table("extraordinarily_long_collection_names_of_an_entry_50697")
    columns = {column.name: column for column in table.columns}
    assert columns["wide"].type == "numeric(20,6)"
    assert (columns["count_1"].default_sql, columns["count_1"].not_null) == ("7", True)
    assert "kept_elsewhere" in columns


def test_both_sides_of_a_relation_read_the_same_table(platform_model: ContentModel) -> None:
    owner = platform_model.storage["api::task.task"]["agent"]
    inverse = platform_model.storage["api::agent.agent"]["tasks"]
    assert isinstance(owner, LinkStorage)
    assert isinstance(inverse, LinkStorage)
    assert (owner.table, owner.own_column, owner.other_column) == ("tasks_agent_lnk", "task_id", "agent_id")
    assert (inverse.table, inverse.own_column, inverse.other_column) == (
        "tasks_agent_lnk",
        "agent_id",
        "task_id",
    )
    assert (inverse.order_column, inverse.to_many, inverse.owner) == ("task_ord", True, False)
    assert (owner.order_column, owner.inverse_order_column, owner.to_many) == ("", "task_ord", False)


def test_what_is_no_column_says_where_it_is_kept(platform_model: ContentModel) -> None:
    agent = platform_model.storage["api::agent.agent"]
    zone, gallery = agent["sections"], agent["gallery"]
    assert isinstance(zone, ComponentStorage)
    assert (zone.table, zone.field, zone.dynamic_zone) == ("agents_cmps", "sections", True)
    assert isinstance(gallery, MorphInverseStorage)
    assert (gallery.target, gallery.morph_by, gallery.to_many) == ("plugin::upload.file", "related", True)
    assert platform_model.storage["api::harness-setting.harness-setting"]["target"] == MorphColumnsStorage(
        id_column="target_id", type_column="target_type"
    )


def test_the_digest_depends_on_what_is_derived_and_nothing_else(project: Path) -> None:
    path = project / "src/api/task/content-types/task/schema.json"
    before = digest_of(build_model(project).tables)
    edit_schema(path, {"title": {"type": "string", "required": False, "maxLength": 80}})
    assert digest_of(build_model(project).tables) == before
    edit_schema(path, {"title": {"type": "text"}})
    assert digest_of(build_model(project).tables) != before


def test_the_source_directory_itself_may_be_named(project: Path) -> None:
    assert len(read_content_types(project / "src")) == len(read_content_types(project))


def test_an_extension_of_a_built_in_type_replaces_its_attributes(project: Path) -> None:
    path = project / "src/extensions/users-permissions/content-types/user/schema.json"
    path.parent.mkdir(parents=True)
    document = {
        "attributes": {
            "username": {"type": "string"},
            "nickName": {"type": "string"},
            "role": {
                "type": "relation",
                "relation": "manyToOne",
                "target": "plugin::users-permissions.role",
                "inversedBy": "users",
            },
        }
    }
    path.write_text(json.dumps(document))
    columns = [column.name for column in build_model(project).table("up_users").columns]
    assert columns[:4] == ["id", "document_id", "username", "nick_name"]
    assert "password" not in columns


def test_a_directory_without_content_types_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        read_content_types(tmp_path)
    assert raised.value.code == "K-101"


def test_every_problem_of_the_files_is_reported_at_once(project: Path) -> None:
    (project / "src/api/task/content-types/task/schema.json").write_text("{ not json")
    (project / "src/components/task/cost.json").write_text("[]")
    edit_schema(
        project / "src/api/agent/content-types/agent/schema.json",
        {
            "name": {"type": "strnig"},
            "documentId": {"type": "string"},
            "color": {"type": "customField", "customField": "plugin::color-picker.color"},
            "skills": {"type": "relation", "relation": "manyToSome", "target": "api::skill.skill"},
            "owner": {"type": "relation", "relation": "manyToOne"},
            "toolConfig": {"type": "component"},
            "sections": {"type": "dynamiczone", "components": []},
        },
    )
    with pytest.raises(UsageError) as raised:
        read_content_types(project)
    assert raised.value.code == "K-102"
    for words in (
        "is not JSON",
        "does not hold an object",
        "'strnig'",
        "keeps for itself",
        "custom field",
        "'manyToSome'",
        "does not say its target",
        "does not say which component",
        "does not list its components",
    ):
        assert words in raised.value.detail


def test_every_contradiction_between_types_is_reported_at_once(tmp_path: Path) -> None:
    def relation(kind: str, target: str, **options: str) -> dict[str, str]:
        return {"type": "relation", "relation": kind, "target": target, **options}

    project = write_project(
        tmp_path,
        {
            "book": {
                "author": relation("manyToOne", "api::writer.writer"),
                "shelf": relation("manyToOne", "api::shelf.shelf", inversedBy="books"),
                "reader": relation("oneToOne", "api::shelf.shelf", mappedBy="nobody"),
                "part": {"type": "component", "component": "book.part"},
                "the-title": {"type": "string"},
                "theTitle": {"type": "string"},
            },
            "shelf": {"label": {"type": "string", "columnType": {"type": "tsvector"}}},
        },
    )
    with pytest.raises(UsageError) as raised:
        build_model(project)
    assert raised.value.code == "K-104"
    for words in (
        '"api::writer.writer", which is not there',
        'inversed by "books"',
        'mapped by "nobody"',
        '"book.part", which is not there',
        'two attributes for the column "the_title"',
        "'tsvector'",
    ):
        assert words in raised.value.detail


def test_two_types_of_one_collection_are_refused(project: Path) -> None:
    source = project / "src/api/task/content-types/task/schema.json"
    target = project / "src/api/job/content-types/job/schema.json"
    target.parent.mkdir(parents=True)
    document = json.loads(source.read_text())
    document["info"] = {"singularName": "job", "pluralName": "jobs"}
    document["attributes"] = {"title": {"type": "string"}}
    target.write_text(json.dumps(document))
    with pytest.raises(UsageError, match="contradict") as raised:
        build_model(project)
    assert 'table "tasks" is both of' in raised.value.detail
