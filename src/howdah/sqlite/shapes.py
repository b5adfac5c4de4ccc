"""
Shapes: statements about all values of one storage class in a column.

Every candidate lives until the first value that refutes it. A candidate is first tried
on one value, so that ordinary text costs nothing; only what survives is tested on
whole arrays. Pure: Arrow arrays in, names of shapes out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_DATE = r"\d{4}-\d\d-\d\d"
_TIME = r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?"

_PATTERNS = {
    "integer": r"^(0|-?[1-9]\d{0,18})$",
    "decimal": r"^-?(0|[1-9]\d*)(\.\d+)?$",
    "iso-date": rf"^{_DATE}$",
    "iso-time": rf"^{_TIME}$",
    "iso-datetime": rf"^{_DATE}[ T]{_TIME}(Z|\+00:00)?$",
    "uuid": r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
    "uuid-lower": r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
    "uuid-hex32": r"^[0-9a-f]{32}$",
    "boolean-word": r"^(?i:true|false|t|f|yes|no|y|n|on|off)$",
    # Documents only: whether they are valid is for `json_valid` to say, afterwards.
    "json": r"^\s*(?s:[\[{].*[\]}])\s*$",
}

_ESCAPED_PAIR = r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
#: What PostgreSQL's jsonb refuses although JSON allows it: U+0000 and lone surrogates.
_NOT_JSONB = r"\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})"


class TextShapes:
    """What holds for every text of a column so far."""

    def __init__(self) -> None:
        self._alive: set[str] | None = None
        self._separators: set[str] = set()
        self._zones: set[str] = set()
        self._datetime_digits: set[int] = set()
        self._time_digits: set[int] = set()
        self._zero_fraction = False
        self._jsonb_safe = True

    def add(self, texts: pa.StringArray) -> None:
        """Test some more texts: valid UTF-8, no nulls, at least one."""
        if self._alive is None:
            self._alive = set(_PATTERNS)
        if not self._alive:
            return
        probe = texts.slice(0, 1)
        self._alive = {name for name in self._alive if _all_match(probe, _PATTERNS[name])}
        self._alive = {
            name for name in self._alive if _all_match(texts, _PATTERNS[name]) and self._is_real(name, texts)
        }
        if "json" in self._alive and self._jsonb_safe:
            self._jsonb_safe = _jsonb_takes(texts)

    def refute(self) -> None:
        """Nothing holds: a text is not valid UTF-8."""
        self._alive = set()

    def keep_documents_only(self) -> None:
        """There are texts that were not seen for their length: only JSON can be asked of them later."""
        self._alive = {"json"} if self._alive is None else self._alive & {"json"}
        self._jsonb_safe = False

    def _is_real(self, name: str, texts: pa.StringArray) -> bool:
        check: dict[str, Callable[[pa.StringArray], bool]] = {
            "integer": _is_int64,
            "iso-date": _is_date,
            "iso-time": self._is_time,
            "iso-datetime": self._is_datetime,
        }
        return check[name](texts) if name in check else True

    def _is_datetime(self, texts: pa.StringArray) -> bool:
        if not _is_date(pc.utf8_slice_codeunits(texts, 0, 10)):
            return False
        self._separators |= _distinct(pc.utf8_slice_codeunits(texts, 10, 11))
        rest = pc.utf8_slice_codeunits(texts, 19)
        zones = pc.replace_substring_regex(rest, r"^(\.\d+)?", "")
        self._zones |= _distinct(zones)
        fractions = pc.replace_substring_regex(rest, r"(Z|\+00:00)$", "")
        self._datetime_digits |= _fraction_digits(fractions)
        self._zero_fraction |= bool(pc.any(pc.equal(fractions, ".000000")).as_py())
        return True

    def _is_time(self, texts: pa.StringArray) -> bool:
        fractions = pc.utf8_slice_codeunits(texts, 8)
        self._time_digits |= _fraction_digits(fractions)
        self._zero_fraction |= bool(pc.any(pc.equal(fractions, ".000000")).as_py())
        return True

    @property
    def names(self) -> frozenset[str]:
        """The shapes that hold, "json" if the texts look like documents."""
        names = set(self._alive or ())
        if "json" in names and self._jsonb_safe:
            names.add("jsonb-safe")
        return frozenset(names)

    @property
    def datetime_format(self) -> str:
        """The one format of all timestamps (see model.census), "" for none."""
        if "iso-datetime" not in self.names or len(self._separators) != 1 or len(self._zones) != 1:
            return ""
        fraction = self._fraction(self._datetime_digits)
        return "" if fraction is None else next(iter(self._separators)) + fraction + next(iter(self._zones))

    @property
    def time_format(self) -> str:
        """The one format of all times of day, "" for none."""
        return "" if "iso-time" not in self.names else self._fraction(self._time_digits) or ""

    def _fraction(self, digits: set[int]) -> str | None:
        if len(digits) == 1:
            return str(next(iter(digits)))
        # "0/6" says that a zero fraction is not written: one that is makes the format ambiguous.
        return "0/6" if digits == {0, 6} and not self._zero_fraction else None


def _all_match(texts: pa.StringArray, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(texts, pattern)).as_py())


def _distinct(texts: pa.StringArray) -> set[str]:
    return set(pc.unique(texts).to_pylist())


def _fraction_digits(fractions: pa.StringArray) -> set[int]:
    """Return how many digits stand after the point; ".123" has three, "" none."""
    return {max(length - 1, 0) for length in pc.unique(pc.utf8_length(fractions)).to_pylist()}


def _casts(texts: pa.StringArray, kind: pa.DataType) -> bool:
    try:
        texts.cast(kind)
    except pa.ArrowInvalid:
        return False
    return True


def _is_int64(texts: pa.StringArray) -> bool:
    return _casts(texts, pa.int64())


def _is_date(texts: pa.StringArray) -> bool:
    # Arrow knows the calendar; the year 0 is beyond Python's and most programs' dates.
    return _casts(texts, pa.date32()) and not bool(pc.any(pc.starts_with(texts, "0000")).as_py())


def _jsonb_takes(texts: pa.StringArray) -> bool:
    if not bool(pc.any(pc.match_substring_regex(texts, _NOT_JSONB)).as_py()):
        return True
    # A pair of escaped surrogates is one character; what is left of them is lone.
    without_pairs = pc.replace_substring_regex(texts, _ESCAPED_PAIR, "")
    return not bool(pc.any(pc.match_substring_regex(without_pairs, _NOT_JSONB)).as_py())


#: 1990-01-01 to 2100-01-01, in seconds since 1970.
_EPOCH_RANGE = (631_152_000, 4_102_444_800)
#: The same days as Julian day numbers.
_JULIAN_RANGE = (2_447_892.5, 2_488_069.5)


def integer_shapes(low: int, high: int) -> frozenset[str]:
    """Return the shapes of a column whose integers lie between `low` and `high`."""
    shapes = set()
    if low >= 0 and high <= 1:
        shapes.add("boolean")
    for name, factor in (("epoch-s", 1), ("epoch-ms", 1_000), ("epoch-us", 1_000_000)):
        if low >= _EPOCH_RANGE[0] * factor and high <= _EPOCH_RANGE[1] * factor:
            shapes.add(name)
    if low >= 1000 and high <= 2999:
        shapes.add("year")
    return frozenset(shapes)


def real_shapes(low: float, high: float) -> frozenset[str]:
    """Return the shapes of a column whose reals lie between `low` and `high`."""
    shapes = set()
    if low >= _EPOCH_RANGE[0] and high <= _EPOCH_RANGE[1]:
        shapes.add("epoch-s")
    if low >= _JULIAN_RANGE[0] and high <= _JULIAN_RANGE[1]:
        shapes.add("julian-day")
    return frozenset(shapes)


def decimal_scale(values: Iterable[float] | np.ndarray) -> int:
    """
    Return the most digits after the point in the shortest decimals of finite doubles.

    From 12 digits on they are not counted any further.
    """
    left = np.unique(np.abs(np.asarray(values, np.float64)))
    scale = 0
    for digits in range(7):
        factor = 10.0**digits
        # A double is that shortest decimal exactly when it is the nearest to it: below 2^53 numerator and
        # power of ten are exact, so the quotient is correctly rounded.
        scaled = np.round(left * factor)
        fits = (scaled < 2.0**53) & (scaled / factor == left)
        if fits.any():
            scale = digits
        left = left[~fits]
        if not len(left):
            return scale
    for value in left:
        mantissa, _, exponent = repr(float(value)).partition("e")
        scale = max(scale, len(mantissa.partition(".")[2].rstrip("0")) - int(exponent or 0))
        if scale >= 12:
            break
    return scale
