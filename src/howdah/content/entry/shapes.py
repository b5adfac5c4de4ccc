"""
Bodies that are no entries (a login, a new password): which texts they hold, and what is said of the rest.

Pure. In the words and the order of the library that Strapi checks them with: a text of the wrong type is
told nothing else, except that it is not the same as another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from howdah.content.entry.scalars import is_email, type_refusal


@dataclass(frozen=True, kw_only=True)
class TextRule:
    """One member that has to be text."""

    name: str
    required: bool = True
    is_email: bool = False
    #: Characters at least, 0 for any number.
    least: int = 0
    #: UTF-8 bytes at most, 0 for any number; and what is said of more.
    bytes_max: int = 0
    too_long: str = ""
    #: Another member that it has to be the same as; and what is said where it is not.
    same_as: str = ""
    unlike: str = ""


def shape_errors(
    body: Mapping[str, Any], rules: Sequence[TextRule], *, known_only: bool = False
) -> list[dict[str, Any]]:
    """Return everything that is wrong with a body; `known_only` refuses members that no rule is about."""
    errors: list[dict[str, Any]] = []
    unknown = [name for name in body if all(rule.name != name for rule in rules)]
    if known_only and unknown:
        message = f"this field has unspecified keys: {', '.join(unknown)}"
        errors.append({"path": [], "message": message, "name": "ValidationError", "value": dict(body)})
    for rule in rules:
        for message in _messages(rule, body):
            errors.append(shape_error([rule.name], message))
            if rule.name in body:
                errors[-1]["value"] = body[rule.name]
    return errors


def shape_error(path: Sequence[str], message: str) -> dict[str, Any]:
    """Return one error of a member."""
    return {"path": list(path), "message": message, "name": "ValidationError"}


def _messages(rule: TextRule, body: Mapping[str, Any]) -> list[str]:
    name = rule.name
    if name not in body:
        return [f"{name} is a required field"] if rule.required else []
    value = body[name]
    messages: list[str] = []
    if not isinstance(value, str):
        messages += type_refusal(name, "string", value).messages
    if rule.same_as and value != body.get(rule.same_as):
        messages.append(rule.unlike)
    if messages or not isinstance(value, str):
        return messages
    if "\0" in value:
        return [f"{name} must not hold NUL characters"]
    if rule.is_email and value and not is_email(value):
        messages.append(f"{name} must be a valid email")
    if len(value) < rule.least:
        messages.append(f"{name} must be at least {rule.least} characters")
    if rule.required and not value:
        messages.append(f"{name} is a required field")
    if rule.bytes_max and len(value.encode("utf-8", "replace")) > rule.bytes_max:
        messages.append(rule.too_long)
    return messages
