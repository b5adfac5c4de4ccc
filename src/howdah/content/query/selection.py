"""
Check the parameters `fields` and `populate` and everything nested in them.

Pure. A relation whose target may not be found is left out without a word, as Strapi does; a
name that does not exist is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from howdah.content.query.faults import RequestFault, invalid, invalid_key
from howdah.content.query.filters import check_filters
from howdah.content.query.limits import Asking
from howdah.content.query.schema import Field, Schema
from howdah.content.query.sorting import check_sort
from howdah.content.query.tree import ALWAYS, Populated, Selection
from howdah.content.query.values import UNTRUTHS, as_boolean, is_boolean_word

#: A page of what is populated cannot be asked for, as in Strapi.
_NESTED = ("sort", "filters", "fields", "populate", "count", "on", "ordering")
_MALFORMED = "Invalid populate parameter. Expected a string, an array of strings, a populate object"


def check_fields(schema: Schema, fields: Any, *, param: str = "fields") -> tuple[str, ...]:
    """Return scalars by name, in the type's order. Raises RequestFault."""
    if fields is None or fields in ("*", ""):
        return all_fields(schema)
    names = [fields] if isinstance(fields, str) else fields
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise invalid("Invalid fields parameter. Expected a string or an array of strings")
    wanted = {item.strip() for name in names for item in name.split(",")} - {""}
    if "*" in wanted:
        return all_fields(schema)
    for name in (item.strip() for text in names for item in text.split(",")):
        if name in ("id", "documentId", ""):
            continue
        field = schema.field(name)
        if field is None:
            raise invalid_key(name, None, param=param)
        if field.kind != "scalar" or not field.readable:
            raise invalid_key(name, name, param=param)
    if not schema.is_component:
        wanted.add("documentId")
    return tuple(name for name in all_fields(schema) if name in wanted)


def all_fields(schema: Schema) -> tuple[str, ...]:
    """Return every scalar that may be read, by name."""
    return tuple(item.name for item in schema.fields.values() if item.kind == "scalar" and item.readable)


def check_populate(asking: Asking, schema: Schema, populate: Any) -> tuple[Populated, ...]:
    """Return what is populated, by field. Raises RequestFault."""
    if populate is None or populate == "":
        return ()
    wanted = _spell(asking, schema, populate, None, 1)
    return _populate_object(asking, schema, wanted, None, 1)


def plain_selection(schema: Schema) -> Selection:
    """Return a selection of all scalars."""
    return Selection(uid=schema.uid, fields=all_fields(schema))


def _spell(asking: Asking, schema: Schema, populate: Any, path: str | None, depth: int) -> Mapping[str, Any]:
    """Return populate as an object: name → true or what is nested."""
    if populate == "*" or populate is True:
        return {
            item.name: True for item in schema.fields.values() if item.kind != "scalar" and not item.private
        }
    if isinstance(populate, Mapping):
        return populate
    if isinstance(populate, str):
        populate = populate.split(",")
    if not isinstance(populate, list) or not all(isinstance(item, str) for item in populate):
        raise invalid(_MALFORMED)
    tree: dict[str, Any] = {}
    for item in (part.strip() for text in populate for part in text.split(",")):
        if item == "*":
            raise invalid_key("*", "*", param="populate")
        if item:
            _require_dotted(asking, schema, item.split("."), path, depth)
            _add_dotted(asking, schema, tree, item.split("."))
    return tree


def _require_dotted(asking: Asking, schema: Schema, names: list[str], path: str | None, depth: int) -> None:
    """Raise RequestFault where a dotted path names what is not there or cannot be populated."""
    here = names[0] if path is None else f"{path}.{names[0]}"
    field = schema.field(names[0])
    if field is None or field.kind == "scalar" or field.private:
        raise invalid_key(names[0], here, param="populate")
    if len(names) == 1:
        return
    if field.kind == "zone":
        storage = field.storage
        candidates = [asking.schemas[uid] for uid in getattr(storage, "components", ())]
        if not any(names[1] in item.fields for item in candidates):
            raise invalid_key(names[1], f"{here}.{names[1]}", param="populate")
    elif not field.target or field.kind == "media":
        raise invalid_key(names[0], here, param="populate")
    else:
        _require_dotted(asking, asking.schemas[field.target], names[1:], here, depth + 1)


