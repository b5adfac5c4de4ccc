"""
What every decoder needs: the plain array behind an Arrow extension type, and the column put together.

Only the proof's side uses this module. A column that arrives as another type than
its codec writes is a difference, not something to convert.
"""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from howdah.codecs.values import SourceColumn
from howdah.errors import DifferenceError


def read_storage(array: pa.Array, codec: str, *accepted: Callable[[pa.DataType], bool]) -> pa.Array:
    """
    Return the array without its extension type (arrow.json, arrow.uuid, arrow.opaque).

    Raises DifferenceError C-201 where its type is none of those that the codec's types arrive as.
    """
    plain = array.storage if isinstance(array, pa.ExtensionArray) else array
    if not any(accept(plain.type) for accept in accepted):
        raise DifferenceError(
            "C-201",
            f'column arrives from PostgreSQL as {array.type}, which codec "{codec}" never writes',
            hint="The column's type was changed after the migration, or the plan is another one.",
        )
    return plain


def source_column(
    length: int,
    *,
    integer: pa.Array | None = None,
    real: pa.Array | None = None,
    text: pa.Array | None = None,
    blob: pa.Array | None = None,
) -> SourceColumn:
    """Put a column together; a part without a single value is left out, strings become bytes."""
    return SourceColumn(
        length=length,
        integer=_part(integer),
        real=_part(real),
        text=_part(text, pa.binary()),
        blob=_part(blob, pa.binary()),
    )


def _part(array: pa.Array | None, target: pa.DataType | None = None) -> pa.Array | None:
    if array is None or array.null_count == len(array):
        return None
    return array if target is None or array.type == target else array.cast(target)


def label_moments(microseconds: pa.Array) -> pa.Array:
    """Spell moments that no source value can mean as "<count>us", so that they are equal to nothing."""
    return pa.array(
        [None if value is None else f"{value}us" for value in microseconds.to_pylist()], pa.utf8()
    )
