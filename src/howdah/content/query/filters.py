"""
Check the parameter `filters`, and `_q`, and make a condition of it.

Pure. Every key is an operator or an attribute that whoever asks may read, at every depth: what may
not be read may not be compared with either, or answers would give it away letter by letter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from howdah.content.query.faults import invalid, invalid_key
from howdah.content.query.limits import Asking
from howdah.content.query.schema import Field, Schema
from howdah.content.query.tree import ALWAYS, Comparison, Condition, Group, Negation, Related
from howdah.content.query.values import as_boolean, as_text, cast_value

GROUPS = {"$and": "and", "$or": "or"}
_CAST = frozenset({"$eq", "$ne", "$gt", "$gte", "$lt", "$lte"})
_LISTS = frozenset({"$in", "$notIn", "$between"})
_TEXTS = frozenset(
    {
        "$eqi",
        "$nei",
        "$startsWith",
        "$endsWith",
        "$startsWithi",
        "$endsWithi",
        "$contains",
        "$notContains",
        "$containsi",
        "$notContainsi",
    }
)
_NULLS = frozenset({"$null", "$notNull"})
OPERATORS = _CAST | _LISTS | _TEXTS | _NULLS | frozenset(GROUPS) | {"$not"}


def check_filters(asking: Asking, schema: Schema, filters: Any, *, param: str = "filters") -> Condition:
    """Return the condition. Raises RequestFault."""
    if not isinstance(filters, dict | list):
        raise invalid("The filters parameter must be an object or an array")
    return _Filters(asking, param).entry(schema, filters, None, 1)


class _Filters:
    def __init__(self, asking: Asking, param: str) -> None:
        self._asking = asking
        self._param = param

    def entry(self, schema: Schema, filters: Any, path: str | None, depth: int) -> Condition:
        """Conditions on a row of a type."""
        if isinstance(filters, list):
            return _all([self.entry(schema, item, path, depth) for item in filters if item is not None])
        if filters is None:
            return ALWAYS
        if not isinstance(filters, Mapping):
            raise invalid("The filters parameter must be an object or an array")
        return _all([self._member(schema, key, value, path, depth) for key, value in filters.items()])

    def _member(self, schema: Schema, key: str, value: Any, path: str | None, depth: int) -> Condition:
        self._asking.count_filter(depth)
        field = schema.field(key)
        if field is None:
            return self._operator(schema, key, value, path, depth)
        here = key if path is None else f"{path}.{key}"
        if key in ("id", "documentId"):
            # They are no attributes: what is wrong below them is said of what they belong to.
            return self._scalar(field, value, path, depth)
        self._require_allowed(field, here)
        if field.kind == "scalar":
            return self._scalar(field, value, here, depth)
        return Related(field=field, item=self._related(field, value, here, depth))

    def _require_allowed(self, field: Field, path: str) -> None:
        restricted = field.kind == "relation" and not self._asking.may_find(field.target)
        if not field.readable or field.kind == "zone" or field.morph or restricted:
            raise invalid_key(field.name, path, param=self._param)

    def _operator(self, schema: Schema, key: str, value: Any, path: str | None, depth: int) -> Condition:
        if key not in OPERATORS:
            raise invalid_key(key, path, param=self._param)
        if key in GROUPS:
            items = value if isinstance(value, list) else [value]
            conditions = tuple(self.entry(schema, item, path, depth + 1) for item in items)
            return _group(GROUPS[key], conditions)
        if key == "$not":
            return Negation(item=self.entry(schema, value, path, depth + 1))
        raise invalid(f"Only $and, $or and $not can only be used as root level operators. Found {key}.")

    def _related(self, field: Field, value: Any, path: str, depth: int) -> Condition:
        """Conditions on the row behind a relation: on its id, or on what it holds."""
        target = self._asking.schemas[field.target]
        if not isinstance(value, Mapping):
            return self._scalar(target.id_field, value, path, depth)
        operators = [key for key in value if key in OPERATORS and target.field(key) is None]
        if not operators:
            return self.entry(target, value, path, depth + 1)
        if len(operators) != len(value):
            unknown = next((key for key in value if key not in OPERATORS and target.field(key) is None), None)
            if unknown is not None:
                raise invalid_key(unknown, path, param=self._param)
            raise invalid("Operator and non-operator keys cannot be mixed in a relation where clause")
        if set(operators) <= {*GROUPS, "$not"}:
            nested = value.get("$not")
            if "$not" not in value or isinstance(nested, Mapping | list):
                return self._nested_groups(target, value, path, depth)
        return self._scalar(target.id_field, value, path, depth)

    def _nested_groups(self, target: Schema, value: Mapping[str, Any], path: str, depth: int) -> Condition:
        nested = value.get("$not")
        if isinstance(nested, Mapping) and nested and set(nested) <= OPERATORS - {*GROUPS, "$not"}:
            # `$not: {$eq: 1}` speaks of the id.
            return self._scalar(target.id_field, value, path, depth)
        return self.entry(target, value, path, depth + 1)

    def _scalar(self, field: Field, value: Any, path: str | None, depth: int) -> Condition:
        if isinstance(value, Mapping):
            return _all([self._test(field, key, item, path, depth) for key, item in value.items()])
        if isinstance(value, list):
            return self._list(field, "$in", value)
        return self._test(field, "$eq", value, path, depth)

    def _test(self, field: Field, operator: str, value: Any, path: str | None, depth: int) -> Condition:
        self._asking.count_filter(depth)
        if operator not in OPERATORS:
            raise invalid_key(operator, path, param=self._param)
        if operator in GROUPS:
            items = value if isinstance(value, list) else [value]
            return _group(
                GROUPS[operator], tuple(self._scalar(field, item, path, depth + 1) for item in items)
            )
        if operator == "$not":
            return Negation(item=self._scalar(field, value, path, depth + 1))
        if operator in _NULLS:
            is_null = as_boolean(value) == (operator == "$null")
            return Comparison(field=field, operator="$null" if is_null else "$notNull")
        if operator in _LISTS:
            if isinstance(value, Mapping) and not all(key.isdigit() for key in value):
                return self._require_nothing(value, path)
            return self._list(field, operator, value)
        if isinstance(value, list):
            return _group("or", tuple(self._test(field, operator, item, path, depth + 1) for item in value))
        if isinstance(value, Mapping):
            return self._require_nothing(value, path)
        return self._compare(field, operator, value)

    def _require_nothing(self, value: Mapping[str, Any], path: str | None) -> Condition:
        """An object where a value should be says nothing, as in Strapi; an operator in it is refused."""
        for key in value:
            if key.startswith("$"):
                raise invalid_key(key, path, param=self._param)
        return ALWAYS

    def _compare(self, field: Field, operator: str, value: Any) -> Condition:
        if value is None:
            if operator in ("$eq", "$eqi"):
                return Comparison(field=field, operator="$null")
            if operator in ("$ne", "$nei"):
                return Comparison(field=field, operator="$notNull")
            value = "null" if operator in _TEXTS else None
        if operator in _TEXTS:
            return Comparison(field=field, operator=operator, value=as_text(value), type="text")
        sent, kind = cast_value(field.type, value)
        return Comparison(field=field, operator=operator, value=sent, type=kind)

    def _list(self, field: Field, operator: str, value: Any) -> Condition:
        items = value if isinstance(value, list) else [value]
        if isinstance(value, Mapping):
            items = list(value.values())
        if any(isinstance(item, Mapping | list) for item in items):
            raise invalid(f"Invalid {operator} filter: expected an array of values")
        for _ in items:
            self._asking.count_filter(1)
        casts = [cast_value(field.type, item) for item in items]
        if operator == "$between" and len(items) != 2:
            raise invalid("Invalid $between filter: expected an array of two values")
        kind = next((kind for sent, kind in casts if sent is not None), "text")
        return Comparison(field=field, operator=operator, value=[sent for sent, _ in casts], type=kind)


def _all(items: list[Condition]) -> Condition:
    kept = tuple(item for item in items if item != ALWAYS)
    return kept[0] if len(kept) == 1 else Group(operator="and", items=kept)


def _group(operator: str, items: tuple[Condition, ...]) -> Condition:
    kept = tuple(item for item in items if item != ALWAYS)
    return Group(operator=operator, items=kept) if kept else ALWAYS
