"""
Users in the database, over one connection: found by name or address, written as documents are.

Thin. What is checked by their definition (lengths, uniqueness of names) is the document writer's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from howdah.content.query.request import check_read, one_document
from howdah.content.query.schema import ROLE, USER
from howdah.names import quote
from howdah.service.api.access import AccessFacts, Caller
from howdah.service.api.documents import DocumentWriter
from howdah.service.api.engine import Engine
from howdah.service.api.entries import id_is
from howdah.service.api.rows import Rows
from howdah.service.pooled_connection import PooledConnection

#: Name of an attribute → value.
Found = dict[str, Any]
_LOOKED_AT = (
    "documentId",
    "username",
    "email",
    "provider",
    "password",
    "confirmed",
    "blocked",
)


class UserRows:
    """Users, within the caller's transaction."""

    def __init__(self, engine: Engine, connection: PooledConnection, facts: AccessFacts) -> None:
        self._engine = engine
        self._connection = connection
        self._facts = facts
        self._schema = engine.schemas[USER]
        self._rows = Rows(connection, engine.schemas, engine.builder_for(connection).dialect)

    async def find(self, condition: str, **values: Any) -> Found | None:
        """Return the first user that a condition of ours holds for, `id` and `password` among the rest."""
        columns = ", ".join(self._column(name) for name in _LOOKED_AT)
        row = await self._rows.one(
            f"SELECT id, {columns} FROM {self._rows.table(self._schema.table)} u"
            f" WHERE {condition} ORDER BY id LIMIT 1",
            values,
        )
        return dict(zip(("id", *_LOOKED_AT), row, strict=True)) if row is not None else None

    async def find_by_email(self, email: str) -> Found | None:
        """Return the user with an address."""
        return await self.find("email = %(email)s", email=email.lower())

    async def get(self, row: int) -> Found:
        """Return a user that is there."""
        found = await self.find("id = %(id)s", id=row)
        assert found is not None
        return found

    async def lock(self) -> None:
        """Keep others from taking a name or an address until the transaction ends."""
        await self._rows.lock_values(self._schema)

    async def add(self, values: Mapping[str, Any]) -> int:
        """Insert a user and return the id. Raises RequestFault."""
        row, _ = await self._writer().write(values, None, creating=True)
        return row

    async def edit(self, user: Found, values: Mapping[str, Any]) -> None:
        """Change a user. Raises RequestFault."""
        await self._writer().write(values, user["documentId"], creating=False)

    async def delete(self, row: int) -> None:
        """Delete a user."""
        await self._rows.delete(self._schema, row)

    async def document(self, row: int, caller: Caller, *, with_role: bool = False) -> Any:
        """Return a user as the caller may see it, None where there is none."""
        populate = {"populate": "role"} if with_role and caller.may_find(ROLE) else {}
        asking = self._engine.asking(caller)
        query = check_read(asking, self._schema, populate, locale=self._facts.default_locale)
        builder = self._engine.builder_for(self._connection)
        statement = builder.entry(one_document(query, id_is(self._schema, row)))
        body = await self._engine.fetch(self._connection, statement)
        return json.loads(body) if body is not None else None

    def _writer(self) -> DocumentWriter:
        return DocumentWriter(self._engine, self._schema, self._connection, self._facts, {})

    def _column(self, name: str) -> str:
        return quote(self._schema.fields[name].column)
