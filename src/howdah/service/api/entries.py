"""Entries of content types: list and get."""

from __future__ import annotations

from dataclasses import dataclass

from howdah.content.query.faults import not_found
from howdah.content.query.request import check_page, check_read, one_document
from howdah.content.query.schema import Schema
from howdah.content.query.statement import Statement, StatementBuilder
from howdah.content.query.tree import Comparison
from howdah.content.query.values import as_text
from howdah.service.api.access import AccessFacts, Caller
from howdah.service.api.engine import Engine
from howdah.service.api.messages import Answer, Request, entity_answer


@dataclass(frozen=True)
class EntryReads:
    """Reads of one content type."""

    engine: Engine
    schema: Schema

    async def find(self, request: Request) -> Answer:
        """A page of a collection."""

        def make(builder: StatementBuilder, facts: AccessFacts, caller: Caller) -> Statement:
            parameters = request.parameters
            asking = self.engine.asking(caller)
            query = check_read(asking, self.schema, parameters, locale=facts.default_locale)
            return builder.page(query, check_page(parameters, self.engine.settings.limits))

        body = await self.engine.read(request, f"{self.schema.uid}.find", make)
        return Answer(body=body or b"")

    async def find_one(self, request: Request) -> Answer:
        """One document of a collection."""
        return await self._one(request, f"{self.schema.uid}.findOne", as_text(request.places["id"]))

    async def find_single(self, request: Request) -> Answer:
        """The document of a single type."""
        return await self._one(request, f"{self.schema.uid}.find", None)

    async def _one(self, request: Request, action: str, document: str | None) -> Answer:
        def make(builder: StatementBuilder, facts: AccessFacts, caller: Caller) -> Statement:
            asking = self.engine.asking(caller)
            query = check_read(asking, self.schema, request.parameters, locale=facts.default_locale)
            if document is not None:
                query = one_document(query, document_is(self.schema, document))
            return builder.entry(query)

        body = await self.engine.read(request, action, make)
        if body is None:
            raise not_found()
        return entity_answer(body)


def document_is(schema: Schema, document: str) -> Comparison:
    """Return the condition that a row is of a document."""
    return Comparison(field=schema.fields["documentId"], operator="$eq", value=document, type="text")


def id_is(schema: Schema, row: int) -> Comparison:
    """Return the condition that a row has an id."""
    return Comparison(field=schema.id_field, operator="$eq", value=row, type="bigint")
