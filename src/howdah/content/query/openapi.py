"""
The OpenAPI document of a project's content API, from its content types.

Pure. Requests have bodies and parameters as they may be sent, answers the fields that may be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from howdah.content.query.openapi_plugins import DOCUMENTED, plugin_paths
from howdah.content.query.openapi_shapes import (
    TEXT,
    answers,
    id_place,
    json_body,
    nullable,
    operation,
    read_parameters,
    ref,
    type_name,
)
from howdah.content.query.schema import SET_BY_SERVICE, Field, Schema, Schemas

_VERSION = "3.1.0"
_SCALARS: Mapping[str, Mapping[str, Any]] = {
    "integer": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
    "biginteger": {"type": "string", "pattern": "^-?[0-9]{1,19}$"},
    "decimal": {"type": "number"},
    "float": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,3})?$"},
    "datetime": {"type": "string", "format": "date-time"},
    "timestamp": {"type": "string"},
    "email": {"type": "string", "format": "email"},
    "json": {},
    "blocks": {"type": "array", "items": {"type": "object"}},
}


def build_openapi(schemas: Schemas, *, title: str, version: str) -> dict[str, Any]:
    """Return the document."""
    components = {"Error": _error_schema()}
    paths: dict[str, Any] = {}
    for schema in schemas:
        name, origin = type_name(schema), schema.type.origin
        if origin != "built-in" or schema.uid in DOCUMENTED:
            components[name] = _answer_schema(schemas, schema)
        if origin != "built-in":
            components[f"{name}Input"] = given = _input_schema(schemas, schema)
        if origin == "content-type":
            # What an update leaves out stays as it is.
            components[f"{name}Changes"] = {key: value for key, value in given.items() if key != "required"}
    for name, uid in schemas.collections.items():
        paths |= _collection_paths(name, schemas[uid])
    for name, uid in schemas.singles.items():
        paths |= _single_paths(name, schemas[uid])
    paths |= plugin_paths(schemas)
    return {
        "openapi": _VERSION,
        "info": {"title": title, "version": version},
        "servers": [{"url": "/api"}],
        "components": {
            "schemas": components,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"bearer": []}],
        "paths": paths,
    }


def _error_schema() -> dict[str, Any]:
    error = {
        "type": "object",
        "required": ["status", "name", "message"],
        "properties": {
            "status": {"type": "integer"},
            "name": TEXT,
            "message": TEXT,
            "details": {"type": "object"},
        },
    }
    return {
        "type": "object",
        "required": ["data", "error"],
        "properties": {"data": {"type": "null"}, "error": error},
    }


def _scalar(item: Field) -> dict[str, Any]:
    if item.type == "enumeration":
        return {"type": "string", "enum": list(item.options.get("enum", []))}
    return dict(_SCALARS.get(item.type, TEXT))


def _answer_schema(schemas: Schemas, schema: Schema) -> dict[str, Any]:
    properties: dict[str, Any] = {"id": {"type": "integer"}}
    for item in schema.fields.values():
        if not item.readable:
            continue
        if item.kind == "scalar":
            properties[item.name] = nullable(_scalar(item))
        elif item.kind == "component":
            properties[item.name] = _many(item, ref(type_name(schemas[item.target])))
        else:
            # Relations are answered where they are populated, with what was asked of them.
            properties[item.name] = _many(item, {"type": "object"})
    return {"type": "object", "required": ["id"], "properties": properties}


def _many(item: Field, one: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": dict(one)} if item.to_many or item.kind == "zone" else nullable(one)


def _input_schema(schemas: Schemas, schema: Schema) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for item in schema.fields.values():
        if item.name in SET_BY_SERVICE and schema.type.has_documents:
            continue
        match item.kind:
            case "scalar":
                properties[item.name] = nullable(_scalar(item))
            case "component":
                properties[item.name] = _many(item, ref(f"{type_name(schemas[item.target])}Input"))
            case "zone":
                uids = list(getattr(item.storage, "components", ()))
                each = {
                    "type": "object",
                    "required": ["__component"],
                    "properties": {"__component": {"type": "string", "enum": uids}},
                }
                properties[item.name] = {"type": "array", "items": each}
            case _:
                properties[item.name] = _relation_input()
    required = [
        item.name
        for item in schema.fields.values()
        if item.name in properties and item.options.get("required") is True and "default" not in item.options
    ]
    document: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    if schema.is_component:
        document["properties"] = {"id": {"type": "integer"}, **properties}
    return document | ({"required": required} if required else {})


def _relation_input() -> dict[str, Any]:
    one = {"anyOf": [TEXT, {"type": "integer"}, {"type": "object"}]}
    many = {"type": "array", "items": one}
    changes = {"type": "object", "properties": dict.fromkeys(("connect", "disconnect", "set"), many)}
    return {"anyOf": [{"type": "null"}, one, many, changes]}


def _wrapped(name: str) -> dict[str, Any]:
    properties = {"data": ref(name), "meta": {"type": "object"}}
    return {"type": "object", "required": ["data"], "properties": properties}


def _listed(name: str) -> dict[str, Any]:
    properties = {"data": {"type": "array", "items": ref(name)}, "meta": {"type": "object"}}
    return {"type": "object", "required": ["data", "meta"], "properties": properties}


def _data(name: str) -> dict[str, Any]:
    return json_body({"type": "object", "required": ["data"], "properties": {"data": ref(name)}})


def _collection_paths(name: str, schema: Schema) -> dict[str, Any]:
    one = type_name(schema)
    single, listed = read_parameters(schema, listed=False), read_parameters(schema, listed=True)
    return {
        f"/{name}": {
            "get": operation(name, "List entries", answers(_listed(one)), parameters=listed),
            "post": operation(
                name,
                "Create an entry",
                answers(_wrapped(one), "201"),
                parameters=single,
                requestBody=_data(f"{one}Input"),
            ),
        },
        f"/{name}/{{id}}": {
            "parameters": [id_place()],
            "get": operation(name, "Get an entry", answers(_wrapped(one)), parameters=single),
            "put": operation(
                name,
                "Update an entry",
                answers(_wrapped(one)),
                parameters=single,
                requestBody=_data(f"{one}Changes"),
            ),
            "delete": operation(name, "Delete an entry", answers(None, "204")),
        },
    }


def _single_paths(name: str, schema: Schema) -> dict[str, Any]:
    one, parameters = type_name(schema), read_parameters(schema, listed=False)
    return {
        f"/{name}": {
            "get": operation(name, "Get the entry", answers(_wrapped(one)), parameters=parameters),
            "put": operation(
                name,
                "Update the entry",
                answers(_wrapped(one)),
                parameters=parameters,
                requestBody=_data(f"{one}Changes"),
            ),
            "delete": operation(name, "Delete the entry", answers(None, "204")),
        }
    }
