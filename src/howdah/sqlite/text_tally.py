"""What the texts of one column have in common: lengths, NUL, validity, shapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from howdah.sqlite.json_shapes import count_documents
from howdah.sqlite.text_shapes import TextBatch, TextShapes

#: A text that is too long for a batch is still looked at as a document.
_SHAPES_OF_BIG_TEXTS = frozenset({"json"})


@dataclass(frozen=True, kw_only=True)
class BigTextFacts:
    """What streaming a long text has shown."""

    length: int
    characters: int
    has_nul: bool
    is_utf8: bool
    is_json: bool
    #: It is an object or an array; false where it is not JSON.
    is_document: bool


class TextTally:
    def __init__(self, *, declared_json: bool) -> None:
        self.count = 0
        self.bytes_total = 0
        self.bytes_max = 0
        self.chars_max = 0
        self.empty = 0
        self.with_nul = 0
        self.invalid = 0
        self.shapes = TextShapes()
        self._documents = 0
        self._declared_json = declared_json

    @property
    def wants_json(self) -> bool:
        """Whether `add` must be told which texts are valid JSON."""
        return self.count > 0 and self._counts_documents

    @property
    def json_documents(self) -> int:
        """As `ColumnCensus.json_documents`."""
        return self._documents if self._counts_documents else 0

    @property
    def found_shapes(self) -> frozenset[str]:
        return frozenset(self.shapes.candidates) if self.count else frozenset()

    @property
    def _counts_documents(self) -> bool:
        return self._declared_json or "json" in self.shapes.candidates

    def look_at(self, values: Sequence[str]) -> bool:
        """Look at a few of the values that `add` will get; return whether it must be told of JSON."""
        self.shapes.look_at(values)
        return self._counts_documents

    def add(self, values: Sequence[str], valid_json: npt.NDArray[np.bool_] | None) -> int:
        """Take more texts in, at least one, and return their bytes; `look_at` has been called."""
        batch = TextBatch(values)
        joined = batch.joined
        longest_in_characters = int(batch.characters.max())
        self.count += len(values)
        self.chars_max = max(self.chars_max, longest_in_characters)
        self.empty += len(values) - int(np.count_nonzero(batch.characters))
        if joined.isascii():
            byte_count, longest = len(joined), longest_in_characters
        else:
            byte_count, longest = int(batch.lengths.sum()), int(batch.lengths.max())
        self.bytes_total += byte_count
        self.bytes_max = max(self.bytes_max, longest)
        if "\0" in joined:
            has_nul = np.fromiter(("\0" in value for value in values), np.bool_, len(values))
            self.with_nul += int(has_nul.sum())
            # SQLite reads a document up to the first NUL and calls it valid.
            valid_json = None if valid_json is None else valid_json & ~has_nul
        self.shapes.check(batch, valid_json)
        if valid_json is not None and self._counts_documents:
            self._documents += count_documents(values, valid_json)
        return byte_count

    def add_invalid(self, content: bytes) -> int:
        """Take a text in that is not UTF-8, and return its bytes."""
        self._add_one(len(content), len(content.decode(errors="replace")), b"\0" in content)
        self.invalid += 1
        self.shapes.refute_all()
        return len(content)

    def add_big(self, facts: BigTextFacts) -> None:
        """Take a text in that is too long for a batch."""
        self._add_one(facts.length, facts.characters, facts.has_nul)
        self.invalid += not facts.is_utf8
        self.shapes.refute_all(but=_SHAPES_OF_BIG_TEXTS if facts.is_json else frozenset())
        self._documents += facts.is_document

    def _add_one(self, length: int, characters: int, has_nul: bool) -> None:
        self.count += 1
        self.bytes_total += length
        self.bytes_max = max(self.bytes_max, length)
        self.chars_max = max(self.chars_max, characters)
        self.with_nul += has_nul
