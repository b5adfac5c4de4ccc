"""What the rows of one document have in common, and a stored entry as a body to write anew. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from howdah.content.query.schema import OWN_OF_ROWS, Field, Schema, Schemas


def is_shared(item: Field) -> bool:
    """Tell whether every locale of a document has the same of it; relations are each locale's own."""
    return item.name not in OWN_OF_ROWS and item.kind != "relation" and not is_localized(item)


def is_localized(item: Field) -> bool:
    """Tell whether each locale of a document has its own of it."""
    plugins = item.options.get("pluginOptions")
    i18n = plugins.get("i18n") if isinstance(plugins, Mapping) else None
    return (isinstance(i18n, Mapping) and i18n.get("localized") is True) or item.type == "uid"


def as_body(schemas: Schemas, schema: Schema, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored entry as a body: components are new ones."""
    body: dict[str, Any] = {}
    for name, value in stored.items():
        item = schema.fields.get(name)
        if name == "__component":
            body[name] = value
        elif item is None or name in OWN_OF_ROWS:
            continue
        elif item.kind in ("component", "zone") and value is not None:
            parts = [
                as_body(schemas, schemas[item.target or part["__component"]], part)
                for part in (value if isinstance(value, list) else [value])
            ]
            body[name] = parts if isinstance(value, list) else parts[0]
        else:
            body[name] = value
    return body
