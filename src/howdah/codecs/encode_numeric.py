"""
Encode INTEGER, REAL and decimal TEXT into numeric.

A REAL becomes the shortest decimal that reads back as the same double (Python's
repr, what applications meant by 19.99), never its binary expansion. In a type
without modifiers a REAL is shown with at least one digit after the point, as
SQLite shows it, so 5.0 stays apart from 5. Nothing is rounded unless the plan says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from howdah.codecs.base import Params
from howdah.codecs.numeric_kernels import literal_scale, scale_integers, scale_literals, scale_reals
from howdah.codecs.numeric_wire import (
    DIGITS_AFTER_POINT_MAX,
    DIGITS_BEFORE_POINT_MAX,
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

#: SQLite turns a REAL of NUMERIC affinity into an INTEGER when it is integral and below this.
_INTEGER_LIMIT = 2.0**63

#: 10**20 does not fit 64 bits, 10**19 does.
_DIGITS_OF_64_BITS = 20

_CANONICAL_DECIMAL = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$"
_NEGATIVE_ZERO = r"^-0(\.0*)?$"


@dataclass(frozen=True, kw_only=True)
class _Limits:
    """What numeric(precision, scale) allows; None for both without modifiers."""

    precision: int | None
    scale: int | None
    round_half_away: bool
    #: Digits after the point that are shown at least.
    least_scale: int

    @property
    def digits_before_point(self) -> int:
        if self.precision is None or self.scale is None:
            return DIGITS_BEFORE_POINT_MAX
        return self.precision - self.scale


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
        scale_integers(scaled, numbers(column.integer, column.length, "int64"), integers)
        values |= integers
    if column.real is not None and affinity != "text":
        reals = present(column.real, column.length)
        content = numbers(column.real, column.length, "float64")
        _check_reals(content, reals, affinity, rejections, changed)
        scale_reals(scaled, content, reals & ~rejections.taken)
        values |= reals
    if column.text is not None and affinity == "text":
        texts = present(column.text, column.length)
        _scale_texts(scaled, column.text, texts & ~rejections.taken, limits, rejections)
        values |= texts
    if scaled.large:
        _fit_large(scaled, limits, rejections, changed)
    small = values & ~rejections.taken & ~mask_of(list(scaled.large), column.length)
    _fit(scaled, small, limits, rejections, changed)
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
    return _Limits(
        precision=precision,
        scale=scale,
        round_half_away=rounding == "half-away",
        least_scale=0 if affinity == "text" else 1,
    )


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


def _scale_texts(
    scaled: ScaledNumbers, texts: pa.Array, rows: Mask, limits: _Limits, rejections: Rejections
) -> None:
    """Take texts that are exactly what PostgreSQL prints for the number, so that reading back gives them."""
    canonical = pc.and_not(
        pc.match_substring_regex(texts, _CANONICAL_DECIMAL), pc.match_substring_regex(texts, _NEGATIVE_ZERO)
    )
    accepted = np.flatnonzero(rows & canonical.fill_null(False).to_numpy(zero_copy_only=False))
    literals = texts.take(pa.array(accepted)).cast(pa.utf8())
    if limits.scale is not None:
        # numeric(10,2) prints 1.50 for 1.5: another text.
        fitting = literal_scale(literals) == max(limits.scale, 0)
        accepted, literals = accepted[fitting], literals.filter(pa.array(fitting))
    rejections.add("not-canonical-decimal", rows & ~mask_of(accepted, len(texts)))
    scale_literals(scaled, accepted, literals)


def _fit(
    scaled: ScaledNumbers, rows: Mask, limits: _Limits, rejections: Rejections, changed: dict[str, Mask]
) -> None:
    """Check numbers of 64 bits against numeric(p,s): no digit lost (but by the rule), none too many."""
    if limits.precision is None or limits.scale is None:
        return
    rounded = np.zeros(len(rows), dtype=np.bool_)
    for decimals in range(int(scaled.decimals.max(initial=0)) + 1):
        members = rows & (scaled.decimals == decimals)
        if not members.any():
            continue
        surplus = decimals - limits.scale
        if surplus > 0:
            whole_units, remainder = _split_units(scaled.magnitude, surplus)
            uneven = members & (remainder != 0)
            if limits.round_half_away:
                scaled.magnitude = np.where(uneven, whole_units, scaled.magnitude)
                rounded |= uneven
            else:
                rejections.add("numeric-rounds", uneven)
        most_digits = limits.precision - limits.scale + decimals
        if most_digits < _DIGITS_OF_64_BITS:
            too_large = scaled.magnitude >= np.uint64(10 ** max(most_digits, 0))
            rejections.add("numeric-overflow", members & too_large)
    changed["rounded"] = changed.get("rounded", False) | rounded


def _split_units(
    magnitude: npt.NDArray[np.uint64], surplus: int
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Return each magnitude rounded half away from zero to a multiple of 10**surplus, and what was over."""
    if surplus >= _DIGITS_OF_64_BITS:
        # Half of 10**20 is more than 64 bits hold: everything rounds to 0.
        return np.zeros_like(magnitude), magnitude
    unit = np.uint64(10**surplus)
    remainder = magnitude % unit
    below = magnitude - remainder
    return np.where(remainder >= unit - remainder, below + unit, below), remainder


def _fit_large(
    scaled: ScaledNumbers, limits: _Limits, rejections: Rejections, changed: dict[str, Mask]
) -> None:
    """Check and write the numbers of more than 64 bits, one by one."""
    rounded: list[int] = []
    for row, value in scaled.large.items():
        sign, digit_values, exponent = value.as_tuple()
        if not isinstance(exponent, int):
            if limits.precision is not None:
                rejections.add_rows("numeric-overflow", [row])
            scaled.written[row] = write_infinity(negative=bool(sign))
            continue
        digits = "".join(map(str, digit_values))
        if limits.scale is not None and -exponent > limits.scale:
            kept, over = _split_digits(digits, -exponent - limits.scale)
            if over.strip("0"):
                if not limits.round_half_away:
                    rejections.add_rows("numeric-rounds", [row])
                    continue
                rounded.append(row)
                kept = str(int(kept or "0") + (over[0] >= "5"))
            digits, exponent = kept or "0", -limits.scale
        digits_before = len(digits.lstrip("0")) + exponent if digits.strip("0") else 0
        if digits_before > limits.digits_before_point:
            rejections.add_rows("numeric-overflow", [row])
        elif -exponent > DIGITS_AFTER_POINT_MAX:
            rejections.add_rows("numeric-rounds", [row])
        else:
            scale = max(-exponent, limits.least_scale)
            scaled.written[row] = write_one(
                negative=bool(sign), digits=digits, exponent=exponent, scale=scale
            )
    if rounded:
        changed["rounded"] = changed.get("rounded", False) | mask_of(rounded, len(scaled.magnitude))


def _split_digits(digits: str, dropped: int) -> tuple[str, str]:
    """Part off the last `dropped` digits, with zeros before them where there are not so many."""
    padded = digits.zfill(dropped)
    return padded[: len(padded) - dropped], padded[len(padded) - dropped :]
