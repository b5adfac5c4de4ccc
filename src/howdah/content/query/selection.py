"""
Check the parameters `fields` and `populate` and everything nested in them.

Pure. A relation whose target may not be found is left out without a word, as Strapi does; a
name that does not exist is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from howdah.content.query.faults import RequestFault, invalid, invalid_key
from howdah.content.query.filters import check_filters
from howdah.content.query.limits import Asking
from howdah.content.query.schema import Field, Schema
from howdah.content.query.sorting import check_sort
from howdah.content.query.tree import ALWAYS, Populated, Selection
from howdah.content.query.values import UNTRUTHS, as_boolean, is_boolean_word

_NESTED = ("sort", "filters", "fields", "populate", "count", "on", "ordering")
_PAGES = ("page", "pageSize", "start", "limit")
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
        populate = [populate]
    if not isinstance(populate, list) or not all(isinstance(item, str) for item in populate):
        raise invalid(_MALFORMED)
    tree: dict[str, Any] = {}
    for item in (part.strip() for text in populate for part in text.split(",")):
        if item == "*":
            tree = {**_spell(asking, schema, "*", path, depth), **tree}
        elif item:
            _require_dotted(asking, schema, item.split("."), path, depth)
            _add_dotted(tree, item.split("."))
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


def _add_dotted(tree: dict[str, Any], names: list[str]) -> None:
    below = tree.get(names[0])
    if len(names) == 1:
        tree.setdefault(names[0], True)
        return
    if not isinstance(below, dict):
        below = tree[names[0]] = {"populate": {}}
    _add_dotted(below["populate"], names[1:])


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
        if value is None or value is False or value in UNTRUTHS:
            continue
        populated = _populated(asking, field, value, here, depth)
        if populated is not None:
            asking.count_populated(depth)
            found.append(populated)
    return tuple(found)


def _populated(asking: Asking, field: Field, value: Any, path: str, depth: int) -> Populated | None:
    if isinstance(value, list):
        raise invalid("Invalid nested populate. Expected '*' or an object")
    nested: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
    if field.kind == "zone" or field.morph:
        return _any_type(asking, field, nested, path, depth)
    if "on" in nested:
        raise invalid(f'Using fragments is not permitted to populate "{field.name}" in "{field.target}"')
    if field.kind == "relation" and not asking.may_find(field.target):
        # Checked all the same: what is wrong is said, whoever asks.
        _nested_selection(asking, field.target, nested, path, depth)
        return None
    count = _is_count(nested, path)
    selection = _nested_selection(asking, field.target, nested, path, depth)
    return Populated(field=field, selection=selection, count=count)


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
        if key not in _NESTED and key not in _PAGES and not is_boolean_word(key):
            raise invalid_key(key, path, param="populate")
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
    start, limit = _nested_page(nested)
    return Selection(
        uid=uid,
        fields=fields,
        populated=populated,
        condition=condition,
        sort=sort,
        start=start,
        limit=limit,
    )


def _within_populate(fault: RequestFault) -> RequestFault:
    details = {**fault.details, "param": "populate"} if "param" in fault.details else fault.details
    return RequestFault(fault.status, fault.name, fault.message, details)


def _any_type(asking: Asking, field: Field, nested: Mapping[str, Any], path: str, depth: int) -> Populated:
    """A dynamic zone or a relation to any type: each type with what is asked of it."""
    for key, item in nested.items():
        if key not in ("populate", "on", "count", "fields", "sort", "filters"):
            raise invalid_key(key, path, param="populate")
        if key in ("fields", "sort", "filters") and item is not None:
            raise invalid(f'Invalid nested populate for {path}. Expected a fragment ("on") or "count"')
    inner = nested.get("populate")
    if inner is not None and inner != "*" and inner is not True:
        raise invalid_key("populate", path, param="populate")
    fragments = nested.get("on")
    if fragments is not None and not isinstance(fragments, Mapping):
        raise invalid_key("on", path, param="populate")
    count = _is_count(nested, path)
    selections: dict[str, Selection] = {}
    if fragments is not None:
        for uid, value in fragments.items():
            if asking.schemas.get(uid) is None:
                raise invalid_key(uid, f"{path}.on.{uid}", param="populate")
            if value is None or value is False or value in UNTRUTHS:
                continue
            if not isinstance(value, str | bool | Mapping):
                raise invalid("Invalid nested populate. Expected '*' or an object")
            inside = value if isinstance(value, Mapping) else {}
            selection = _nested_selection(asking, uid, inside, f"{path}.on.{uid}", depth + 1)
            if _may_hold(asking, field, uid):
                selections[uid] = selection
    else:
        options = {"populate": inner} if inner else {}
        for uid in _possible_types(asking, field):
            asking.count_populated(depth)
            selections[uid] = _nested_selection(asking, uid, options, path, depth + 1)
    return Populated(field=field, selections=selections, count=count)


def _possible_types(asking: Asking, field: Field) -> list[str]:
    if field.kind == "zone":
        return list(getattr(field.storage, "components", ()))
    return [item.uid for item in asking.schemas if item.type.has_documents and asking.may_find(item.uid)]


def _may_hold(asking: Asking, field: Field, uid: str) -> bool:
    if field.kind == "zone":
        return uid in getattr(field.storage, "components", ())
    return asking.may_find(uid)


def _nested_page(nested: Mapping[str, Any]) -> tuple[int, int | None]:
    """Return start and limit of the rows behind one field."""
    by_page = any(nested.get(key) is not None for key in ("page", "pageSize"))
    by_offset = any(nested.get(key) is not None for key in ("start", "limit"))
    if by_page and by_offset:
        raise RequestFault(
            400,
            "PaginationError",
            "Invalid pagination attributes. The page parameters are incorrect"
            " and must be in the pagination object",
        )
    if by_page:
        # Checked, and of no effect below the root, as in Strapi.
        for key in ("page", "pageSize"):
            if nested.get(key) is not None:
                number = _whole(nested[key])
                if number is None or number <= 0:
                    raise RequestFault(
                        400,
                        "PaginationError",
                        f"Invalid '{key}' parameter. Expected an integer > 0, received: {nested[key]}",
                    )
        return 0, None
    start = _position(nested.get("start"), "convertStartQueryParams", least=0)
    limit = _position(nested.get("limit"), "convertLimitQueryParams", least=-1)
    return start or 0, None if limit == -1 else limit


def _position(value: Any, function: str, *, least: int) -> int | None:
    if value is None:
        return None
    number = _whole(value)
    if number is None or number < least:
        raise invalid(f"{function} expected a positive integer got {'NaN' if number is None else number}")
    return number


def _whole(value: Any) -> int | None:
    try:
        number = int(str(value).strip() or "0")
    except ValueError:
        return None
    return number if abs(number) < 2**31 else None
