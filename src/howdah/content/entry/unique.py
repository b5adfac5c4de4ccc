"""
Values of a body that no other entry may have, those in components too, as conditions on other entries.

Pure. A value in a component is looked for at the same place of other entries of the type that the
component is in; within one list, no two components may have the same either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from howdah.content.entry.body import ComponentInput, EntryInput
from howdah.content.query.schema import Field, Schema, Schemas
from howdah.content.query.tree import Comparison, Condition, Related
from howdah.content.query.values import cast_value


@dataclass(frozen=True, kw_only=True)
class UniqueValue:
    """One value, and the condition that another entry has it as well."""

    path: tuple[str, ...]
    value: Any
    condition: Condition
    #: The entry itself has it twice.
    repeated: bool = False

    def error(self) -> dict[str, Any]:
        """Return what is said where it is not unique."""
        shown = self.value if isinstance(self.value, str | int | float | bool) else str(self.value)
        return {
            "path": list(self.path),
            "message": "This attribute must be unique",
            "name": "ValidationError",
            "value": shown,
        }


def unique_values(schemas: Schemas, schema: Schema, given: EntryInput) -> list[UniqueValue]:
    """Return the values that have to be unique, in the order of the attributes."""
    return list(_values(schemas, schema, given, (), lambda condition: condition))


def _values(
    schemas: Schemas,
    schema: Schema,
    given: EntryInput,
    path: tuple[str, ...],
    within: Callable[[Condition], Condition],
) -> Iterator[UniqueValue]:
    for name, item in schema.fields.items():
        value = given.scalars.get(name)
        if _is_unique(item) and value is not None and value != "":
            sent, kind = cast_value(item.type, value if isinstance(value, str | int | bool) else str(value))
            test = Comparison(field=item, operator="$eq", value=sent, type=kind)
            yield UniqueValue(path=(*path, name), value=value, condition=within(test))
        components = given.components.get(name, ())
        for position, component in enumerate(components):
            here = (*path, name, str(position)) if item.to_many else (*path, name)
            # A dynamic zone is looked into for the one component.
            behind = replace(item, kind="component", target=component.uid)
            for found in _values(
                schemas, schemas[component.uid], component.entry, here, _inside(within, behind)
            ):
                twice = _occurrences(components, component.uid, found.path[len(here) :], found.value) > 1
                yield replace(found, repeated=found.repeated or twice)


def _inside(within: Callable[[Condition], Condition], field: Field) -> Callable[[Condition], Condition]:
    return lambda condition: within(Related(field=field, item=condition))


def _occurrences(components: tuple[ComponentInput, ...], uid: str, path: tuple[str, ...], value: Any) -> int:
    """Return how many components of a list have a value at a path below them."""
    count = 0
    for component in components:
        entry: EntryInput | None = component.entry if component.uid == uid else None
        for name in path[:-1]:
            nested = entry.components.get(name, ()) if entry is not None else ()
            entry = nested[0].entry if nested else None
        count += entry is not None and entry.scalars.get(path[-1]) == value
    return count


def _is_unique(item: Field) -> bool:
    return item.type == "uid" or item.options.get("unique") is True
