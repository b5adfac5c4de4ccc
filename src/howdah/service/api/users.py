"""The users' own resource, as Strapi's users-permissions has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from howdah.content.entry.scalars import type_refusal
from howdah.content.entry.shapes import TextRule, shape_error, shape_errors
from howdah.content.query.faults import (
    RequestFault,
    application_fault,
    invalid,
    invalid_values,
    not_found,
    unauthorized,
)
from howdah.content.query.request import one_document
from howdah.content.query.schema import USER, Schema
from howdah.content.query.statement import Statement, StatementBuilder
from howdah.service.api.access import AccessFacts, Caller
from howdah.service.api.engine import Engine
from howdah.service.api.entries import id_is
from howdah.service.api.messages import NO_CONTENT, Answer, Request, json_answer
from howdah.service.api.parameters import object_body, offset_page, plain_query, row_id
from howdah.service.api.user_rows import UserRows

_ACTION = "plugin::users-permissions.user"
_NEW = (
    TextRule(name="email", is_email=True),
    TextRule(name="username", least=1),
    TextRule(name="password", least=1),
)
_CHANGED = (
    TextRule(name="email", is_email=True, least=1, required=False),
    TextRule(name="username", least=1, required=False),
)


class Users:
    """Handlers of /users."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._schema: Schema = engine.schemas[USER]

    async def me(self, request: Request) -> Answer:
        """GET /users/me."""

        def make(builder: StatementBuilder, facts: AccessFacts, caller: Caller) -> Statement:
            if caller.account is None:
                raise unauthorized("Unauthorized")
            query = plain_query(self._engine, self._schema, request, caller, facts)
            return builder.entry(one_document(query, id_is(self._schema, caller.account.id)))

        body = await self._engine.read(request, f"{_ACTION}.me", make)
        if body is None:
            raise unauthorized("Unauthorized")
        return Answer(body=body)

    async def find(self, request: Request) -> Answer:
        """GET /users."""

        def make(builder: StatementBuilder, facts: AccessFacts, caller: Caller) -> Statement:
            query = plain_query(self._engine, self._schema, request, caller, facts)
            return builder.entries(offset_page(request, query))

        return Answer(body=await self._engine.read(request, f"{_ACTION}.find", make) or b"[]")

    async def count(self, request: Request) -> Answer:
        """GET /users/count."""

        def make(builder: StatementBuilder, facts: AccessFacts, caller: Caller) -> Statement:
            return builder.count(plain_query(self._engine, self._schema, request, caller, facts))

        return Answer(body=await self._engine.read(request, f"{_ACTION}.count", make) or b"0")

    async def find_one(self, request: Request) -> Answer:
        """GET /users/:id; nothing for a user that is not there."""
        row = row_id(request.places["id"])

        def make(builder: StatementBuilder, facts: AccessFacts, caller: Caller) -> Statement:
            query = plain_query(self._engine, self._schema, request, caller, facts)
            return builder.entry(one_document(query, id_is(self._schema, row)))

        body = await self._engine.read(request, f"{_ACTION}.findOne", make)
        return Answer(body=body) if body is not None else NO_CONTENT

    async def create(self, request: Request) -> Answer:
        """POST /users."""
        body = await object_body(self._engine, request)
        async with self._engine.writing(request) as (connection, facts, caller):
            caller.require(f"{_ACTION}.create")
            _refuse([*shape_errors(body, _NEW), *_role_errors(body, creating=True)])
            users = UserRows(self._engine, connection, facts)
            await users.lock()
            await self._require_free_email(users, facts, body)
            email = body["email"].lower()
            try:
                row = await users.add({**body, "email": email, "provider": "local"})
            except RequestFault as fault:
                raise application_fault(fault.message) from None
            document = await users.document(row, caller, with_role=True)
        return json_answer(document, 201)

    async def update(self, request: Request) -> Answer:
        """PUT /users/:id."""
        body = await object_body(self._engine, request)
        row = row_id(request.places["id"])
        async with self._engine.writing(request) as (connection, facts, caller):
            caller.require(f"{_ACTION}.update")
            users = UserRows(self._engine, connection, facts)
            user = await users.find("id = %(id)s", id=row)
            if user is None:
                raise not_found("User not found")
            _refuse(
                [*shape_errors(body, _CHANGED), *_password_errors(body), *_role_errors(body, creating=False)]
            )
            if user["provider"] == "local" and "password" in body and not body["password"]:
                raise invalid("password.notNull")
            await users.lock()
            if "username" in body:
                taken = await users.find(
                    "username = %(name)s AND id <> %(row)s", name=body["username"], row=row
                )
                if taken is not None:
                    raise application_fault("Username already taken")
            values = dict(body)
            if "email" in body:
                await self._require_free_email(users, facts, body, but=row)
                values["email"] = body["email"].lower()
            await users.edit(user, values)
            document = await users.document(row, caller, with_role=True)
        return json_answer(document)

    async def delete(self, request: Request) -> Answer:
        """DELETE /users/:id."""
        row = row_id(request.places["id"])
        async with self._engine.writing(request) as (connection, facts, caller):
            caller.require(f"{_ACTION}.destroy")
            users = UserRows(self._engine, connection, facts)
            document = await users.document(row, caller)
            await users.delete(row)
        return json_answer(document) if document is not None else NO_CONTENT

    async def _require_free_email(
        self, users: UserRows, facts: AccessFacts, body: Mapping[str, Any], *, but: int = 0
    ) -> None:
        if facts.advanced.get("unique_email"):
            email = body["email"].lower()
            if await users.find("email = %(email)s AND id <> %(row)s", email=email, row=but) is not None:
                raise application_fault("Email already taken")