@dataclass(frozen=True)
class _InZone:
    """Dotted paths below a dynamic zone, each for the components that have its first name."""

    paths: list[str]


def _add_dotted(asking: Asking, schema: Schema, tree: dict[str, Any], names: list[str]) -> None:
    name, *rest = names
    below = tree.setdefault(name, True)
    if not rest:
        return
    field = schema.fields[name]
    if field.kind == "zone":
        zone = below if isinstance(below, _InZone) else _InZone(paths=[])
        zone.paths.append(".".join(rest))
        tree[name] = zone
        return
    if not isinstance(below, dict):
        below = tree[name] = {"populate": {}}
    _add_dotted(asking, asking.schemas[field.target], below["populate"], rest)


def _populate_object(
    asking: Asking, schema: Schema, wanted: Mapping[str, Any], path: str | None, depth: int
) -> tuple[Populated, ...]:
    found = []
    for name, value in wanted.items():
        here = name if path is None else f"{path}.{name}"
        field = schema.field(name)
        if field is None:
            if is_boolean_word(name) or (name == "" and value == "*"):
                continue
            raise invalid_key(name, path, param="populate")
        if field.kind == "scalar" or field.private:
            raise invalid_key(name, here.replace(".", ".populate."), param="populate")
        if value is None or value is False or (isinstance(value, str) and value in UNTRUTHS):
            continue
        populated = _populated(asking, schema, field, value, here, depth)
        if populated is not None:
            asking.count_populated(depth)
            found.append(populated)
    return tuple(found)


def _populated(
    asking: Asking, owner: Schema, field: Field, value: Any, path: str, depth: int
) -> Populated | None:
    if field.kind == "zone":
        return _zone(asking, owner, field, value, path, depth)
    if field.morph:
        return _any_type(asking, field, value, path, depth)
    nested = _nested(asking.schemas[field.target], value, path)
    if isinstance(nested.get("on"), Mapping):
        for uid in nested["on"]:
            if asking.schemas.get(uid) is None:
                raise invalid_key(uid, f"{path}.on.{uid}", param="populate")
    if "on" in nested:
        if not isinstance(nested["on"], Mapping):
            raise invalid_key("on", f"{path}.on", param="populate")
        raise invalid(f'Using fragments is not permitted to populate "{field.name}" in "{owner.uid}"')
    if field.kind == "relation" and not asking.may_find(field.target):
        # Checked all the same: what is wrong is said, whoever asks.
        _nested_selection(asking, field.target, nested, path, depth)
        return None
    count = _is_count(nested, path) and field.kind != "media"
    selection = _nested_selection(asking, field.target, nested, path, depth)
    return Populated(field=field, selection=selection, count=count)


def _nested(schema: Schema, value: Any, path: str) -> Mapping[str, Any]:
    """
    Return what is asked of the rows of one type; true asks for nothing in particular.

    Raises RequestFault for text other than true: below a field populate is an object.
    """
    if isinstance(value, Mapping):
        return value
    if is_boolean_word(value):
        return {}
    if isinstance(value, list):
        value = value[0] if value and isinstance(value[0], str) else ""
    if not isinstance(value, str):
        raise invalid("Invalid nested populate. Expected '*' or an object")
    if value == "*":
        first = next(
            (item for item in schema.fields.values() if item.kind != "scalar" and not item.private), None
        )
        if first is None:
            return {}
        raise invalid(
            f"Invalid key {first.name} at {path}.{first.name}",
            {"key": first.name, "path": f"{path}.{first.name}"},
        )
    key = value.partition(".")[0].strip()
    raise invalid_key(key, f"{path}.{key}" if schema.field(key) else path, param="populate")


def _is_count(nested: Mapping[str, Any], path: str) -> bool:
    if "count" not in nested:
        return False
    if not is_boolean_word(nested["count"]):
        raise invalid_key("count", path, param="populate")
    return as_boolean(nested["count"])


