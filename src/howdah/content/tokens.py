"""
API tokens as Strapi keeps them: a hash under a salt, a type, and for "custom" the actions one by one.

The token itself is shown once, when it is made; from the database it cannot be had again.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import sql

from howdah.content.document_ids import new_document_id
from howdah.content.query.values import now_milliseconds
from howdah.errors import RefusedError
from howdah.model.content import ContentModel, LinkStorage
from howdah.postgres.connect import Connection

TOKEN_TYPES = ("full-access", "read-only", "custom")

_TOKEN = "admin::api-token"  # noqa: S105
_PERMISSION = "admin::api-token-permission"
_TOKEN_BYTES = 128


@dataclass(frozen=True, kw_only=True)
class TokenWishes:
    """A token to be made."""

    name: str
    description: str = ""
    type: str = "read-only"
    #: For "custom": "api::agent.agent.find" and the like.
    actions: Sequence[str] = ()
    #: None: it never expires.
    days: int | None = None


def hash_token(token: str, salt: str) -> str:
    """Return the hash under which an API token is kept."""
    return hmac.new(salt.encode(), token.encode(), hashlib.sha512).hexdigest()


def create_token(
    connection: Connection, model: ContentModel, schema: str, wishes: TokenWishes, salt: str
) -> tuple[str, int]:
    """
    Store a new token in the caller's transaction; return it and its id.

    Raises RefusedError K-301 where one of that name is there, K-302 where its tables are not.
    """
    token = secrets.token_hex(_TOKEN_BYTES)
    table = model.tables_of(_TOKEN)[0].name
    if connection.execute("SELECT to_regclass(%s)", (_regclass(schema, table),)).fetchone() == (None,):
        raise RefusedError(
            "K-302",
            f'There is no table "{table}" in schema "{schema}".',
            hint='"howdah content create" makes it; or name the schema with --schema.',
        )
    connection.execute(
        sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(sql.Identifier(schema, table))
    )
    taken = sql.SQL("SELECT 1 FROM {} WHERE name = %s").format(sql.Identifier(schema, table))
    if connection.execute(taken, (wishes.name,)).fetchone() is not None:
        raise RefusedError(
            "K-301", f'There is an API token with the name "{wishes.name}" already.', hint="Choose another."
        )
    now = now_milliseconds()
    life = timedelta(days=wishes.days) if wishes.days is not None else None
    row = _insert(
        connection,
        schema,
        table,
        {
            "document_id": new_document_id(),
            "name": wishes.name,
            "description": wishes.description,
            "kind": "content-api",
            "type": wishes.type,
            "access_key": hash_token(token, salt),
            "lifespan": int(life.total_seconds() * 1000) if life is not None else None,
            "expires_at": now + life if life is not None else None,
            "created_at": now,
            "updated_at": now,
            "published_at": now,
        },
    )
    if wishes.type == "custom":
        _add_actions(connection, model, schema, row, wishes.actions, now)
    return token, row


def _add_actions(
    connection: Connection,
    model: ContentModel,
    schema: str,
    token: int,
    actions: Sequence[str],
    now: datetime,
) -> None:
    table = model.tables_of(_PERMISSION)[0].name
    link = model.storage[_PERMISSION]["token"]
    assert isinstance(link, LinkStorage)
    order = link.inverse_order_column or link.order_column
    for position, action in enumerate(dict.fromkeys(actions), start=1):
        moments = {"created_at": now, "updated_at": now, "published_at": now}
        values = {"document_id": new_document_id(), "action": action, **moments}
        row = _insert(connection, schema, table, values)
        linked = {link.own_column: row, link.other_column: token}
        _insert(connection, schema, link.table, linked | ({order: float(position)} if order else {}))


def _insert(connection: Connection, schema: str, table: str, values: Mapping[str, Any]) -> int:
    """Insert a row; columns that an older Strapi does not have are left out."""
    found = connection.execute(
        "SELECT attname FROM pg_catalog.pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
        (_regclass(schema, table),),
    )
    there = {row[0] for row in found}
    kept = {name: value for name, value in values.items() if name in there}
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING id").format(
        sql.Identifier(schema, table),
        sql.SQL(", ").join(map(sql.Identifier, kept)),
        sql.SQL(", ").join(sql.Placeholder() for _ in kept),
    )
    row = connection.execute(statement, tuple(kept.values())).fetchone()
    assert row is not None
    return int(row[0])


def _regclass(schema: str, table: str) -> str:
    return sql.Identifier(schema, table).as_string()
