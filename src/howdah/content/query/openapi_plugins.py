"""The paths of Strapi's plugins in the OpenAPI document: accounts, users, roles, locales, files. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from howdah.content.query.openapi_shapes import (
    TEXT,
    answers,
    id_place,
    json_body,
    nullable,
    operation,
    parameter,
    read_parameters,
    ref,
    type_name,
)
from howdah.content.query.schema import FILE, LOCALE, ROLE, USER, Schemas

#: Types of the plugins whose entries are answered.
DOCUMENTED = frozenset((FILE, USER, ROLE, LOCALE))

_FLAG: Mapping[str, Any] = {"type": "boolean"}
_NUMBER: Mapping[str, Any] = {"type": "integer"}
_OK = {"type": "object", "required": ["ok"], "properties": {"ok": {"const": True}}}
#: plugin or type → controller → action → whether it is allowed.
_ACTIONS = {"type": "object", "additionalProperties": {"type": "object"}}


def plugin_paths(schemas: Schemas) -> dict[str, Any]:
    """Return every path that no content type of the project has."""
    user = ref(type_name(schemas[USER]))
    return {
        **_sign_in_paths(user),
        **_password_paths(user),
        **_user_paths(schemas, user),
        **_role_paths(ref(type_name(schemas[ROLE]))),
        **_locale_paths(ref(type_name(schemas[LOCALE]))),
        **_file_paths(schemas),
    }


def _object(properties: Mapping[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "object", "properties": dict(properties)}
    return found | ({"required": required} if required else {})


def _texts(*names: str) -> dict[str, Any]:
    """Return a body of texts, all of which have to be there."""
    return json_body(_object(dict.fromkeys(names, TEXT), list(names)))


def _welcome(user: Mapping[str, Any]) -> dict[str, Any]:
    return _object({"jwt": TEXT, "user": user}, ["jwt", "user"])


def _place(name: str) -> list[dict[str, Any]]:
    return [id_place(name=name)]


def _sign_in_paths(user: Mapping[str, Any]) -> dict[str, Any]:
    confirmation = parameter("confirmation", TEXT, "What the letter says.") | {"required": True}
    moved = {"302": {"description": "To the page that the settings name"}}
    sent = _object({"email": TEXT, "sent": _FLAG}, ["email", "sent"])
    registered = _object({"jwt": TEXT, "user": user}, ["user"])
    refused = {"4XX": answers(None)["4XX"]}
    return {
        "/auth/local": {
            "post": operation(
                "auth", "Log in", answers(_welcome(user)), requestBody=_texts("identifier", "password")
            )
        },
        "/auth/local/register": {
            "post": operation(
                "auth",
                "Register; there is no jwt before an address is confirmed",
                answers(registered),
                requestBody=_texts("username", "email", "password"),
            )
        },
        "/auth/{provider}/callback": {
            "parameters": _place("provider"),
            "get": operation("auth", "Log in by another provider: refused", refused),
        },
        "/connect/{provider}": {
            "parameters": _place("provider"),
            "get": operation("auth", "Go to another provider: refused", refused),
        },
        "/auth/email-confirmation": {
            "get": operation(
                "auth", "Confirm an address", moved | answers(None, "4XX"), parameters=[confirmation]
            )
        },
        "/auth/send-email-confirmation": {
            "post": operation(
                "auth", "Send the letter that confirms", answers(sent), requestBody=_texts("email")
            )
        },
    }


def _password_paths(user: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "/auth/forgot-password": {
            "post": operation("auth", "Send a letter with a code", answers(_OK), requestBody=_texts("email"))
        },
        "/auth/reset-password": {
            "post": operation(
                "auth",
                "Set a password with the code of a letter",
                answers(_welcome(user)),
                requestBody=_texts("code", "password", "passwordConfirmation"),
            )
        },
        "/auth/change-password": {
            "post": operation(
                "auth",
                "Change the password",
                answers(_welcome(user)),
                requestBody=_texts("currentPassword", "password", "passwordConfirmation"),
            )
        },
    }


def _user_paths(schemas: Schemas, user: Mapping[str, Any]) -> dict[str, Any]:
    texts = dict.fromkeys(("username", "email", "password"), TEXT)
    facts = {**texts, "provider": TEXT, "confirmed": _FLAG, "blocked": _FLAG, "role": _NUMBER}
    listed = read_parameters(schemas[USER], listed=True)
    one = read_parameters(schemas[USER], listed=False)
    users = {"type": "array", "items": user}
    return {
        "/users": {
            "get": operation("users", "List users", answers(users), parameters=[*listed, *_offset()]),
            "post": operation(
                "users",
                "Create a user",
                answers(user, "201"),
                requestBody=json_body(_object(facts, [*texts, "role"])),
            ),
        },
        "/users/me": {"get": operation("users", "Get whoever asks", answers(user), parameters=one)},
        "/users/count": {"get": operation("users", "Count users", answers(_NUMBER))},
        "/users/{id}": {
            "parameters": [id_place("integer")],
            "get": operation("users", "Get a user", answers(nullable(user)), parameters=one),
            "put": operation(
                "users", "Update a user", answers(nullable(user)), requestBody=json_body(_object(facts))
            ),
            "delete": operation("users", "Delete a user", answers(nullable(user))),
        },
    }


def _offset() -> list[dict[str, Any]]:
    return [
        parameter("start", _NUMBER, "How many are left out."),
        parameter("limit", _NUMBER, "How many at most; -1 for all."),
    ]


def _role_paths(role: Mapping[str, Any]) -> dict[str, Any]:
    given = _object({"name": TEXT, "description": TEXT, "type": TEXT, "permissions": _ACTIONS})
    counted = {"allOf": [dict(role), _object({"nb_users": _NUMBER})]}
    detailed = {"allOf": [dict(role), _object({"permissions": _ACTIONS})]}
    return {
        "/users-permissions/permissions": {
            "get": operation(
                "roles",
                "List what can be allowed",
                answers(_object({"permissions": _ACTIONS}, ["permissions"])),
            )
        },
        "/users-permissions/roles": {
            "get": operation(
                "roles",
                "List roles",
                answers(_object({"roles": {"type": "array", "items": counted}}, ["roles"])),
            ),
            "post": operation("roles", "Create a role", answers(_OK), requestBody=json_body(given)),
        },
        "/users-permissions/roles/{id}": {
            "parameters": [id_place("integer")],
            "get": operation("roles", "Get a role", answers(_object({"role": detailed}, ["role"]))),
            "put": operation("roles", "Update a role", answers(_OK), requestBody=json_body(given)),
            "delete": operation("roles", "Delete a role", answers(_OK)),
        },
    }


def _locale_paths(locale: Mapping[str, Any]) -> dict[str, Any]:
    told = {"allOf": [dict(locale), _object({"isDefault": _FLAG})]}
    return {
        "/i18n/locales": {
            "get": operation("locales", "List locales", answers({"type": "array", "items": told}))
        }
    }


def _file_paths(schemas: Schemas) -> dict[str, Any]:
    file = ref(type_name(schemas[FILE]))
    files = {"type": "array", "items": file}
    binary = {"type": "array", "items": {"type": "string", "format": "binary"}}
    form = _object({"files": binary} | dict.fromkeys(("fileInfo", "ref", "refId", "field"), TEXT))
    changed = answers({"anyOf": [files, file]}, "200")
    return {
        "/upload": {
            "post": operation(
                "upload",
                "Upload files; with an id, change a file or what is said of it",
                answers(files, "201") | changed,
                parameters=[parameter("id", _NUMBER, "The file to change.")],
                requestBody={"required": True, "content": {"multipart/form-data": {"schema": form}}},
            )
        },
        "/upload/files": {
            "get": operation(
                "upload",
                "List files",
                answers(files),
                parameters=[*read_parameters(schemas[FILE], listed=True), *_offset()],
            )
        },
        "/upload/files/{id}": {
            "parameters": [id_place("integer")],
            "get": operation(
                "upload",
                "Get a file",
                answers(file),
                parameters=read_parameters(schemas[FILE], listed=False),
            ),
            "delete": operation("upload", "Delete a file", answers(file)),
        },
    }
