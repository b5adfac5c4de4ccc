"""
PostgreSQL's binary numeric, many values at once.

Format (numeric_send in src/backend/utils/adt/numeric.c): int16 number of digits,
int16 weight of the first, uint16 sign, uint16 display scale, then digits in base
10000. numeric_recv removes leading and trailing zero digits itself, so all values
of a batch may be sent with the same number of digits, as a matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

POSITIVE = 0x0000
NEGATIVE = 0x4000
INFINITY = 0xD000
NEGATIVE_INFINITY = 0xF000

#: Decimal digits in one digit of the wire, and its base.
GROUP = 4
_BASE = 10**GROUP

#: Limits of the type (NUMERIC_WEIGHT_MAX, NUMERIC_DSCALE_MAX): digits before and after the point.
DIGITS_BEFORE_POINT_MAX = 131_072
DIGITS_AFTER_POINT_MAX = 16_383


@dataclass
class ScaledNumbers:
    """
    Decimal numbers as ±magnitude / 10**decimals, one entry per row.

    `scale` is how many digits after the point are shown. Rows in `large` are outside this
    form (too many digits, infinite); `written` holds the wire of those that are to be sent.
    """

    magnitude: npt.NDArray[np.uint64]
    decimals: npt.NDArray[np.int16]
    scale: npt.NDArray[np.int16]
    negative: npt.NDArray[np.bool_]
    large: dict[int, Decimal]
    written: dict[int, bytes]

    @classmethod
    def zeros(cls, length: int) -> ScaledNumbers:
        """Return `length` times 0."""
        return cls(
            magnitude=np.zeros(length, dtype=np.uint64),
            decimals=np.zeros(length, dtype=np.int16),
            scale=np.zeros(length, dtype=np.int16),
            negative=np.zeros(length, dtype=np.bool_),
            large={},
            written={},
        )


def write_matrix(numbers: ScaledNumbers) -> npt.NDArray[np.uint8]:
    """Return one row of bytes per number; those in `written` hold nothing of meaning."""
    groups = -(-numbers.decimals // np.int16(GROUP))
    whole, last_group = numbers.magnitude, None
    fill = groups * np.int16(GROUP) - numbers.decimals
    if fill.any():
        # Align the point with a digit of the wire. The filled-up last digit is kept apart, because
        # all digits together may need more than 64 bits.
        unit = np.array([10_000, 1_000, 100, 10], dtype=np.uint64)[fill]
        whole = numbers.magnitude // unit
        last_group = (numbers.magnitude - whole * unit) * (np.uint64(_BASE) // unit)
        last_group[fill == 0] = 0
        whole = np.where(fill == 0, numbers.magnitude, whole)
        groups = np.where(fill == 0, groups, groups - np.int16(1))
    largest = int(whole.max(initial=0))
    digit_count = 1
    while _BASE**digit_count <= largest:
        digit_count += 1
    sent_count = digit_count + (last_group is not None)
    words = np.empty((len(whole), 4 + sent_count), dtype=np.uint16)
    words[:, 0] = sent_count
    words[:, 1] = (digit_count - 1 - groups).astype(np.uint16)
    words[:, 2] = np.where(numbers.negative, NEGATIVE, POSITIVE)
    words[:, 3] = numbers.scale
    if last_group is not None:
        words[:, 4 + digit_count] = last_group
    # Division of 32-bit integers is several times faster, and most money fits.
    rest: npt.NDArray[Any] = whole if largest >= 1 << 32 else whole.astype(np.uint32)
    for position in range(digit_count - 1, 0, -1):
        quotient = rest // _BASE
        words[:, 4 + position] = rest - quotient * _BASE
        rest = quotient
    words[:, 4] = rest
    return words.astype(">u2").view(np.uint8)


def write_values(numbers: ScaledNumbers) -> pa.Array:
    """Return the numbers as binary values of different lengths, for batches with rows in `written`."""
    matrix = write_matrix(numbers)
    length, width = matrix.shape
    plain = pa.Array.from_buffers(pa.binary(width), length, [None, pa.py_buffer(matrix)]).cast(pa.binary())
    positions = np.arange(length, dtype=np.int64)
    positions[list(numbers.written)] = length + np.arange(len(numbers.written))
    written = pa.array(list(numbers.written.values()), pa.binary())
    return pa.concat_arrays([plain, written]).take(pa.array(positions))


def write_one(*, negative: bool, digits: str, exponent: int, scale: int) -> bytes:
    """Return the wire of ±digits * 10**exponent shown with `scale` digits after the point."""
    # In strings, because Python limits the digits it turns into an int and back.
    before = digits + "0" * max(exponent, 0)
    after = ""
    if exponent < 0:
        padded = digits.zfill(1 - exponent)
        before, after = padded[:exponent], padded[exponent:]
    groups = -(-len(after) // GROUP)
    aligned = before.zfill(-(-len(before) // GROUP) * GROUP) + after.ljust(groups * GROUP, "0")
    words = [int(aligned[start : start + GROUP]) for start in range(0, len(aligned), GROUP)]
    header = [len(words), (len(words) - 1 - groups) & 0xFFFF, NEGATIVE if negative else POSITIVE, scale]
    return np.array(header + words, dtype=">u2").tobytes()


def write_infinity(*, negative: bool) -> bytes:
    """Return the wire of an infinity (PostgreSQL 14 and later)."""
    return np.array([0, 0, NEGATIVE_INFINITY if negative else INFINITY, 0], dtype=">u2").tobytes()
