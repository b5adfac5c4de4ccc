"""
Two different values for every type of column, to write and to read back.

Pure but for chance: text and whole numbers are drawn, so that a unique column takes them
beside what is stored.
"""

from __future__ import annotations

import secrets
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import uuid4

from psycopg.types.json import Json, Jsonb

from howdah.model.content import ColumnDefinition

#: Type → the values to write first and afterwards; what these cannot show is lost on no other value.
_FIXED: dict[str, tuple[Any, Any]] = {
    "numeric(10,2)": (Decimal("99999999.99"), Decimal("-0.01")),
    "double precision": (0.1 + 0.2, -1e308),
    "real": (0.5, -2.25),
    "boolean": (True, False),
    "date": (date(2024, 2, 29), date(1969, 7, 20)),
    "time without time zone": (time(23, 59, 59, 999000), time(0, 0)),
    "timestamp(6) without time zone": (
        datetime(2024, 2, 29, 12, 30, 15, 123456),
        datetime(1969, 7, 20, 20, 17),
    ),
    "bytea": (b"\x00\xff", b""),
}


def draw_samples(column: ColumnDefinition) -> tuple[Any, Any] | None:
    """Return two values as psycopg reads them back, None for a type that the probe leaves empty."""
    if column.type in _FIXED:
        return _FIXED[column.type]
    match column.type:
        case "text":
            return f"Probe {secrets.token_hex(8)} — ü𝄞\n'\\", secrets.token_hex(8)
        case "integer":
            return 2**31 - 1 - secrets.randbelow(2**20), -secrets.randbelow(2**31)
        case "bigint":
            return 2**63 - 1 - secrets.randbelow(2**40), -secrets.randbelow(2**63)
        case "json" | "jsonb":
            return {"probe": [1, 2.5, None, "ü"]}, []
        case "uuid":
            return uuid4(), uuid4()
    if column.type.startswith("character varying("):
        length = int(column.type[18:-1])
        return secrets.token_hex(16)[:length], secrets.token_hex(16)[:length]
    return None


def as_parameter(column: ColumnDefinition, value: Any) -> Any:
    """Return a sample as psycopg writes it into a column of its type."""
    if column.type == "jsonb":
        return Jsonb(value)
    return Json(value) if column.type == "json" else value
