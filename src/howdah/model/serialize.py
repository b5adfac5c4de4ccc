"""
Read the model's dataclasses back from JSON; the counterpart of `model.report.to_json`.

The types of the fields are the schema. A missing field takes its default, an
unknown one is ignored: a stored report or plan stays readable when fields are added.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def from_json(kind: type[T], value: Any) -> T:
    """
    Build an object of the dataclass `kind` from what `to_json` made.

    Raises KeyError, TypeError or ValueError where the data does not fit.
    """
    result: T = _convert(kind, value)
    return result


def _convert(hint: Any, value: Any) -> Any:
    if hint is Any:
        return value
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        inner = [item for item in get_args(hint) if item is not type(None)]
        return _convert(inner[0], value)
    if origin is tuple:
        return _convert_tuple(get_args(hint), value)
    if origin is list:
        return [_convert(get_args(hint)[0], item) for item in value]
    if origin is frozenset:
        return frozenset(_convert(get_args(hint)[0], item) for item in value)
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return {key: _convert(get_args(hint)[1], item) for key, item in value.items()}
    if isinstance(hint, type):
        return _convert_class(hint, value)
    return value  # Literal: the string itself


def _convert_tuple(arguments: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_convert(arguments[0], item) for item in value)
    return tuple(_convert(hint, item) for hint, item in zip(arguments, value, strict=True))


@cache
def _field_types(kind: type[Any]) -> dict[str, Any]:
    # A stored plan has thousands of objects of few classes; resolving annotations is most of the cost.
    hints = get_type_hints(kind)
    return {item.name: hints[item.name] for item in fields(kind)}


def _convert_class(kind: type[Any], value: Any) -> Any:
    if is_dataclass(kind):
        hints = _field_types(kind)
        return kind(**{name: _convert(hints[name], item) for name, item in value.items() if name in hints})
    if issubclass(kind, Enum):
        return kind(value)
    if kind is float:
        return float(value)
    return value
