"""What the sender of a file says of it beside its bytes: `fileInfo`, checked as Strapi checks it. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from howdah.content.entry.scalars import Json
from howdah.content.query.faults import invalid, invalid_values
from howdah.content.query.json_text import read_json
from howdah.content.query.values import js_number

_TEXTS = ("name", "alternativeText", "caption")
_NAME_MAX = 255


def read_file_info(value: Any) -> dict[str, Any]:
    """
    Return what one `fileInfo` of a form says, as it is stored; what it leaves out or is null is missing.

    Raises RequestFault 400.
    """
    try:
        given = read_json(value) if isinstance(value, str) and value else {}
    except ValueError:
        raise invalid("Invalid fileInfo: expected JSON") from None
    if not isinstance(given, dict):
        raise invalid("Invalid fileInfo: expected an object")
    found: dict[str, Any] = {}
    errors: list[dict[str, Any]] = []
    for name in _TEXTS:
        text = given.get(name)
        if isinstance(text, dict | list):
            errors.append(_error(("fileInfo", name), _wrong_type("string", name, text), text))
        elif text is not None:
            found[name] = _text(text)
    point = given.get("focalPoint")
    if isinstance(point, dict):
        found["focalPoint"] = Json(
            text=json.dumps({axis: _share(point, axis, errors) for axis in ("x", "y")})
        )
    elif point is not None:
        errors.append(_error(("fileInfo", "focalPoint"), _wrong_type("object", "focalPoint", point), point))
    if errors:
        raise invalid_values(errors)
    if "name" in found:
        found["name"] = found["name"][:_NAME_MAX]
    return found


def _text(value: Any) -> str:
    text = json.dumps(value) if isinstance(value, bool | int | float) else str(value)
    if "\0" in text:
        raise invalid("Invalid fileInfo: a text cannot hold the character 0")
    return text


def _share(point: Mapping[str, Any], axis: str, errors: list[dict[str, Any]]) -> float | int | None:
    """Return one axis in per cent of the picture."""
    path = ("fileInfo", "focalPoint", axis)
    name = ".".join(path)
    if point.get(axis) is None:
        errors.append(_error(path, f"{name} is a required field"))
        return None
    number = js_number(point[axis])
    if math.isnan(number):
        errors.append(_error(path, _wrong_type("number", f"focalPoint.{axis}", point[axis]), point[axis]))
    elif number < 0:
        errors.append(_error(path, f"{name} must be greater than or equal to 0", point[axis]))
    elif number > 100:
        errors.append(_error(path, f"{name} must be less than or equal to 100", point[axis]))
    elif number.is_integer():
        return int(number)
    return number


def _wrong_type(kind: str, name: str, value: Any) -> str:
    shown = json.dumps(_printed(value), indent=2, ensure_ascii=False)
    return f"fileInfo.{name} must be a `{kind}` type, but the final value was: `{shown}`."


def _printed(value: Any) -> Any:
    """Return a value as the library prints it: whatever is no object or array is a text."""
    if isinstance(value, dict):
        return {key: _printed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_printed(item) for item in value]
    return f'"{value}"' if isinstance(value, str) else json.dumps(value)


def _error(path: tuple[str, ...], message: str, *value: Any) -> dict[str, Any]:
    found = {"path": list(path), "message": message, "name": "ValidationError"}
    return {**found, "value": value[0]} if value else found
