"""
Users: login, registration, and the users' own resource, as Strapi's users-permissions has them.

Passwords are bcrypt's; comparing one takes a tenth of a second of a processor, so it is done in a thread.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import bcrypt
from psycopg import sql

from howdah.content.document_ids import new_document_id
from howdah.content.query.faults import (
    RequestFault,
    application_fault,
    invalid,
    invalid_values,
    not_found,
    unauthorized,
)
from howdah.content.query.request import check_read, one_document, require_whole
from howdah.content.query.schema import USER, Schema
from howdah.content.query.selection import plain_selection
from howdah.content.query.statement import Statement, StatementBuilder
from howdah.content.query.tree import ReadQuery
from howdah.content.query.values import js_number, now_milliseconds
from howdah.model.content import LinkStorage
from howdah.service.api.access import AccessFacts, Caller, issue_jwt
from howdah.service.api.bodies import parse_body, read_body
from howdah.service.api.engine import Engine
from howdah.service.api.entries import id_is
from howdah.service.api.messages import NO_CONTENT, Answer, Request, json_answer
from howdah.service.pooled_connection import PooledConnection

_ACTION = "plugin::users-permissions"
#: Of bcrypt's 72 bytes none is cut off in silence.
_PASSWORD_BYTES_MAX = 72
_ROUNDS = 10
_EMAIL = re.compile(r"[^\s@\"<>()\[\],;:]+@[^\s@.,\"<>()\[\];:]+(\.[^\s@.,\"<>()\[\];:]+)+")
#: Compared with where there is no such user, so that answering takes as long.
_NOBODY = b"$2b$10$ONVm78rYmrzXgjlm5/QxAeMb3uipQwcv0ZJ0haLS0mH1fgVW1YHBS"
_WINDOW_SECONDS = 60.0
_REMEMBERED_MAX = 10_000


@dataclass
class AttemptLimit:
    """How often one address may try one name, in a minute; the oldest are forgotten first."""

    attempts_max: int
    _seen: OrderedDict[tuple[str, ...], list[float]] = field(default_factory=OrderedDict)

    def count(self, *key: str) -> None:
        """Count an attempt. Raises RequestFault 429 beyond the limit."""
        now = time.monotonic()
        recent = [moment for moment in self._seen.pop(key, []) if moment > now - _WINDOW_SECONDS]
        self._seen[key] = recent
        if len(recent) >= self.attempts_max:
            raise RequestFault(429, "RateLimitError", "Too many requests, please try again later.")
        recent.append(now)
        while len(self._seen) > _REMEMBERED_MAX:
            self._seen.popitem(last=False)


class Accounts:
    """Handlers of /auth and /users."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._schema: Schema = engine.schemas[USER]
        self._limit = AttemptLimit(engine.settings.login_attempts)

    # Login

    async def login(self, request: Request) -> Answer:
        """POST /auth/local."""
        body = await self._body(request)
        identifier = body.get("identifier")
        self._limit.count("login", request.peer, str(identifier).lower()[:255])
        async with self._engine.identified(request, writing=False) as (connection, facts, caller):
            caller.require(f"{_ACTION}.auth.callback")
            _require_texts(body, ("identifier", "password"))
            self._require_secret()
            found = await self._find_login(connection, str(identifier).strip())
        hashed = found[1].encode() if found and found[1] else _NOBODY
        matches = await asyncio.to_thread(_matches, str(body["password"]), hashed)
        if found is None or not found[1] or not matches:
            raise invalid("Invalid identifier or password")
        user, _, confirmed, blocked = found
        if facts.advanced.get("email_confirmation") and confirmed is not True:
            raise application_fault("Your account email is not confirmed")
        if blocked is True:
            raise application_fault("Your account has been blocked by an administrator")
        return await self._login_answer(request, user)

    async def register(self, request: Request) -> Answer:
        """POST /auth/local/register."""
        body = await self._body(request)
        self._limit.count("register", request.peer, str(body.get("email")).lower()[:255])
        async with self._engine.identified(request) as (connection, facts, caller):
            caller.require(f"{_ACTION}.auth.register")
            if not facts.advanced.get("allow_register"):
                raise application_fault("Register action is currently disabled")
            self._require_secret()
            _require_registration(body)
            unknown = sorted(set(body) - {"username", "email", "password"})
            if unknown:
                raise invalid(f"Invalid parameters: {', '.join(unknown)}")
            role = facts.role_of_type(str(facts.advanced.get("default_role", "")))
            if role.id == 0:
                raise application_fault("Impossible to find the default role")
            username, email = str(body["username"]).strip(), str(body["email"]).strip().lower()
            hashed = await asyncio.to_thread(hash_password, str(body["password"]))
            async with connection.transaction():
                await self._lock(connection)
                unique_email = facts.advanced.get("unique_email") is not False
                await self._require_free(connection, username, email, unique_email=unique_email)
                values = {
                    "username": username,
                    "email": email,
                    "password": hashed,
                    "provider": "local",
                    "confirmed": not facts.advanced.get("email_confirmation"),
                    "blocked": False,
                }
                user = await self._insert(connection, values, role.id)
        if facts.advanced.get("email_confirmation"):
            return json_answer({"user": await self._user_document(user)})
        return await self._login_answer(request, user)

    async def change_password(self, request: Request) -> Answer:
        """POST /auth/change-password."""
        body = await self._body(request)
        async with self._engine.identified(request) as (connection, _, caller):
            caller.require(f"{_ACTION}.auth.changePassword")
            account = caller.account
            if account is None:
                raise application_fault("You must be authenticated to reset your password")
            self._limit.count("password", request.peer, str(account.id))
            _require_texts(body, ("currentPassword", "password", "passwordConfirmation"))
            if body["password"] != body["passwordConfirmation"]:
                raise invalid("Passwords do not match")
            row = await self._one(connection, "SELECT password FROM {users} u WHERE id = %s", (account.id,))
            stored = row[0] if row else None
            fits = stored and await asyncio.to_thread(_matches, body["currentPassword"], stored.encode())
            if not fits:
                raise invalid("The provided current password is invalid")
            if body["currentPassword"] == body["password"]:
                raise invalid("Your new password must be different than your current password")
            _require_password(body["password"])
            hashed = await asyncio.to_thread(hash_password, body["password"])
            await self._one(
                connection,
                "UPDATE {users} u SET password = %s, updated_at = %s WHERE id = %s RETURNING id",
                (hashed, now_milliseconds(), account.id),
            )
        return await self._login_answer(request, account.id)

    # The resource

    async def me(self, request: Request) -> Answer:
        """GET /users/me."""

        def make(builder: StatementBuilder, facts: AccessFacts, caller: Caller) -> Statement:
            if caller.account is None:
                raise unauthorized("Unauthorized")
            query = self._query(request, caller, facts)
            return builder.entry(one_document(query, id_is(self._schema, caller.account.id)))

        body = await self._engine.read(request, f"{_ACTION}.user.me", make)
        if body is None:
            raise unauthorized("Unauthorized")
        return Answer(body=body)

    async def find(self, request: Request) -> Answer:
        """GET /users."""

        def make(builder: StatementBuilder, facts: AccessFacts, caller: Caller) -> Statement:
            return builder.entries(offset_page(request, self._query(request, caller, facts)))

        return Answer(body=await self._engine.read(request, f"{_ACTION}.user.find", make) or b"[]")

    async def count(self, request: Request) -> Answer:
        """GET /users/count."""

        def make(builder: StatementBuilder, facts: AccessFacts, caller: Caller) -> Statement:
            return builder.count(self._query(request, caller, facts))

        return Answer(body=await self._engine.read(request, f"{_ACTION}.user.count", make) or b"0")

    async def find_one(self, request: Request) -> Answer:
        """GET /users/:id; nothing for a user that is not there."""
        row = row_id(request.places["id"])

        def make(builder: StatementBuilder, facts: AccessFacts, caller: Caller) -> Statement:
            return builder.entry(one_document(self._query(request, caller, facts), id_is(self._schema, row)))

        body = await self._engine.read(request, f"{_ACTION}.user.findOne", make)
        return Answer(body=body) if body is not None else NO_CONTENT

    async def create(self, request: Request) -> Answer:
        """POST /users."""
        body = await self._body(request)
        async with self._engine.identified(request) as (connection, facts, caller):
            caller.require(f"{_ACTION}.user.create")
            values = _writable(body)
            _require_registration({key: values.get(key) for key in ("username", "email", "password")})
            role = await self._role(connection, facts, body.get("role"))
            username, email = str(values["username"]).strip(), str(values["email"]).strip().lower()
            hashed = await asyncio.to_thread(hash_password, str(values["password"]))
            values |= {"username": username, "email": email, "password": hashed}
            values.setdefault("provider", "local")
            async with connection.transaction():
                await self._lock(connection)
                await self._require_free(connection, username, email, unique_email=True)
                user = await self._insert(connection, values, role)
        return json_answer(await self._user_document(user), 201)

    async def update(self, request: Request) -> Answer:
        """PUT /users/:id."""
        body = await self._body(request)
        row = row_id(request.places["id"])
        async with self._engine.identified(request) as (connection, facts, caller):
            caller.require(f"{_ACTION}.user.update")
            values = _writable(body)
            _require_update(values)
            if "password" in values:
                values["password"] = await asyncio.to_thread(hash_password, str(values["password"]))
            if "email" in values:
                values["email"] = str(values["email"]).strip().lower()
            async with connection.transaction():
                await self._lock(connection)
                if await self._one(connection, "SELECT id FROM {users} u WHERE id = %s", (row,)) is None:
                    raise not_found("User not found")
                await self._require_free(
                    connection, values.get("username"), values.get("email"), unique_email=True, but=row
                )
                await self._update(connection, row, values)
                if "role" in body:
                    await self._set_role(connection, row, await self._role(connection, facts, body["role"]))
        return json_answer(await self._user_document(row))

    async def delete(self, request: Request) -> Answer:
        """DELETE /users/:id."""
        row = row_id(request.places["id"])
        async with self._engine.identified(request) as (connection, _, caller):
            caller.require(f"{_ACTION}.user.destroy")
            document = await self._user_document(row)
            await self._one(connection, "DELETE FROM {users} u WHERE id = %s RETURNING id", (row,))
        return json_answer(document)

    async def roles(self, request: Request) -> Answer:
        """GET /users-permissions/roles."""
        async with self._engine.identified(request, writing=False) as (connection, _, caller):
            caller.require(f"{_ACTION}.role.find")
            builder = self._engine.builder_for(connection)
            role = self._engine.schemas["plugin::users-permissions.role"]
            body = await self._engine.fetch(
                connection, builder.entries(ReadQuery(selection=plain_selection(role)))
            )
        return Answer(body=b'{"roles":' + (body or b"[]") + b"}")

    # Parts

    def _query(self, request: Request, caller: Caller, facts: AccessFacts) -> ReadQuery:
        asking = self._engine.asking(caller)
        return check_read(asking, self._schema, request.parameters, locale=facts.default_locale)

    async def _body(self, request: Request) -> Mapping[str, Any]:
        raw = await read_body(request.receive, request.headers, self._engine.settings.body_limit)
        body = parse_body(raw, request.headers.get("content-type", ""))
        if not isinstance(body, dict):
            raise invalid("Expected an object in the request body")
        return body

    def _require_secret(self) -> None:
        if not self._engine.settings.jwt_secret:
            raise application_fault("Logins are not set up: JWT_SECRET is missing")

    def _compose(self, text: str) -> sql.Composed:
        link = self._schema.fields["role"].storage
        assert isinstance(link, LinkStorage)
        schema = self._engine.db_schema
        return sql.SQL(text).format(
            users=sql.Identifier(schema, self._schema.table),
            roles=sql.Identifier(schema, self._engine.schemas["plugin::users-permissions.role"].table),
            link=sql.Identifier(schema, link.table),
            own=sql.Identifier(link.own_column),
            other=sql.Identifier(link.other_column),
            order=sql.Identifier(link.inverse_order_column or link.order_column or "id"),
        )

    async def _one(self, connection: PooledConnection, text: str, values: tuple[Any, ...]) -> Any:
        return await (await connection.execute(self._compose(text), values)).fetchone()

    async def _find_login(self, connection: PooledConnection, identifier: str) -> Any:
        """Return id, hash, confirmed, blocked of a local user by name or address."""
        return await self._one(
            connection,
            "SELECT id, password, confirmed, blocked FROM {users} u"
            " WHERE provider = 'local' AND (email = %s OR username = %s) ORDER BY id LIMIT 1",
            (identifier.lower(), identifier),
        )

    async def _lock(self, connection: PooledConnection) -> None:
        # Names are unique by looking only; two registrations at once would not see each other.
        await connection.execute(self._compose("LOCK TABLE {users} IN SHARE ROW EXCLUSIVE MODE"))

    async def _require_free(
        self,
        connection: PooledConnection,
        username: str | None,
        email: str | None,
        *,
        unique_email: bool,
        but: int = 0,
    ) -> None:
        row = await self._one(
            connection,
            "SELECT username = %(name)s FROM {users} u WHERE id <> %(but)s AND"
            " (username IN (%(name)s, %(email)s) OR (%(unique)s AND email IN (%(email)s, %(name)s)))"
            " ORDER BY id LIMIT 1",
            {"name": username, "email": email, "unique": unique_email, "but": but},  # type: ignore[arg-type]
        )
        if row is not None:
            raise application_fault("Email or Username are already taken")

    async def _insert(self, connection: PooledConnection, values: Mapping[str, Any], role: int) -> int:
        now = now_milliseconds()
        given = {self._schema.fields[name].column: value for name, value in values.items()}
        moments = ("created_at", "updated_at", "published_at")
        given |= {"document_id": new_document_id()} | dict.fromkeys(moments, now)
        statement = sql.SQL("INSERT INTO {table} ({columns}) VALUES ({values}) RETURNING id").format(
            table=sql.Identifier(self._engine.db_schema, self._schema.table),
            columns=sql.SQL(", ").join(map(sql.Identifier, given)),
            values=sql.SQL(", ").join(sql.Placeholder() for _ in given),
        )
        row = await (await connection.execute(statement, tuple(given.values()))).fetchone()
        assert row is not None
        await self._set_role(connection, row[0], role)
        return int(row[0])

    async def _update(self, connection: PooledConnection, row: int, values: Mapping[str, Any]) -> None:
        given = {self._schema.fields[name].column: value for name, value in values.items()}
        given["updated_at"] = now_milliseconds()
        statement = sql.SQL("UPDATE {table} SET {values} WHERE id = %s").format(
            table=sql.Identifier(self._engine.db_schema, self._schema.table),
            values=sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in given),
        )
        await connection.execute(statement, (*given.values(), row))

    async def _set_role(self, connection: PooledConnection, user: int, role: int) -> None:
        await connection.execute(self._compose("DELETE FROM {link} WHERE {own} = %s"), (user,))
        await connection.execute(
            self._compose(
                "INSERT INTO {link} ({own}, {other}, {order}) SELECT %(user)s, %(role)s,"
                " coalesce(max({order}), 0) + 1 FROM {link} WHERE {other} = %(role)s"
            ),
            {"user": user, "role": role},
        )

    async def _role(self, connection: PooledConnection, facts: AccessFacts, wanted: Any) -> int:
        if isinstance(wanted, Mapping):
            wanted = wanted.get("id") or wanted.get("connect")
        if isinstance(wanted, list):
            wanted = wanted[0] if wanted else None
        if isinstance(wanted, Mapping):
            wanted = wanted.get("id")
        if wanted is None:
            return facts.role_of_type(str(facts.advanced.get("default_role", "authenticated"))).id
        role = facts.roles.get(row_id(str(wanted)))
        if role is None:
            raise invalid("Role not found")
        return role.id

    async def _user_document(self, user: int) -> Any:
        async with self._engine.pool.connection() as connection:
            builder = self._engine.builder_for(connection)
            query = one_document(
                ReadQuery(selection=plain_selection(self._schema)), id_is(self._schema, user)
            )
            body = await self._engine.fetch(connection, builder.entry(query))
        return json.loads(body) if body is not None else None

    async def _login_answer(self, request: Request, user: int) -> Answer:
        settings = self._engine.settings
        token = issue_jwt(user, settings.jwt_secret, settings.jwt_expires)
        return json_answer({"jwt": token, "user": await self._user_document(user)})


