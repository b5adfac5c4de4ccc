"""
Encode a column value by value, for types and spellings too many for a kernel of arrays.

A converter takes one stored value and returns the field of the wire format, notes the
rules it applied, or says by `Unfit` why the value cannot go. It costs a few
microseconds a value, so the planner takes the codecs of arrays where a column has one form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from howdah.codecs.base import Params
from howdah.codecs.encode_text import checked_text
from howdah.codecs.params import read_choice
from howdah.codecs.pgtypes import PgType
from howdah.codecs.values import Encoded, SourceColumn
from howdah.codecs.wire import Mask, Rejections, encoded, mask_of, no_values

_PLAIN_TEXT = PgType(base="text")

#: Values of the parameter `empty`, the default first.
EMPTY_CHOICES = ("reject", "null")

#: INTEGER, REAL, TEXT and BLOB.
Stored = int | float | str | bytes


_BLANKS = re.compile(r"\s*")


def only_blanks(text: str, position: int) -> bool:
    """Return whether nothing but blanks stands from there on; a slice would copy all of it each time."""
    found = _BLANKS.match(text, position)
    return found is not None and found.end() == len(text)


class Unfit(Exception):  # noqa: N818 - it is an answer, not an error
    """The value cannot be carried; `reason` is a key of `Codec.rejects`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Notes:
    """The rules that altered values, by row."""

    def __init__(self) -> None:
        self.row = 0
        self._rows: dict[str, list[int]] = {}

    def add(self, rule: str) -> None:
        """Say that a rule altered the value at hand; `rule` is a key of `Codec.changes`."""
        rows = self._rows.setdefault(rule, [])
        if not rows or rows[-1] != self.row:
            rows.append(self.row)

    def masks(self, length: int) -> dict[str, Mask]:
        """Return the rows of each rule."""
        return {rule: mask_of(rows, length) for rule, rows in self._rows.items()}


Convert = Callable[[Stored, Notes], bytes]


def stored_values(column: SourceColumn, rejections: Rejections) -> Iterator[tuple[int, Stored]]:
    """Give row and value of all that is not NULL; a TEXT that is not UTF-8 is rejected."""
    for name in ("integer", "real", "text", "blob"):
        part = getattr(column, name)
        if part is None:
            continue
        for row, value in enumerate(part.to_pylist()):
            if value is None or rejections.taken[row]:
                continue
            if name == "text":
                try:
                    value = value.decode()
                except UnicodeDecodeError:
                    rejections.add_rows("invalid-utf8", [row])
                    continue
            yield row, value


def encode_without_empty(
    encode: Callable[[SourceColumn, Params, str], Encoded], column: SourceColumn, params: Params, pg_type: str
) -> Encoded:
    """Encode a column in which, by parameter `empty`, the empty text stands for NULL."""
    if read_choice(params, "empty", EMPTY_CHOICES) != "null" or column.text is None:
        return encode(column, params, pg_type)
    empty = pc.fill_null(pc.equal(pc.binary_length(column.text), 0), False).to_numpy(zero_copy_only=False)
    rest = pc.if_else(pa.array(empty), pa.scalar(None, column.text.type), column.text)
    result = encode(replace(column, text=rest), params, pg_type)
    return replace(result, touched={**result.touched, "empty-to-null": empty}) if empty.any() else result


def encode_each(column: SourceColumn, convert: Convert, *, policies: Params | None = None) -> Encoded:
    """Encode every value by `convert`; `policies` for texts (`encode_text.checked_text`) come first."""
    rejections = Rejections(column.length)
    changed: dict[str, Mask] = {}
    if policies is not None and column.text is not None:
        repaired = checked_text(column.text, rejections, changed, policies, _PLAIN_TEXT)
        column = replace(column, text=repaired)
    notes = Notes()
    fields: dict[int, bytes] = {}
    for row, value in stored_values(column, rejections):
        notes.row = row
        try:
            fields[row] = convert(value, notes)
        except Unfit as unfit:
            rejections.add_rows(unfit.reason, [row])
    values = mask_of(list(fields), column.length)
    if not fields:
        return encoded(rejections, values, variable=no_values(column.length))
    wire = pa.array([fields.get(row, b"") for row in range(column.length)], pa.binary())
    return encoded(rejections, values, variable=wire, changed=changed | notes.masks(column.length))
