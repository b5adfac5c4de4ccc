"""
PostgreSQL's binary numeric, many values at once.

Format (numeric_send in src/backend/utils/adt/numeric.c): int16 number of digits,
int16 weight of the first, uint16 sign, uint16 display scale, then digits in base
10000. numeric_recv removes leading and trailing zero digits itself, so all values
of a batch may be sent with the same number of digits, as a matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

POSITIVE = 0x0000
NEGATIVE = 0x4000
INFINITY = 0xD000
NEGATIVE_INFINITY = 0xF000

#: Decimal digits in one digit of the wire.
GROUP = 4

#: Limits of the type (NUMERIC_WEIGHT_MAX, NUMERIC_DSCALE_MAX): digits before and after the point.
DIGITS_BEFORE_POINT_MAX = 131_072
DIGITS_AFTER_POINT_MAX = 16_383


@dataclass
class ScaledNumbers:
    """
    Decimal numbers as ±magnitude / 10000**groups, one entry per row.

    `scale` is how many digits after the point are shown. Rows in `written` are outside
    this form (too many digits, infinite) and hold their wire bytes already.
    """

    magnitude: npt.NDArray[np.uint64]
    groups: npt.NDArray[np.int16]
    scale: npt.NDArray[np.int16]
    negative: npt.NDArray[np.bool_]
    written: dict[int, bytes]

    @classmethod
    def zeros(cls, length: int) -> ScaledNumbers:
        """Return `length` times 0."""
        return cls(
            magnitude=np.zeros(length, dtype=np.uint64),
            groups=np.zeros(length, dtype=np.int16),
            scale=np.zeros(length, dtype=np.int16),
            negative=np.zeros(length, dtype=np.bool_),
            written={},
        )


def write_matrix(numbers: ScaledNumbers) -> npt.NDArray[np.uint8]:
    """Return one row of bytes per number; those in `written` are left as zero."""
    largest = int(numbers.magnitude.max(initial=0))
    digit_count = 1
    while 10_000**digit_count <= largest:
        digit_count += 1
    words = np.empty((len(numbers.magnitude), 4 + digit_count), dtype=np.uint16)
    words[:, 0] = digit_count
    words[:, 1] = (digit_count - 1 - numbers.groups).astype(np.uint16)
    words[:, 2] = np.where(numbers.negative, NEGATIVE, POSITIVE)
    words[:, 3] = numbers.scale
    # Division of 32-bit integers is several times faster, and most money fits.
    rest: npt.NDArray[Any] = numbers.magnitude if largest >= 1 << 32 else numbers.magnitude.astype(np.uint32)
    for position in range(digit_count - 1, 0, -1):
        quotient = rest // 10_000
        words[:, 4 + position] = rest - quotient * 10_000
        rest = quotient
    words[:, 4] = rest
    return words.astype(">u2").view(np.uint8)


def write_values(numbers: ScaledNumbers) -> pa.Array:
    """Return the numbers as binary values of different lengths, for batches with rows in `written`."""
    matrix = write_matrix(numbers)
    width = matrix.shape[1]
    plain = pa.Array.from_buffers(pa.binary(width), len(matrix), [None, pa.py_buffer(matrix)]).cast(
        pa.binary()
    )
    positions = np.arange(len(matrix), dtype=np.int64)
    positions[list(numbers.written)] = len(matrix) + np.arange(len(numbers.written))
    return pa.concat_arrays([plain, pa.array(list(numbers.written.values()), pa.binary())]).take(
        pa.array(positions)
    )


def write_one(*, negative: bool, coefficient: int, exponent: int, scale: int) -> bytes:
    """Return the wire of ±coefficient * 10**exponent shown with `scale` digits after the point."""
    groups = -(-max(-exponent, 0) // GROUP)
    digits = str(coefficient * 10 ** (exponent + groups * GROUP))
    digits = digits.zfill(-(-len(digits) // GROUP) * GROUP)
    words = [int(digits[start : start + GROUP]) for start in range(0, len(digits), GROUP)]
    header = [len(words), (len(words) - 1 - groups) & 0xFFFF, NEGATIVE if negative else POSITIVE, scale]
    return np.array(header + words, dtype=">u2").tobytes()


def write_infinity(*, negative: bool) -> bytes:
    """Return the wire of an infinity (PostgreSQL 14 and later)."""
    return np.array([0, 0, NEGATIVE_INFINITY if negative else INFINITY, 0], dtype=">u2").tobytes()
