"""
Check the body of a write against the definitions of a type, its components and dynamic zones.

Pure: data in, an `EntryInput` out, or every sentence about what is wrong with it at once. What needs the
database (uniqueness, rows that a relation names) is looked at when the entry is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from howdah.content.entry.blocks import read_blocks
from howdah.content.entry.relations import RelationChange, parse_change
from howdah.content.entry.scalars import Json, ValueRefusedError, check_json, check_scalar, type_refusal
from howdah.content.query.faults import RequestFault, invalid_body_key, invalid_values
from howdah.content.query.schema import SET_BY_SERVICE, Field, Schema, Schemas

#: Accepted, and of no effect: status and locale are parameters.
_IGNORED = frozenset({"publishedAt", "locale"})
_NOT_WRITABLE = SET_BY_SERVICE - _IGNORED


@dataclass(frozen=True, kw_only=True)
class ComponentInput:
    """One component as given."""

    uid: str
    #: Row that is to be kept; 0 for a new one, -1 where what is named is no row.
    row: int
    entry: EntryInput


@dataclass(frozen=True, kw_only=True)
class EntryInput:
    """What is to be written, by attribute; what is not mentioned stays as it is."""

    scalars: Mapping[str, Any] = field(default_factory=dict)
    relations: Mapping[str, RelationChange] = field(default_factory=dict)
    components: Mapping[str, tuple[ComponentInput, ...]] = field(default_factory=dict)


def require_known_keys(
    schemas: Schemas,
    schema: Schema,
    data: Any,
    findable: frozenset[str] | None,
    path: tuple[str, ...] = (),
    *,
    zone: bool = False,
) -> None:
    """Raise RequestFault for the first key that is no attribute, or may not be written by whoever asks."""
    if not isinstance(data, Mapping):
        return
    above = ".".join(path) or None
    for key, value in data.items():
        if schema.is_component and (key == "id" or (zone and key == "__component")):
            continue
        item = schema.fields.get(key)
        if item is None:
            raise invalid_body_key(key, above)
        if not schema.is_component and key in _NOT_WRITABLE:
            raise invalid_body_key(key, key)
        restricted = item.kind == "relation" and not item.morph and value is not None
        if restricted and findable is not None and item.target not in findable:
            raise invalid_body_key(key, ".".join((*path, key)))
        if item.kind == "component":
            for one in value if isinstance(value, list) else [value]:
                require_known_keys(schemas, schemas[item.target], one, findable, (*path, key))
        elif item.kind == "zone" and isinstance(value, list):
            for one in value:
                target = schemas.get(str(one.get("__component"))) if isinstance(one, Mapping) else None
                if target is not None:
                    require_known_keys(schemas, target, one, findable, (*path, key), zone=True)


@dataclass(frozen=True, kw_only=True)
class CheckedBody:
    """A body that was looked at: what of it may be written, and what is wrong with the rest."""

    #: Without the values that were refused.
    entry: EntryInput
    schema: Schema
    errors: Sequence[Mapping[str, Any]]
    #: Dates and times that are none.
    moments: Sequence[RequestFault]

    def require_right(
        self, not_unique: Sequence[Mapping[str, Any]] = (), missing: Sequence[Mapping[str, Any]] = ()
    ) -> EntryInput:
        """
        Return what is to be written. Raises RequestFault with everything that is wrong.

        Errors are in the order of the attributes, those about rows that are missing come last. Moments that
        are none are told of alone, and only where nothing else is wrong.
        """
        order = {name: place for place, name in enumerate(self.schema.fields)}
        of_values = sorted([*self.errors, *not_unique], key=lambda error: order.get(error["path"][0], 0))
        if of_values or missing:
            raise invalid_values([*of_values, *missing])
        if self.moments:
            raise self.moments[0]
        return self.entry


def check_body(
    schemas: Schemas, schema: Schema, data: Mapping[str, Any], *, creating: bool, draft: bool
) -> CheckedBody:
    """Look at a body. Raises RequestFault for relations that mean nothing."""
    checker = _Checker(schemas, creating=creating, draft=draft)
    entry = checker.entry(schema, data, [])
    return CheckedBody(entry=entry, schema=schema, errors=checker.errors, moments=checker.moments)


class _Checker:
    def __init__(self, schemas: Schemas, *, creating: bool, draft: bool) -> None:
        self._schemas = schemas
        self._creating = creating
        self._draft = draft
        self.errors: list[dict[str, Any]] = []
        self.moments: list[RequestFault] = []

    def entry(self, schema: Schema, data: Mapping[str, Any], path: list[str]) -> EntryInput:
        scalars: dict[str, Any] = {}
        relations: dict[str, RelationChange] = {}
        components: dict[str, tuple[ComponentInput, ...]] = {}
        for name, item in schema.fields.items():
            if name in SET_BY_SERVICE and schema.type.has_documents:
                continue
            here = [*path, name]
            if item.kind == "scalar":
                self._scalar(item, data, here, scalars)
            elif item.kind in ("component", "zone"):
                if name in data or (self._creating and item.options.get("required") is True):
                    components[name] = self._components(item, data.get(name), here)
            elif name in data:
                relations[name] = parse_change(data[name], ".".join(here))
        return EntryInput(scalars=scalars, relations=relations, components=components)

    def _scalar(self, item: Field, data: Mapping[str, Any], path: list[str], found: dict[str, Any]) -> None:
        name = _joined(path)
        if item.name not in data:
            if not self._creating:
                return
            value = item.options.get("default")
            if value is None:
                if self._is_required(item):
                    self._add(path, f"{name} must be defined.")
                return
        else:
            value = data[item.name]
        if value is None and self._is_required(item):
            self._refuse_null(item, path)
            return
        try:
            if item.type == "blocks":
                found[item.name] = self._blocks(item, path, value)
                return
            found[item.name] = check_scalar(item, name, value, draft=self._draft)
        except RequestFault as fault:
            self.moments.append(fault)
        except ValueRefusedError as refusal:
            for message in refusal.messages:
                self._add(path, message, refusal.value, given=True)

    def _blocks(self, item: Field, path: list[str], value: Any) -> Json | None:
        name = _joined(path)
        blocks, faults = read_blocks(value, name)
        for fault in faults:
            self._add([*path, *fault.path], fault.message, fault.value, given=fault.is_given)
        if blocks is None:
            if value is not None and self._is_required(item):
                raise type_refusal(name, "array", None, cast=value)
            return None
        return check_json(name, blocks) if not faults else None

    def _refuse_null(self, item: Field, path: list[str]) -> None:
        kind = _YUP_TYPES.get(item.type)
        if kind is not None:
            message = type_refusal(_joined(path), kind, None).messages[0]
        elif self._creating:
            message = f"{_joined(path)} must be defined."
        else:
            message = f"{_joined(path)} cannot be null."
        self._add(path, message, None, given=True)

    def _is_required(self, item: Field) -> bool:
        return item.options.get("required") is True and not self._draft

    def _components(self, item: Field, value: Any, path: list[str]) -> tuple[ComponentInput, ...]:
        name = _joined(path)
        if not item.to_many:
            if value is None:
                if self._is_required(item):
                    self._add(path, type_refusal(name, "object", None).messages[0], None, given=True)
                return ()
            return self._each(item, [value], path, single=True)
        if not isinstance(value, list):
            self._add(path, type_refusal(name, "array", value).messages[0], value, given=True)
            return ()
        if not self._draft:
            self._bounds(item, value, path)
        return self._each(item, value, path, single=False)

    def _bounds(self, item: Field, value: Sequence[Any], path: list[str]) -> None:
        least, most = item.options.get("min"), item.options.get("max")
        name = _joined(path)
        if isinstance(least, int) and len(value) < least and (value or item.options.get("required") is True):
            self._add(path, f"{name} field must have at least {least} items", list(value), given=True)
        if isinstance(most, int) and len(value) > most:
            self._add(
                path, f"{name} field must have less than or equal to {most} items", list(value), given=True
            )

    def _each(
        self, item: Field, values: Sequence[Any], path: list[str], *, single: bool
    ) -> tuple[ComponentInput, ...]:
        found = []
        for position, value in enumerate(values):
            here = path if single else [*path, str(position)]
            if not isinstance(value, Mapping):
                cast = value if isinstance(value, str) and not single else None
                shown = None if cast is not None else value
                message = type_refusal(_joined(here), "object", shown, cast=cast).messages[0]
                self._add(here, message, shown, given=True)
                continue
            uid = item.target or self._zone_type(item, value, here)
            if not uid:
                continue
            row = _row_of(value)
            found.append(ComponentInput(uid=uid, row=row, entry=self.entry(self._schemas[uid], value, here)))
        return tuple(found)

    def _zone_type(self, item: Field, value: Mapping[str, Any], path: list[str]) -> str:
        uid = value.get("__component")
        allowed = getattr(item.storage, "components", ())
        here = [*path, "__component"]
        if not isinstance(uid, str) or not uid:
            self._add(here, f"{_joined(here)} is a required field")
        elif uid not in allowed:
            listed = ", ".join(allowed)
            self._add(here, f"{_joined(here)} must be one of the following values: {listed}", uid, given=True)
        else:
            return uid
        return ""

    def _add(self, path: list[str], message: str, value: Any = None, *, given: bool = False) -> None:
        error: dict[str, Any] = {"path": list(path), "message": message, "name": "ValidationError"}
        self.errors.append(error | ({"value": value} if given else {}))


#: Types that say of null that it is of another type; the others say that it must be defined.
_YUP_TYPES = {
    **dict.fromkeys(("string", "text", "richtext", "password", "email", "uid", "enumeration"), "string"),
    **dict.fromkeys(("integer", "float", "decimal"), "number"),
}


def _row_of(value: Mapping[str, Any]) -> int:
    if "id" not in value:
        return 0
    row = str(value["id"])
    return int(row) if row.isascii() and row.isdigit() and 0 < len(row) < 10 and int(row) > 0 else -1


def _joined(path: Sequence[str]) -> str:
    """Return a path as messages show it: `sections[0].body`."""
    text = ""
    for part in path:
        text += f"[{part}]" if part.isdigit() else f".{part}" if text else part
    return text
