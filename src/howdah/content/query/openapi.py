"""
The OpenAPI document of a project's content API, from its content types.

Pure. Requests have bodies and parameters as they may be sent, answers the fields that may be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from howdah.content.query.schema import FILE, USER, Field, Schema, Schemas

_VERSION = "3.1.0"
_TEXT: Mapping[str, Any] = {"type": "string"}
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
_SET_BY_SERVICE = frozenset(
    {
        "documentId",
        "createdAt",
        "updatedAt",
        "publishedAt",
        "createdBy",
        "updatedBy",
        "locale",
        "localizations",
    }
)


def build_openapi(schemas: Schemas, *, title: str, version: str) -> dict[str, Any]:
    """Return the document."""
    components = {"Error": _error_schema()}
    paths: dict[str, Any] = {}
    for schema in schemas:
        if schema.type.origin != "built-in" or schema.uid in (FILE, USER):
            components[_name(schema)] = _answer_schema(schemas, schema)
        if schema.type.origin != "built-in":
            components[f"{_name(schema)}Input"] = _input_schema(schemas, schema)
    for name, uid in schemas.collections.items():
        paths |= _collection_paths(name, schemas[uid])
    for name, uid in schemas.singles.items():
        paths |= _single_paths(name, schemas[uid])
    paths |= _account_paths(schemas) | _file_paths(schemas)
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


def _name(schema: Schema) -> str:
    words = schema.uid.replace("::", ".").replace("-", ".").split(".")
    parts = words[1:-1] if len(words) > 2 and not schema.is_component else words
    unique = list(dict.fromkeys(parts)) if not schema.is_component else parts
    return "".join(word.capitalize() for word in unique)


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _error_schema() -> dict[str, Any]:
    error = {
        "type": "object",
        "required": ["status", "name", "message"],
        "properties": {
            "status": {"type": "integer"},
            "name": _TEXT,
            "message": _TEXT,
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
    return dict(_SCALARS.get(item.type, _TEXT))


def _nullable(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": [dict(schema), {"type": "null"}]} if schema else {}


def _answer_schema(schemas: Schemas, schema: Schema) -> dict[str, Any]:
    properties: dict[str, Any] = {"id": {"type": "integer"}}
    for item in schema.fields.values():
        if not item.readable:
            continue
        if item.kind == "scalar":
            properties[item.name] = _nullable(_scalar(item))
        elif item.kind == "component":
            properties[item.name] = _many(item, _ref(_name(schemas[item.target])))
        else:
            # Relations are answered where they are populated, with what was asked of them.
            properties[item.name] = _many(item, {"type": "object"})
    return {"type": "object", "required": ["id"], "properties": properties}


def _many(item: Field, one: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": dict(one)} if item.to_many or item.kind == "zone" else _nullable(one)


def _input_schema(schemas: Schemas, schema: Schema) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for item in schema.fields.values():
        if item.name in _SET_BY_SERVICE and schema.type.has_documents:
            continue
        match item.kind:
            case "scalar":
                properties[item.name] = _nullable(_scalar(item))
            case "component":
                properties[item.name] = _many(item, _ref(f"{_name(schemas[item.target])}Input"))
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
    one = {"anyOf": [_TEXT, {"type": "integer"}, {"type": "object"}]}
    many = {"type": "array", "items": one}
    changes = {"type": "object", "properties": dict.fromkeys(("connect", "disconnect", "set"), many)}
    return {"anyOf": [{"type": "null"}, one, many, changes]}


def _parameters(schema: Schema, *, listed: bool) -> list[dict[str, Any]]:
    found = [
        _parameter("fields", {"type": "array", "items": _TEXT}, "Scalars by name."),
        _parameter("populate", _TEXT, "`*`, or names with commas; `populate[name][…]` for more."),
    ]
    if schema.type.draft_and_publish:
        found += [
            _parameter("status", {"type": "string", "enum": ["published", "draft"]}, "Version."),
            _parameter(
                "hasPublishedVersion", {"type": "boolean"}, "Only documents that are published, or not."
            ),
        ]
    if schema.type.localized:
        found.append(_parameter("locale", _TEXT, "Locale, * for all."))
    if listed:
        found += [
            _parameter("sort", _TEXT, "`name:desc`, with commas between."),
            {
                **_parameter("filters", {"type": "object"}, "`filters[name][$eq]=value`."),
                "style": "deepObject",
                "explode": True,
            },
            _parameter("pagination[page]", {"type": "integer"}, "Page, from 1."),
            _parameter("pagination[pageSize]", {"type": "integer"}, "Entries of a page."),
            _parameter("pagination[withCount]", {"type": "boolean"}, "Say how many entries there are."),
            _parameter("_q", _TEXT, "Words to search for."),
        ]
    return found


def _parameter(name: str, schema: Mapping[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": dict(schema), "description": description}


def _id(kind: str = "string") -> dict[str, Any]:
    return {"name": "id", "in": "path", "required": True, "schema": {"type": kind}}


def _wrapped(name: str) -> dict[str, Any]:
    properties = {"data": _ref(name), "meta": {"type": "object"}}
    return {"type": "object", "required": ["data"], "properties": properties}


def _listed(name: str) -> dict[str, Any]:
    properties = {"data": {"type": "array", "items": _ref(name)}, "meta": {"type": "object"}}
    return {"type": "object", "required": ["data", "meta"], "properties": properties}


def _answers(schema: Mapping[str, Any] | None, status: str = "200") -> dict[str, Any]:
    good: dict[str, Any] = {"description": "Done"}
    if schema is not None:
        good["content"] = {"application/json": {"schema": dict(schema)}}
    fault = {"description": "Not done", "content": {"application/json": {"schema": _ref("Error")}}}
    return {status: good, "4XX": fault, "503": fault}


def _operation(tag: str, summary: str, answers: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"tags": [tag], "summary": summary, "responses": dict(answers), **more}


def _body(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": dict(schema)}}}


def _data(name: str) -> dict[str, Any]:
    return _body({"type": "object", "required": ["data"], "properties": {"data": _ref(name)}})


def _collection_paths(name: str, schema: Schema) -> dict[str, Any]:
    one, given = _name(schema), f"{_name(schema)}Input"
    single, listed = _parameters(schema, listed=False), _parameters(schema, listed=True)
    return {
        f"/{name}": {
            "get": _operation(name, "List entries", _answers(_listed(one)), parameters=listed),
            "post": _operation(
                name,
                "Create an entry",
                _answers(_wrapped(one), "201"),
                parameters=single,
                requestBody=_data(given),
            ),
        },
        f"/{name}/{{id}}": {
            "parameters": [_id()],
            "get": _operation(name, "Get an entry", _answers(_wrapped(one)), parameters=single),
            "put": _operation(
                name,
                "Update an entry",
                _answers(_wrapped(one)),
                parameters=single,
                requestBody=_data(given),
            ),
            "delete": _operation(name, "Delete an entry", _answers(None, "204")),
        },
    }


def _single_paths(name: str, schema: Schema) -> dict[str, Any]:
    one, parameters = _name(schema), _parameters(schema, listed=False)
    return {
        f"/{name}": {
            "get": _operation(name, "Get the entry", _answers(_wrapped(one)), parameters=parameters),
            "put": _operation(
                name,
                "Update the entry",
                _answers(_wrapped(one)),
                parameters=parameters,
                requestBody=_data(f"{one}Input"),
            ),
            "delete": _operation(name, "Delete the entry", _answers(None, "204")),
        }
    }


def _account_paths(schemas: Schemas) -> dict[str, Any]:
    user = _name(schemas[USER])
    texts = {"type": "object"}

    def form(*names: str) -> dict[str, Any]:
        return _body({**texts, "required": list(names), "properties": dict.fromkeys(names, _TEXT)})

    login = {"type": "object", "properties": {"jwt": _TEXT, "user": _ref(user)}}
    users = {"type": "array", "items": _ref(user)}
    listed = _parameters(schemas[USER], listed=True)
    return {
        "/auth/local": {
            "post": _operation("auth", "Log in", _answers(login), requestBody=form("identifier", "password"))
        },
        "/auth/local/register": {
            "post": _operation(
                "auth", "Register", _answers(login), requestBody=form("username", "email", "password")
            )
        },
        "/auth/change-password": {
            "post": _operation(
                "auth",
                "Change the password",
                _answers(login),
                requestBody=form("currentPassword", "password", "passwordConfirmation"),
            )
        },
        "/users": {
            "get": _operation("users", "List users", _answers(users), parameters=listed),
            "post": _operation(
                "users",
                "Create a user",
                _answers(_ref(user), "201"),
                requestBody=form("username", "email", "password"),
            ),
        },
        "/users/me": {"get": _operation("users", "Get whoever asks", _answers(_ref(user)))},
        "/users/count": {"get": _operation("users", "Count users", _answers({"type": "integer"}))},
        "/users/{id}": {
            "parameters": [_id("integer")],
            "get": _operation("users", "Get a user", _answers(_nullable(_ref(user)))),
            "put": _operation(
                "users", "Update a user", _answers(_nullable(_ref(user))), requestBody=_body(texts)
            ),
            "delete": _operation("users", "Delete a user", _answers(_nullable(_ref(user)))),
        },
    }


def _file_paths(schemas: Schemas) -> dict[str, Any]:
    file = _name(schemas[FILE])
    files = {"type": "array", "items": _ref(file)}
    binary = {"type": "array", "items": {"type": "string", "format": "binary"}}
    properties = {"files": binary} | dict.fromkeys(("fileInfo", "ref", "refId", "field"), _TEXT)
    form = {"schema": {"type": "object", "required": ["files"], "properties": properties}}
    return {
        "/upload": {
            "post": _operation(
                "upload",
                "Upload files",
                _answers(files, "201"),
                requestBody={"required": True, "content": {"multipart/form-data": form}},
            )
        },
        "/upload/files": {
            "get": _operation(
                "upload",
                "List files",
                _answers(files),
                parameters=_parameters(schemas[FILE], listed=True),
            )
        },
        "/upload/files/{id}": {
            "parameters": [_id("integer")],
            "get": _operation("upload", "Get a file", _answers(_ref(file))),
            "delete": _operation("upload", "Delete a file", _answers(_ref(file))),
        },
    }
