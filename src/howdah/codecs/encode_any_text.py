"""
Encode columns of mixed storage classes into text: each value in its one canonical spelling.

Integers are decimal, reals are Python's repr (the shortest that reads back, always with
a point or an exponent), infinities are 9e999 and -9e999 as SQLite itself spells them.
Under NUMERIC, INTEGER and REAL affinity SQLite cannot hold a *text* that looks like
one of these, so the class can be read back from the spelling.
"""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from howdah.codecs.base import Params
from howdah.codecs.encode_text import checked_text, rows_with_invalid_utf8
from howdah.codecs.params import read_choice
from howdah.codecs.pgtypes import parse_type
from howdah.codecs.values import Encoded, SourceColumn
from howdah.codecs.wire import Mask, Rejections, encoded, mask_of, no_values, present, without_nulls

AFFINITY_CHOICES = ("blob", "numeric", "integer", "real", "text")
BLOB_CHOICES = ("reject", "utf8")

_LOOKS_NUMERIC = r"^-?[0-9][0-9.]*(e[+-]?[0-9]+)?$"


def encode_any_text(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """INTEGER, REAL, TEXT (and BLOB that is UTF-8, where the plan says so) → text, varchar(n)."""
    affinity = read_choice(params, "affinity", AFFINITY_CHOICES)
    blobs_as_text = read_choice(params, "blob", BLOB_CHOICES) == "utf8"
    rejections = Rejections(column.length)
    changed: dict[str, Mask] = {}
    spellings: list[pa.Array] = []
    numeric_values = present(column.integer, column.length) | present(column.real, column.length)
    if affinity == "text":
        rejections.add("class-unlike-affinity", numeric_values)
    if column.integer is not None:
        spellings.append(column.integer.cast(pa.utf8()).cast(pa.binary()))
    if column.real is not None:
        spellings.append(pa.array([_spell_real(value) for value in column.real.to_pylist()], pa.binary()))
    if column.text is not None:
        spellings.append(column.text)
    if column.blob is not None:
        blobs = present(column.blob, column.length)
        if blobs_as_text:
            rejections.add_rows("blob-in-text", rows_with_invalid_utf8(column.blob))
            spellings.append(column.blob)
        else:
            rejections.add("blob-in-text", blobs)
    if affinity == "blob" or blobs_as_text:
        changed["stored-as-text"] = numeric_values | present(column.blob, column.length)
    values = np.zeros(column.length, dtype=np.bool_)
    if not spellings:
        return encoded(rejections, values, variable=no_values(column.length))
    part = spellings[0] if len(spellings) == 1 else pc.coalesce(*spellings)
    values = present(part, column.length)
    checked = checked_text(part, rejections, changed, params, parse_type(pg_type))
    if affinity in ("numeric", "integer", "real") and not blobs_as_text and column.text is not None:
        # Looked for after the policies: one that strips NUL can make such a spelling.
        from_text = present(column.text, column.length)
        rejections.add("class-unlike-affinity", from_text & _spelled_like_numbers(checked, from_text))
    return encoded(rejections, values, variable=without_nulls(checked), changed=changed)


def _spell_real(value: float | None) -> bytes | None:
    if value is None:
        return None
    if math.isinf(value):
        return b"9e999" if value > 0 else b"-9e999"
    return repr(value).encode()


def _spelled_like_numbers(texts: pa.Array, rows: Mask) -> Mask:
    """Return which of the rows hold exactly what a number would be spelled as."""
    likely = pc.match_substring_regex(texts, _LOOKS_NUMERIC).fill_null(False).to_numpy(False)
    candidates = np.flatnonzero(rows & likely)
    alike = [row for row in candidates.tolist() if _is_spelling_of_number(texts[row].as_py())]
    return mask_of(alike, len(texts))


def _is_spelling_of_number(text: bytes) -> bool:
    literal = text.decode("ascii")
    if literal.lstrip("-").isdigit() and len(literal) <= 20:
        number = int(literal)
        return str(number) == literal and -(2**63) <= number < 2**63
    try:
        return _spell_real(float(literal)) == text
    except ValueError:
        return False
