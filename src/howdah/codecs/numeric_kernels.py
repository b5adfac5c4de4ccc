"""
Bring integers, doubles and decimal literals to magnitude / 10**decimals, a batch at a time.

No rounding happens here: each number is exactly what it was, or for a REAL exactly
its shortest decimal. What 64 bits cannot hold is handed on as a Decimal.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from howdah.codecs.numeric_wire import GROUP, ScaledNumbers
from howdah.codecs.wire import Mask

#: Two decimals of at most 15 digits never read as the same double, so one that reads back is the shortest.
_SURE_DIGITS = 1e15

#: 10**(4 * 4) is exact in a double (so is every power up to 22), as the proof by division needs.
_REAL_GROUPS_MAX = 4

#: A literal of so many characters, sign and point included, fits 64 bits.
_SHORT_LITERAL = 18


def _fraction_digits_by_group() -> npt.NDArray[np.int16]:
    digits = [len(f"{fraction:04d}".rstrip("0")) for fraction in range(10_000)]
    return np.array(digits, dtype=np.int16)


#: For 0 to 9999 as four digits after the point: how many are left without zeros at the end.
_DIGITS_OF_FRACTION = _fraction_digits_by_group()


def scale_integers(scaled: ScaledNumbers, integers: npt.NDArray[np.int64], rows: Mask) -> None:
    """Put the integers of `rows` in."""
    negative = integers < 0
    unsigned = integers.view(np.uint64)
    # 0 - x in 64 bits without sign is the magnitude, that of the smallest integer too.
    magnitude = np.where(negative, np.uint64(0) - unsigned, unsigned)
    if rows.all():
        scaled.magnitude, scaled.negative = magnitude, negative
        return
    scaled.magnitude[rows] = magnitude[rows]
    scaled.negative[rows] = negative[rows]


def scale_reals(scaled: ScaledNumbers, reals: npt.NDArray[np.float64], rows: Mask) -> None:
    """
    Put the shortest decimal of each double of `rows` in, proven to be that.

    A candidate is accepted when it has at most 15 digits and divides back to the very
    same double: both operands are exact, so the division is the correctly rounded value
    of the decimal. The others (16 and 17 digits) are spelled by Arrow, which gives the
    shortest too, and read as literals; what is in scientific notation or infinite is large.
    """
    left = np.flatnonzero(rows)
    for groups in range(1, _REAL_GROUPS_MAX + 1):
        if len(left) == 0:
            return
        power = 10.0 ** (GROUP * groups)
        candidates = reals if len(left) == len(reals) else reals[left]
        with np.errstate(over="ignore", invalid="ignore"):
            whole = np.rint(candidates * power)
            proven = (np.abs(whole) < _SURE_DIGITS) & (whole / power == candidates)
            magnitude = np.where(proven, np.abs(whole), 0).astype(np.uint64)
        fraction_digits = _DIGITS_OF_FRACTION[magnitude % np.uint64(10_000)]
        scale = np.maximum(fraction_digits + np.int16(GROUP * (groups - 1)), 1).astype(np.int16)
        if proven.all() and len(left) == len(reals):
            scaled.magnitude, scaled.scale, scaled.negative = magnitude, scale, whole < 0
            scaled.decimals[:] = groups * GROUP
            return
        found = left[proven]
        scaled.magnitude[found] = magnitude[proven]
        scaled.decimals[found] = groups * GROUP
        scaled.scale[found] = scale[proven]
        scaled.negative[found] = whole[proven] < 0
        left = left[~proven]
    if len(left) == 0:
        return
    spelled = pa.array(reals[left]).cast(pa.utf8())
    plain = ~pc.match_substring_regex(spelled, "[a-z]").to_numpy(zero_copy_only=False)
    _scale_short_literals(scaled, left[plain], spelled.filter(pa.array(plain)), least_scale=1)
    for row in left[~plain].tolist():
        scaled.large[row] = Decimal(repr(float(reals[row])))


def scale_literals(scaled: ScaledNumbers, rows: npt.NDArray[np.int64], literals: pa.Array) -> None:
    """Put the decimal literals (optional minus, digits, optional point and digits) of `rows` in."""
    short = pc.binary_length(literals).to_numpy(zero_copy_only=False) <= _SHORT_LITERAL
    _scale_short_literals(scaled, rows[short], literals.filter(pa.array(short)), least_scale=0)
    long = np.flatnonzero(~short)
    for row, literal in zip(rows[long].tolist(), literals.take(pa.array(long)).to_pylist(), strict=True):
        scaled.large[row] = Decimal(literal)


def literal_scale(literals: pa.Array) -> npt.NDArray[np.int16]:
    """Return the digits after the point of each literal."""
    point = pc.find_substring(literals, ".").to_numpy(zero_copy_only=False)
    lengths = pc.binary_length(literals).to_numpy(zero_copy_only=False)
    scale: npt.NDArray[np.int16] = np.where(point < 0, 0, lengths - point - 1).astype(np.int16)
    return scale


def _scale_short_literals(
    scaled: ScaledNumbers, rows: npt.NDArray[np.int64], literals: pa.Array, *, least_scale: int
) -> None:
    """Put literals in whose digits, zeros in front aside, fit 64 bits."""
    decimals = literal_scale(literals)
    content = pc.replace_substring(literals, ".", "").cast(pa.int64()).to_numpy(zero_copy_only=False)
    scaled.magnitude[rows] = np.abs(content)
    scaled.decimals[rows] = decimals
    scaled.scale[rows] = np.maximum(decimals, least_scale)
    scaled.negative[rows] = content < 0
