"""
The content API's application: from a request to a handler, and from whatever happens to an answer.

An ASGI callable of its own: nothing lies between the server and a read but this. Faults of a
request are Strapi's, the database's absence is 503, and anything else is
500 with nothing about it but in the log.
"""

from __future__ import annotations

import logging
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg
from starlette.types import Message, Receive, Scope, Send

from howdah.content.query.faults import RequestFault, invalid, not_found
from howdah.service.api.attempts import AttemptLimit
from howdah.service.api.cors import Cors
from howdah.service.api.docs import ApiDocs
from howdah.service.api.engine import Engine
from howdah.service.api.entries import EntryReads
from howdah.service.api.files import Files
from howdah.service.api.locales import Locales
from howdah.service.api.messages import TEXT_TYPE, Answer, Request, json_answer
from howdah.service.api.roles import Roles
from howdah.service.api.routes import Routes
from howdah.service.api.sign_in import SignIn
from howdah.service.api.uploaded import UploadedFiles
from howdah.service.api.users import Users
from howdah.service.api.writes import EntryWrites
from howdah.service.mail import Mailer
from howdah.service.unavailable import UnavailableError

log = logging.getLogger("howdah.api")

_PREFIX = "api"
#: On every answer of the API.
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"referrer-policy", b"no-referrer"),
)
#: What the database answers that is no fault of the request: kinds of errors, what the log says of them, what
#: the answer says, and the seconds after which it may be tried again. The first that fits counts.
_UNAVAILABLE: tuple[tuple[tuple[type[psycopg.Error], ...], str, str, int], ...] = (
    (
        (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable),
        "A statement was ended",
        "The request took too long",
        1,
    ),
    (
        (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected),
        "A statement met another one",
        "The request met another one, try again",
        1,
    ),
    # A standby, or the fence of a migration that was on its way while this write was.
    (
        (psycopg.errors.ReadOnlySqlTransaction,),
        "The database takes no writes",
        "The database takes no writes now.",
        5,
    ),
    # What a statement over the content types' tables raises only where the tables are others.
    (
        (
            psycopg.errors.UndefinedTable,
            psycopg.errors.UndefinedColumn,
            psycopg.errors.UndefinedFunction,
            psycopg.errors.DatatypeMismatch,
            psycopg.errors.CannotCoerce,
        ),
        "The tables are not those of the content types (howdah content verify)",
        "The tables of the database are not those of the content types.",
        60,
    ),
    ((psycopg.OperationalError,), "The database went away", "The database does not answer.", 1),
)