def _refuse(errors: list[dict[str, Any]]) -> None:
    if errors:
        raise invalid_values(errors)


def _password_errors(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    value = body.get("password")
    if value is None or isinstance(value, str):
        return []
    return [{**shape_error(["password"], "Password must be at least 1 character"), "value": value}]


def _role_errors(body: Mapping[str, Any], *, creating: bool) -> list[dict[str, Any]]:
    """Return what is wrong with the role: an id, or which roles to connect and to disconnect."""
    if "role" not in body:
        return [shape_error(["role"], "role is a required field")] if creating else []
    role = body["role"]
    if isinstance(role, str) or (isinstance(role, int) and not isinstance(role, bool) and role >= 0):
        if role == "" and creating:
            return [{**shape_error(["role"], "role is a required field"), "value": role}]
        return []
    if role is not None and not isinstance(role, dict | list):
        return [_wrong_type(["role"], "strapiID", role)]
    if not isinstance(role, dict):
        return [_wrong_type(["role"], "object", role)]
    errors = []
    for name in ("connect", "disconnect"):
        if name in role and (creating is False or name == "connect"):
            errors += _entries_errors(["role", name], role[name])
    if errors:
        return errors
    connect, disconnect = role.get("connect"), role.get("disconnect")
    if creating and "connect" not in role:
        return [shape_error(["role", "connect"], "role.connect is a required field")]
    if creating and not connect:
        return [{**shape_error(["role", "connect"], "Users must have a role"), "value": connect}]
    if not creating and disconnect and not connect:
        return [{**shape_error(["role", "disconnect"], "Cannot remove role"), "value": disconnect}]
    return []


def _entries_errors(path: list[str], value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        return [_wrong_type(path, "array", value)]
    errors = []
    for position, entry in enumerate(value):
        here = [*path, str(position)]
        if not isinstance(entry, dict):
            errors.append(_wrong_type(here, "object", entry))
        elif entry.get("id") is None and entry.get("documentId") is None:
            message = "Relation entry must include an id or documentId"
            errors.append({**shape_error(here, message), "value": entry})
    return errors


def _wrong_type(path: list[str], kind: str, value: Any) -> dict[str, Any]:
    shown = "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in path).removeprefix(".")
    message = type_refusal(shown, kind, value).messages[0]
    return {**shape_error(path, message), "value": value}
