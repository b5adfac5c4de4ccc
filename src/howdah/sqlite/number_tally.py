"""
What the numbers of one column have in common: extremes, digits, shapes.

Exact over all values added. Shapes of numbers follow from the extremes alone.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import numpy.typing as npt

#: 1990-01-01 and 2100-01-01 in seconds since 1970-01-01 UTC.
_SECONDS_1990, _SECONDS_2100 = 631_152_000, 4_102_444_800

#: The same as Julian days.
_JULIAN_1990, _JULIAN_2100 = 2_447_892.5, 2_488_069.5

_EPOCH_UNITS = {"epoch-s": 1, "epoch-ms": 1_000, "epoch-us": 1_000_000}

#: Powers of ten that a double holds exactly.
_POWERS = 10.0 ** np.arange(23)

#: Below this a double times a power of ten is off by less than half a unit.
_SAFE_PRODUCT = 2.0**52

#: Decimals that are spelled out before the rest is looked at again.
_SPELLED_AT_ONCE = 256


class IntegerTally:
    def __init__(self) -> None:
        self.count = 0
        self.minimum: int | None = None
        self.maximum: int | None = None

    def add(self, numbers: npt.NDArray[np.int64]) -> None:
        """Take more values in; at least one."""
        low, high = int(numbers.min()), int(numbers.max())
        self.count += len(numbers)
        self.minimum = low if self.minimum is None else min(self.minimum, low)
        self.maximum = high if self.maximum is None else max(self.maximum, high)

    @property
    def digits(self) -> int:
        """Most digits of any value; 0 has none."""
        if self.minimum is None or self.maximum is None:
            return 0
        largest = max(abs(self.minimum), abs(self.maximum))
        return len(str(largest)) if largest else 0

    @property
    def shapes(self) -> frozenset[str]:
        if self.minimum is None or self.maximum is None:
            return frozenset()
        low, high = self.minimum, self.maximum
        found = {
            unit
            for unit, factor in _EPOCH_UNITS.items()
            if low >= _SECONDS_1990 * factor and high < _SECONDS_2100 * factor
        }
        if low >= 0 and high <= 1:
            found.add("boolean")
        if low >= 1000 and high <= 2999:
            found.add("year")
        return frozenset(found)


class RealTally:
    def __init__(self) -> None:
        self.count = 0
        self.minimum: float | None = None
        self.maximum: float | None = None
        self.infinities = 0
        self.integral = 0
        #: Most digits after the point in the shortest decimal that reads back as the value.
        self.scale: int | None = None
        self._largest_finite = 0.0

    def add(self, numbers: npt.NDArray[np.float64]) -> None:
        """Take more values in; at least one."""
        low, high = float(numbers.min()), float(numbers.max())
        self.count += len(numbers)
        self.minimum = low if self.minimum is None else min(self.minimum, low)
        self.maximum = high if self.maximum is None else max(self.maximum, high)
        if np.isinf(low) or np.isinf(high):
            finite = numbers[np.isfinite(numbers)]
            self.infinities += len(numbers) - len(finite)
            if not len(finite):
                return
            numbers, low, high = finite, float(finite.min()), float(finite.max())
        self._largest_finite = max(self._largest_finite, abs(low), abs(high))
        fractional = numbers[np.rint(numbers) != numbers]
        self.integral += len(numbers) - len(fractional)
        self.scale = _largest_scale(np.abs(fractional), self.scale or 0)

    @property
    def digits(self) -> int:
        """Most digits before the point of any finite value; numbers below 1 have none."""
        # Of the shortest decimal, not of the double: 1e23 is a little less than that.
        return max(0, Decimal(repr(self._largest_finite)).adjusted() + 1) if self._largest_finite else 0

    @property
    def shapes(self) -> frozenset[str]:
        if self.minimum is None or self.maximum is None:
            return frozenset()
        found = set()
        if self.minimum >= _SECONDS_1990 and self.maximum < _SECONDS_2100:
            found.add("epoch-s")
        if self.minimum >= _JULIAN_1990 and self.maximum < _JULIAN_2100:
            found.add("julian-day")
        return frozenset(found)


def _largest_scale(numbers: np.ndarray, scale: int) -> int:
    """
    Return the most digits after the point of any of `numbers` (positive, finite), at least `scale`.

    m / 10**s is correctly rounded where both are exact doubles. So a number has at most s
    digits where rounding it times 10**s and dividing again gives it back, and the product
    is small enough to have been rounded to the right integer. The rest is spelled out, a
    few at a time, since one of them often raises the scale for all.
    """
    numbers = numbers[~_has_at_most(numbers, scale)]
    while len(numbers):
        for number in numbers[:_SPELLED_AT_ONCE].tolist():
            scale = max(scale, _scale_of(number))
        numbers = numbers[_SPELLED_AT_ONCE:]
        if len(numbers):
            numbers = numbers[~_has_at_most(numbers, scale)]
    return scale


def _has_at_most(numbers: np.ndarray, scale: int) -> np.ndarray:
    """Return where a number certainly has no more than `scale` digits after the point."""
    # Seventeen digits tell any two doubles apart, so fewer than 17 - log10 stand behind the point.
    certain: np.ndarray = 16 - np.floor(np.log10(numbers) - 1e-9) <= scale
    power = _POWERS[min(scale, len(_POWERS) - 1)]
    products = np.minimum(numbers * power, _SAFE_PRODUCT)
    certain |= (products < _SAFE_PRODUCT) & (np.rint(products) / power == numbers)
    return certain


def _scale_of(number: float) -> int:
    exponent = Decimal(repr(number)).as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)
