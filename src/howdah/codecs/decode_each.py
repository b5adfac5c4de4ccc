"""
The proof's half of the codecs that go value by value.

PostgreSQL prints what it stores; here every stored value of the source is spelled as
PostgreSQL has to print it, by Python's standard library and without anything of the
load. A value that has no spelling stays as it is, and so equals nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pyarrow as pa

from howdah.codecs.base import Params
from howdah.codecs.decode_parts import read_storage, source_column
from howdah.codecs.values import SourceColumn

#: INTEGER, REAL, TEXT and BLOB.
Stored = int | float | str | bytes
#: What reading a text of another kind may raise; rows in quarantine are spelled too.
_NO_SPELLING = (
    ValueError,
    ArithmeticError,
    LookupError,
    TypeError,
    AttributeError,
    StopIteration,
    RecursionError,
)

#: None where the value has no spelling.
Spell = Callable[[Stored], str | None]


def decode_printed(array: pa.Array, params: Params) -> SourceColumn:
    """Any type, printed by PostgreSQL → TEXT."""
    return source_column(len(array), text=read_storage(array, "by text form", pa.types.is_string))


def project_each(column: SourceColumn, spell: Spell) -> SourceColumn:
    """Spell every value; those without a spelling keep their class."""
    spelled: list[bytes | None] = [None] * column.length
    left: dict[str, pa.Array] = {}
    for name in ("integer", "real", "text", "blob"):
        part = getattr(column, name)
        if part is None:
            continue
        kept = part.to_pylist()
        for row, value in enumerate(kept):
            if value is None:
                continue
            text = spell_stored(spell, value, is_text=name == "text")
            if text is not None:
                spelled[row] = text.encode("utf-8", "surrogatepass")
                kept[row] = None
        left[name] = pa.array(kept, part.type)
    texts = pa.array(spelled, pa.binary())
    if "text" in left:
        texts = pa.array(
            [
                own if own is not None else rest
                for own, rest in zip(spelled, left["text"].to_pylist(), strict=True)
            ],
            pa.binary(),
        )
    return source_column(
        column.length, integer=left.get("integer"), real=left.get("real"), text=texts, blob=left.get("blob")
    )


def project_without_empty(
    project: Callable[[SourceColumn, Params], SourceColumn], column: SourceColumn, params: Params
) -> SourceColumn:
    """Project a column in which, by parameter `empty`, the empty text stands for NULL."""
    if params.get("empty") == "null" and column.text is not None:
        kept = [text or None for text in column.text.to_pylist()]
        column = replace(column, text=pa.array(kept, column.text.type))
    return project(column, params)


def spell_stored(spell: Spell, value: Stored, *, is_text: bool) -> str | None:
    """Spell one value as the column's part holds it."""
    if is_text:
        assert isinstance(value, bytes)
        try:
            value = value.decode()
        except UnicodeDecodeError:
            return None
    try:
        return spell(value)
    except _NO_SPELLING:
        return None
