"""
Rows of entries and of what belongs to them: insert, update, copy, delete; components, links and files.

Thin: each method is a few statements on a connection inside somebody else's transaction. Table and
column names come from the content model, never from a request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from psycopg.types.json import Jsonb

from howdah.content.entry.body import ComponentInput, EntryInput
from howdah.content.entry.scalars import Json
from howdah.content.query.columns import Dialect, as_stored
from howdah.content.query.faults import application_fault
from howdah.content.query.schema import Field, Schema, Schemas
from howdah.model.content import ColumnStorage, ComponentStorage, MorphInverseStorage, MorphTableStorage
from howdah.names import qualified, quote
from howdah.service.pooled_connection import PooledConnection

_Row = tuple[Any, ...]


class Rows:
    """The rows of one project, over one connection."""

    def __init__(self, connection: PooledConnection, schemas: Schemas, dialect: Dialect) -> None:
        self._connection = connection
        self.schemas = schemas
        self.dialect = dialect

    def table(self, name: str) -> str:
        """Return a table of the model, quoted."""
        return qualified(self.dialect.schema, name)

    async def all(self, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[_Row]:
        """Return every row of a statement."""
        cursor = await self._connection.execute(sql, values)
        return await cursor.fetchall() if cursor.description is not None else []

    async def one(self, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> _Row | None:
        """Return the first row of a statement, None where there is none."""
        found = await self.all(sql, values)
        return found[0] if found else None

    # Columns

    def _columns(self, schema: Schema, scalars: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
        """Return column → expression and value."""
        found = {}
        for name, value in scalars.items():
            item = schema.fields[name]
            expression = "%s"
            if item.type in ("datetime", "timestamp"):
                expression = as_stored("%s::timestamp", self.dialect)
            elif isinstance(value, Decimal):
                expression = "%s::numeric"
            found[item.column] = (expression, _sent(value))
        return found

    async def insert(self, schema: Schema, scalars: Mapping[str, Any]) -> int:
        """Insert a row and return its id."""
        columns = self._columns(schema, scalars)
        target = self.table(schema.table)
        if not columns:
            row = await self.one(f"INSERT INTO {target} DEFAULT VALUES RETURNING id")
        else:
            names = ", ".join(map(quote, columns))
            expressions = ", ".join(expression for expression, _ in columns.values())
            row = await self.one(
                f"INSERT INTO {target} ({names}) VALUES ({expressions}) RETURNING id",
                [value for _, value in columns.values()],
            )
        assert row is not None
        return int(row[0])

    async def update(self, schema: Schema, row: int, scalars: Mapping[str, Any]) -> None:
        """Set columns of a row."""
        columns = self._columns(schema, scalars)
        if columns:
            sets = ", ".join(f"{quote(name)} = {expression}" for name, (expression, _) in columns.items())
            await self._connection.execute(
                f"UPDATE {self.table(schema.table)} SET {sets} WHERE id = %s",
                [*(value for _, value in columns.values()), row],
            )

    async def copy_columns(self, schema: Schema, source: int, row: int, fields: Sequence[Field]) -> None:
        """Give a row what another row has in the columns of some fields."""
        if fields:
            target = self.table(schema.table)
            sets = ", ".join(f"{quote(item.column)} = s.{quote(item.column)}" for item in fields)
            await self._connection.execute(
                f"UPDATE {target} t SET {sets} FROM {target} s WHERE t.id = %s AND s.id = %s", (row, source)
            )

    async def copy(self, schema: Schema, row: int, overrides: Mapping[str, Any]) -> int:
        """Insert a row like another one, with some columns otherwise, and return its id."""
        set_otherwise = self._columns(schema, overrides)
        names = [
            column.name for column in self.schemas.model.table(schema.table).columns if not column.serial
        ]
        expressions, values = [], []
        for name in names:
            if name in set_otherwise:
                expression, value = set_otherwise[name]
                expressions.append(expression)
                values.append(value)
            else:
                expressions.append(quote(name))
        target = self.table(schema.table)
        found = await self.one(
            f"INSERT INTO {target} ({', '.join(map(quote, names))})"
            f" SELECT {', '.join(expressions)} FROM {target} WHERE id = %s RETURNING id",
            [*values, row],
        )
        assert found is not None
        return int(found[0])

    async def delete(self, schema: Schema, row: int) -> None:
        """Delete a row with its components and its places in relations of any type."""
        for item in schema.fields.values():
            match item.storage:
                case ComponentStorage():
                    await self.delete_components(schema, row, item)
                case MorphInverseStorage() if item.kind == "media":
                    await self._detach(schema, row, item)
        await self._connection.execute(f"DELETE FROM {self.table(schema.table)} WHERE id = %s", (row,))

    # Components

    async def _component_rows(self, storage: ComponentStorage, owner: int) -> list[_Row]:
        return await self.all(
            f'SELECT id, cmp_id, component_type, "order" FROM {self.table(storage.table)}'
            ' WHERE entity_id = %s AND field = %s ORDER BY "order", id',
            (owner, storage.field),
        )

    async def delete_components(self, schema: Schema, owner: int, item: Field) -> None:
        """Delete every component of a field."""
        assert isinstance(item.storage, ComponentStorage)
        for link, component, uid, _ in await self._component_rows(item.storage, owner):
            await self._delete_component(item.storage, link, component, uid)

    async def _delete_component(self, storage: ComponentStorage, link: int, component: int, uid: str) -> None:
        await self._connection.execute(f"DELETE FROM {self.table(storage.table)} WHERE id = %s", (link,))
        target = self.schemas.get(uid)
        if target is not None:
            await self.delete(target, component)

    async def copy_components(
        self, schema: Schema, source: int, copy: int, *, only: frozenset[str] | None = None
    ) -> list[tuple[Schema, int, int]]:
        """
        Copy the components of a row, at every depth; return type, original and copy of each.

        `only` names the fields meant, None all of them.
        """
        copied = []
        for item in schema.fields.values():
            if not isinstance(item.storage, ComponentStorage) or (only is not None and item.name not in only):
                continue
            for _, component, uid, order in await self._component_rows(item.storage, source):
                target = self.schemas.get(uid)
                if target is None or not await self._exists(target, component):
                    continue
                new = await self.copy(target, component, {})
                await self._link_component(item.storage, copy, new, uid, order)
                copied.append((target, component, new))
                copied += await self.copy_components(target, component, new)
        return copied

    async def _exists(self, schema: Schema, row: int) -> bool:
        return await self.one(f"SELECT 1 FROM {self.table(schema.table)} WHERE id = %s", (row,)) is not None

    async def _link_component(
        self, storage: ComponentStorage, owner: int, component: int, uid: str, order: float | None
    ) -> None:
        await self._connection.execute(
            f"INSERT INTO {self.table(storage.table)}"
            ' (entity_id, cmp_id, component_type, field, "order") VALUES (%s, %s, %s, %s, %s)',
            (owner, component, uid, storage.field, order),
        )

    async def put_components(
        self, schema: Schema, owner: int, item: Field, given: Sequence[ComponentInput]
    ) -> list[tuple[Schema, int, EntryInput]]:
        """
        Make the components of a field those given; return type, row and input of each, for its relations.

        A component that names a row of this field keeps it, others are new, the rest are deleted.
        """
        storage = item.storage
        assert isinstance(storage, ComponentStorage)
        there = {
            (uid, component): link for link, component, uid, _ in await self._component_rows(storage, owner)
        }
        kept, done = set(), []
        for position, component in enumerate(given, start=1):
            target = self.schemas[component.uid]
            order = float(position) if item.to_many else None
            key = (component.uid, component.row)
            if component.row and key in there and key not in kept:
                await self.update(target, component.row, component.entry.scalars)
                await self._connection.execute(
                    f'UPDATE {self.table(storage.table)} SET "order" = %s WHERE id = %s', (order, there[key])
                )
                row = component.row
                kept.add(key)
            elif component.row < 0 or (component.row and there):
                # Of an entry without components any is taken as a new one, as in Strapi.
                raise application_fault(
                    f"Some of the provided components in {item.name} are not related to the entity"
                )
            else:
                row = await self.insert(target, _with_defaults(target, component.entry.scalars))
                await self._link_component(storage, owner, row, component.uid, order)
            done.append((target, row, component.entry))
            for name, nested in component.entry.components.items():
                done += await self.put_components(target, row, target.fields[name], nested)
        for (uid, component_row), link in there.items():
            if (uid, component_row) not in kept:
                await self._delete_component(storage, link, component_row, uid)
        return done

    # Files

    async def put_files(self, schema: Schema, owner: int, item: Field, files: Sequence[int]) -> None:
        """Make the files of a field those given, in that order."""
        by = self._morph_of(item)
        await self._detach(schema, owner, item)
        for position, file in enumerate(files, start=1):
            await self._connection.execute(
                f"INSERT INTO {self.table(by.table)} ({quote(by.own_column)}, {quote(by.id_column)},"
                f' {quote(by.type_column)}, field, "order") VALUES (%s, %s, %s, %s, %s)',
                (file, owner, schema.uid, item.name, float(position)),
            )

    async def files_of(self, schema: Schema, owner: int, item: Field) -> list[int]:
        """Return the files of a field, in order."""
        by = self._morph_of(item)
        rows = await self.all(
            f"SELECT {quote(by.own_column)} FROM {self.table(by.table)} WHERE {quote(by.id_column)} = %s"
            f' AND {quote(by.type_column)} = %s AND field = %s ORDER BY "order", id',
            (owner, schema.uid, item.name),
        )
        return [row[0] for row in rows]

    async def _detach(self, schema: Schema, owner: int, item: Field) -> None:
        by = self._morph_of(item)
        await self._connection.execute(
            f"DELETE FROM {self.table(by.table)} WHERE {quote(by.id_column)} = %s"
            f" AND {quote(by.type_column)} = %s AND field = %s",
            (owner, schema.uid, item.name),
        )

    def _morph_of(self, item: Field) -> MorphTableStorage:
        assert isinstance(item.storage, MorphInverseStorage)
        by = self.schemas[item.target].fields[item.storage.morph_by].storage
        assert isinstance(by, MorphTableStorage)
        return by

    async def lock_values(self, schema: Schema) -> None:
        """Let nobody else write values of this type that have to be unique until the transaction ends."""
        await self._connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"howdah unique {schema.table}",)
        )


def _sent(value: Any) -> Any:
    return Jsonb(value.text, dumps=str) if isinstance(value, Json) else value


def _with_defaults(schema: Schema, scalars: Mapping[str, Any]) -> dict[str, Any]:
    """A new component has its defaults, also where the entry that it is of is only updated."""
    found = dict(scalars)
    for name, item in schema.fields.items():
        if item.kind == "scalar" and name not in found and isinstance(item.storage, ColumnStorage):
            default = item.options.get("default")
            if default is not None and item.type not in ("json", "blocks"):
                found[name] = default
    return found
