"""
The table of one relation: its columns, order columns, indexes and foreign keys.

Pure. A link table belongs to the side that owns the relation (the one without `mappedBy`).
`…_ord` of the target orders the targets of one owner and is there where an owner has many;
`…_ord` of the owner orders the owners of one target and is there where a relation that
both sides declare has many owners.
"""

from __future__ import annotations

from howdah.content import identifiers
from howdah.content.column_types import FLOAT, ID_COLUMN, INTEGER, TEXT_255
from howdah.model.content import (
    Attribute,
    ColumnDefinition,
    ContentType,
    ForeignKeyDefinition,
    IndexDefinition,
    LinkStorage,
    MorphTableStorage,
    TableDefinition,
)


def derive_link(
    owner: ContentType, owner_table: str, target: ContentType, attribute: Attribute
) -> tuple[TableDefinition, LinkStorage]:
    """Return the link table of a relation and how its owner reads it."""
    relation = str(attribute.options["relation"])
    name = identifiers.link_table_name(owner_table, attribute.name)
    own = identifiers.id_column_name(owner.singular_name)
    other = identifiers.id_column_name(target.singular_name)
    if other == own:
        other = identifiers.id_column_name(target.singular_name, inverse=True)
    order = identifiers.order_column_name(target.singular_name)
    inverse_order = identifiers.order_column_name(owner.singular_name)
    if relation == "manyToMany" and inverse_order == order:
        inverse_order = identifiers.order_column_name(owner.singular_name, inverse=True)
    is_ordered = relation in ("oneToMany", "manyToMany")
    is_inverse_ordered = "inversedBy" in attribute.options and relation in ("manyToOne", "manyToMany")

    key = identifiers.index_name([name], "fk")
    inverse_key = identifiers.index_name([name], "ifk")
    columns = [ID_COLUMN, _id_column(own), _id_column(other)]
    indexes = [
        IndexDefinition(name=key, columns=(own,)),
        IndexDefinition(name=inverse_key, columns=(other,)),
        IndexDefinition(name=identifiers.index_name([name], "uq"), columns=(own, other), unique=True),
    ]
    if is_ordered:
        columns.append(ColumnDefinition(name=order, type=FLOAT))
        indexes.append(IndexDefinition(name=identifiers.index_name([name], "ofk"), columns=(order,)))
    if is_inverse_ordered:
        columns.append(ColumnDefinition(name=inverse_order, type=FLOAT))
        indexes.append(IndexDefinition(name=identifiers.index_name([name], "oifk"), columns=(inverse_order,)))
    table = TableDefinition(
        name=name,
        owner=owner.uid,
        role="links",
        columns=tuple(columns),
        indexes=tuple(indexes),
        foreign_keys=(
            _cascade(key, own, owner_table),
            _cascade(inverse_key, other, identifiers.table_name(target.collection_name)),
        ),
    )
    return table, LinkStorage(
        table=name,
        own_column=own,
        other_column=other,
        target=target.uid,
        order_column=order if is_ordered else "",
        inverse_order_column=inverse_order if is_inverse_ordered else "",
        to_many=is_ordered,
        owner=True,
    )


def inverse_of_link(link: LinkStorage, target: str, relation: str) -> LinkStorage:
    """Return how the side that says mappedBy reads the link table; `target` owns it."""
    return LinkStorage(
        table=link.table,
        own_column=link.other_column,
        other_column=link.own_column,
        target=target,
        order_column=link.inverse_order_column,
        inverse_order_column=link.order_column,
        to_many=relation in ("oneToMany", "manyToMany"),
        owner=False,
    )


def derive_morph_table(
    owner: ContentType, owner_table: str, attribute: Attribute
) -> tuple[TableDefinition, MorphTableStorage]:
    """Return the table of a relation to rows of any type."""
    name = identifiers.morph_table_name(owner_table, attribute.name)
    own = identifiers.id_column_name(owner.singular_name)
    any_id = identifiers.id_column_name(attribute.name)
    any_type = identifiers.type_column_name(attribute.name)
    key = identifiers.index_name([name], "fk")
    table = TableDefinition(
        name=name,
        owner=owner.uid,
        role="morph-links",
        columns=(
            ID_COLUMN,
            _id_column(own),
            _id_column(any_id),
            ColumnDefinition(name=any_type, type=TEXT_255),
            ColumnDefinition(name="field", type=TEXT_255),
            ColumnDefinition(name="order", type=FLOAT),
        ),
        indexes=(
            IndexDefinition(name=key, columns=(own,)),
            IndexDefinition(name=identifiers.index_name([name], "oidx"), columns=("order",)),
            IndexDefinition(name=identifiers.index_name([name], "idix"), columns=(any_id,)),
        ),
        foreign_keys=(_cascade(key, own, owner_table),),
    )
    return table, MorphTableStorage(table=name, own_column=own, id_column=any_id, type_column=any_type)


def _id_column(name: str) -> ColumnDefinition:
    return ColumnDefinition(name=name, type=INTEGER)


def _cascade(name: str, column: str, table: str) -> ForeignKeyDefinition:
    return ForeignKeyDefinition(name=name, column=column, referenced_table=table, on_delete="CASCADE")
