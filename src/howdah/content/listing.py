"""Types as a person reads them: every attribute, where it is kept, and how many rows there are. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from howdah.model.content import (
    Attribute,
    AttributeListing,
    ColumnStorage,
    ComponentStorage,
    ContentModel,
    JoinColumnStorage,
    LinkStorage,
    MorphColumnsStorage,
    MorphInverseStorage,
    MorphTableStorage,
    Storage,
    TypeListing,
)


def list_types(model: ContentModel, rows: Mapping[str, int | None]) -> tuple[TypeListing, ...]:
    """Return every type; `rows` are counts by table, empty without a database."""
    return tuple(
        TypeListing(
            uid=item.uid,
            origin=item.origin,
            kind=item.kind,
            draft_and_publish=item.draft_and_publish,
            localized=item.localized,
            attributes=tuple(
                AttributeListing(
                    name=attribute.name,
                    type=_describe_type(attribute),
                    kept_in=_describe_storage(model, model.storage[item.uid].get(attribute.name)),
                )
                for attribute in item.attributes
            ),
            tables=tuple(table.name for table in model.tables_of(item.uid)),
            rows=rows.get(model.tables_of(item.uid)[0].name),
        )
        for item in model.types
    )


def _describe_type(attribute: Attribute) -> str:
    options = attribute.options
    match attribute.type:
        case "relation":
            target = options.get("target")
            return f"{options['relation']} → {target}" if target else f"{options['relation']} → any type"
        case "component":
            return f"component {options['component']}{' (repeatable)' if options.get('repeatable') else ''}"
        case "dynamiczone":
            return f"dynamic zone of {', '.join(options['components'])}"
        case "media":
            return "media (several)" if options.get("multiple") else "media"
        case _:
            return attribute.type


def _describe_storage(model: ContentModel, storage: Storage | None) -> str:
    match storage:
        case ColumnStorage(column=column, type=type_name):
            return f"{column} {type_name}"
        case JoinColumnStorage(column=column):
            return f"{column} integer"
        case MorphColumnsStorage(id_column=id_column, type_column=type_column):
            return f"{id_column}, {type_column}"
        case LinkStorage(table=table) | ComponentStorage(table=table) | MorphTableStorage(table=table):
            return table
        case MorphInverseStorage(target=target, morph_by=morph_by):
            there = model.storage[target].get(morph_by)
            return there.table if isinstance(there, MorphTableStorage) else ""
        case None:
            return ""
