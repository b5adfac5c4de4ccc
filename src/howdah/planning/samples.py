"""
Show beside each conversion what the codec makes of stored values.

Pure. The values are the census's: extremes of numbers, and samples written as
SQLite literals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import pyarrow as pa

from howdah.codecs.registry import get_codec
from howdah.codecs.samples import sample_text
from howdah.codecs.values import SourceColumn
from howdah.errors import HowdahError
from howdah.model.census import ColumnCensus


@dataclass(frozen=True, kw_only=True)
class Preview:
    minimum: str = ""
    maximum: str = ""
    samples: tuple[str, ...] = ()


def preview_values(census: ColumnCensus, codec: str, params: Mapping[str, str], pg_type: str) -> Preview:
    """Return smallest, largest and some values as PostgreSQL would print them; "" where there are none."""
    extremes = _extremes(census)
    samples = [value for literal in census.samples if (value := read_literal(literal)) is not None]
    if not extremes and not samples:
        return Preview()
    try:
        shown = _render([*extremes, *samples], codec, params, pg_type)
    except HowdahError:
        return Preview()  # an edited column that does not fit is refused elsewhere, with a reason
    return Preview(
        minimum=shown[0] if extremes else "",
        maximum=shown[1] if extremes else "",
        samples=tuple(shown[len(extremes) :]),
    )


def _extremes(census: ColumnCensus) -> list[int | float]:
    smallest = [value for value in (census.integer_min, census.real_min) if value is not None]
    largest = [value for value in (census.integer_max, census.real_max) if value is not None]
    return [min(smallest), max(largest)] if smallest and largest else []


def _render(
    values: list[int | float | bytes | str], codec: str, params: Mapping[str, str], pg_type: str
) -> list[str]:
    def part(kind: type, arrow_type: pa.DataType, convert: bool = False) -> pa.Array | None:
        chosen = [
            (value.encode() if convert and isinstance(value, str) else value) if type(value) is kind else None
            for value in values
        ]
        return pa.array(chosen, arrow_type) if any(item is not None for item in chosen) else None

    column = SourceColumn(
        length=len(values),
        integer=part(int, pa.int64()),
        real=part(float, pa.float64()),
        text=part(str, pa.binary(), convert=True),
        blob=part(bytes, pa.binary()),
    )
    return sample_text(get_codec(codec), params, pg_type, column)


def read_literal(literal: str) -> int | float | str | bytes | None:
    """Read a SQLite literal as the census writes them; None for NULL and for one that was cut short."""
    if literal.startswith("'") and literal.endswith("'") and len(literal) >= 2:
        return literal[1:-1].replace("''", "'")
    if literal[:2] in ("x'", "X'") and literal.endswith("'"):
        try:
            return bytes.fromhex(literal[2:-1])
        except ValueError:
            return None
    if literal.removeprefix("-").isascii() and literal.removeprefix("-").isdigit():
        number = int(literal)
        return number if -(2**63) <= number < 2**63 else float(literal)
    try:
        return float(Decimal(literal))
    except (InvalidOperation, OverflowError):
        return None
