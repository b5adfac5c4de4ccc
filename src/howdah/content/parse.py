"""
Turn one schema document into a `ContentType`, with the attributes that Strapi adds to every type.

Pure. What cannot be used is added to a list of problems, so that a person sees all of them at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from howdah.content.column_types import COLUMN_TYPES
from howdah.content.words import snake_case
from howdah.model.content import Attribute, ContentType, TypeOrigin

RELATIONS = frozenset(
    {
        "oneToOne",
        "oneToMany",
        "manyToOne",
        "manyToMany",
        "morphOne",
        "morphMany",
        "morphToOne",
        "morphToMany",
    }
)
#: Attributes that are not a column of their own.
_STRUCTURES = frozenset({"relation", "component", "dynamiczone", "media"})
_RESERVED = frozenset({"id", "document_id"})

_CREATOR: Mapping[str, Any] = {"relation": "oneToOne", "target": "admin::user", "useJoinTable": False}


def parse_type(
    uid: str, document: Mapping[str, Any], origin: TypeOrigin, problems: list[str], *, file: str = ""
) -> list[ContentType]:
    """Return the type in a list, or an empty list after adding to `problems` what is wrong."""
    before = len(problems)
    where = file or uid
    info = _mapping(document.get("info"))
    options = _mapping(document.get("options"))
    collection = document.get("collectionName")
    if not isinstance(collection, str) or not collection:
        problems.append(f"{where} has no collectionName")
    is_component = origin == "component"
    singular = uid.rpartition(".")[2] if is_component else info.get("singularName")
    if not isinstance(singular, str) or not snake_case(singular):
        problems.append(f"{where} has no info.singularName")
    definitions = document.get("attributes", {})
    if not isinstance(definitions, Mapping):
        problems.append(f'{where} has "attributes" that are not an object')
        definitions = {}
    attributes = [
        attribute
        for name, definition in definitions.items()
        for attribute in _parse_attribute(name, definition, where, problems)
    ]
    indexes = _parse_indexes(document.get("indexes"), where, problems)
    if len(problems) > before:
        return []
    has_documents = not is_component and document.get("documents", True) is not False
    return [
        ContentType(
            uid=uid,
            origin=origin,
            kind="" if is_component else str(document.get("kind", "collectionType")),
            singular_name=str(singular),
            plural_name=str(info.get("pluralName", "")),
            collection_name=str(collection),
            attributes=tuple(_with_added(attributes) if has_documents else attributes),
            draft_and_publish=options.get("draftAndPublish") is True,
            localized=_is_localized(document),
            has_documents=has_documents,
            indexes=indexes,
            file=file,
            options=options,
        )
    ]


def _with_added(attributes: list[Attribute]) -> list[Attribute]:
    """Put documentId before and timestamps, creators and locale after; same names give way."""
    moment = {"type": "datetime"}
    after = {
        "createdAt": moment,
        "updatedAt": moment,
        "publishedAt": moment,
        "createdBy": {"type": "relation", **_CREATOR},
        "updatedBy": {"type": "relation", **_CREATOR},
        "locale": {"type": "string"},
    }
    added = {name: Attribute(name=name, type=str(item["type"]), options=item) for name, item in after.items()}
    # Assigning to an object keeps the place of a name that is there already.
    merged = {attribute.name: attribute for attribute in attributes} | added
    return [Attribute(name="documentId", type="string", options={"type": "string"}), *merged.values()]


def _parse_attribute(name: Any, definition: Any, where: str, problems: list[str]) -> list[Attribute]:
    label = f'attribute "{name}" of {where}'
    if not isinstance(definition, Mapping):
        problems.append(f"{label} is not an object")
        return []
    kind = definition.get("type")
    problem = ""
    if not snake_case(str(name)):
        problem = "has a name without a letter or digit"
    elif snake_case(str(name)) in _RESERVED:
        problem = "has a name that Strapi keeps for itself"
    elif kind == "customField":
        problem = "is a custom field, whose column only its plugin knows; write the type it stands for"
    elif kind not in COLUMN_TYPES and kind not in _STRUCTURES:
        problem = f"has the type {kind!r}, which Strapi 5 does not have"
    elif kind == "relation":
        problem = _relation_problem(definition)
    elif kind == "component" and not isinstance(definition.get("component"), str):
        problem = "does not say which component it is"
    elif kind == "dynamiczone" and not _is_list_of_text(definition.get("components")):
        problem = "does not list its components"
    if problem:
        problems.append(f"{label} {problem}")
        return []
    return [Attribute(name=str(name), type=str(kind), options=dict(definition))]


def _relation_problem(definition: Mapping[str, Any]) -> str:
    relation = definition.get("relation")
    if relation not in RELATIONS:
        return f"has the relation {relation!r}, which Strapi 5 does not have"
    if not str(relation).startswith("morphTo") and not isinstance(definition.get("target"), str):
        return "does not say its target"
    if "mappedBy" in definition and "inversedBy" in definition:
        return "says both mappedBy and inversedBy"
    if "joinTable" in definition or "joinColumn" in definition:
        return "brings its own joinTable or joinColumn, which Howdah does not read"
    return ""


def _parse_indexes(value: Any, where: str, problems: list[str]) -> tuple[Mapping[str, Any], ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        problems.append(f'{where} has "indexes" that are not a list')
        return ()
    for item in value:
        if (
            not isinstance(item, Mapping)
            or not isinstance(item.get("name"), str)
            or not _is_list_of_text(item.get("columns"))
        ):
            problems.append(f"{where} has an index without a name or columns")
            return ()
        if item.get("type") not in (None, "unique"):
            problems.append(f'{where}: index "{item["name"]}" has the type {item["type"]!r}')
            return ()
    return tuple(value)


def _is_localized(document: Mapping[str, Any]) -> bool:
    plugins = _mapping(document.get("pluginOptions"))
    return _mapping(plugins.get("i18n")).get("localized") is True


def _is_list_of_text(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
