"""
Shapes of texts: all are candidates until a value refutes them.

The first few values of each batch are looked at one by one, so that most columns lose
every candidate at once and cost nothing from there on. What stays is checked on every
value by kernels over whole batches.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from howdah.sqlite.column_values import content_of, is_utf8, offsets_of
from howdah.sqlite.json_shapes import are_jsonb_safe, may_be_json
from howdah.sqlite.moment_shapes import MomentForms, are_dates, are_times, are_timestamps

_DIGITS = frozenset("0123456789")
_LOWER_HEX = frozenset(b"0123456789abcdef")
_UPPER_HEX = frozenset(b"0123456789ABCDEF")
_HYPHENS = (8, 13, 18, 23)
_BOOLEAN_WORDS = frozenset({"true", "false", "t", "f", "yes", "no", "y", "n", "on", "off"})

#: Values that are looked at before a batch is.
_SAMPLE = 16

#: Different lengths in one batch from which on texts are no timestamps.
_LENGTHS_MAX = 20


class TextBatch:
    """Some texts, at least one, as the kernels want them; `array` and characters where they are UTF-8."""

    def __init__(self, values: pa.BinaryArray) -> None:
        self._values = values

    @cached_property
    def content(self) -> npt.NDArray[np.uint8]:
        """The bytes of all texts, one behind the other."""
        return content_of(self._values)

    @cached_property
    def lengths(self) -> npt.NDArray[np.int32]:
        """Bytes of each."""
        return np.diff(self._offsets)

    @cached_property
    def is_ascii(self) -> bool:
        return bool(self.content.max(initial=0) < 0x80)

    @cached_property
    def is_utf8(self) -> bool:
        return self.is_ascii or is_utf8(self._values)

    @cached_property
    def has_nul(self) -> bool:
        return bool(self.content.min(initial=1) == 0)

    def characters_max(self, known: int) -> int:
        """Return the characters of the longest, `known` where that is more."""
        if self.is_ascii:
            return max(known, int(self.lengths.max()))
        # Only a text of more bytes can have more characters.
        longer = self.array.filter(pa.array(self.lengths > known))
        return max(known, pc.max(pc.utf8_length(longer)).as_py()) if len(longer) else known

    @cached_property
    def array(self) -> pa.StringArray:
        # A view: that it is UTF-8 has been seen.
        return self._values.view(pa.utf8())

    def count_with_nul(self) -> int:
        """Return how many texts hold a NUL."""
        places = np.flatnonzero(self.content == 0) + self._offsets[0]
        return len(np.unique(np.searchsorted(self._offsets, places, side="right")))

    def first(self, count: int) -> list[str]:
        """Return the first few."""
        texts: list[str] = self.array[:count].to_pylist()
        return texts

    def matrices(self) -> list[npt.NDArray[np.uint8]] | None:
        """Return the bytes of the texts, one matrix for each length; None where there are too many."""
        widths = np.unique(self.lengths)
        if len(widths) > _LENGTHS_MAX or widths[0] == 0:
            return None
        if len(widths) == 1:
            return [self.content.reshape(-1, widths[0])]
        starts = self._offsets[:-1] - self._offsets[0]
        return [
            self.content[starts[self.lengths == width][:, np.newaxis] + np.arange(width)] for width in widths
        ]

    def matrix(self, width: int) -> npt.NDArray[np.uint8] | None:
        """Return the bytes of the texts where each has that many, else None."""
        if not (self.lengths == width).all():
            return None
        matrices = self.matrices()
        return matrices[0] if matrices else None

    @cached_property
    def _offsets(self) -> npt.NDArray[np.int32]:
        return offsets_of(self._values)


def _is_integer(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdigit() and len(text) <= 20


def _is_decimal(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").replace(".", "", 1).isdigit()


def _is_timed(text: str) -> bool:
    return len(text) >= 19 and text[4] == "-" and text[10] in "T " and text[13] == ":"


#: Cheap, and true of every value that has the shape.
_PLAUSIBLE: dict[str, Callable[[str], bool]] = {
    "integer": _is_integer,
    "decimal": _is_decimal,
    "iso-date": lambda text: len(text) == 10 and text[4] == "-",
    "iso-time": lambda text: len(text) >= 8 and text[2] == ":",
    "iso-datetime": _is_timed,
    "json": may_be_json,
    "jsonb-safe": may_be_json,
    "uuid": lambda text: len(text) == 36 and text[8] == "-",
    "uuid-lower": lambda text: len(text) == 36 and text[8] == "-",
    "uuid-upper": lambda text: len(text) == 36 and text[8] == "-",
    "uuid-hex32": lambda text: len(text) == 32 and text[0] in "0123456789abcdef",
    "boolean-word": lambda text: text.lower() in _BOOLEAN_WORDS,
}


class TextShapes:
    def __init__(self) -> None:
        #: Not refuted so far.
        self.candidates = set(_PLAUSIBLE)
        self.timestamps = MomentForms()
        self.times = MomentForms()

    def refute_all(self, *, but: frozenset[str] = frozenset()) -> None:
        """Drop the candidates, because of a value that has no shape."""
        self.candidates &= but

    def check(self, batch: TextBatch) -> None:
        """
        Drop the candidates that any value refutes.

        That what may be JSON is JSON remains to be said by SQLite.
        """
        for value in batch.first(_SAMPLE) if self.candidates else ():
            self.candidates = {name for name in self.candidates if _PLAUSIBLE[name](value)}
            if not self.candidates:
                return
        if not self.candidates:
            return
        self._keep("jsonb-safe", lambda: are_jsonb_safe(batch.array, batch.content, int(batch.lengths.max())))
        self._keep("integer", lambda: _are_integers(batch))
        self._keep("decimal", lambda: _are_decimals(batch))
        self._keep("iso-date", lambda: _all_matrices(batch, are_dates))
        self._keep("iso-time", lambda: _all_matrices(batch, lambda rows: are_times(rows, self.times)))
        self._keep(
            "iso-datetime", lambda: _all_matrices(batch, lambda rows: are_timestamps(rows, self.timestamps))
        )
        self._keep("uuid", lambda: _are_uuids(batch, _LOWER_HEX | _UPPER_HEX))
        self._keep("uuid-lower", lambda: _are_uuids(batch, _LOWER_HEX))
        self._keep("uuid-upper", lambda: _are_uuids(batch, _UPPER_HEX))
        self._keep("uuid-hex32", lambda: _are_hexadecimal(batch.matrix(32), _LOWER_HEX))
        self._keep("boolean-word", lambda: _are_boolean_words(batch))

    def _keep(self, name: str, holds: Callable[[], bool]) -> None:
        if name in self.candidates and not holds():
            self.candidates.discard(name)


def _are_integers(batch: TextBatch) -> bool:
    # The cast reads "007" and "-0" too, so the number is written again and compared.
    if int(batch.lengths.max()) > 20 or not _match(batch, r"\A-?[0-9]+\z"):
        return False
    try:
        numbers = batch.array.cast(pa.int64())
    except pa.ArrowInvalid:
        return False
    return bool(pc.all(pc.equal(numbers.cast(pa.utf8()), batch.array)).as_py())


def _are_decimals(batch: TextBatch) -> bool:
    return _match(batch, r"\A-?(0|[1-9][0-9]*)(\.[0-9]+)?\z") and not _match_any(batch, r"\A-0(\.0+)?\z")


def _are_boolean_words(batch: TextBatch) -> bool:
    return {value.lower() for value in pc.unique(batch.array).to_pylist()} <= _BOOLEAN_WORDS


def _match(batch: TextBatch, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(batch.array, pattern)).as_py())


def _match_any(batch: TextBatch, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(batch.array, pattern)).as_py())


def _all_matrices(batch: TextBatch, holds: Callable[[npt.NDArray[np.uint8]], bool]) -> bool:
    matrices = batch.matrices()
    return matrices is not None and all(holds(matrix) for matrix in matrices)


def _are_uuids(batch: TextBatch, digits: frozenset[int]) -> bool:
    matrix = batch.matrix(36)
    if matrix is None or not (matrix[:, _HYPHENS] == ord("-")).all():
        return False
    return _are_hexadecimal(np.delete(matrix, _HYPHENS, axis=1), digits)


def _are_hexadecimal(matrix: npt.NDArray[np.uint8] | None, digits: frozenset[int]) -> bool:
    if matrix is None:
        return False
    table = np.zeros(256, np.bool_)
    table[list(digits)] = True
    return bool(table[matrix].all())
