"""Encode BLOB (and, where the plan says so, TEXT) into bytea, and 0/1 words into bool."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from howdah.codecs.base import Params
from howdah.codecs.params import read_choice, read_words
from howdah.codecs.values import Encoded, SourceColumn
from howdah.codecs.wire import (
    Mask,
    Rejections,
    encoded,
    no_values,
    offsets_and_bytes,
    present,
    without_nulls,
)
from howdah.model.limits import FIELD_BYTES_MAX

TEXT_CHOICES = ("reject", "utf8")


def encode_bytes(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """BLOB → bytea (byteasend: the bytes); with text = utf8, a TEXT as the bytes SQLite keeps of it."""
    take_text = read_choice(params, "text", TEXT_CHOICES) == "utf8"
    rejections = Rejections(column.length)
    if not take_text and column.text is not None:
        rejections.add("text-in-bytes", present(column.text, column.length))
    rejections.add_other_classes(column, ("blob", "text"), "not-bytes")
    values = present(column.blob, column.length)
    part = column.blob
    changed: dict[str, Mask] = {}
    if take_text and column.text is not None:
        texts = present(column.text, column.length)
        values = values | texts
        changed["text-stored-as-bytes"] = texts
        part = column.text if part is None else pc.coalesce(part, column.text)
    if part is None:
        return encoded(rejections, values, variable=no_values(column.length))
    positions, _ = offsets_and_bytes(part)
    rejections.add("field-too-long", values & (np.diff(positions) > FIELD_BYTES_MAX))
    return encoded(rejections, values, variable=without_nulls(part), changed=changed)


def encode_boolean_word(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """TEXT that is one of exactly two words → bool."""
    word_for_true, word_for_false = read_words(params)
    rejections = Rejections(column.length)
    rejections.add_other_classes(column, ("text",), "not-boolean-word")
    values = present(column.text, column.length)
    truths = np.zeros(column.length, dtype=np.bool_)
    if column.text is not None:
        truths = _is_word(column.text, word_for_true)
        rejections.add("not-boolean-word", values & ~truths & ~_is_word(column.text, word_for_false))
    return encoded(rejections, values, fixed=truths.astype(np.uint8).reshape(-1, 1))


def _is_word(part: pa.Array, word: str) -> Mask:
    same: Mask = pc.equal(part, pa.scalar(word.encode(), pa.binary())).fill_null(False).to_numpy(False)
    return same
