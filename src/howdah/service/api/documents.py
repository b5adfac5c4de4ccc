"""
Documents and what belongs to them: create, update, publish and delete, inside somebody's transaction.

As Strapi does it: what is written is the draft; publishing it replaces the published version by a copy of
the draft, with a new id. Types without drafts have one row. Rows of other locales share the values
that are not localized.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from howdah.content.document_ids import new_document_id
from howdah.content.entry.body import EntryInput, check_body
from howdah.content.entry.missing import missing_error, related_ids
from howdah.content.entry.relations import parse_change
from howdah.content.entry.stored import as_body, is_localized, is_shared
from howdah.content.entry.unique import unique_values
from howdah.content.query.faults import RequestFault, invalid, not_found
from howdah.content.query.request import locales_of, one_document
from howdah.content.query.schema import OWN_OF_ROWS, Schema
from howdah.content.query.selection import all_fields
from howdah.content.query.tree import Group, Negation, Populated, ReadQuery, Selection
from howdah.content.query.values import js_string, now_milliseconds
from howdah.names import quote
from howdah.service.api.access import AccessFacts
from howdah.service.api.engine import Engine
from howdah.service.api.entries import id_is
from howdah.service.api.links import Links, Owner
from howdah.service.api.passwords import hash_password
from howdah.service.api.rows import Rows
from howdah.service.pooled_connection import PooledConnection

_COMPONENT_DEPTH_MAX = 6


class DocumentWriter:
    """One write of one type; `parameters` are those of the request that say of locale and status."""

    def __init__(
        self,
        engine: Engine,
        schema: Schema,
        connection: PooledConnection,
        facts: AccessFacts,
        parameters: Mapping[str, Any],
    ) -> None:
        self._engine = engine
        self._schema = schema
        self._connection = connection
        self._builder = engine.builder_for(connection)
        self._facts = facts
        self._rows = Rows(connection, engine.schemas, self._builder.dialect)
        self._links = Links(self._rows)
        self._now = now_milliseconds()
        locales = locales_of(schema, parameters, facts.default_locale)
        #: None: every locale, which only a deletion may mean.
        self._locales = locales
        self._locale = locales[0] if locales else ""
        given = parameters.get("locale")
        #: What was given where it is not one locale.
        self._given_locale = js_string(given) if isinstance(given, list) or given == "*" else None
        status = parameters.get("status")
        self._publish = schema.type.draft_and_publish and (status is None or status in ("", "published"))

    async def write(
        self, data: Mapping[str, Any], document: str | None, *, creating: bool
    ) -> tuple[int, bool]:
        """Return the id of the row that is answered, and whether it is a draft."""
        if self._schema.type.localized and self._given_locale is not None:
            raise invalid(
                f"Invalid locale param {self._given_locale} provided. Document locales must be strings."
            )
        drafts = self._schema.type.draft_and_publish
        existing = None
        if not creating:
            document, existing = await self._find(document)
        new = existing is None
        schema = self._schema
        if new and document is not None:
            # A further locale: what is not localized, and not given, is as in the others.
            own = {name: item for name, item in schema.fields.items() if name in data or is_localized(item)}
            schema = replace(schema, fields=own)
        missing = await self._missing(data, creating=new)
        try:
            checked = check_body(self._engine.schemas, schema, data, creating=new, draft=drafts)
            # Drafts may be alike; it is looked at when one is published.
            not_unique = [] if drafts else await self._not_unique(checked.entry, existing)
            given = checked.require_right(not_unique, missing)
        except RequestFault:
            # A document that is not there is told of alone, before anything that is wrong with values.
            await self._require_documents(data, draft=True if drafts else None)
            raise
        given = await self._hashed(given)
        if existing is None:
            row = await self._insert(document, given, copied=not creating and document is not None)
        else:
            row = existing
            moments = {"updatedAt": self._now} | ({} if drafts else {"publishedAt": self._now})
            await self._rows.update(self._schema, row, {**given.scalars, **moments})
        document = await self._document_of(row)
        await self._put_parts(row, given, draft=True if drafts else None)
        if self._schema.type.localized and not self._publish:
            # What is published is shared among the published versions, when it is.
            await self._share(
                document, row, [*given.scalars, *given.components, *given.relations], published=False
            )
        if not self._publish:
            return row, drafts
        return await self._publish_draft(document, row), False

    async def delete(self, document: str | None) -> None:
        """Delete every row of a document in the locales that are meant."""
        conditions, values = self._document_conditions(document)
        rows = await self._rows.all(
            f"SELECT id FROM {self._rows.table(self._schema.table)}{conditions} FOR UPDATE", values
        )
        for (row,) in rows:
            await self._rows.delete(self._schema, row)

    # Finding

    def _document_conditions(
        self, document: str | None, *, any_locale: bool = False
    ) -> tuple[str, list[Any]]:
        conditions: list[str] = []
        values: list[Any] = []
        if document is not None:
            conditions.append(f"{quote(self._schema.fields['documentId'].column)} = %s")
            values.append(document)
        if self._locales is not None and not any_locale:
            conditions.append(f"{quote(self._schema.fields['locale'].column)} = ANY(%s)")
            values.append(list(self._locales))
        return (f" WHERE {' AND '.join(conditions)}" if conditions else ""), values

    async def _find(self, document: str | None) -> tuple[str | None, int | None]:
        """
        Return documentId and id of the row to be written, None for a row that is yet to be made.

        Raises RequestFault 404 where no row at all is of the document.
        """
        column = quote(self._schema.fields["documentId"].column)
        published = quote(self._schema.fields["publishedAt"].column)
        table = self._rows.table(self._schema.table)
        conditions, values = self._document_conditions(document)
        draft = f"{' AND' if conditions else ' WHERE'} {published} IS NULL"
        found = await self._rows.one(
            f"SELECT {column}, id FROM {table}{conditions}"
            f"{draft if self._schema.type.draft_and_publish else ''} ORDER BY id LIMIT 1 FOR UPDATE",
            values,
        )
        if found is not None:
            return found[0], found[1]
        conditions, values = self._document_conditions(document, any_locale=True)
        other = await self._rows.one(f"SELECT {column} FROM {table}{conditions} ORDER BY id LIMIT 1", values)
        if other is not None:
            return other[0], None
        if document is not None:
            raise not_found()
        return None, None

    async def _document_of(self, row: int) -> str:
        column = quote(self._schema.fields["documentId"].column)
        found = await self._rows.one(
            f"SELECT {column} FROM {self._rows.table(self._schema.table)} WHERE id = %s", (row,)
        )
        assert found is not None
        return str(found[0])

    # Checking against other rows

    async def _missing(self, data: Mapping[str, Any], *, creating: bool) -> list[dict[str, Any]]:
        """Return the error about rows that the entry is related to by id and that are not there."""
        schemas = self._engine.schemas
        for target, rows in related_ids(schemas, self._schema, data).items():
            found = await self._rows.one(
                f"SELECT count(*) FROM {self._rows.table(schemas[target].table)} WHERE id = ANY(%s)",
                (list(rows),),
            )
            assert found is not None
            if found[0] != len(rows):
                published = (
                    None
                    if self._schema.type.draft_and_publish
                    else f"{self._now.isoformat(timespec='milliseconds')}Z"
                )
                count = len(rows) - found[0]
                return [
                    missing_error(target, count, self._schema, data, creating=creating, published=published)
                ]
        return []

    async def _not_unique(self, given: EntryInput, existing: int | None) -> list[dict[str, Any]]:
        """Return the errors about values that have to be unique and are elsewhere, in components too."""
        unique = unique_values(self._engine.schemas, self._schema, given)
        if not unique:
            return []
        await self._rows.lock_values(self._schema)
        errors = []
        for one in unique:
            condition = one.condition
            if existing is not None:
                condition = Group(
                    operator="and", items=(Negation(item=id_is(self._schema, existing)), condition)
                )
            selection = Selection(uid=self._schema.uid, fields=(), condition=condition)
            query = ReadQuery(selection=selection, locales=self._locales)
            elsewhere = await self._engine.fetch(self._connection, self._builder.count(query))
            if one.repeated or elsewhere != b"0":
                errors.append(one.error())
        return errors

    async def _hashed(self, given: EntryInput) -> EntryInput:
        """Return the input with passwords as hashes; in a thread, for each takes its time."""
        secrets = {
            name: await asyncio.to_thread(hash_password, value)
            for name, value in given.scalars.items()
            if value is not None and self._schema.fields[name].type == "password"
        }
        return replace(given, scalars={**given.scalars, **secrets}) if secrets else given

    # Writing

    async def _insert(self, document: str | None, given: EntryInput, *, copied: bool) -> int:
        schema, drafts = self._schema, self._schema.type.draft_and_publish
        sibling = await self._sibling(document) if copied and document is not None else None
        if sibling is not None:
            row = await self._rows.copy(
                schema, sibling, {**self._cleared(given), **self._moments(document, drafts)}
            )
            shared = frozenset(
                name
                for name, item in schema.fields.items()
                if item.kind in ("component", "zone")
                and not is_localized(item)
                and name not in given.components
            )
            for part, source, copy in await self._rows.copy_components(schema, sibling, row, only=shared):
                await self._links.copy_links(part, source, copy)
            return row
        return await self._rows.insert(schema, {**given.scalars, **self._moments(document, drafts)})

    def _moments(self, document: str | None, drafts: bool) -> dict[str, Any]:
        moments: dict[str, Any] = {
            "documentId": document or new_document_id(),
            "createdAt": self._now,
            "updatedAt": self._now,
            "publishedAt": None if drafts else self._now,
        }
        return moments | ({"locale": self._locale} if self._schema.type.localized else {})

    async def _sibling(self, document: str) -> int | None:
        """Return a row of the same document in another locale, the draft where there is one."""
        column, published = (
            quote(self._schema.fields[name].column) for name in ("documentId", "publishedAt")
        )
        found = await self._rows.one(
            f"SELECT id FROM {self._rows.table(self._schema.table)} WHERE {column} = %s"
            f" ORDER BY {published} NULLS FIRST, id LIMIT 1",
            (document,),
        )
        return int(found[0]) if found is not None else None

    def _cleared(self, given: EntryInput) -> dict[str, Any]:
        """Return what a row of a new locale has otherwise than its sibling: all that is localized."""
        values = {}
        for name, item in self._schema.fields.items():
            if item.kind != "scalar" or name in OWN_OF_ROWS:
                continue
            if name in given.scalars:
                values[name] = given.scalars[name]
            elif is_localized(item):
                values[name] = None
        return values

    def _owner(self, row: int, *, draft: bool | None) -> Owner:
        return Owner(
            schema=self._schema,
            row=row,
            draft=draft,
            locale=self._locale,
            default_locale=self._facts.default_locale,
        )

    async def _require_documents(self, data: Mapping[str, Any], *, draft: bool | None) -> None:
        owner = self._owner(0, draft=draft)
        for name, item in self._schema.fields.items():
            if item.kind == "relation" and data.get(name) is not None:
                await self._links.require_rows(owner, item, parse_change(data[name], name))

    async def _put_parts(self, row: int, given: EntryInput, *, draft: bool | None) -> None:
        """Write components and relations, those of components too."""
        schema = self._schema
        owner = self._owner(row, draft=draft)
        parts: list[tuple[Schema, int, EntryInput]] = [(schema, row, given)]
        for name, components in given.components.items():
            parts += await self._rows.put_components(schema, row, schema.fields[name], components)
        for part, part_row, entry in parts:
            for name, change in entry.relations.items():
                part_owner = replace(owner, schema=part, row=part_row)
                await self._links.apply(part_owner, part.fields[name], change)

    async def _share(self, document: str, row: int, fields: Iterable[str], *, published: bool) -> None:
        """Give the same version of a document in its other locales what is not localized."""
        schema = self._schema
        shared = [
            schema.fields[name] for name in fields if name in schema.fields and is_shared(schema.fields[name])
        ]
        own, moment = (quote(schema.fields[name].column) for name in ("documentId", "publishedAt"))
        version = ""
        if schema.type.draft_and_publish:
            version = f" AND {moment} IS {'NOT NULL' if published else 'NULL'}"
        others = await self._rows.all(
            f"SELECT id FROM {self._rows.table(schema.table)}"
            f" WHERE {own} = %s AND id <> %s{version} ORDER BY id",
            (document, row),
        )
        for (other,) in others:
            await self._rows.copy_columns(
                schema, row, other, [item for item in shared if item.kind == "scalar"]
            )
            parts = frozenset(item.name for item in shared if item.kind in ("component", "zone"))
            for name in parts:
                await self._rows.delete_components(schema, other, schema.fields[name])
            for part, source, copy in await self._rows.copy_components(schema, row, other, only=parts):
                await self._links.copy_links(part, source, copy)
            for item in shared:
                if item.kind == "media":
                    files = await self._rows.files_of(schema, row, item)
                    await self._rows.put_files(schema, other, item, files)

    # Publishing

    async def _publish_draft(self, document: str, draft: int) -> int:
        """Replace the published version by a copy of the draft and return its id. Raises RequestFault."""
        await self._require_publishable(draft)
        table, published = (
            self._rows.table(self._schema.table),
            quote(self._schema.fields["publishedAt"].column),
        )
        conditions, values = self._document_conditions(document)
        before = await self._rows.all(
            f"SELECT id FROM {table}{conditions} AND {published} IS NOT NULL ORDER BY id", values
        )
        row = await self._rows.copy(self._schema, draft, {"publishedAt": now_milliseconds()})
        copied = await self._rows.copy_components(self._schema, draft, row)
        for (old,) in before:
            await self._links.redirect(self._schema, old, row)
            await self._rows.delete(self._schema, old)
        await self._links.carry_over(self._schema, draft, row)
        for component, source, copy in copied:
            await self._links.carry_over(component, source, copy)
        if self._schema.type.localized:
            await self._share(document, row, self._schema.fields, published=True)
        return row

    async def _require_publishable(self, draft: int) -> None:
        """Check the draft as it is stored as if it were created anew: a draft may lack what is required."""
        selection = self._whole(self._schema, 1)
        query = ReadQuery(selection=selection, draft=True)
        body = await self._engine.fetch(
            self._connection, self._builder.entry(one_document(query, id_is(self._schema, draft)))
        )
        assert body is not None
        document = json.loads(body)
        # What may not be read cannot be checked in this way; it was when it was written.
        readable = {name: item for name, item in self._schema.fields.items() if item.readable}
        checked = check_body(
            self._engine.schemas,
            replace(self._schema, fields=readable),
            as_body(self._engine.schemas, self._schema, document),
            creating=True,
            draft=False,
        )
        published = quote(self._schema.fields["publishedAt"].column)
        conditions, values = self._document_conditions(document["documentId"])
        existing = await self._rows.one(
            f"SELECT id FROM {self._rows.table(self._schema.table)}{conditions}"
            f" AND {published} IS NOT NULL LIMIT 1",
            values,
        )
        checked.require_right(
            await self._not_unique(checked.entry, int(existing[0]) if existing is not None else None)
        )

    def _whole(self, schema: Schema, depth: int) -> Selection:
        """Return a selection of a row with all its components."""
        populated = []
        for item in schema.fields.values():
            if depth > _COMPONENT_DEPTH_MAX or item.kind not in ("component", "zone"):
                continue
            uids = (
                [item.target] if item.kind == "component" else list(getattr(item.storage, "components", ()))
            )
            nested = {uid: self._whole(self._engine.schemas[uid], depth + 1) for uid in uids}
            populated.append(
                Populated(field=item, selection=nested[item.target])
                if item.kind == "component"
                else Populated(field=item, selections=nested)
            )
        return Selection(uid=schema.uid, fields=all_fields(schema), populated=tuple(populated))