def hash_password(password: str) -> str:
    """Return bcrypt's hash of a password."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(_ROUNDS)).decode()


def _matches(password: str, hashed: bytes) -> bool:
    secret = password.encode("utf-8", "replace")
    try:
        return len(secret) <= _PASSWORD_BYTES_MAX and bcrypt.checkpw(secret, hashed)
    except ValueError:
        # What is stored is no hash of bcrypt's: nobody can log in with it.
        return False


def row_id(text: str) -> int:
    """Return an id in a path. Raises RequestFault 404 for what is none."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise not_found()
    return int(text)


def offset_page(request: Request, query: ReadQuery) -> ReadQuery:
    """Return a query of users or files with its start and limit, which stand beside the other parameters."""
    start = _offset(request.parameters.get("start"), "convertStartQueryParams", least=0)
    limit = _offset(request.parameters.get("limit"), "convertLimitQueryParams", least=-1)
    selection = replace(query.selection, start=start or 0, limit=None if limit == -1 else limit)
    return replace(query, selection=selection)


def _offset(value: Any, function: str, *, least: int) -> int | None:
    if value is None:
        return None
    number = require_whole(js_number(value), function)
    if number < least:
        raise invalid(f"{function} expected a positive integer got {number}")
    return min(number, 2**53)


