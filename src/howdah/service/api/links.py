"""
Relations of rows that are written: which rows a body means, and the link rows that say so.

A row without drafts is linked with both versions of a document that has them, a draft with the draft;
what a draft is linked with is carried over to the published version when it is published.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from howdah.content.entry.relations import Reference, RelationChange
from howdah.content.query.faults import RequestFault, invalid, invalid_body_key
from howdah.content.query.schema import FILE, Field, Schema
from howdah.model.content import (
    JoinColumnStorage,
    LinkStorage,
    MorphColumnsStorage,
    MorphInverseStorage,
    MorphTableStorage,
)
from howdah.names import quote
from howdah.service.api.rows import Rows


@dataclass(frozen=True, kw_only=True)
class Owner:
    """The row whose relations are written, and which version of its document it belongs to."""

    schema: Schema
    row: int
    #: The entry is a draft; None for types without drafts.
    draft: bool | None
    #: "" for types without locales.
    locale: str
    default_locale: str


@dataclass(frozen=True)
class Links:
    """Writes relations through `rows`."""

    rows: Rows

    async def apply(self, owner: Owner, item: Field, change: RelationChange) -> None:
        """Carry out what a body says about one relation. Raises RequestFault for rows that are not there."""
        match item.storage:
            case LinkStorage() as link:
                await self._apply_link(owner, item, link, change)
            case MorphInverseStorage() if item.target == FILE:
                await self._apply_files(owner, item, change)
            case MorphColumnsStorage() as columns:
                await self._apply_morph_column(owner, item, columns, change)
            case MorphTableStorage() as table:
                await self._apply_morph_table(owner, item, table, change)
            case JoinColumnStorage() | MorphInverseStorage() | None:
                raise invalid(f"Relation {item.name} is written from its other side")

    async def require_rows(self, owner: Owner, item: Field, change: RelationChange) -> None:
        """Raise RequestFault for a document that a body connects and that is not there."""
        if item.kind in ("relation", "media") and item.target:
            for reference in (*(change.whole or ()), *change.connect):
                if reference.document:
                    await self._rows_of(owner, self.rows.schemas[item.target], reference)

    # Link tables

    async def _apply_link(self, owner: Owner, item: Field, link: LinkStorage, change: RelationChange) -> None:
        table, own, other = self.rows.table(link.table), quote(link.own_column), quote(link.other_column)
        target = self.rows.schemas[item.target]
        order = quote(link.order_column) if link.order_column else "id"
        present = [
            row[0]
            for row in await self.rows.all(
                f"SELECT {other} FROM {table} WHERE {own} = %s ORDER BY {order}, id", (owner.row,)
            )
        ]
        wanted = list(present) if change.whole is None and item.to_many else []
        if change.whole is None and not item.to_many and not change.connect:
            wanted = list(present)
        if change.whole is not None:
            for reference in change.whole:
                wanted = await self._placed(owner, target, item, wanted, reference)
        gone: set[int] = set()
        for reference in change.disconnect:
            known = reference.row != 0
            gone |= set(await self._rows_of(owner, target, reference, missing_ok=known, every_version=True))
        wanted = [row for row in wanted if row not in gone]
        # Of several for a relation to one, the first is taken.
        for reference in change.connect if item.to_many else change.connect[:1]:
            if not item.to_many:
                wanted = []
            wanted = await self._placed(owner, target, item, wanted, reference)
        if not item.to_many and len(wanted) > 2:
            raise invalid(f"Relation {item.name} leads to one entry at most")
        await self._write_links(owner, item, link, present, wanted)

    async def _placed(
        self, owner: Owner, target: Schema, item: Field, wanted: list[int], reference: Reference
    ) -> list[int]:
        """Return the list with the rows of a reference at their place."""
        rows = await self._rows_of(owner, target, reference)
        rest = [row for row in wanted if row not in rows]
        if not item.to_many:
            return rows
        match reference.place:
            case "start":
                return rows + rest
            case "before" | "after" if reference.beside is not None:
                beside = set(await self._rows_of(owner, target, reference.beside, every_version=True))
                places = [position for position, row in enumerate(rest) if row in beside]
                if not places:
                    anchor = (await self._rows_of(owner, target, reference.beside))[0]
                    # Strapi has given it a locale by then, where the entry has none.
                    locale = "" if owner.locale else f',"locale":"{owner.default_locale}"'
                    raise invalid(
                        f"There was a problem connecting relation with id {rows[0]} at position"
                        f' {{"{reference.place}":{anchor}{locale}}}.'
                        f" The relation with id {anchor} needs to be connected first."
                    )
                at = places[0] if reference.place == "before" else places[-1] + 1
                return rest[:at] + rows + rest[at:]
        # Named again without a place, a row stays where it is.
        return wanted if all(row in wanted for row in rows) and not reference.place else rest + rows

    async def _write_links(
        self, owner: Owner, item: Field, link: LinkStorage, present: Sequence[int], wanted: Sequence[int]
    ) -> None:
        table, own, other = self.rows.table(link.table), quote(link.own_column), quote(link.other_column)
        removed = [row for row in present if row not in wanted]
        if removed:
            await self.rows.all(
                f"DELETE FROM {table} WHERE {own} = %s AND {other} = ANY(%s)", (owner.row, removed)
            )
        added = [row for row in wanted if row not in present]
        relation = str(item.options.get("relation"))
        both = "inversedBy" in item.options or "mappedBy" in item.options
        if added and both and relation in ("oneToOne", "oneToMany"):
            # What is linked now cannot be linked with another as well.
            await self.rows.all(
                f"DELETE FROM {table} WHERE {other} = ANY(%s) AND {own} <> %s", (added, owner.row)
            )
        for row in added:
            await self._insert_link(link, owner.row, row)
        if link.order_column and list(present) != list(wanted):
            await self.rows.all(
                f"UPDATE {table} l SET {quote(link.order_column)} = w.place"
                f" FROM unnest(%s::int[]) WITH ORDINALITY AS w(row, place)"
                f" WHERE l.{own} = %s AND l.{other} = w.row",
                (list(wanted), owner.row),
            )

    async def _insert_link(self, link: LinkStorage, own_row: int, other_row: int) -> None:
        table = self.rows.table(link.table)
        names, values = [quote(link.own_column), quote(link.other_column)], ["%(own)s", "%(other)s"]
        for name, column, key in (
            (link.order_column, link.own_column, "own"),
            (link.inverse_order_column, link.other_column, "other"),
        ):
            if name:
                names.append(quote(name))
                last = f"SELECT coalesce(max({quote(name)}), 0) + 1 FROM {table}"
                values.append(f"({last} WHERE {quote(column)} = %({key})s)")
        await self.rows.all(
            f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values)} ON CONFLICT DO NOTHING",
            {"own": own_row, "other": other_row},
        )

    # Which rows are meant

    async def _rows_of(
        self,
        owner: Owner,
        target: Schema,
        reference: Reference,
        *,
        missing_ok: bool = False,
        every_version: bool = False,
    ) -> list[int]:
        table = self.rows.table(target.table)
        if reference.row:
            found = await self.rows.one(f"SELECT id FROM {table} WHERE id = %s", (reference.row,))
            if found is None and not missing_ok:
                raise _absent(target, 1)
            return [reference.row] if found is not None else []
        conditions = [f"{quote(target.fields['documentId'].column)} = %(document)s"]
        # Entries of types with locales are related within one locale.
        locale = owner.locale or reference.locale or owner.default_locale
        if target.type.localized:
            conditions.append(f"{quote(target.fields['locale'].column)} = %(locale)s")
        published = quote(target.fields["publishedAt"].column)
        if target.type.draft_and_publish and not every_version:
            draft = owner.draft if reference.status is None else reference.status != "published"
            if owner.draft is not None or reference.status is not None:
                conditions.append(f"{published} IS {'NULL' if draft else 'NOT NULL'}")
        rows = await self.rows.all(
            f"SELECT id FROM {table} WHERE {' AND '.join(conditions)} ORDER BY {published} NULLS FIRST, id",
            {"document": reference.document, "locale": locale},
        )
        if not rows and not missing_ok:
            shown = locale if target.type.localized else "null"
            raise invalid(f'Document with id "{reference.document}", locale "{shown}" not found')
        return [row[0] for row in rows]

    # Files and relations to any type

    async def _apply_files(self, owner: Owner, item: Field, change: RelationChange) -> None:
        target = self.rows.schemas[FILE]
        files = [] if change.whole is not None else await self.rows.files_of(owner.schema, owner.row, item)
        for reference in change.disconnect:
            gone = await self._rows_of(owner, target, reference, missing_ok=True)
            files = [row for row in files if row not in gone]
        for reference in (*(change.whole or ()), *change.connect):
            added = await self._rows_of(owner, target, reference)
            files = [*(row for row in files if row not in added), *added] if item.to_many else added
        await self.rows.put_files(owner.schema, owner.row, item, files)

    async def _any_rows(self, owner: Owner, item: Field, reference: Reference) -> tuple[str, list[int]]:
        """Return type and rows that are meant, each version that the owner is linked with."""
        target = self.rows.schemas.get(reference.type)
        if target is None or not target.type.has_documents:
            raise invalid_body_key(item.name, item.name)
        known = reference.row != 0
        return target.uid, await self._rows_of(owner, target, reference, missing_ok=known)

    async def _apply_morph_column(
        self, owner: Owner, item: Field, columns: MorphColumnsStorage, change: RelationChange
    ) -> None:
        references = (*(change.whole or ()), *change.connect)
        kind, row = None, None
        if references:
            kind, rows = await self._any_rows(owner, item, references[-1])
            row = rows[-1] if rows else None
        if references or change.whole is not None or change.disconnect:
            await self.rows.all(
                f"UPDATE {self.rows.table(owner.schema.table)} SET {quote(columns.id_column)} = %s,"
                f" {quote(columns.type_column)} = %s WHERE id = %s",
                (row, kind, owner.row),
            )

    async def _apply_morph_table(
        self, owner: Owner, item: Field, morph: MorphTableStorage, change: RelationChange
    ) -> None:
        table, own = self.rows.table(morph.table), quote(morph.own_column)
        row_column, type_column = quote(morph.id_column), quote(morph.type_column)
        if change.whole is not None:
            await self.rows.all(f"DELETE FROM {table} WHERE {own} = %s", (owner.row,))
        for reference in change.disconnect:
            kind, rows = await self._any_rows(owner, item, reference)
            await self.rows.all(
                f"DELETE FROM {table} WHERE {own} = %s AND {row_column} = ANY(%s) AND {type_column} = %s",
                (owner.row, rows, kind),
            )
        for reference in (*(change.whole or ()), *change.connect):
            kind, rows = await self._any_rows(owner, item, reference)
            for row in rows:
                await self.rows.all(
                    f'INSERT INTO {table} ({own}, {row_column}, {type_column}, "order")'
                    f' SELECT %(own)s, %(row)s, %(kind)s, coalesce(max("order"), 0) + 1 FROM {table}'
                    f" WHERE {own} = %(own)s",
                    {"own": owner.row, "row": row, "kind": kind},
                )

    # Publishing

    async def carry_over(self, schema: Schema, source: int, copy: int) -> None:
        """Give the published version of a row the relations of its draft, to published rows."""
        for item in schema.fields.values():
            match item.storage:
                case LinkStorage() as link:
                    await self._carry_link(item, link, source, copy)
                case MorphInverseStorage() if item.kind == "media":
                    files = await self.rows.files_of(schema, source, item)
                    if files:
                        await self.rows.put_files(schema, copy, item, files)
                case MorphTableStorage() as morph:
                    own = quote(morph.own_column)
                    names = f'{quote(morph.id_column)}, {quote(morph.type_column)}, field, "order"'
                    table = self.rows.table(morph.table)
                    await self.rows.all(
                        f"INSERT INTO {table} ({own}, {names}) SELECT %s, {names} FROM {table}"
                        f" WHERE {own} = %s ORDER BY id",
                        (copy, source),
                    )

    async def copy_links(self, schema: Schema, source: int, copy: int) -> None:
        """Give a copy of a component the relations and files of the original."""
        for item in schema.fields.values():
            match item.storage:
                case LinkStorage() as link:
                    await self._carry_link(item, link, source, copy, to_published=False)
                case MorphInverseStorage() if item.kind == "media":
                    files = await self.rows.files_of(schema, source, item)
                    await self.rows.put_files(schema, copy, item, files)

    async def _carry_link(
        self, item: Field, link: LinkStorage, source: int, copy: int, *, to_published: bool = True
    ) -> None:
        target = self.rows.schemas[item.target]
        table, own, other = self.rows.table(link.table), quote(link.own_column), quote(link.other_column)
        orders = [quote(name) for name in (link.order_column, link.inverse_order_column) if name]
        names = ", ".join([own, other, *orders])
        shown = "".join(f", l.{name}" for name in orders)
        if target.type.draft_and_publish and to_published:
            rows = self.rows.table(target.table)
            document, locale, published = (
                quote(target.fields[name].column) for name in ("documentId", "locale", "publishedAt")
            )
            select = (
                f"SELECT DISTINCT ON (l.id) %s, p.id{shown} FROM {table} l JOIN {rows} d ON d.id = l.{other}"
                f" JOIN {rows} p ON p.{document} = d.{document}"
                f" AND p.{locale} IS NOT DISTINCT FROM d.{locale}"
                f" AND p.{published} IS NOT NULL WHERE l.{own} = %s ORDER BY l.id, p.id"
            )
        else:
            select = f"SELECT %s, l.{other}{shown} FROM {table} l WHERE l.{own} = %s ORDER BY l.id"
        await self.rows.all(f"INSERT INTO {table} ({names}) {select} ON CONFLICT DO NOTHING", (copy, source))

    async def redirect(self, schema: Schema, before: int, after: int) -> None:
        """Let relations of others that lead to a row, and that it does not know of, lead to another one."""
        for other in self.rows.schemas:
            for item in other.fields.values():
                match item.storage:
                    case LinkStorage(owner=True, target=target) as link if (
                        target == schema.uid and "inversedBy" not in item.options
                    ):
                        table, column = self.rows.table(link.table), quote(link.other_column)
                        own = quote(link.own_column)
                        await self.rows.all(
                            f"UPDATE {table} l SET {column} = %(after)s WHERE {column} = %(before)s"
                            f" AND NOT EXISTS (SELECT 1 FROM {table} k WHERE k.{own} = l.{own}"
                            f" AND k.{column} = %(after)s)",
                            {"before": before, "after": after},
                        )
                    case MorphTableStorage() as morph if other.uid != FILE:
                        await self.rows.all(
                            f"UPDATE {self.rows.table(morph.table)} SET {quote(morph.id_column)} = %s"
                            f" WHERE {quote(morph.id_column)} = %s AND {quote(morph.type_column)} = %s",
                            (after, before, schema.uid),
                        )
                    case MorphColumnsStorage() as columns:
                        await self.rows.all(
                            f"UPDATE {self.rows.table(other.table)} SET {quote(columns.id_column)} = %s"
                            f" WHERE {quote(columns.id_column)} = %s AND {quote(columns.type_column)} = %s",
                            (after, before, schema.uid),
                        )


def _absent(target: Schema, count: int) -> RequestFault:
    return invalid(f"{count} relation(s) of type {target.uid} associated with this entity do not exist")
