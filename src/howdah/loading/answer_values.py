"""
Bring the columns of two answers to one form, so that equal answers are equal Python values.

Pure. A stored value comes back by its codec's `decode`, as in the proof; a computed one is compared as
it is, numbers by value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa

from howdah.codecs.registry import get_codec
from howdah.codecs.values import SourceColumn
from howdah.model.plan import Output
from howdah.sqlite.python_columns import column_of
from howdah.sqlite.row_select import ColumnChunk

_MICROSECONDS = "(extract(epoch from {}) * 1000000)::int8"
#: Type's OID → how it is selected, and the Arrow type that the codecs know it as.
_FORMS: dict[int, tuple[str, pa.DataType]] = {
    16: ("{}", pa.bool_()),
    17: ("{}", pa.binary()),
    20: ("{}", pa.int64()),
    21: ("{}", pa.int64()),
    23: ("{}", pa.int64()),
    25: ("{}", pa.string()),
    114: ("{}::text", pa.string()),
    700: ("{}", pa.float64()),
    701: ("{}", pa.float64()),
    1042: ("{}", pa.string()),
    1043: ("{}", pa.string()),
    1082: ("({} - DATE '1970-01-01')", pa.date32()),
    1083: (_MICROSECONDS, pa.time64("us")),
    1114: (_MICROSECONDS, pa.timestamp("us")),
    1184: (_MICROSECONDS, pa.timestamp("us")),
    1700: ("{}::text", pa.string()),
    2950: ("uuid_send({})", pa.binary(16)),
    3802: ("{}::text", pa.string()),
}


def target_expression(output: Output, kind: int) -> str:
    """Return the SQL, with {} for the column, that selects a result of the type with that OID."""
    if not output.codec:
        return "{}::text" if kind in (114, 3802) else "{}"
    read_as = get_codec(output.codec).read_as
    return read_as if read_as != "{}" else _FORMS.get(kind, ("{}", pa.string()))[0]


def target_cells(
    rows: Sequence[tuple[Any, ...]], outputs: Sequence[Output], kinds: Sequence[int]
) -> list[list[Any]]:
    """Return the columns of rows that `target_expression` selected, in SQLite's terms."""
    columns = zip(*rows, strict=True)
    return [
        _decoded(list(values), output, kind) if output.codec else [_plain(value) for value in values]
        for values, output, kind in zip(columns, outputs, kinds, strict=True)
    ]


def source_cells(rows: Sequence[tuple[Any, ...]], outputs: Sequence[Output]) -> list[list[Any]]:
    """Return the columns of rows that SQLite gave, stored values by the equality of their codec."""
    columns = zip(*rows, strict=True)
    return [
        _projected(list(values), output) if output.codec else [_plain(value) for value in values]
        for values, output in zip(columns, outputs, strict=True)
    ]


def _decoded(values: list[Any], output: Output, kind: int) -> list[Any]:
    codec = get_codec(output.codec)
    arrow_type = pa.string() if codec.read_as != "{}" else _FORMS.get(kind, ("{}", pa.string()))[1]
    raw = pa.array(values, pa.int64()).cast(arrow_type) if _is_counted(arrow_type) else None
    if raw is None and pa.types.is_date(arrow_type):
        raw = pa.array(values, pa.int32()).cast(arrow_type)
    return _cells(codec.decode(pa.array(values, arrow_type) if raw is None else raw, output.params))


def _is_counted(arrow_type: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(arrow_type) or pa.types.is_time64(arrow_type))


def _projected(values: list[Any], output: Output) -> list[Any]:
    column = column_of(ColumnChunk(values=values), len(values))
    return _cells(get_codec(output.codec).projected(column, output.params))


def _cells(column: SourceColumn) -> list[Any]:
    """Class and value of each cell; -0.0 is 0.0, as in the SQL of either database."""
    found: list[Any] = [None] * column.length
    for name in ("integer", "real", "text", "blob"):
        array = getattr(column, name)
        if array is None:
            continue
        for row, value in enumerate(array.to_pylist()):
            if value is not None:
                found[row] = (name, value + 0.0 if name == "real" else value)
    return found


def _plain(value: Any) -> Any:
    """A computed value: numbers by value, whatever their type; text apart from bytes."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, (float, Decimal)):
        if math.isfinite(value) and value == int(value):
            return int(value)
        return float(value)
    if isinstance(value, (memoryview, bytearray)):
        return bytes(value)
    return value