def _require_texts(body: Mapping[str, Any], names: tuple[str, ...]) -> None:
    errors = []
    for name in names:
        value = body.get(name)
        if value is None or value == "":
            errors.append(_error(name, f"{name} is a required field", value, name in body))
        elif not isinstance(value, str):
            message = f"{name} must be a `string` type, but the final value was: `{value!r}`."
            errors.append(_error(name, message, value, given=True))
        elif "\0" in value:
            errors.append(_error(name, f"{name} must not hold NUL characters", None, given=False))
    if errors:
        raise invalid_values(errors)


def _error(name: str, message: str, value: Any, given: bool) -> dict[str, Any]:
    error = {"path": [name], "message": message, "name": "ValidationError"}
    # Passwords are not given back.
    return error | ({"value": value} if given and "assword" not in name else {})


def _require_registration(body: Mapping[str, Any]) -> None:
    _require_texts(body, ("email", "username", "password"))
    errors = []
    email, username, password = (str(body[name]) for name in ("email", "username", "password"))
    if not _EMAIL.fullmatch(email.strip()) or len(email) > 255:
        errors.append(_error("email", "email must be a valid email", email, given=True))
    if len(username.strip()) < 3:
        errors.append(_error("username", "username must be at least 3 characters", username, given=True))
    if len(username) > 255:
        errors.append(_error("username", "username must be at most 255 characters", username, given=True))
    if errors:
        raise invalid_values(errors)
    _require_password(password)


