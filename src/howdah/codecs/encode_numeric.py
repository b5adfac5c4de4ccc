"""
Encode INTEGER, REAL and decimal TEXT into numeric.

A REAL becomes the shortest decimal that reads back as the same double (Python's
repr, what applications meant by 19.99), never its binary expansion. In a type
without modifiers a REAL is shown with at least one digit after the point, as
SQLite shows it, so 5.0 stays apart from 5. Nothing is rounded unless the plan says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from howdah.codecs.base import Params
from howdah.codecs.numeric_wire import (
    DIGITS_AFTER_POINT_MAX,
    DIGITS_BEFORE_POINT_MAX,
    GROUP,
    ScaledNumbers,
    write_infinity,
    write_matrix,
    write_one,
    write_values,
)
from howdah.codecs.params import read_choice, read_integer
from howdah.codecs.pgtypes import parse_type
from howdah.codecs.values import Encoded, SourceColumn
from howdah.codecs.wire import Mask, Rejections, encoded, mask_of, numbers, present
from howdah.errors import UsageError

AFFINITY_CHOICES = ("numeric", "integer", "real", "blob", "text")
ROUNDING_CHOICES = ("exact", "half-away")

#: Two decimals of at most 15 digits never read as the same double, so one that reads back is the shortest.
_SURE_DIGITS = 1e15

#: 10**(4 * 4) is exact in a double (so is every power up to 22), as the proof by division needs.
_REAL_GROUPS_MAX = 4

#: SQLite turns a REAL of NUMERIC affinity into an INTEGER when it is integral and below this.
_INTEGER_LIMIT = 2.0**63

#: For 0 to 9999 as four digits after the point: how many are left without zeros at the end.
_DIGITS_OF_FRACTION = np.array(
    [len(f"{fraction:04d}".rstrip("0")) for fraction in range(10_000)], dtype=np.int16
)

_CANONICAL_DECIMAL = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$"
_NEGATIVE_ZERO = r"^-0(\.0*)?$"

#: Digits of a text that fit 64 bits after filling up to a whole group.
_FAST_TEXT_DIGITS = 15


@dataclass(frozen=True, kw_only=True)
class _Limits:
    """What numeric(precision, scale) allows; None for both without modifiers."""

    precision: int | None
    scale: int | None
    round_half_away: bool


def encode_numeric(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """INTEGER, REAL or canonical decimal TEXT → numeric, numeric(p,s)."""
    affinity = read_choice(params, "affinity", AFFINITY_CHOICES)
    limits = _read_limits(params, pg_type, affinity)
    rejections = Rejections(column.length)
    accepted = ("text",) if affinity == "text" else ("integer", "real")
    rejections.add_other_classes(column, accepted, "not-numeric")
    scaled = ScaledNumbers.zeros(column.length)
    values = np.zeros(column.length, dtype=np.bool_)
    changed: dict[str, Mask] = {}
    if column.integer is not None and affinity != "text":
        integers = present(column.integer, column.length)
        if affinity == "real":
            rejections.add("class-unlike-affinity", integers)
        _scale_integers(scaled, numbers(column.integer, column.length, "int64"), integers)
        values |= integers
    if column.real is not None and affinity != "text":
        reals = present(column.real, column.length)
        content = numbers(column.real, column.length, "float64")
        _check_reals(content, reals, affinity, rejections, changed)
        _scale_reals(scaled, content, reals & ~rejections.taken, limits, rejections, changed)
        values |= reals
    if column.text is not None and affinity == "text":
        texts = present(column.text, column.length)
        _scale_texts(scaled, column.text, limits, rejections)
        values |= texts
    _fit(scaled, values & ~rejections.taken, limits, rejections, changed)
    if scaled.written:
        return encoded(rejections, values, variable=write_values(scaled), changed=changed)
    return encoded(rejections, values, fixed=write_matrix(scaled), changed=changed)


def _read_limits(params: Params, pg_type: str, affinity: str) -> _Limits:
    rounding = read_choice(params, "rounding", ROUNDING_CHOICES)
    modifiers = parse_type(pg_type).modifiers
    precision = modifiers[0] if modifiers else None
    scale = None if precision is None else (modifiers[1] if len(modifiers) > 1 else 0)
    told = read_integer(params, "scale")
    needed = rounding == "half-away" or (affinity == "blob" and scale is not None)
    if told != scale and (needed or told is not None):
        wanted = "no scale" if scale is None else f'scale = "{scale}"'
        raise UsageError(
            "C-105",
            f'parameter "scale" of codec "numeric" does not fit type {pg_type}',
            hint=f"Write {wanted} beside it: reading back needs to know it."
            if scale is not None or told is not None
            else "Rounding needs a type with a scale, such as numeric(10,2).",
        )
    if rounding == "half-away" and scale is None:
        raise UsageError("C-105", f"rounding needs a type with a scale, such as numeric(10,2), not {pg_type}")
    if rounding == "half-away" and affinity == "text":
        raise UsageError("C-105", "decimal text cannot be rounded, it would not be the same text")
    return _Limits(precision=precision, scale=scale, round_half_away=rounding == "half-away")


def _scale_integers(scaled: ScaledNumbers, integers: npt.NDArray[np.int64], rows: Mask) -> None:
    negative = integers < 0
    unsigned = integers.view(np.uint64)
    # 0 - x in 64 bits without sign is the magnitude, that of the smallest integer too.
    magnitude = np.where(negative, np.uint64(0) - unsigned, unsigned)
    if rows.all():
        scaled.magnitude, scaled.negative = magnitude, negative
        return
    scaled.magnitude[rows] = magnitude[rows]
    scaled.negative[rows] = negative[rows]


def _check_reals(
    reals: npt.NDArray[np.float64],
    rows: Mask,
    affinity: str,
    rejections: Rejections,
    changed: dict[str, Mask],
) -> None:
    negative_zero = rows & (reals == 0) & np.signbit(reals)
    if affinity == "blob":
        changed["negative-zero-dropped"] = negative_zero
        return
    rejections.add("class-unlike-affinity", negative_zero)
    if affinity in ("numeric", "integer"):
        # SQLite would have stored these as INTEGER; reading back could not tell them from one.
        with np.errstate(invalid="ignore"):
            integral = (np.abs(reals) < _INTEGER_LIMIT) & (np.rint(reals) == reals)
        rejections.add("class-unlike-affinity", integral & rows)


def _scale_reals(
    scaled: ScaledNumbers,
    reals: npt.NDArray[np.float64],
    rows: Mask,
    limits: _Limits,
    rejections: Rejections,
    changed: dict[str, Mask],
) -> None:
    """
    Find magnitude / 10000**groups for each REAL, proven to be its shortest decimal.

    The candidate is accepted when it has at most 15 digits and divides back to the very
    same double: both operands are exact, so the division is the correctly rounded value
    of the decimal. What is left (17-digit doubles, tiny, huge, infinite) goes through repr.
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
            scaled.groups[:] = groups
            return
        found = left[proven]
        scaled.magnitude[found] = magnitude[proven]
        scaled.groups[found] = groups
        scaled.scale[found] = scale[proven]
        scaled.negative[found] = whole[proven] < 0
        left = left[~proven]
    rounded: list[int] = []
    for row, value in zip(left.tolist(), reals[left].tolist(), strict=True):
        _write_decimal(scaled, row, Decimal(repr(value)), 1, limits, rejections, rounded)
    if rounded:
        changed["rounded"] = mask_of(rounded, len(reals))


