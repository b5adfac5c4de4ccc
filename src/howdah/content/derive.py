"""
Derive every table of a set of content types, as Strapi 5 makes them on PostgreSQL.

Pure. Each type is a table of entries; components and dynamic zones add one join table, every
relation is a link table of the side that owns it, relations to any type are two columns or a table.
Which attribute is kept where goes along in the model, for those who query.
The rules are Strapi's; the tests hold them against the schema that Strapi itself made.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from howdah.content import identifiers
from howdah.content.column_types import (
    COLUMN_TYPES,
    FLOAT,
    ID_COLUMN,
    INTEGER,
    TEXT_255,
    build_column,
    is_unique,
)
from howdah.content.relations import derive_link, derive_morph_table, inverse_of_link
from howdah.errors import HowdahError, UsageError
from howdah.model.content import (
    Attribute,
    ColumnDefinition,
    ColumnStorage,
    ComponentStorage,
    ContentModel,
    ContentType,
    ForeignKeyDefinition,
    IndexDefinition,
    JoinColumnStorage,
    LinkStorage,
    MorphColumnsStorage,
    MorphInverseStorage,
    Storage,
    TableDefinition,
)

_FILE = "plugin::upload.file"


def derive_model(types: Sequence[ContentType]) -> ContentModel:
    """
    Return all tables of the types and where each attribute is kept.

    Raises UsageError (K-104) with every contradiction between the definitions.
    """
    builder = _Builder(types)
    for content_type in types:
        builder.add_type(content_type)
    builder.add_inverse_sides()
    builder.check_tables()
    if builder.problems:
        raise UsageError(
            "K-104",
            f"The content types contradict each other ({len(builder.problems)}).",
            detail="; ".join(builder.problems),
            hint="Correct the schema files; nothing was done.",
        )
    return ContentModel(types=tuple(types), tables=tuple(builder.tables), storage=builder.storage)


def digest_of(tables: Sequence[TableDefinition]) -> str:
    """Return the SHA-256 of table definitions, whatever their order."""
    ordered = sorted((asdict(table) for table in tables), key=lambda table: str(table["name"]))
    text = json.dumps(ordered, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


class _Builder:
    """Collects tables, storage and problems while the types are gone through."""

    def __init__(self, types: Sequence[ContentType]) -> None:
        self.types = {item.uid: item for item in types}
        self.tables: list[TableDefinition] = []
        self.storage: dict[str, dict[str, Storage]] = {item.uid: {} for item in types}
        self.problems: list[str] = []

    def add_type(self, content_type: ContentType) -> None:
        """Derive the tables of one type."""
        try:
            self._add_type(content_type)
        except HowdahError as error:
            self.problems.append(f"{content_type.uid}: {error.message}")

    def _add_type(self, content_type: ContentType) -> None:
        table = identifiers.table_name(content_type.collection_name)
        columns = [ID_COLUMN]
        indexes = [_declared_index(item) for item in content_type.indexes]
        if content_type.has_documents:
            indexes.append(_documents_index(content_type))
        foreign_keys: list[ForeignKeyDefinition] = []
        owned: list[TableDefinition] = []
        for attribute in content_type.attributes:
            where = self._place(content_type, table, attribute, owned)
            if where is None:
                continue
            self.storage[content_type.uid][attribute.name] = where
            match where:
                case ColumnStorage(column=name):
                    columns.append(build_column(name, attribute))
                    if is_unique(attribute):
                        unique = identifiers.index_name([table, name], "uq")
                        indexes.append(IndexDefinition(name=unique, columns=(name,), unique=True))
                case JoinColumnStorage(column=name, target=target):
                    columns.append(ColumnDefinition(name=name, type=INTEGER))
                    key = identifiers.index_name([table, name], "fk")
                    indexes.append(IndexDefinition(name=key, columns=(name,)))
                    referenced = identifiers.table_name(self.types[target].collection_name)
                    foreign_keys.append(
                        ForeignKeyDefinition(
                            name=key, column=name, referenced_table=referenced, on_delete="SET NULL"
                        )
                    )
                case MorphColumnsStorage(id_column=id_name, type_column=type_name):
                    columns.append(ColumnDefinition(name=id_name, type=INTEGER))
                    columns.append(ColumnDefinition(name=type_name, type=TEXT_255))
        self.tables.append(
            TableDefinition(
                name=table,
                owner=content_type.uid,
                role="entries",
                columns=tuple(columns),
                indexes=tuple(indexes),
                foreign_keys=tuple(foreign_keys),
            )
        )
        if any(item.type in ("component", "dynamiczone") for item in content_type.attributes):
            self.tables.append(_component_table(content_type, table))
        self.tables += owned
        known = {column.name for column in columns}
        for index in indexes:
            for column in index.columns:
                if column not in known:
                    self.problems.append(
                        f'index "{index.name}" of {content_type.uid} names no column "{column}"'
                    )

    def _place(
        self, content_type: ContentType, table: str, attribute: Attribute, owned: list[TableDefinition]
    ) -> Storage | None:
        """Say where the attribute is kept, None for an inverse side; its own tables go to `owned`."""
        options = attribute.options
        if attribute.type in COLUMN_TYPES:
            name = options.get("columnName")
            return ColumnStorage(
                column=name if isinstance(name, str) and name else identifiers.column_name(attribute.name),
                type=build_column("", attribute).type,
            )
        match attribute.type:
            case "media":
                return MorphInverseStorage(
                    target=_FILE,
                    morph_by="related",
                    field=attribute.name,
                    to_many=options.get("multiple") is True,
                )
            case "component" | "dynamiczone":
                zone = attribute.type == "dynamiczone"
                components = tuple(options["components"]) if zone else (str(options["component"]),)
                for uid in components:
                    found = self.types.get(uid)
                    if found is None or found.origin != "component":
                        self._complain(
                            content_type, attribute, f'names the component "{uid}", which is not there'
                        )
                return ComponentStorage(
                    table=identifiers.component_table_name(content_type.collection_name),
                    field=attribute.name,
                    components=components,
                    repeatable=zone or options.get("repeatable") is True,
                    dynamic_zone=zone,
                )
        return self._place_relation(content_type, table, attribute, owned)

    def _place_relation(
        self, content_type: ContentType, table: str, attribute: Attribute, owned: list[TableDefinition]
    ) -> Storage | None:
        options = attribute.options
        relation = str(options["relation"])
        if relation == "morphToOne":
            # Named "target" whatever the attribute is called: two such attributes share the columns.
            return MorphColumnsStorage(id_column="target_id", type_column="target_type")
        if relation == "morphToMany":
            definition, morph = derive_morph_table(content_type, table, attribute)
            owned.append(definition)
            return morph
        target = self.types.get(str(options["target"]))
        if target is None:
            self._complain(
                content_type, attribute, f'has the target "{options["target"]}", which is not there'
            )
            return None
        if relation in ("morphOne", "morphMany"):
            morph_by = str(options.get("morphBy", ""))
            if morph_by and target.attribute(morph_by) is None:
                self._complain(content_type, attribute, f'names "{morph_by}", which {target.uid} has not')
            return MorphInverseStorage(
                target=target.uid, morph_by=morph_by, field=attribute.name, to_many=relation == "morphMany"
            )
        if "mappedBy" in options:
            return None
        inverse = options.get("inversedBy")
        if relation == "oneToMany" and inverse:
            self._complain(content_type, attribute, "is oneToMany and owns the relation (inversedBy)")
        if inverse and target.attribute(str(inverse)) is None:
            self._complain(content_type, attribute, f'is inversed by "{inverse}", which {target.uid} has not')
        if options.get("useJoinTable") is False and relation in ("oneToOne", "manyToOne"):
            return JoinColumnStorage(column=identifiers.id_column_name(attribute.name), target=target.uid)
        definition, link = derive_link(content_type, table, target, attribute)
        owned.append(definition)
        return link

    def add_inverse_sides(self) -> None:
        """Give each mappedBy attribute the link table of the attribute that owns the relation."""
        for content_type in self.types.values():
            for attribute in content_type.attributes:
                mapped_by = attribute.options.get("mappedBy")
                if attribute.type != "relation" or not isinstance(mapped_by, str):
                    continue
                target = str(attribute.options.get("target"))
                owner = self.storage.get(target, {}).get(mapped_by)
                if isinstance(owner, LinkStorage) and owner.target == content_type.uid:
                    self.storage[content_type.uid][attribute.name] = inverse_of_link(
                        owner, target, str(attribute.options["relation"])
                    )
                elif not isinstance(owner, JoinColumnStorage):
                    self._complain(
                        content_type, attribute, f'is mapped by "{mapped_by}", which {target} has not'
                    )

    def check_tables(self) -> None:
        """Find two tables, or two columns of one, with the same name."""
        seen: dict[str, str] = {}
        for table in self.tables:
            if table.name in seen:
                self.problems.append(
                    f'table "{table.name}" is both of {seen[table.name]} and of {table.owner}'
                )
            seen[table.name] = table.owner
            names = [column.name for column in table.columns]
            for name in sorted({name for name in names if names.count(name) > 1}):
                self.problems.append(f'table "{table.name}" has two attributes for the column "{name}"')

    def _complain(self, content_type: ContentType, attribute: Attribute, problem: str) -> None:
        self.problems.append(f'attribute "{attribute.name}" of {content_type.uid} {problem}')


def _declared_index(definition: Mapping[str, object]) -> IndexDefinition:
    columns = definition["columns"]
    assert isinstance(columns, list)
    return IndexDefinition(
        name=str(definition["name"]), columns=tuple(columns), unique=definition.get("type") == "unique"
    )


def _documents_index(content_type: ContentType) -> IndexDefinition:
    return IndexDefinition(
        name=identifiers.index_name([content_type.collection_name, "documents"], "idx"),
        columns=("document_id", "locale", "published_at"),
    )


def _component_table(content_type: ContentType, table: str) -> TableDefinition:
    collection = content_type.collection_name
    entity = identifiers.build_name([collection], ["entity", "fk"])
    return TableDefinition(
        name=identifiers.component_table_name(collection),
        owner=content_type.uid,
        role="components",
        columns=(
            ID_COLUMN,
            ColumnDefinition(name="entity_id", type=INTEGER),
            ColumnDefinition(name="cmp_id", type=INTEGER),
            ColumnDefinition(name="component_type", type=TEXT_255),
            ColumnDefinition(name="field", type=TEXT_255),
            ColumnDefinition(name="order", type=FLOAT),
        ),
        indexes=(
            IndexDefinition(name=identifiers.index_name([collection, "field"], "idx"), columns=("field",)),
            IndexDefinition(
                name=identifiers.index_name([collection, "component_type"], "idx"),
                columns=("component_type",),
            ),
            IndexDefinition(name=entity, columns=("entity_id",)),
            IndexDefinition(
                name=identifiers.index_name([collection], "uq"),
                columns=("entity_id", "cmp_id", "field", "component_type"),
                unique=True,
            ),
        ),
        foreign_keys=(
            ForeignKeyDefinition(
                name=entity, column="entity_id", referenced_table=table, on_delete="CASCADE"
            ),
        ),
    )