def _require_password(password: str) -> None:
    if len(password) < 6:
        raise invalid_values(
            [_error("password", "password must be at least 6 characters", None, given=False)]
        )
    if len(password.encode("utf-8", "replace")) > _PASSWORD_BYTES_MAX:
        message = "Password must be less than 73 bytes"
        raise invalid_values([_error("password", message, None, given=False)])


def _require_update(values: Mapping[str, Any]) -> None:
    texts = tuple(name for name in ("email", "username", "password") if name in values)
    _require_texts(values, texts)
    if "email" in values and not _EMAIL.fullmatch(str(values["email"]).strip()):
        raise invalid_values([_error("email", "email must be a valid email", values["email"], given=True)])
    if "username" in values and not 3 <= len(str(values["username"]).strip()) <= 255:
        raise invalid_values(
            [_error("username", "username must be at least 3 characters", values["username"], given=True)]
        )
    if "password" in values:
        _require_password(str(values["password"]))


def _writable(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a body goes into the user's row. Raises RequestFault."""
    values: dict[str, Any] = {}
    for name, value in body.items():
        if name in ("username", "email", "password", "provider"):
            values[name] = value
        elif name in ("confirmed", "blocked"):
            if not isinstance(value, bool) and value is not None:
                message = f"{name} must be a `boolean` type, but the final value was: `{value!r}`."
                raise invalid_values([_error(name, message, value, given=True)])
            values[name] = value
    if "provider" in values and not isinstance(values["provider"], str):
        del values["provider"]
    return values
