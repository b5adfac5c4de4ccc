"""
How to get from a row to the rows behind one of its fields: FROM, WHERE and the order in which they are kept.

Pure. One place for link tables, join columns, components, media and the other locales of a document.
"""

from __future__ import annotations

from dataclasses import dataclass

from howdah.content.query.schema import Field, Schema, Schemas
from howdah.model.content import (
    ComponentStorage,
    JoinColumnStorage,
    LinkStorage,
    MorphColumnsStorage,
    MorphInverseStorage,
    MorphTableStorage,
)
from howdah.names import qualified, quote, quote_literal


@dataclass(frozen=True, kw_only=True)
class Join:
    """Rows behind a field, under the alias that was asked for."""

    source: str
    condition: str
    #: Expressions, without direction; what keeps the order.
    order: tuple[str, ...] = ()


def join_to(schemas: Schemas, db_schema: str, owner: Schema, field: Field, parent: str, alias: str) -> Join:
    """Return how the rows behind `field` of the row `parent` are found, as `alias`."""
    target = schemas[field.target]
    table = qualified(db_schema, target.table)
    link = f"{alias}_l"
    match field.storage:
        case LinkStorage() as storage:
            order = [f"{link}.{quote(storage.order_column)}"] if storage.order_column else []
            return Join(
                source=f"{qualified(db_schema, storage.table)} {link} JOIN {table} {alias}"
                f" ON {alias}.id = {link}.{quote(storage.other_column)}",
                condition=f"{link}.{quote(storage.own_column)} = {parent}.id",
                order=(*order, f"{link}.id"),
            )
        case JoinColumnStorage() as column:
            return Join(source=f"{table} {alias}", condition=f"{alias}.id = {parent}.{quote(column.column)}")
        case ComponentStorage() as component:
            return Join(
                source=f"{qualified(db_schema, component.table)} {link} JOIN {table} {alias}"
                f" ON {alias}.id = {link}.cmp_id",
                condition=f"{link}.entity_id = {parent}.id AND {link}.field = {quote_literal(field.name)}"
                # Rows of other components of a dynamic zone have the same numbers.
                + (
                    f" AND {link}.component_type = {quote_literal(target.uid)}"
                    if component.dynamic_zone
                    else ""
                ),
                order=(f'{link}."order"', f"{link}.id"),
            )
        case MorphInverseStorage() as inverse:
            return _inverse(db_schema, owner, field, inverse, target, parent, alias)
        case None:
            document = quote(target.fields["documentId"].column)
            return Join(
                source=f"{table} {alias}",
                condition=f"{alias}.{document} = {parent}.{document} AND {alias}.id <> {parent}.id",
                order=(f"{alias}.id",),
            )
    raise AssertionError(field)


def _inverse(
    db_schema: str,
    owner: Schema,
    field: Field,
    inverse: MorphInverseStorage,
    target: Schema,
    parent: str,
    alias: str,
) -> Join:
    table, link = qualified(db_schema, target.table), f"{alias}_l"
    by = target.fields[inverse.morph_by].storage
    uid = quote_literal(owner.uid)
    if isinstance(by, MorphTableStorage):
        return Join(
            source=f"{qualified(db_schema, by.table)} {link} JOIN {table} {alias}"
            f" ON {alias}.id = {link}.{quote(by.own_column)}",
            condition=f"{link}.{quote(by.id_column)} = {parent}.id"
            f" AND {link}.{quote(by.type_column)} = {uid} AND {link}.field = {quote_literal(field.name)}",
            order=(f'{link}."order"', f"{link}.id"),
        )
    assert isinstance(by, MorphColumnsStorage)
    return Join(
        source=f"{table} {alias}",
        condition=f"{alias}.{quote(by.id_column)} = {parent}.id AND {alias}.{quote(by.type_column)} = {uid}",
        order=(f"{alias}.id",),
    )
