"""What every path of the OpenAPI document is put together from. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from howdah.content.query.schema import Schema

TEXT: Mapping[str, Any] = {"type": "string"}


def type_name(schema: Schema) -> str:
    """Return what a type is called among the components."""
    words = schema.uid.replace("::", ".").replace("-", ".").split(".")
    parts = words[1:-1] if len(words) > 2 and not schema.is_component else words
    unique = list(dict.fromkeys(parts)) if not schema.is_component else parts
    return "".join(word.capitalize() for word in unique)


def ref(name: str) -> dict[str, str]:
    """Return a reference to a component."""
    return {"$ref": f"#/components/schemas/{name}"}


def nullable(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema that takes null too."""
    return {"anyOf": [dict(schema), {"type": "null"}]} if schema else {}


def read_parameters(schema: Schema, *, listed: bool) -> list[dict[str, Any]]:
    """Return the parameters of a read; `listed`: of many entries."""
    found = [
        parameter("fields", {"type": "array", "items": TEXT}, "Scalars by name."),
        parameter("populate", TEXT, "`*`, or names with commas; `populate[name][…]` for more."),
    ]
    if schema.type.draft_and_publish:
        found += [
            parameter("status", {"type": "string", "enum": ["published", "draft"]}, "Version."),
            parameter(
                "hasPublishedVersion", {"type": "boolean"}, "Only documents that are published, or not."
            ),
        ]
    if schema.type.localized:
        found.append(parameter("locale", TEXT, "Locale, * for all."))
    if listed:
        found += [
            parameter("sort", TEXT, "`name:desc`, with commas between."),
            {
                **parameter("filters", {"type": "object"}, "`filters[name][$eq]=value`."),
                "style": "deepObject",
                "explode": True,
            },
            parameter("pagination[page]", {"type": "integer"}, "Page, from 1."),
            parameter("pagination[pageSize]", {"type": "integer"}, "Entries of a page."),
            parameter("pagination[withCount]", {"type": "boolean"}, "Say how many entries there are."),
            parameter("_q", TEXT, "Words to search for."),
        ]
    return found


def parameter(name: str, schema: Mapping[str, Any], description: str) -> dict[str, Any]:
    """Return one parameter of a query."""
    return {"name": name, "in": "query", "schema": dict(schema), "description": description}


def id_place(kind: str = "string", name: str = "id") -> dict[str, Any]:
    """Return the open segment of a path."""
    return {"name": name, "in": "path", "required": True, "schema": {"type": kind}}


def answers(schema: Mapping[str, Any] | None, status: str = "200") -> dict[str, Any]:
    """Return the answers of an operation that gives a document, None for an empty one."""
    good: dict[str, Any] = {"description": "Done"}
    if schema is not None:
        good["content"] = {"application/json": {"schema": dict(schema)}}
    fault = {"description": "Not done", "content": {"application/json": {"schema": ref("Error")}}}
    return {status: good, "4XX": fault, "503": fault}


def operation(tag: str, summary: str, responses: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Return an operation."""
    return {"tags": [tag], "summary": summary, "responses": dict(responses), **more}


def json_body(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body of JSON."""
    return {"required": True, "content": {"application/json": {"schema": dict(schema)}}}
