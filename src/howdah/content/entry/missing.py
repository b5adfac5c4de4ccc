"""
Rows that a body relates an entry to by their ids, and what is said where some of them are not there.

Pure: which rows are there is asked by whoever has the database. Strapi tells of it beside everything else
that is wrong, once for the whole body, and gives the body back as it understood it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from howdah.content.entry.relations import Reference, RelationChange, parse_change
from howdah.content.query.schema import Field, Schema, Schemas


def related_ids(schemas: Schemas, schema: Schema, data: Any) -> dict[str, set[int]]:
    """Return type → ids that a body connects, those in components too. Raises RequestFault."""
    found: dict[str, set[int]] = {}
    for target, references in _connected(schemas, schema, data):
        found.setdefault(target, set()).update(one.row for one in references if one.row)
    return {target: rows for target, rows in found.items() if rows}


def missing_error(
    target: str, count: int, schema: Schema, data: Mapping[str, Any], *, creating: bool, published: str | None
) -> dict[str, Any]:
    """Return what is said where rows of a type are not there; `published` is the moment of a row to be."""
    told: dict[str, Any] = {"publishedAt": published}
    for name, item in schema.fields.items():
        if name in data:
            told[name] = _as_understood(item, data[name], name)
        elif creating and (item.kind == "zone" or (item.kind == "component" and item.to_many)):
            if item.options.get("required") is not True:
                told[name] = []
        elif creating and item.kind == "scalar" and item.options.get("default") is not None:
            told[name] = item.options["default"]
    return {
        "path": [],
        "message": f"{count} relation(s) of type {target} associated with this entity do not exist",
        "name": "ValidationError",
        "value": told,
    }


def _connected(schemas: Schemas, schema: Schema, data: Any) -> Iterator[tuple[str, Iterable[Reference]]]:
    if not isinstance(data, Mapping):
        return
    for name, item in schema.fields.items():
        value = data.get(name)
        if value is None:
            continue
        if item.kind in ("relation", "media") and item.target:
            change = parse_change(value, name)
            yield item.target, (*(change.whole or ()), *change.connect)
        elif item.kind in ("component", "zone"):
            for one in value if isinstance(value, list) else [value]:
                uid = item.target or (one.get("__component") if isinstance(one, Mapping) else "")
                target = schemas.get(uid) if isinstance(uid, str) else None
                if target is not None:
                    yield from _connected(schemas, target, one)


def _as_understood(item: Field, value: Any, name: str) -> Any:
    if item.kind not in ("relation", "media") or not item.target:
        return value
    change: RelationChange = parse_change(value, name)
    if change.whole is not None:
        return {"set": _told(change.whole)}
    parts = {"connect": _told(change.connect), "disconnect": _told(change.disconnect)}
    return {key: rows for key, rows in parts.items() if rows}


def _told(references: Iterable[Reference]) -> list[dict[str, Any]]:
    return [{"id": one.row} if one.row else {"documentId": one.document} for one in references]
