"""
Login, registration and passwords, as Strapi's users-permissions has them.

Logins are JWTs that are not kept anywhere (`jwtManagement: legacy-support`): what wants kept sessions
(refresh, logout, sessions) is answered as Strapi does without them. Other providers than our own are refused.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from howdah.content.entry.shapes import TextRule, shape_errors
from howdah.content.query.faults import application_fault, invalid, invalid_values, not_found
from howdah.service.api.access import Caller, issue_jwt
from howdah.service.api.attempts import AttemptLimit
from howdah.service.api.engine import Engine
from howdah.service.api.letters import confirmation_letter, reset_letter
from howdah.service.api.messages import Answer, Request, json_answer, redirect
from howdah.service.api.parameters import object_body
from howdah.service.api.passwords import PASSWORD_BYTES_MAX, is_password
from howdah.service.api.plugin_settings import read_plugin_settings
from howdah.service.api.routes import Handler
from howdah.service.api.user_rows import Found, UserRows
from howdah.service.mail import Letter, Mailer, MailFailedError
from howdah.service.pooled_connection import PooledConnection

_AUTH = "plugin::users-permissions.auth"

_EMAIL = TextRule(name="email", is_email=True)
_PASSWORD = TextRule(
    name="password", bytes_max=PASSWORD_BYTES_MAX, too_long="Password must be less than 73 bytes"
)
_LOGIN = (TextRule(name="identifier"), TextRule(name="password"))
_REGISTRATION = (_EMAIL, TextRule(name="username"), _PASSWORD)
_CONFIRMED = (
    TextRule(name="passwordConfirmation", same_as="password", unlike="Passwords do not match"),
    _PASSWORD,
)
_RESET = (*_CONFIRMED, TextRule(name="code"))
_CHANGE = (*_CONFIRMED, TextRule(name="currentPassword"))
_RESET_BYTES = 64
_CONFIRMATION_BYTES = 20


class SignIn:
    """Handlers of /auth and /connect."""

    def __init__(self, engine: Engine, limit: AttemptLimit, mailer: Mailer) -> None:
        self._engine = engine
        self._limit = limit
        self._mailer = mailer

    async def login(self, request: Request) -> Answer:
        """POST /auth/local."""
        body = await object_body(self._engine, request)
        identifier = body.get("identifier")
        self._limit.count("login", request.peer, str(identifier).lower()[:255])
        async with self._engine.identified(request) as (connection, facts, caller):
            caller.require(f"{_AUTH}.callback")
            await self._require_provider(connection, "email")
            require_shape(body, _LOGIN)
            self._require_secret()
            users = UserRows(self._engine, connection, facts)
            found = await users.find(
                "provider = 'local' AND (email = %(email)s OR username = %(name)s)",
                email=body["identifier"].lower(),
                name=body["identifier"],
            )
        if not await is_password(body["password"], found["password"] if found else None) or found is None:
            raise invalid("Invalid identifier or password")
        if facts.advanced.get("email_confirmation") and found["confirmed"] is not True:
            raise application_fault("Your account email is not confirmed")
        if found["blocked"] is True:
            raise application_fault("Your account has been blocked by an administrator")
        async with self._engine.identified(request) as (connection, facts, caller):
            return await self._welcome(UserRows(self._engine, connection, facts), found["id"], caller)

    async def callback(self, request: Request) -> Answer:
        """GET /auth/:provider/callback: nobody has been sent to another provider from here."""
        async with self._engine.identified(request) as (connection, _, caller):
            caller.require(f"{_AUTH}.callback")
            provider = request.places["provider"]
            await self._require_provider(connection, "email" if provider == "local" else provider)
        if provider == "local":
            require_shape({}, _LOGIN)
        raise application_fault("OAuth authentication requires a completed provider session")

    async def connect(self, request: Request) -> Answer:
        """GET /connect/…: logins through other providers are not served."""
        self._limit.count("connect", request.peer)
        async with self._engine.identified(request) as (connection, _, caller):
            caller.require(f"{_AUTH}.connect")
            await self._require_provider(connection, request.segments[1])
        raise application_fault("Unknown OAuth provider")

    async def register(self, request: Request) -> Answer:
        """POST /auth/local/register."""
        body = await object_body(self._engine, request)
        self._limit.count("register", request.peer, str(body.get("email")).lower()[:255])
        async with self._engine.writing(request) as (connection, facts, caller):
            caller.require(f"{_AUTH}.register")
            if not facts.advanced.get("allow_register"):
                raise application_fault("Register action is currently disabled")
            self._require_secret()
            unknown = [name for name in body if name not in ("username", "email", "password")]
            if unknown:
                raise invalid(f"Invalid parameters: {', '.join(unknown)}")
            require_shape(body, _REGISTRATION)
            role = facts.role_of_type(str(facts.advanced.get("default_role", "")))
            if role.id == 0:
                raise application_fault("Impossible to find the default role")
            users = UserRows(self._engine, connection, facts)
            await users.lock()
            taken = await users.find(
                "(email IN (%(email)s, %(name)s) OR username IN (%(email)s, %(name)s))"
                " AND (%(any)s OR provider = 'local')",
                email=body["email"].lower(),
                name=body["username"],
                any=bool(facts.advanced.get("unique_email")),
            )
            if taken is not None:
                raise application_fault("Email or Username are already taken")
            confirming = bool(facts.advanced.get("email_confirmation"))
            given = {**body, "email": body["email"].lower(), "provider": "local", "role": role.id}
            user = await users.add({**given, "confirmed": not confirming})
            if not confirming:
                return await self._welcome(users, user, caller)
            letter = await self._confirmation(connection, users, await users.get(user))
            document = await users.document(user, caller)
        await self._send_confirmation(letter)
        return json_answer({"user": document})

    async def change_password(self, request: Request) -> Answer:
        """POST /auth/change-password."""
        body = await object_body(self._engine, request)
        async with self._engine.writing(request) as (connection, facts, caller):
            caller.require(f"{_AUTH}.changePassword")
            account = caller.account
            if account is None:
                raise application_fault("You must be authenticated to reset your password")
            self._limit.count("password", request.peer, str(account.id))
            require_shape(body, _CHANGE, known_only=True)
            users = UserRows(self._engine, connection, facts)
            user = await users.find("id = %(id)s", id=account.id)
            if user is None or not await is_password(body["currentPassword"], user["password"]):
                raise invalid("The provided current password is invalid")
            if body["currentPassword"] == body["password"]:
                raise invalid("Your new password must be different than your current password")
            await users.edit(user, {"password": body["password"]})
            return await self._welcome(users, account.id, caller)

    async def forgot_password(self, request: Request) -> Answer:
        """POST /auth/forgot-password: the same answer whether there is such a user or not."""
        body = await object_body(self._engine, request)
        self._limit.count("forgot", request.peer, str(body.get("email")).lower()[:255])
        async with self._engine.writing(request) as (connection, facts, caller):
            caller.require(f"{_AUTH}.forgotPassword")
            require_shape(body, (_EMAIL,), known_only=True)
            users = UserRows(self._engine, connection, facts)
            user = await users.find_by_email(body["email"])
            if user is None or user["blocked"]:
                return json_answer({"ok": True})
            code = secrets.token_hex(_RESET_BYTES)
            # Kept before it is sent, so that whoever runs the service can help where mail does not arrive.
            await users.edit(user, {"resetPasswordToken": code})
            settings = await read_plugin_settings(self._engine, connection, "users-permissions_email")
            url = str(facts.advanced.get("email_reset_password") or "")
            letter = reset_letter(settings, user, code, url=url, server=self._engine.settings.public_url)
        with suppress(MailFailedError):
            # It is in the log; an answer of another kind would tell who has an account.
            await self._mailer.send(letter)
        return json_answer({"ok": True})

    async def reset_password(self, request: Request) -> Answer:
        """POST /auth/reset-password."""
        body = await object_body(self._engine, request)
        self._limit.count("reset", request.peer)
        async with self._engine.writing(request) as (connection, facts, caller):
            caller.require(f"{_AUTH}.resetPassword")
            require_shape(body, _RESET, known_only=True)
            self._require_secret()
            users = UserRows(self._engine, connection, facts)
            user = await users.find("reset_password_token = %(code)s", code=body["code"])
            if user is None:
                raise invalid("Incorrect code provided")
            await users.edit(user, {"resetPasswordToken": None, "password": body["password"]})
            return await self._welcome(users, user["id"], caller)

    def without_sessions(self, action: str) -> Handler:
        """Return the handler of an action of kept sessions: there are none."""

        async def refuse(request: Request) -> Answer:
            async with self._engine.identified(request) as (_, _, caller):
                caller.require(f"{_AUTH}.{action}")
            raise not_found()

        return refuse

    async def confirm_email(self, request: Request) -> Answer:
        """GET /auth/email-confirmation: the link in a letter."""
        async with self._engine.writing(request) as (connection, facts, caller):
            caller.require(f"{_AUTH}.emailConfirmation")
            require_shape(request.parameters, (TextRule(name="confirmation"),))
            users = UserRows(self._engine, connection, facts)
            user = await users.find("confirmation_token = %(code)s", code=request.parameters["confirmation"])
            if user is None:
                raise invalid("Invalid token")
            await users.edit(user, {"confirmed": True, "confirmationToken": None})
        return redirect(str(facts.advanced.get("email_confirmation_redirection") or "/"))

    async def send_email_confirmation(self, request: Request) -> Answer:
        """POST /auth/send-email-confirmation."""
        body = await object_body(self._engine, request)
        self._limit.count("confirm", request.peer, str(body.get("email")).lower()[:255])
        async with self._engine.writing(request) as (connection, facts, caller):
            caller.require(f"{_AUTH}.sendEmailConfirmation")
            require_shape(body, (_EMAIL,))
            users = UserRows(self._engine, connection, facts)
            user = await users.find_by_email(body["email"])
            if user is None:
                return json_answer({"email": body["email"], "sent": True})
            if user["confirmed"]:
                raise application_fault("Already confirmed")
            if user["blocked"]:
                raise application_fault("User blocked")
            letter = await self._confirmation(connection, users, user)
        await self._send_confirmation(letter)
        return json_answer({"email": user["email"], "sent": True})

    # Parts

    async def _confirmation(self, connection: PooledConnection, users: UserRows, user: Found) -> Letter:
        """Give a user a new token of confirmation and return the letter that says it."""
        code = secrets.token_hex(_CONFIRMATION_BYTES)
        await users.edit(user, {"confirmationToken": code})
        settings = await read_plugin_settings(self._engine, connection, "users-permissions_email")
        return confirmation_letter(settings, user, code, server=self._engine.settings.public_url)

    async def _send_confirmation(self, letter: Letter) -> None:
        try:
            await self._mailer.send(letter)
        except MailFailedError:
            raise application_fault("Error sending confirmation email") from None

    async def _require_provider(self, connection: PooledConnection, name: str) -> None:
        settings = await read_plugin_settings(self._engine, connection, "users-permissions_grant")
        provider = settings.get(name)
        if not isinstance(provider, Mapping) or not provider.get("enabled"):
            raise application_fault("This provider is disabled")

    async def _welcome(self, users: UserRows, user: int, caller: Caller) -> Answer:
        self._require_secret()
        settings = self._engine.settings
        token = issue_jwt(user, settings.jwt_secret, settings.jwt_expires)
        return json_answer({"jwt": token, "user": await users.document(user, caller)})

    def _require_secret(self) -> None:
        if not self._engine.settings.jwt_secret:
            raise application_fault("Logins are not set up: JWT_SECRET is missing")


def require_shape(body: Mapping[str, Any], rules: Sequence[TextRule], *, known_only: bool = False) -> None:
    """Raise RequestFault for everything that is wrong with a body."""
    errors = shape_errors(body, rules, known_only=known_only)
    if errors:
        raise invalid_values(errors)
