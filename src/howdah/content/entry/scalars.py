"""
One value of one attribute: what may be stored, as what, and what is said of the rest.

Pure. The order of checks and the words are those of the library that Strapi validates with:
a value of the wrong type is told nothing else.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from howdah.content.query.faults import invalid
from howdah.content.query.json_text import holds_nul, read_json
from howdah.content.query.schema import Field
from howdah.content.query.values import js_number, parse_date, parse_moment, parse_time

_UID = re.compile(r"[A-Za-z0-9\-_.~]*")
_EMAIL = re.compile(r"[^\s@\"<>()\[\],;:]+@[^\s@.,\"<>()\[\];:]+(\.[^\s@.,\"<>()\[\];:]+)+")
#: What a varchar(255) holds; Strapi checks it for strings alone.
_VARCHAR = 255
_VARCHAR_TYPES = frozenset({"string", "email", "uid", "enumeration"})
_TEXTS = frozenset({"string", "text", "richtext", "password", "email", "uid"})


class ValueRefusedError(Exception):
    """A value that cannot be stored; carries every sentence about it."""

    def __init__(self, *messages: str, value: Any = None) -> None:
        super().__init__(*messages)
        self.messages = messages
        self.value = value


@dataclass(frozen=True, kw_only=True)
class Json:
    """A value for a column of JSON: text that PostgreSQL reads."""

    text: str


def check_scalar(field: Field, path: str, value: Any, *, draft: bool) -> Any:
    """
    Return the value to store; None stays None.

    Raises ValueRefusedError, and RequestFault for a date, time or moment that is none.
    """
    if value is None:
        return None
    if field.type in _TEXTS:
        return _text(field, path, value, draft=draft)
    if field.type in _NUMBERS:
        return _NUMBERS[field.type](field, path, value, draft)
    check = _CHECKS.get(field.type)
    if check is None:
        return _moment(field, value)
    return check(field, path, value)


def is_email(text: str) -> bool:
    """Tell whether a text is an address."""
    return _EMAIL.fullmatch(text) is not None


def type_refusal(path: str, kind: str, value: Any, *, cast: Any = None) -> ValueRefusedError:
    """Return what is said of a value of another type; `cast` is the value before it was read."""
    told = f" (cast from the value `{print_value(cast)}`)." if cast is not None else "."
    shown = "NaN" if isinstance(value, float) and math.isnan(value) else print_value(value)
    given = None if isinstance(value, float) and math.isnan(value) else value
    return ValueRefusedError(
        f"{path} must be a `{kind}` type, but the final value was: `{shown}`{told}", value=given
    )


def print_value(value: Any) -> str:
    """Return a value as messages show it; within lists and objects, as the text that each part would be."""
    if isinstance(value, list):
        value = [_printed(item) for item in value]
    elif isinstance(value, dict):
        value = {key: _printed(item) for key, item in value.items()}
    return json.dumps(value, ensure_ascii=False, indent=2 if isinstance(value, dict | list) else None)


def _printed(value: Any) -> Any:
    if isinstance(value, list):
        return [_printed(item) for item in value]
    if isinstance(value, dict):
        return {key: _printed(item) for key, item in value.items()}
    if isinstance(value, str):
        return f'"{value}"'
    return value if value is None else json.dumps(value)


def _text(field: Field, path: str, value: Any, *, draft: bool) -> str:
    if not isinstance(value, str):
        raise type_refusal(path, "string", value)
    if "\0" in value:
        raise ValueRefusedError(f"{path} must not hold NUL characters", value=value)
    options, length = field.options, len(value.encode("utf-16-le", "replace")) // 2
    least, most = options.get("minLength"), options.get("maxLength")
    messages = []
    # Of an address nothing but that it is not empty is asked, whatever its least length is.
    if isinstance(least, int) and least and not draft and length < least and field.type != "email":
        messages.append(f"{path} must be at least {least} characters")
    if isinstance(most, int) and most and length > most:
        messages.append(f"{path} must be at most {most} characters")
    elif field.type in _VARCHAR_TYPES and len(value) > _VARCHAR:
        messages.append(f"{path} must be at most {_VARCHAR} characters")
    if not draft:
        messages += _wrong_form(field, path, value)
    if field.type == "password" and len(value.encode("utf-8", "replace")) > 72:
        messages.append(f"{path} must be at most 72 bytes")
    if messages:
        raise ValueRefusedError(*messages, value=value)
    return value


def _wrong_form(field: Field, path: str, value: str) -> list[str]:
    """Return what is said of a text that a draft may have and what is published may not."""
    messages = []
    pattern = field.options.get("regex")
    if isinstance(pattern, str) and (value or field.options.get("required")) and not _fits(pattern, value):
        messages.append(f'{path} must match the following: "/{pattern}/"')
    if field.type == "email" and not value:
        messages.append(f"{path} cannot be empty")
    elif field.type == "email" and not is_email(value):
        messages.append(f"{path} must be a valid email")
    # A pattern of its own stands in for the one of all.
    if field.type == "uid" and not isinstance(pattern, str) and not _UID.fullmatch(value):
        messages.append(f'{path} must match the following: "/^[A-Za-z0-9-_.~]*$/"')
    return messages


def _fits(pattern: str, value: str) -> bool:
    try:
        return re.search(pattern, value) is not None
    except re.error:
        # JavaScript's own constructs; who wrote the pattern is not punished for our language.
        return True


def _enumeration(field: Field, path: str, value: Any) -> str:
    allowed = field.options.get("enum", [])
    if not isinstance(value, str) or value not in allowed:
        listed = ", ".join(str(item) for item in allowed)
        told = value if isinstance(value, str | list | dict) else json.dumps(value)
        raise ValueRefusedError(f"{path} must be one of the following values: {listed}, ", value=told)
    return value


def _boolean(_: Field, path: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str | int | float) and str(value).lower() in ("true", "1", "false", "0"):
        return str(value).lower() in ("true", "1")
    raise type_refusal(path, "boolean", value)


def _number(field: Field, path: str, value: Any, draft: bool) -> int | float:
    number = _read_number(value)
    if isinstance(number, float) and math.isnan(number):
        raise type_refusal(path, "number", math.nan, cast=value)
    messages = []
    if isinstance(number, float) and field.type == "integer" and not number.is_integer():
        messages.append(f"{path} must be an integer")
    elif isinstance(number, float) and math.isinf(number):
        messages.append(f"{path} must be a finite number")
    least, most = field.options.get("min"), field.options.get("max")
    if isinstance(least, int | float) and not isinstance(least, bool) and not draft and number < least:
        messages.append(f"{path} must be greater than or equal to {least}")
    if isinstance(most, int | float) and not isinstance(most, bool) and number > most:
        messages.append(f"{path} must be less than or equal to {most}")
    if not messages and field.type == "integer" and not -(2**31) <= number < 2**31:
        messages.append(f"{path} must be between -2147483648 and 2147483647")
    if messages:
        raise ValueRefusedError(*messages, value=number)
    return number


def _read_number(value: Any) -> int | float:
    """Return the number that a value stands for, a whole one as such; NaN where it stands for none."""
    if isinstance(value, str):
        text = re.sub(r"\s", "", value)
        if re.fullmatch(r"[+-]?[0-9]{1,300}", text):
            return int(text)
        value = js_number(text) if text else math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def _decimal(field: Field, path: str, value: Any, draft: bool) -> Decimal:
    number = _number(field, path, value, draft)
    return Decimal(repr(number)) if isinstance(number, float) else Decimal(number)


def _big(_: Field, path: str, value: Any) -> int:
    text = str(value) if not isinstance(value, bool) else ""
    if isinstance(value, float) and value.is_integer():
        text = str(int(value))
    if not isinstance(value, str | int | float) or not re.fullmatch(r"\s*[+-]?[0-9]{1,20}\s*", text):
        raise ValueRefusedError(f"{path} must be a valid integer", value=value)
    number = int(text)
    if not -(2**63) <= number < 2**63:
        raise ValueRefusedError(f"{path} must be between {-(2**63)} and {2**63 - 1}", value=value)
    return number


def check_json(path: str, value: Any) -> Json:
    """Return the value of a column of JSON. Raises ValueRefusedError, and RequestFault for depths."""
    text, is_bare = json.dumps(value), False
    if isinstance(value, str):
        try:
            # Text that is JSON stands for what it says, as in Strapi.
            read_json(value)
            text = value
        except ValueError:
            is_bare = True
    if holds_nul(text):
        raise ValueRefusedError(f"{path} must not hold NUL characters", value=None)
    # A bare string is kept as the JSON text of a string, which reads back as it was given.
    return Json(text=json.dumps(text) if is_bare else text)


def _moment(field: Field, value: Any) -> str:
    match field.type:
        case "date":
            return parse_date(value)
        case "time":
            if isinstance(value, int | float) and not isinstance(value, bool):
                raise invalid("Expected a string, got a number")
            return parse_time(value)
    return parse_moment(value)


_NUMBERS: Mapping[str, Callable[[Field, str, Any, bool], Any]] = {
    "integer": _number,
    "float": _number,
    "decimal": _decimal,
}
_CHECKS: Mapping[str, Callable[[Field, str, Any], Any]] = {
    "enumeration": _enumeration,
    "boolean": _boolean,
    "biginteger": _big,
    "json": lambda _, path, value: check_json(path, value),
}
