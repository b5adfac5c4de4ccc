"""
Decode text that stands for several storage classes.

Under NUMERIC, INTEGER and REAL affinity the spelling tells the class, because SQLite
would have turned a text of that spelling into the number. Elsewhere '5' and 5 become
the same text, and the proof compares text forms.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from howdah.codecs.base import EXACT, Params
from howdah.codecs.decode_parts import read_storage, source_column
from howdah.codecs.decode_text import repair_texts, text_equality
from howdah.codecs.values import SourceColumn

_NUMERIC_AFFINITIES = ("numeric", "integer", "real")

_INTEGER = r"^(0|-?[1-9][0-9]{0,18})$"
_REAL = r"^-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?$"

_INFINITIES = {"9e999": float("inf"), "-9e999": float("-inf")}


def decode_any_text(array: pa.Array, params: Params) -> SourceColumn:
    """text → INTEGER, REAL or TEXT by spelling, or TEXT alone."""
    plain = read_storage(array, "any-text", pa.types.is_string)
    if not _class_by_spelling(params):
        return source_column(len(plain), text=plain)
    numbers = pc.fill_null(pc.match_substring_regex(plain, _REAL), False)
    if not pc.any(numbers).as_py():
        return source_column(len(plain), text=plain)
    integers, left = _read_integers(plain, numbers)
    reals = pa.array(
        [
            _read_real(literal) if is_left else None
            for literal, is_left in zip(plain.to_pylist(), left.to_pylist(), strict=True)
        ],
        pa.float64(),
    )
    is_text = pc.and_(pc.is_null(integers), pc.is_null(reals))
    texts = pc.if_else(is_text, plain, pa.scalar(None, plain.type))
    return source_column(len(plain), integer=integers, real=reals, text=texts)


def _class_by_spelling(params: Params) -> bool:
    return params.get("affinity") in _NUMERIC_AFFINITIES and params.get("blob") != "utf8"


def _read_integers(plain: pa.Array, numbers: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Read integers of 64 bits; return them and where numbers are left."""
    literal = pc.and_(numbers, pc.fill_null(pc.match_substring_regex(plain, _INTEGER), False))
    chosen = pc.if_else(literal, plain, pa.scalar(None, plain.type))
    try:
        integers = chosen.cast(pa.int64())
    except pa.ArrowInvalid:
        # Some literal of 19 digits is beyond 64 bits: look at each.
        values = [None if text is None else int(text) for text in chosen.to_pylist()]
        limit = 2**63
        integers = pa.array(
            [value if value is not None and -limit <= value < limit else None for value in values], pa.int64()
        )
    return integers, pc.and_(numbers, pc.is_null(integers))


def _read_real(literal: str) -> float | None:
    """Return the double whose canonical spelling this is, None where it is nobody's."""
    if literal in _INFINITIES:
        return _INFINITIES[literal]
    value = float(literal)
    return value if repr(value) == literal else None


def any_text_equality(params: Params) -> str:
    """Return "exact" where the class can be read from the spelling."""
    affinity = params.get("affinity", "blob")
    if affinity == "blob" or params.get("blob") == "utf8":
        return "by text form"
    return text_equality(params)


def project_any_text(column: SourceColumn, params: Params) -> SourceColumn:
    """Spell the source's numbers and take its blobs as text, where reading back cannot tell the class."""
    equality = any_text_equality(params)
    if equality == EXACT:
        return column
    if equality != "by text form":
        text = None if column.text is None else repair_texts(column.text, params)
        return source_column(
            column.length, integer=column.integer, real=column.real, text=text, blob=column.blob
        )
    spelled: list[bytes | None] = [None] * column.length
    for part, spell in (
        (column.integer, lambda value: b"%d" % value),
        (column.real, _spell_real),
        (column.text, bytes),
        (column.blob if params.get("blob") == "utf8" else None, bytes),
    ):
        if part is not None:
            for row, value in enumerate(part.to_pylist()):
                if value is not None:
                    spelled[row] = spell(value)
    text = repair_texts(pa.array(spelled, pa.binary()), params)
    return source_column(column.length, text=text, blob=None if params.get("blob") == "utf8" else column.blob)


def _spell_real(value: float) -> bytes:
    for literal, infinity in _INFINITIES.items():
        if value == infinity:
            return literal.encode()
    return f"{value!r}".encode()
