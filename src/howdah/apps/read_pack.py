"""
Read an application pack from TOML, strictly: a word that means nothing is an error.

The form is described in docs/reference/application-packs.md; its table is `_FIELDS` here.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

from howdah.codecs.moment_params import UNIT_CHOICES
from howdah.codecs.registry import get_codec
from howdah.errors import HowdahError, UsageError
from howdah.model.app_pack import AppCheck, AppPack, CheckKind, Conversion, Signature, TableRule
from howdah.model.owned import RowPolicy

#: Units that integers of a declared type may count.
_UNITS = tuple(unit for unit in UNIT_CHOICES if unit not in ("auto", "reject"))

_STRINGS = (list, "a list of strings")
#: Section → field → type and its name for people.
_FIELDS: Mapping[str, Mapping[str, tuple[type, str]]] = {
    "pack": {
        "name": (str, "a string"),
        "title": (str, "a string"),
        "recognise": (list, "a list of tables"),
        "tables": (list, "a list of tables"),
        "epoch_units": (dict, "a table"),
        "conversions": (list, "a list of tables"),
        "checks": (list, "a list of tables"),
        "secrets": _STRINGS,
        "outside": _STRINGS,
        "next_steps": _STRINGS,
        "hook": (str, "a string"),
    },
    "recognise": {"tables": _STRINGS, "columns": _STRINGS, "without_tables": _STRINGS},
    "tables": {"match": _STRINGS, "rows": (str, "a string"), "reason": (str, "a string")},
    "conversions": {
        "columns": (str, "a string"),
        "declared": _STRINGS,
        "target": _STRINGS,
        "codec": (str, "a string"),
        "params": (dict, "a table"),
        "reason": (str, "a string"),
    },
    "checks": {
        "kind": (str, "a string"),
        "table": (str, "a string"),
        "columns": _STRINGS,
        "where": (str, "a string"),
        "refuse": (bool, "true or false"),
        "message": (str, "a string"),
        "hint": (str, "a string"),
    },
}
_REQUIRED = {
    "pack": ("name", "title", "recognise"),
    "recognise": ("tables",),
    "tables": ("match", "rows", "reason"),
    "conversions": (),
    "checks": ("kind", "table", "message"),
}


def read_pack(text: str, *, origin: str = "howdah") -> AppPack:
    """Read a pack. Raises UsageError A-501 for anything that the form does not know."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _refuse(origin, f"it is not TOML: {error}") from None
    _require_form(document, "pack", origin)
    for section in ("recognise", "tables", "conversions", "checks"):
        for entry in document.get(section, []):
            if not isinstance(entry, dict):
                raise _refuse(origin, f"[[{section}]] must be a table")
            _require_form(entry, section, origin)
    if not document["recognise"]:
        raise _refuse(origin, "it says nothing by which to recognise the application")
    units = document.get("epoch_units", {})
    for declared, unit in units.items():
        if unit not in _UNITS:
            raise _refuse(origin, f'epoch_units."{declared}" must be one of {", ".join(_UNITS)}')
    return AppPack(
        name=document["name"],
        title=document["title"],
        signatures=tuple(
            Signature(
                tables=tuple(entry["tables"]),
                columns=tuple(entry.get("columns", ())),
                without_tables=tuple(entry.get("without_tables", ())),
            )
            for entry in document["recognise"]
        ),
        tables=tuple(_read_table_rule(entry, origin) for entry in document.get("tables", ())),
        epoch_units={declared.upper(): unit for declared, unit in units.items()},
        conversions=tuple(_read_conversion(entry, origin) for entry in document.get("conversions", ())),
        checks=tuple(_read_check(entry, origin) for entry in document.get("checks", ())),
        secrets=tuple(document.get("secrets", ())),
        outside=tuple(document.get("outside", ())),
        next_steps=tuple(document.get("next_steps", ())),
        hook=document.get("hook", ""),
        origin=origin,
    )


def _require_form(entry: Mapping[str, Any], section: str, origin: str) -> None:
    fields = _FIELDS[section]
    for name, value in entry.items():
        if name not in fields:
            raise _refuse(origin, f'[{section}] has no field "{name}"; it has {", ".join(fields)}')
        kind, words = fields[name]
        good = type(value) is kind
        if good and words == _STRINGS[1]:
            good = all(isinstance(item, str) for item in value)
        if not good:
            raise _refuse(origin, f"[{section}] {name} must be {words}")
    missing = [name for name in _REQUIRED[section] if name not in entry]
    if missing:
        raise _refuse(origin, f"[{section}] lacks {', '.join(missing)}")


def _read_table_rule(entry: Mapping[str, Any], origin: str) -> TableRule:
    try:
        policy = RowPolicy(entry["rows"])
    except ValueError:
        raise _refuse(origin, f"[tables] rows must be one of {', '.join(RowPolicy)}") from None
    return TableRule(tables=tuple(entry["match"]), policy=policy, reason=entry["reason"])


def _read_conversion(entry: Mapping[str, Any], origin: str) -> Conversion:
    params = entry.get("params", {})
    if not all(isinstance(value, str) for value in params.values()):
        raise _refuse(origin, "[conversions] params must be strings")
    codec = entry.get("codec", "")
    if codec:
        try:
            get_codec(codec)
        except HowdahError as error:
            raise _refuse(origin, str(error)) from None
    return Conversion(
        columns=entry.get("columns", "*"),
        declared=tuple(declared.upper() for declared in entry.get("declared", ())),
        target=tuple(entry.get("target", ())),
        codec=codec,
        params=dict(params),
        reason=entry.get("reason", ""),
    )


def _read_check(entry: Mapping[str, Any], origin: str) -> AppCheck:
    try:
        kind = CheckKind(entry["kind"])
    except ValueError:
        raise _refuse(origin, f"[checks] kind must be one of {', '.join(CheckKind)}") from None
    wanted = "columns" if kind is CheckKind.SAME_VALUES else "where"
    if not entry.get(wanted):
        raise _refuse(origin, f'[checks] kind "{kind}" needs {wanted}')
    return AppCheck(
        kind=kind,
        table=entry["table"],
        columns=tuple(entry.get("columns", ())),
        where=entry.get("where", ""),
        refuse=entry.get("refuse", False),
        message=entry["message"],
        hint=entry.get("hint", ""),
    )


def _refuse(origin: str, why: str) -> UsageError:
    return UsageError(
        "A-501",
        f"application pack of {origin} cannot be read",
        detail=why,
        hint="docs/reference/application-packs.md describes the form.",
    )
