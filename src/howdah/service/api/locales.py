"""The locales of the project, as the i18n plugin lists them."""

from __future__ import annotations

import json
from dataclasses import dataclass

from howdah.content.query.schema import LOCALE
from howdah.content.query.selection import plain_selection
from howdah.content.query.tree import ReadQuery
from howdah.service.api.engine import Engine
from howdah.service.api.messages import Answer, Request, json_answer


@dataclass(frozen=True)
class Locales:
    engine: Engine

    async def find(self, request: Request) -> Answer:
        """GET /i18n/locales."""
        async with self.engine.identified(request) as (connection, facts, caller):
            caller.require("plugin::i18n.locales.listLocales")
            query = ReadQuery(selection=plain_selection(self.engine.schemas[LOCALE]))
            body = await self.engine.fetch(connection, self.engine.builder_for(connection).entries(query))
        locales = json.loads(body or b"[]")
        return json_answer([{**one, "isDefault": one["code"] == facts.default_locale} for one in locales])
