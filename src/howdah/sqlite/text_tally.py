"""What the texts of one column have in common: lengths, NUL, validity, shapes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

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
        self._big = 0
        self._documents = 0
        self._declared_json = declared_json

    @property
    def asks_json(self) -> bool:
        """Whether `settle_json` is wanted, in the end; canonical numbers are known to be JSON."""
        if self.count == self._big:
            return False
        return self._declared_json or (
            "json" in self.shapes.candidates and self.shapes.candidates.isdisjoint({"integer", "decimal"})
        )

    @property
    def has_unsound(self) -> bool:
        """Whether some text is no text for JSON: it holds NUL or is not UTF-8."""
        return self.with_nul + self.invalid > 0

    def settle_json(self, json_count: int, document_count: int) -> None:
        """Say how many texts, the big ones apart, are JSON, and how many of these are objects or arrays."""
        if json_count < self.count - self._big:
            self.shapes.candidates -= {"json", "jsonb-safe"}
        if self._declared_json or "json" in self.shapes.candidates:
            self._documents += document_count

    @property
    def json_documents(self) -> int:
        """As `ColumnCensus.json_documents`."""
        return self._documents if self._declared_json or "json" in self.shapes.candidates else 0

    @property
    def found_shapes(self) -> frozenset[str]:
        return frozenset(self.shapes.candidates) if self.count else frozenset()

    def add(self, texts: pa.BinaryArray) -> int:
        """Take more texts in, at least one, and return their bytes."""
        batch = TextBatch(texts)
        if not batch.is_utf8:
            return self._add_partly_invalid(texts)
        self.count += len(texts)
        self.bytes_total += len(batch.content)
        self.bytes_max = max(self.bytes_max, int(batch.lengths.max()))
        self.chars_max = batch.characters_max(self.chars_max)
        self.empty += len(texts) - int(np.count_nonzero(batch.lengths))
        if batch.has_nul:
            self.with_nul += batch.count_with_nul()
            # SQLite reads a document up to the first NUL and calls it valid.
            self.shapes.candidates -= {"json", "jsonb-safe"}
        self.shapes.check(batch)
        return len(batch.content)

    def _add_partly_invalid(self, texts: pa.BinaryArray) -> int:
        byte_count = 0
        valid = []
        for content in texts.to_pylist():
            try:
                content.decode()
            except UnicodeDecodeError:
                byte_count += self.add_invalid(content)
            else:
                valid.append(content)
        return byte_count + (self.add(pa.array(valid, pa.binary())) if valid else 0)

    def add_invalid(self, content: bytes) -> int:
        """Take a text in that is not UTF-8, and return its bytes."""
        self._add_one(len(content), len(content.decode(errors="replace")), b"\0" in content)
        self.invalid += 1
        self.shapes.refute_all()
        return len(content)

    def add_big(self, facts: BigTextFacts) -> None:
        """Take a text in that is too long for a batch."""
        self._big += 1
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
