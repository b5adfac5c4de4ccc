"""
Who asks, and what they may: API tokens, users by their JWT, and everybody else.

Facts are read from Strapi's own tables in one statement and hold until something in the database
changes; deciding with them is pure.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import jwt

from howdah.content.query.columns import Dialect, in_utc
from howdah.content.query.faults import forbidden, unauthorized
from howdah.content.query.schema import ROLE, USER, Schemas
from howdah.content.query.statement import Statement
from howdah.content.tokens import hash_token
from howdah.model.content import LinkStorage
from howdah.names import qualified, quote

PERMISSION = "plugin::users-permissions.permission"
_TOKEN = "admin::api-token"  # noqa: S105
_TOKEN_PERMISSION = "admin::api-token-permission"  # noqa: S105
STORE = "strapi::core-store"

#: PyJWT is told this one and believes no header.
JWT_ALGORITHM = "HS256"


@dataclass(frozen=True, kw_only=True)
class ApiToken:
    id: int
    #: "full-access", "read-only" or "custom".
    type: str
    #: Seconds since 1970, None for never.
    expires: float | None
    actions: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Role:
    id: int
    type: str
    actions: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class AccessFacts:
    """What the database says about access, and what else every request needs to know."""

    #: By hash.
    tokens: Mapping[str, ApiToken]
    roles: Mapping[int, Role]
    #: plugin_users-permissions_advanced.
    advanced: Mapping[str, Any]
    default_locale: str

    @property
    def public(self) -> Role:
        """The role of whoever has not said who they are."""
        return self.role_of_type("public")

    def role_of_type(self, kind: str) -> Role:
        """Return a role by its type; one that may nothing where there is none."""
        for role in self.roles.values():
            if role.type == kind:
                return role
        return Role(id=0, type=kind, actions=frozenset())


@dataclass(frozen=True, kw_only=True)
class Account:
    """A user, as far as access goes."""

    id: int
    blocked: bool
    confirmed: bool
    role: int | None


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Whoever asks."""

    kind: Literal["public", "token", "user"]
    #: None: everything.
    actions: frozenset[str] | None
    #: Actions that only look are allowed.
    reads: bool = False
    account: Account | None = None
    #: Uids whose entries may be found, None for all.
    findable: frozenset[str] | None = field(default=None)

    def may(self, action: str) -> bool:
        """Tell whether an action is allowed."""
        if self.actions is None:
            return True
        if self.reads:
            return action.endswith((".find", ".findOne"))
        return action in self.actions

    def may_find(self, uid: str) -> bool:
        """Tell whether rows of a type may be in an answer."""
        return self.findable is None or uid in self.findable

    def require(self, action: str) -> None:
        """Raise RequestFault 403 where an action is not allowed."""
        if not self.may(action):
            raise forbidden()


def facts_statement(schemas: Schemas, dialect: Dialect) -> Statement:
    """Return the statement that reads AccessFacts as JSON."""
    schema = dialect.schema
    token, permission = schemas[_TOKEN], schemas[_TOKEN_PERMISSION]
    token_link = permission.fields["token"].storage
    role_link = schemas[PERMISSION].fields["role"].storage
    assert isinstance(token_link, LinkStorage)
    assert isinstance(role_link, LinkStorage)
    expires = in_utc("t.expires_at", dialect)
    sql = f"""SELECT json_build_object(
 'tokens', (SELECT json_agg(json_build_object('id', t.id, 'hash', t.access_key, 'type', t.type,
   'expires', extract(epoch FROM {expires})::float8,
   'actions', (SELECT json_agg(p.action) FROM {qualified(schema, token_link.table)} l
     JOIN {qualified(schema, permission.table)} p ON p.id = l.{quote(token_link.own_column)}
     WHERE l.{quote(token_link.other_column)} = t.id AND p.action IS NOT NULL)))
   FROM {qualified(schema, token.table)} t
   WHERE t.access_key IS NOT NULL AND coalesce(to_jsonb(t) ->> 'kind', 'content-api') = 'content-api'),
 'roles', (SELECT json_agg(json_build_object('id', r.id, 'type', r.type,
   'actions', (SELECT json_agg(p.action) FROM {qualified(schema, role_link.table)} l
     JOIN {qualified(schema, schemas[PERMISSION].table)} p ON p.id = l.{quote(role_link.own_column)}
     WHERE l.{quote(role_link.other_column)} = r.id AND p.action IS NOT NULL)))
   FROM {qualified(schema, schemas[ROLE].table)} r),
 'store', (SELECT json_object_agg(s.key, s.value) FROM {qualified(schema, schemas[STORE].table)} s
   WHERE s.key IN ('plugin_users-permissions_advanced', 'plugin_i18n_default_locale')
   AND s.environment IS NULL AND s.tag IS NULL)
)::text"""
    return Statement(sql=sql.replace("%", "%%"))


