"""
Content types as requests see them: fields by name, what is private, which type a relation leads to.

Pure; derived once from a `ContentModel`. A type that is not localized keeps locale and
localizations to itself, creators are private unless the type says otherwise, passwords are never read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from howdah.model.content import (
    Attribute,
    ColumnStorage,
    ComponentStorage,
    ContentModel,
    ContentType,
    JoinColumnStorage,
    LinkStorage,
    MorphColumnsStorage,
    MorphInverseStorage,
    MorphTableStorage,
    Storage,
)

FILE = "plugin::upload.file"
USER = "plugin::users-permissions.user"
ROLE = "plugin::users-permissions.role"
LOCALE = "plugin::i18n.locale"

Kind = Literal["scalar", "relation", "media", "component", "zone"]

#: Strings that a search looks into.
_TEXTS = frozenset({"string", "text", "uid", "email", "enumeration", "richtext"})
NUMBERS = frozenset({"integer", "biginteger", "decimal", "float"})
#: What each row of a document has for itself.
OWN_OF_ROWS = frozenset({"documentId", "createdAt", "updatedAt", "publishedAt", "locale"})
#: Set by the service, whatever a body says.
SET_BY_SERVICE = OWN_OF_ROWS | {"createdBy", "updatedBy", "localizations"}


@dataclass(frozen=True, kw_only=True)
class Field:
    """One attribute of a type."""

    name: str
    type: str
    kind: Kind
    #: None: the other rows of the same document (`localizations`).
    storage: Storage | None
    private: bool = False
    #: Uid of the type it leads to; "" for scalars, dynamic zones and relations to any type.
    target: str = ""
    #: A relation to rows of any type.
    morph: bool = False
    to_many: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def column(self) -> str:
        """Column of a scalar. Raises AssertionError for anything else."""
        assert isinstance(self.storage, ColumnStorage)
        return self.storage.column

    @property
    def readable(self) -> bool:
        """It may leave the service."""
        return not self.private and self.type != "password"

    @property
    def searched(self) -> bool:
        """A search for words looks into it."""
        return self.readable and self.type in _TEXTS | NUMBERS and self.options.get("searchable") is not False


@dataclass(frozen=True, kw_only=True)
class Schema:
    """One type."""

    uid: str
    type: ContentType
    table: str
    fields: Mapping[str, Field]
    #: `id` of every row, as a field.
    id_field: Field

    @property
    def is_component(self) -> bool:
        """It has no documents of its own."""
        return self.type.origin == "component"

    def field(self, name: str) -> Field | None:
        """Return a field by name, `id` among them."""
        return self.id_field if name == "id" else self.fields.get(name)


_ID = Field(name="id", type="integer", kind="scalar", storage=ColumnStorage(column="id", type="integer"))


class Schemas:
    """All types by uid; content types also by the name in their path."""

    def __init__(self, model: ContentModel) -> None:
        self.model = model
        self._by_uid = {item.uid: _build(model, item) for item in model.types}
        own = [item for item in model.types if item.origin == "content-type"]
        self.collections = {item.plural_name: item.uid for item in own if item.kind == "collectionType"}
        self.singles = {item.singular_name: item.uid for item in own if item.kind == "singleType"}

    def __getitem__(self, uid: str) -> Schema:
        return self._by_uid[uid]

    def get(self, uid: str) -> Schema | None:
        """Return a type, None for a uid that no type has."""
        return self._by_uid.get(uid)

    def __iter__(self) -> Any:
        return iter(self._by_uid.values())


def _build(model: ContentModel, item: ContentType) -> Schema:
    storage = model.storage[item.uid]
    fields = {
        attribute.name: _field(item, attribute, storage[attribute.name])
        for attribute in item.attributes
        if attribute.name in storage
    }
    if item.has_documents:
        fields["localizations"] = Field(
            name="localizations",
            type="relation",
            kind="relation",
            storage=None,
            private=not item.localized,
            target=item.uid,
            to_many=True,
        )
    return Schema(
        uid=item.uid,
        type=item,
        table=model.tables_of(item.uid)[0].name,
        fields=fields,
        id_field=_ID,
    )


def _field(item: ContentType, attribute: Attribute, storage: Storage) -> Field:
    kind: Kind = "scalar"
    target, morph, to_many = "", False, False
    match storage:
        case LinkStorage():
            kind, target, to_many = "relation", storage.target, storage.to_many
        case JoinColumnStorage():
            kind, target = "relation", storage.target
        case MorphTableStorage():
            kind, morph, to_many = "relation", True, True
        case MorphColumnsStorage():
            kind, morph = "relation", True
        case MorphInverseStorage():
            kind = "media" if attribute.type == "media" else "relation"
            target, to_many = storage.target, storage.to_many
        case ComponentStorage():
            kind = "zone" if storage.dynamic_zone else "component"
            target = "" if storage.dynamic_zone else storage.components[0]
            to_many = storage.repeatable
    return Field(
        name=attribute.name,
        type=attribute.type,
        kind=kind,
        storage=storage,
        private=_is_private(item, attribute),
        target=target,
        morph=morph,
        to_many=to_many,
        options=attribute.options,
    )


def _is_private(item: ContentType, attribute: Attribute) -> bool:
    if attribute.name in ("createdBy", "updatedBy") and item.has_documents:
        return item.options.get("populateCreatorFields") is not True
    if attribute.name == "locale" and item.has_documents:
        return not item.localized
    listed = item.options.get("privateAttributes")
    return attribute.options.get("private") is True or (isinstance(listed, list) and attribute.name in listed)
