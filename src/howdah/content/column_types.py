"""
Which PostgreSQL column each kind of attribute is, as Strapi 5 makes it.

Pure. Types are written as `format_type()` prints them, so that they compare with a
catalog as they are. Nothing has a default or is NOT NULL unless the attribute's member `column` says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from howdah.errors import UsageError
from howdah.model.content import Attribute, ColumnDefinition
from howdah.names import quote_literal

INTEGER = "integer"
TEXT_255 = "character varying(255)"
FLOAT = "double precision"
_MOMENT = "timestamp(6) without time zone"

COLUMN_TYPES: Mapping[str, str] = {
    "string": TEXT_255,
    "email": TEXT_255,
    "uid": TEXT_255,
    "password": TEXT_255,
    "enumeration": TEXT_255,
    "text": "text",
    "richtext": "text",
    "blocks": "jsonb",
    "json": "jsonb",
    "integer": INTEGER,
    "biginteger": "bigint",
    "float": FLOAT,
    # Two places: what Strapi asks for, whatever the attribute holds.
    "decimal": "numeric(10,2)",
    "date": "date",
    # Strapi asks for three digits; its builder writes "time" all the same.
    "time": "time without time zone",
    "datetime": _MOMENT,
    "timestamp": _MOMENT,
    "boolean": "boolean",
}

#: What `columnType` may ask for without arguments.
_KNEX_TYPES: Mapping[str, str] = {
    "string": TEXT_255,
    "text": "text",
    "longtext": "text",
    "integer": INTEGER,
    "bigInteger": "bigint",
    "double": FLOAT,
    "float": "real",
    "boolean": "boolean",
    "date": "date",
    "json": "json",
    "jsonb": "jsonb",
    "uuid": "uuid",
    "binary": "bytea",
}

ID_COLUMN = ColumnDefinition(name="id", type=INTEGER, not_null=True, serial=True)


def build_column(name: str, attribute: Attribute) -> ColumnDefinition:
    """
    Return the column of a scalar attribute.

    Raises UsageError (K-103) for a column type or default that Howdah does not know.
    """
    options = attribute.options.get("column")
    column = options if isinstance(options, Mapping) else {}
    return ColumnDefinition(
        name=name,
        type=_type_of(attribute),
        not_null=column.get("notNullable") is True,
        default_sql=_default_of(attribute.name, column.get("defaultTo")),
    )


def is_unique(attribute: Attribute) -> bool:
    """Tell whether the column itself is unique; `unique: true` of an attribute is not, Strapi checks that."""
    column = attribute.options.get("column")
    return isinstance(column, Mapping) and column.get("unique") is True


def _type_of(attribute: Attribute) -> str:
    wanted = attribute.options.get("columnType")
    if not isinstance(wanted, Mapping):
        return COLUMN_TYPES[attribute.type]
    kind, arguments = wanted.get("type"), wanted.get("args") or []
    numbers = [item for item in arguments if isinstance(item, int) and not isinstance(item, bool)]
    if kind == "string" and len(numbers) == 1:
        return f"character varying({numbers[0]})"
    if kind == "decimal" and len(numbers) == 2:
        return f"numeric({numbers[0]},{numbers[1]})"
    if isinstance(kind, str) and kind in _KNEX_TYPES and (not arguments or kind in ("text", "longtext")):
        return _KNEX_TYPES[kind]
    raise UsageError(
        "K-103",
        f'Attribute "{attribute.name}" asks for the column type {kind!r} with {arguments!r}.',
        hint=f"Known are {', '.join(sorted(_KNEX_TYPES))}, string with a length, decimal with two numbers.",
    )


def _default_of(name: str, value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return quote_literal(value)
    raise UsageError("K-103", f'Attribute "{name}" has a column default that is not text, number or boolean.')