def account_statement(schemas: Schemas, dialect: Dialect, user_id: int) -> Statement:
    """Return the statement that reads an Account as JSON."""
    user = schemas[USER]
    link = user.fields["role"].storage
    assert isinstance(link, LinkStorage)
    sql = f"""SELECT json_build_object('id', u.id, 'blocked', u.blocked, 'confirmed', u.confirmed,
 'role', (SELECT l.{quote(link.other_column)} FROM {qualified(dialect.schema, link.table)} l
   WHERE l.{quote(link.own_column)} = u.id ORDER BY l.id LIMIT 1))::text
 FROM {qualified(dialect.schema, user.table)} u WHERE u.id = %(id)s"""
    return Statement(sql=sql, parameters={"id": user_id})


def parse_facts(document: bytes) -> AccessFacts:
    """Return the facts of `facts_statement`'s answer."""
    found = json.loads(document)
    store = found["store"] or {}
    advanced = json.loads(store.get("plugin_users-permissions_advanced") or "{}")
    locale = json.loads(store.get("plugin_i18n_default_locale") or '"en"')
    return AccessFacts(
        tokens={
            item["hash"]: ApiToken(
                id=item["id"],
                type=item["type"] or "",
                expires=item["expires"],
                actions=frozenset(item["actions"] or ()),
            )
            for item in found["tokens"] or ()
        },
        roles={
            item["id"]: Role(id=item["id"], type=item["type"] or "", actions=frozenset(item["actions"] or ()))
            for item in found["roles"] or ()
        },
        advanced=advanced if isinstance(advanced, dict) else {},
        default_locale=locale if isinstance(locale, str) else "en",
    )


def parse_account(document: bytes) -> Account:
    """Return the account of `account_statement`'s answer."""
    found = json.loads(document)
    return Account(
        id=found["id"],
        blocked=found["blocked"] is True,
        confirmed=found["confirmed"] is True,
        role=found["role"],
    )


def public_caller(facts: AccessFacts) -> Caller:
    """Return whoever has not said who they are."""
    return _with_role("public", facts.public, None)


def token_caller(facts: AccessFacts, token: str, salt: str) -> Caller | None:
    """
    Return the caller of an API token, None where it is not one.

    Raises RequestFault 401 for one that has expired.
    """
    if not salt:
        return None
    found = facts.tokens.get(hash_token(token, salt))
    if found is None:
        return None
    if found.expires is not None and found.expires < time.time():
        raise unauthorized("Token expired")
    if found.type == "full-access":
        return Caller(kind="token", actions=None)
    if found.type == "read-only":
        return Caller(kind="token", actions=frozenset(), reads=True)
    return Caller(kind="token", actions=found.actions, findable=_findable(found.actions))


def user_of_jwt(token: str, secret: str) -> int | None:
    """Return the id of the user whose login this is, None where it is none."""
    if not secret:
        return None
    try:
        payload = jwt.decode(token, secret, algorithms=[JWT_ALGORITHM], options={"verify_sub": False})
    except jwt.PyJWTError:
        return None
    user = payload.get("id")
    return user if isinstance(user, int) and not isinstance(user, bool) and 0 < user < 2**31 else None


def user_caller(facts: AccessFacts, account: Account | None) -> Caller:
    """Return the caller of a login. Raises RequestFault 401 where the user may not come in."""
    if account is None or account.blocked:
        raise unauthorized("Invalid credentials")
    if facts.advanced.get("email_confirmation") and not account.confirmed:
        raise unauthorized("Invalid credentials")
    role = facts.roles.get(account.role) if account.role is not None else None
    return _with_role("user", role or Role(id=0, type="", actions=frozenset()), account)


def issue_jwt(user_id: int, secret: str, seconds: float) -> str:
    """Return a login."""
    now = int(time.time())
    return jwt.encode({"id": user_id, "iat": now, "exp": now + int(seconds)}, secret, algorithm=JWT_ALGORITHM)


def _with_role(kind: Literal["public", "user"], role: Role, account: Account | None) -> Caller:
    return Caller(kind=kind, actions=role.actions, account=account, findable=_findable(role.actions))


def _findable(actions: frozenset[str]) -> frozenset[str]:
    return frozenset(action.rpartition(".")[0] for action in actions if action.endswith(".find"))
