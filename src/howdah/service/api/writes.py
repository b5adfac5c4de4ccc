"""
Writes of content types as requests: create, update and delete, each in one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from howdah.content.entry.body import require_known_keys
from howdah.content.entry.scalars import type_refusal
from howdah.content.entry.shapes import shape_error
from howdah.content.query.faults import invalid, invalid_values, not_found
from howdah.content.query.request import check_read, one_document
from howdah.content.query.schema import Schema
from howdah.content.query.tree import Group, Negation, Populated, ReadQuery, Selection
from howdah.content.query.values import as_text
from howdah.service.api.access import AccessFacts, Caller
from howdah.service.api.bodies import parse_body, read_body
from howdah.service.api.documents import DocumentWriter
from howdah.service.api.engine import Engine
from howdah.service.api.entries import id_is
from howdah.service.api.messages import NO_CONTENT, Answer, Request, entity_answer


@dataclass(frozen=True)
class EntryWrites:
    """Writes of one content type."""

    engine: Engine
    schema: Schema

    async def create(self, request: Request) -> Answer:
        """POST of a collection."""
        return await self._write(request, "create", None)

    async def update(self, request: Request) -> Answer:
        """PUT of a document."""
        return await self._write(request, "update", as_text(request.places["id"]))

    async def update_single(self, request: Request) -> Answer:
        """PUT of a single type, which need not be there yet."""
        return await self._write(request, "update", None)

    async def delete(self, request: Request) -> Answer:
        """DELETE of a document."""
        return await self._delete(request, as_text(request.places["id"]))

    async def delete_single(self, request: Request) -> Answer:
        """DELETE of a single type's document."""
        return await self._delete(request, None)

    async def _write(self, request: Request, action: str, document: str | None) -> Answer:
        raw = await read_body(request.receive, request.headers, self.engine.settings.body_limit)
        body = parse_body(raw, request.headers.get("content-type", ""))
        async with self.engine.writing(request) as (connection, facts, caller):
            caller.require(f"{self.schema.uid}.{action}")
            query = self._answer_query(request, facts, caller)
            data = self._data(body, caller)
            writer = DocumentWriter(self.engine, self.schema, connection, facts, request.parameters)
            row, is_draft = await writer.write(data, document, creating=action == "create")
            if action == "update" and self.schema.type.draft_and_publish and not is_draft:
                query = replace(query, selection=self._without_itself(query.selection, row))
            query = replace(one_document(query, id_is(self.schema, row)), draft=is_draft, locales=None)
            entity = await self.engine.fetch(connection, self.engine.builder_for(connection).entry(query))
        if entity is None:
            raise not_found()
        return entity_answer(entity, 201 if action == "create" else 200)

    def _answer_query(self, request: Request, facts: AccessFacts, caller: Caller) -> ReadQuery:
        """Return what of the written entry is answered, and refuse parameters that are wrong."""
        asking = self.engine.asking(caller)
        query = check_read(asking, self.schema, request.parameters, locale=facts.default_locale)
        plain = Selection(
            uid=self.schema.uid, fields=query.selection.fields, populated=query.selection.populated
        )
        return replace(query, selection=plain)

    def _without_itself(self, selection: Selection, row: int) -> Selection:
        """
        Leave the entry itself out of its relations.

        Strapi relates an entry that it publishes with itself after it has put the answer together.
        """
        other = Negation(item=id_is(self.schema, row))

        def narrowed(populated: Populated) -> Populated:
            inner = populated.selection
            if inner is None or inner.uid != self.schema.uid or populated.field.kind != "relation":
                return populated
            condition = Group(operator="and", items=(other, inner.condition))
            return replace(populated, selection=replace(inner, condition=condition))

        return replace(selection, populated=tuple(map(narrowed, selection.populated)))

    def _data(self, body: Any, caller: Caller) -> Mapping[str, Any]:
        data = body.get("data") if isinstance(body, dict) else None
        if isinstance(data, list):
            message = type_refusal("this", "object", None, cast=data).messages[0]
            raise invalid_values([{**shape_error([], message), "value": None}])
        if not isinstance(data, dict):
            raise invalid('Missing "data" payload in the request body')
        require_known_keys(self.engine.schemas, self.schema, data, caller.findable)
        return data

    async def _delete(self, request: Request, document: str | None) -> Answer:
        async with self.engine.writing(request) as (connection, facts, caller):
            caller.require(f"{self.schema.uid}.delete")
            self._answer_query(request, facts, caller)
            writer = DocumentWriter(self.engine, self.schema, connection, facts, request.parameters)
            await writer.delete(document)
        return NO_CONTENT