def _nested_selection(
    asking: Asking, uid: str, nested: Mapping[str, Any], path: str, depth: int
) -> Selection:
    schema = asking.schemas[uid]
    for key in nested:
        if key not in _NESTED and not is_boolean_word(key):
            raise invalid_key(key, f"{path}.{key}" if schema.field(key) else path, param="populate")
    try:
        condition = check_filters(asking, schema, nested["filters"]) if nested.get("filters") else ALWAYS
        sort = check_sort(asking, schema, nested["sort"]) if nested.get("sort") else ()
        fields = check_fields(schema, nested.get("fields"))
    except RequestFault as fault:
        raise _within_populate(fault) from None
    populated: tuple[Populated, ...] = ()
    if nested.get("populate"):
        wanted = _spell(asking, schema, nested["populate"], path, depth + 1)
        populated = _populate_object(asking, schema, wanted, path, depth + 1)
    return Selection(uid=uid, fields=fields, populated=populated, condition=condition, sort=sort)


def _within_populate(fault: RequestFault) -> RequestFault:
    details = {**fault.details, "param": "populate"} if "param" in fault.details else fault.details
    return RequestFault(fault.status, fault.name, fault.message, details)


def _zone(asking: Asking, owner: Schema, field: Field, value: Any, path: str, depth: int) -> Populated:
    """A dynamic zone: each of its components with what is asked of it."""
    if isinstance(value, _InZone):
        selections: dict[str, Selection] = {}
        for uid in _possible_types(asking, field):
            has = asking.schemas[uid].fields
            paths = [item for item in value.paths if item.partition(".")[0] in has]
            asking.count_populated(depth)
            selections[uid] = _nested_selection(
                asking, uid, {"populate": paths} if paths else {}, path, depth + 1
            )
        return Populated(field=field, selections=selections)
    nested: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
    if not (isinstance(value, Mapping) or is_boolean_word(value)) or set(nested) - {
        "populate",
        "on",
        "count",
    }:
        found = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        name = f"{owner.type.singular_name or 'undefined'}.{field.name}"
        raise invalid(
            f"Invalid nested populate for {name} ({owner.uid})."
            f' Expected a fragment ("on") or "count" but found {found}'
        )
    # Components are not counted, as in Strapi; the word is checked.
    _is_count(nested, path)
    return Populated(field=field, selections=_fragments(asking, field, nested, path, depth))


def _any_type(asking: Asking, field: Field, value: Any, path: str, depth: int) -> Populated | None:
    """A relation to any type: each type with what is asked of it; None where that is not understood."""
    if not isinstance(value, Mapping):
        if not is_boolean_word(value):
            return None
        return Populated(field=field, selections=_fragments(asking, field, {}, path, depth))
    count = _is_count(value, path)
    if "on" not in value and not count:
        inner = value.get("populate")
        if inner is not None and inner != "*":
            raise invalid_key("populate", path, param="populate")
        return None
    return Populated(field=field, selections=_fragments(asking, field, value, path, depth), count=count)


def _fragments(
    asking: Asking, field: Field, nested: Mapping[str, Any], path: str, depth: int
) -> dict[str, Selection]:
    inner = nested.get("populate")
    if inner is not None and inner != "*" and inner is not True:
        raise invalid_key("populate", path, param="populate")
    fragments = nested.get("on")
    if fragments is not None and not isinstance(fragments, Mapping):
        raise invalid_key("on", f"{path}.on", param="populate")
    selections: dict[str, Selection] = {}
    if fragments is not None:
        for uid, value in fragments.items():
            schema = asking.schemas.get(uid)
            if schema is None:
                raise invalid_key(uid, f"{path}.on.{uid}", param="populate")
            if value is None:
                continue
            selection = _nested_selection(asking, uid, _nested(schema, value, path), path, depth + 1)
            if _may_hold(asking, field, uid):
                selections[uid] = selection
    else:
        options = {"populate": inner} if inner else {}
        for uid in _possible_types(asking, field):
            asking.count_populated(depth)
            selections[uid] = _nested_selection(asking, uid, options, path, depth + 1)
    return selections


def _possible_types(asking: Asking, field: Field) -> list[str]:
    if field.kind == "zone":
        return list(getattr(field.storage, "components", ()))
    return [item.uid for item in asking.schemas if item.type.has_documents and asking.may_find(item.uid)]


def _may_hold(asking: Asking, field: Field, uid: str) -> bool:
    if field.kind == "zone":
        return uid in getattr(field.storage, "components", ())
    return asking.may_find(uid)
