"""Roles of users and what they may do: the part of users-permissions that hands out rights."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from howdah.content.query.faults import RequestFault, application_fault, invalid, not_found
from howdah.content.query.request import one_document
from howdah.content.query.schema import ROLE, USER
from howdah.content.query.selection import plain_selection
from howdah.content.query.tree import ReadQuery
from howdah.content.words import snake_case
from howdah.model.content import LinkStorage
from howdah.names import quote
from howdah.service.api.access import PERMISSION, AccessFacts
from howdah.service.api.actions import enabled_actions, list_actions
from howdah.service.api.documents import DocumentWriter
from howdah.service.api.engine import Engine
from howdah.service.api.entries import id_is
from howdah.service.api.messages import Answer, Request, json_answer
from howdah.service.api.parameters import object_body, row_id
from howdah.service.api.rows import Rows
from howdah.service.pooled_connection import PooledConnection

_ACTION = "plugin::users-permissions.role"
_OK = {"ok": True}


class Roles:
    """Handlers of /users-permissions."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def permissions(self, request: Request) -> Answer:
        """GET /users-permissions/permissions: everything that a role may be allowed."""
        async with self._engine.identified(request) as (_, _, caller):
            caller.require("plugin::users-permissions.permissions.getPermissions")
        return json_answer({"permissions": list_actions(self._engine.schemas)})

    async def find(self, request: Request) -> Answer:
        """GET /users-permissions/roles."""
        async with self._engine.identified(request) as (connection, _, caller):
            caller.require(f"{_ACTION}.find")
            roles = _Roles(self._engine, connection)
            counts = await roles.user_counts()
            found = await roles.documents()
        return json_answer({"roles": [{**role, "nb_users": counts.get(role["id"], 0)} for role in found]})

    async def find_one(self, request: Request) -> Answer:
        """GET /users-permissions/roles/:id."""
        row = row_id(request.places["id"])
        async with self._engine.identified(request) as (connection, facts, caller):
            caller.require(f"{_ACTION}.findOne")
            found = await _Roles(self._engine, connection).documents(row)
        if not found:
            raise _absent()
        allowed = facts.roles[row].actions if row in facts.roles else ()
        return json_answer({"role": {**found[0], "permissions": list_actions(self._engine.schemas, allowed)}})

    async def create(self, request: Request) -> Answer:
        """POST /users-permissions/roles."""
        body = await self._body(request)
        async with self._engine.writing(request) as (connection, facts, caller):
            caller.require(f"{_ACTION}.createRole")
            _require_something(body)
            name = body.get("name")
            given = {key: value for key, value in body.items() if key not in ("users", "permissions")}
            given["type"] = body.get("type") or snake_case(str(name or "").lower())
            row, _ = await self._writer(ROLE, connection, facts).write(given, None, creating=True)
            await self._allow(connection, facts, row, enabled_actions(body.get("permissions")))
        return json_answer(_OK)

    async def update(self, request: Request) -> Answer:
        """PUT /users-permissions/roles/:id: its name, and all that it may do from now on."""
        row = row_id(request.places["id"])
        body = await self._body(request)
        async with self._engine.writing(request) as (connection, facts, caller):
            caller.require(f"{_ACTION}.updateRole")
            _require_something(body)
            roles = _Roles(self._engine, connection)
            found = await roles.documents(row)
            if not found:
                raise _absent()
            given = {key: body[key] for key in ("name", "description") if key in body}
            await self._writer(ROLE, connection, facts).write(given, found[0]["documentId"], creating=False)
            wanted = list(enabled_actions(body.get("permissions")))
            present = await roles.permissions(row)
            await roles.delete_permissions([one for one, action in present if action not in wanted])
            known = {action for _, action in present}
            await self._allow(connection, facts, row, [action for action in wanted if action not in known])
        return json_answer(_OK)

    async def delete(self, request: Request) -> Answer:
        """DELETE /users-permissions/roles/:id; its users become the public's."""
        row = row_id(request.places["id"])
        async with self._engine.writing(request) as (connection, facts, caller):
            caller.require(f"{_ACTION}.deleteRole")
            if row == facts.public.id:
                raise application_fault("Cannot delete public role")
            roles = _Roles(self._engine, connection)
            if not await roles.documents(row):
                raise _absent()
            await roles.move_users(row, facts.public.id)
            await roles.delete_permissions([one for one, _ in await roles.permissions(row)])
            await roles.delete(row)
        return json_answer(_OK)

    async def _body(self, request: Request) -> Mapping[str, Any]:
        return await object_body(self._engine, request)

    def _writer(self, uid: str, connection: PooledConnection, facts: AccessFacts) -> DocumentWriter:
        return DocumentWriter(self._engine, self._engine.schemas[uid], connection, facts, {})

    async def _allow(
        self, connection: PooledConnection, facts: AccessFacts, role: int, actions: Iterable[str]
    ) -> None:
        for action in actions:
            writer = self._writer(PERMISSION, connection, facts)
            await writer.write({"action": action, "role": role}, None, creating=True)


class _Roles:
    """Rows of roles and of what hangs on them, over one connection."""

    def __init__(self, engine: Engine, connection: PooledConnection) -> None:
        self._engine = engine
        self._connection = connection
        self._builder = engine.builder_for(connection)
        self._rows = Rows(connection, engine.schemas, self._builder.dialect)

    async def documents(self, row: int | None = None) -> list[dict[str, Any]]:
        """Return every role, or the one with an id."""
        schema = self._engine.schemas[ROLE]
        query = ReadQuery(selection=plain_selection(schema))
        if row is not None:
            query = one_document(query, id_is(schema, row))
        body = await self._engine.fetch(self._connection, self._builder.entries(query))
        found: list[dict[str, Any]] = json.loads(body or b"[]")
        return found

    async def user_counts(self) -> dict[int, int]:
        """Return how many users each role has."""
        link = self._link(USER)
        other, own = quote(link.other_column), quote(link.own_column)
        return dict(
            await self._rows.all(
                f"SELECT {other}, count(DISTINCT {own}) FROM {self._rows.table(link.table)} GROUP BY {other}"
            )
        )

    async def permissions(self, role: int) -> list[tuple[int, str]]:
        """Return id and action of what a role may do."""
        link = self._link(PERMISSION)
        table = self._rows.table(self._engine.schemas[PERMISSION].table)
        return await self._rows.all(
            f"SELECT p.id, p.action FROM {table} p JOIN {self._rows.table(link.table)} l"
            f" ON l.{quote(link.own_column)} = p.id WHERE l.{quote(link.other_column)} = %s ORDER BY p.id",
            (role,),
        )

    async def delete_permissions(self, permissions: list[int]) -> None:
        """Delete rights."""
        for row in permissions:
            await self._rows.delete(self._engine.schemas[PERMISSION], row)

    async def move_users(self, role: int, other_role: int) -> None:
        """Give the users of a role another one."""
        link = self._link(USER)
        other = quote(link.other_column)
        await self._rows.all(
            f"UPDATE {self._rows.table(link.table)} SET {other} = %s WHERE {other} = %s", (other_role, role)
        )

    async def delete(self, role: int) -> None:
        """Delete a role."""
        await self._rows.delete(self._engine.schemas[ROLE], role)

    def _link(self, uid: str) -> LinkStorage:
        storage = self._engine.schemas[uid].fields["role"].storage
        assert isinstance(storage, LinkStorage)
        return storage


def _absent() -> RequestFault:
    return not_found("Role not found")


def _require_something(body: Mapping[str, Any]) -> None:
    if not body:
        raise invalid("Request body cannot be empty")