class ContentApi:
    """The application; `routes` may be added to before it serves."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.routes = Routes()
        #: Paths beyond /api, by their first segment: whole ASGI applications.
        self.mounted: dict[str, Any] = {}
        self._cors = Cors(engine.settings.cors_origins)
        self._add_entries()
        self._add_accounts()
        docs = ApiDocs(engine.schemas, version=version("howdah"))
        self.mounted |= {"docs": docs, "openapi.json": docs}
        directory = engine.settings.upload_directory
        if directory is not None:
            self._add_files(directory)

    def _add_files(self, directory: Path) -> None:
        files = Files(self.engine, directory)
        self.routes.add("GET", "upload/files", files.find)
        self.routes.add("GET", "upload/files/:id", files.find_one)
        self.routes.add("DELETE", "upload/files/:id", files.delete)
        self.routes.add("POST", "upload", files.upload)
        self.mounted["uploads"] = UploadedFiles(directory)

    def _add_entries(self) -> None:
        schemas = self.engine.schemas
        for name, uid in schemas.collections.items():
            reads = EntryReads(self.engine, schemas[uid])
            self.routes.add("GET", name, reads.find)
            writes = EntryWrites(self.engine, schemas[uid])
            self.routes.add("GET", f"{name}/:id", reads.find_one)
            self.routes.add("POST", name, writes.create)
            self.routes.add("PUT", f"{name}/:id", writes.update)
            self.routes.add("DELETE", f"{name}/:id", writes.delete)
        for name, uid in schemas.singles.items():
            writes = EntryWrites(self.engine, schemas[uid])
            self.routes.add("GET", name, EntryReads(self.engine, schemas[uid]).find_single)
            self.routes.add("PUT", name, writes.update_single)
            self.routes.add("DELETE", name, writes.delete_single)

    def _add_accounts(self) -> None:
        limit = AttemptLimit(self.engine.settings.login_attempts)
        sign_in = SignIn(self.engine, limit, Mailer(self.engine.settings.mail))
        users, roles = Users(self.engine), Roles(self.engine)
        for method, path, handler in (
            ("POST", "auth/local", sign_in.login),
            ("POST", "auth/local/register", sign_in.register),
            ("GET", "auth/:provider/callback", sign_in.callback),
            ("GET", "connect/*", sign_in.connect),
            ("POST", "auth/forgot-password", sign_in.forgot_password),
            ("POST", "auth/reset-password", sign_in.reset_password),
            ("POST", "auth/change-password", sign_in.change_password),
            ("GET", "auth/email-confirmation", sign_in.confirm_email),
            ("POST", "auth/send-email-confirmation", sign_in.send_email_confirmation),
            ("POST", "auth/refresh", sign_in.without_sessions("refresh")),
            ("POST", "auth/logout", sign_in.without_sessions("logout")),
            ("GET", "auth/sessions", sign_in.without_sessions("getSessions")),
            ("DELETE", "auth/sessions/:id", sign_in.without_sessions("revokeSession")),
            ("GET", "users/me", users.me),
            ("GET", "users/count", users.count),
            ("GET", "users", users.find),
            ("POST", "users", users.create),
            ("GET", "users/:id", users.find_one),
            ("PUT", "users/:id", users.update),
            ("DELETE", "users/:id", users.delete),
            ("GET", "users-permissions/permissions", roles.permissions),
            ("GET", "users-permissions/roles", roles.find),
            ("POST", "users-permissions/roles", roles.create),
            ("GET", "users-permissions/roles/:id", roles.find_one),
            ("PUT", "users-permissions/roles/:id", roles.update),
            ("DELETE", "users-permissions/roles/:id", roles.delete),
            ("GET", "i18n/locales", Locales(self.engine).find),
        ):
            self.routes.add(method, path, handler)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        # One slash at the end is nothing; two leave a segment that no route has.
        segments = tuple(path.removeprefix("/").removesuffix("/").split("/"))
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        client = scope.get("client")
        request = Request(
            method=scope["method"],
            segments=segments[1:] if segments[0] == _PREFIX else ("",),
            query=scope["query_string"].decode("latin-1"),
            headers=headers,
            peer=client[0] if client else "",
            scope=scope,
            receive=receive,
        )
        answer = self._cors.preflight(request)
        if answer is None and segments[0] in self.mounted:
            await self.mounted[segments[0]](scope, receive, self._with_cors(request, send))
            return
        await self._send(request, answer or await self._answer(request, path), send)

    async def _answer(self, request: Request, path: str) -> Answer:
        if path == "/_health":
            return await self._health()
        handler, request.places, allowed = self.routes.find(request.method, request.segments)
        if handler is None:
            return _no_handler(request, allowed)
        try:
            return await handler(request)
        except RequestFault as fault:
            return json_answer(fault.document(), fault.status)
        except UnavailableError as error:
            log.warning("%s %s", error.message, error.detail)
            return _unavailable(error.message, error.retry_after)
        except psycopg.Error as error:
            return _refused_by_database(error)
        except ConnectionResetError:
            return Answer(status=400, content_type="")
        except Exception:
            log.exception("A request failed")
            return _failed()

    async def _health(self) -> Answer:
        facts = self.engine.pool.facts()
        up = facts.connected and not facts.closed
        return Answer(
            status=204 if up else 503, content_type="", headers=((b"strapi", b"You are so French!"),)
        )

    def _with_cors(self, request: Request, send: Send) -> Send:
        """Return what a mounted application sends by: its answers say who may read them too."""
        headers = self._cors.headers(request)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *headers]}
            await send(message)

        return send_with_headers

    async def _send(self, request: Request, answer: Answer, send: Send) -> None:
        headers = [*_HEADERS, *answer.headers]
        headers += self._cors.headers(request)
        if answer.content_type:
            headers.append((b"content-type", answer.content_type.encode()))
        if answer.content_type or answer.status not in (204, 304):
            headers.append((b"content-length", str(len(answer.body)).encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        body = b"" if request.method == "HEAD" else answer.body
        await send({"type": "http.response.body", "body": body})


def _no_handler(request: Request, allowed: list[str]) -> Answer:
    """Answer what no route takes: Strapi looks for a file at every path, so that GET is always allowed."""
    if request.method in ("GET", "HEAD"):
        return json_answer(not_found().document(), 404)
    names = ", ".join(["HEAD", "GET", *(name for name in allowed if name != "GET")])
    header = ((b"allow", names.encode()),)
    if request.method == "OPTIONS":
        return Answer(status=200, content_type=TEXT_TYPE, headers=header)
    return Answer(status=405, body=b"Method Not Allowed", content_type=TEXT_TYPE, headers=header)


def _refused_by_database(error: psycopg.Error) -> Answer:
    """Answer a request whose statement the database refused or ended; called where the error is handled."""
    if isinstance(error, psycopg.errors.DataError):
        return _at_fault("Invalid value: the database cannot hold or compare it")
    if (error.sqlstate or "").startswith("54"):
        return _at_fault("The request is too complex")
    for kinds, told, message, retry_after in _UNAVAILABLE:
        if isinstance(error, kinds):
            log.warning("%s: %s", told, error)
            return _unavailable(message, retry_after)
    log.exception("A request failed")
    return _failed()


def _at_fault(message: str) -> Answer:
    fault = invalid(message)
    return json_answer(fault.document(), fault.status)


def _unavailable(message: str, retry_after: int) -> Answer:
    document = RequestFault(503, "ServiceUnavailableError", message).document()
    answer = json_answer(document, 503)
    return Answer(status=503, body=answer.body, headers=((b"retry-after", str(retry_after).encode()),))


def _failed() -> Answer:
    error = {"status": 500, "name": "InternalServerError", "message": "Internal Server Error"}
    return json_answer({"data": None, "error": error}, 500)
