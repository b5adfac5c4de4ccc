"""
Encode the three ways SQLite applications keep UUIDs into uuid (uuid_send: 16 bytes).

Each codec takes one spelling only, because the spelling must come back.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from howdah.codecs.base import Params
from howdah.codecs.params import read_choice
from howdah.codecs.values import Encoded, SourceColumn
from howdah.codecs.wire import Rejections, encoded, equal_widths, present

CASE_CHOICES = ("lower", "upper")
ORDER_CHOICES = ("rfc", "little-endian")

#: Where each byte of a uuid stands in a GUID with little-endian groups (.NET, Guid.ToByteArray).
_LITTLE_ENDIAN = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15]

#: Where the hyphens of 8-4-4-4-12 stand (RFC 9562), and where they do not.
_HYPHENS = (8, 13, 18, 23)
_HEX_POSITIONS = [position for position in range(36) if position not in _HYPHENS]

_NOT_HEX = 0xFF


def _nibbles(digits: str) -> npt.NDArray[np.uint8]:
    table = np.full(256, _NOT_HEX, dtype=np.uint8)
    for value, digit in enumerate(digits):
        table[ord(digit)] = value
    return table


_NIBBLES = {"lower": _nibbles("0123456789abcdef"), "upper": _nibbles("0123456789ABCDEF")}


def encode_uuid_text(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """TEXT of 36 characters, hyphens in place, digits all of one case → uuid."""
    return _encode_digits(column, params, 36)


def encode_uuid_hex32(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """TEXT of 32 hexadecimal digits of one case → uuid."""
    return _encode_digits(column, params, 32)


def encode_uuid_blob(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """BLOB of 16 bytes → uuid, in the order of RFC 9562 or with the first three groups turned round."""
    order = read_choice(params, "order", ORDER_CHOICES)
    rejections = Rejections(column.length)
    rejections.add_other_classes(column, ("blob",), "not-uuid")
    values = present(column.blob, column.length)
    fixed = np.zeros((column.length, 16), dtype=np.uint8)
    if column.blob is not None:
        rows, matrix = equal_widths(column.blob, 16)
        fixed[rows] = matrix[:, _LITTLE_ENDIAN] if order == "little-endian" else matrix
        taken = np.zeros(column.length, dtype=np.bool_)
        taken[rows] = True
        rejections.add("not-uuid", values & ~taken)
    return encoded(rejections, values, fixed=fixed)


def _encode_digits(column: SourceColumn, params: Params, width: int) -> Encoded:
    table = _NIBBLES[read_choice(params, "case", CASE_CHOICES)]
    rejections = Rejections(column.length)
    rejections.add_other_classes(column, ("text",), "not-uuid")
    values = present(column.text, column.length)
    fixed = np.zeros((column.length, 16), dtype=np.uint8)
    if column.text is not None:
        rows, matrix = equal_widths(column.text, width)
        right = np.ones(len(matrix), dtype=np.bool_)
        if width == 36:
            for position in _HYPHENS:
                right &= matrix[:, position] == ord("-")
            matrix = matrix[:, _HEX_POSITIONS]
        nibbles = table[matrix]
        right &= nibbles.max(axis=1, initial=0) != _NOT_HEX
        fixed[rows] = (nibbles[:, 0::2] << 4) | (nibbles[:, 1::2] & 0x0F)
        taken = np.zeros(column.length, dtype=np.bool_)
        taken[rows] = right
        rejections.add("not-uuid", values & ~taken)
    return encoded(rejections, values, fixed=fixed)