def _scale_texts(scaled: ScaledNumbers, texts: pa.Array, limits: _Limits, rejections: Rejections) -> None:
    """Take texts that are exactly what PostgreSQL prints for the number, so that reading back gives them."""
    canonical = pc.and_not(
        pc.match_substring_regex(texts, _CANONICAL_DECIMAL), pc.match_substring_regex(texts, _NEGATIVE_ZERO)
    )
    accepted = present(texts, len(texts)) & canonical.fill_null(False).to_numpy(zero_copy_only=False)
    rejections.add("not-canonical-decimal", present(texts, len(texts)) & ~accepted)
    rows = np.flatnonzero(accepted)
    literals = texts.take(pa.array(rows)).cast(pa.utf8())
    point = pc.find_substring(literals, ".").to_numpy(zero_copy_only=False)
    lengths = pc.binary_length(literals).to_numpy(zero_copy_only=False)
    scale = np.where(point < 0, 0, lengths - point - 1)
    if limits.scale is not None:
        # numeric(10,2) prints 1.50 for 1.5: another text.
        rejections.add_rows("not-canonical-decimal", rows[scale != max(limits.scale, 0)])
    short = (lengths <= _FAST_TEXT_DIGITS) & ~rejections.taken[rows]
    whole = pc.replace_substring(literals.filter(pa.array(short)), ".", "").cast(pa.int64())
    content = whole.to_numpy(zero_copy_only=False)
    found, shown = rows[short], scale[short]
    groups = -(-shown // GROUP)
    fill = np.array([1, 10, 100, 1000], dtype=np.int64)[groups * GROUP - shown]
    scaled.magnitude[found] = np.abs(content * fill)
    scaled.groups[found] = groups
    scaled.scale[found] = shown
    scaled.negative[found] = content < 0
    rest = np.flatnonzero(~short & ~rejections.taken[rows])
    for row, literal in zip(rows[rest].tolist(), literals.take(pa.array(rest)).to_pylist(), strict=True):
        _write_decimal(scaled, row, Decimal(literal), 0, limits, rejections, [])


def _write_decimal(
    scaled: ScaledNumbers,
    row: int,
    value: Decimal,
    least_scale: int,
    limits: _Limits,
    rejections: Rejections,
    rounded: list[int],
) -> None:
    """One number of any size; the checks of `_fit` for it."""
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        if limits.precision is not None:
            rejections.add_rows("numeric-overflow", [row])
        scaled.written[row] = write_infinity(negative=bool(sign))
        return
    coefficient = int("".join(map(str, digits)))
    if limits.scale is not None and -exponent > limits.scale:
        unit = 10 ** (-exponent - limits.scale)
        quotient, remainder = divmod(coefficient, unit)
        if remainder:
            if not limits.round_half_away:
                rejections.add_rows("numeric-rounds", [row])
                return
            quotient += 2 * remainder >= unit
            rounded.append(row)
        coefficient, exponent = quotient, -limits.scale
    digits_before = len(str(coefficient)) + exponent if coefficient else 0
    allowed = DIGITS_BEFORE_POINT_MAX
    if limits.precision is not None and limits.scale is not None:
        allowed = limits.precision - limits.scale
    if digits_before > allowed:
        rejections.add_rows("numeric-overflow", [row])
        return
    scale = max(-exponent, least_scale)
    if scale > DIGITS_AFTER_POINT_MAX:
        rejections.add_rows("numeric-rounds", [row])
        return
    scaled.written[row] = write_one(
        negative=bool(sign), coefficient=coefficient, exponent=exponent, scale=scale
    )


def _fit(
    scaled: ScaledNumbers, rows: Mask, limits: _Limits, rejections: Rejections, changed: dict[str, Mask]
) -> None:
    """Check the fast numbers against numeric(p,s): no digit lost (or rounded by the rule), none too many."""
    if limits.precision is None or limits.scale is None:
        return
    if scaled.written:
        rows = rows & ~mask_of(list(scaled.written), len(rows))
    for groups in range(int(scaled.groups.max(initial=0)) + 1):
        members = rows & (scaled.groups == groups)
        if not members.any():
            continue
        magnitude = scaled.magnitude
        surplus = groups * GROUP - limits.scale
        if surplus > 0:
            whole_units, remainder = _split_units(magnitude, surplus)
            uneven = members & (remainder != 0)
            if limits.round_half_away:
                scaled.magnitude = magnitude = np.where(uneven, whole_units, magnitude)
                changed["rounded"] = changed.get("rounded", False) | uneven
            else:
                rejections.add("numeric-rounds", uneven)
        most = limits.precision - limits.scale + groups * GROUP
        if most < 20:
            rejections.add("numeric-overflow", members & (magnitude >= np.uint64(10 ** max(most, 0))))


def _split_units(
    magnitude: npt.NDArray[np.uint64], surplus: int
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Return each magnitude rounded half away from zero to a multiple of 10**surplus, and what was over."""
    if surplus > 19:
        # Half of 10**20 is more than 64 bits hold: everything rounds to 0.
        return np.zeros_like(magnitude), magnitude
    unit = np.uint64(10**surplus)
    remainder = magnitude % unit
    below = magnitude - remainder
    return np.where(remainder >= unit - remainder, below + unit, below), remainder
