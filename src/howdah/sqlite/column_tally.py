"""What the values of one column have in common, whatever their classes; becomes a `ColumnCensus`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from howdah.model.census import ColumnCensus
from howdah.model.source import Column
from howdah.sqlite.blob_tally import BlobTally
from howdah.sqlite.json_shapes import BLOB_TEST, TEXT_TEST
from howdah.sqlite.literals import sqlite_literal, text_literal
from howdah.sqlite.number_tally import IntegerTally, RealTally
from howdah.sqlite.row_select import ColumnChunk
from howdah.sqlite.text_tally import BigTextFacts, TextTally

#: Bytes that a number counts for.
_NUMBER_BYTES = 8

_SAMPLES = 5

#: Values of a chunk among which samples are looked for.
_SAMPLED = 32

#: Runs a test on values for which the reader has not run it: template, values → results.
RunTest = Callable[[str, Sequence[Any]], Sequence[Any]]


class ColumnTally:
    def __init__(self, column: Column) -> None:
        self._name = column.name
        self._nulls = 0
        self._big_values = 0
        self._integers = IntegerTally()
        self._reals = RealTally()
        self._texts = TextTally(declared_json="JSON" in column.declared_type.upper())
        self._blobs = BlobTally()
        self._samples: dict[tuple[type, Any], str] = {}

    @property
    def wanted_test(self) -> str | None:
        """The test that the reader should run on the values to come; None for none."""
        if self._texts.wants_json:
            return TEXT_TEST
        return BLOB_TEST if self._blobs.wants_jsonb else None

    def add(
        self, chunk: ColumnChunk, test: str | None, results: Sequence[Any] | None, run_test: RunTest
    ) -> int:
        """
        Take the values of a chunk in, the big ones apart, and return their bytes.

        `results` are those of the `test` that the reader ran, as long as the chunk.
        """
        values = chunk.values
        kinds = set(map(type, values))
        if len(self._samples) < _SAMPLES:
            self._take_samples(values, chunk.texts)
        byte_count = 0
        for kind in kinds - {type(None)}:
            present, rows = values, None
            if len(kinds) > 1:
                present = [value for value in values if type(value) is kind]
                if results is not None:
                    rows = [row for row, value in enumerate(values) if type(value) is kind]
            byte_count += self._add_class(kind, present, _Tested(test, results, rows, run_test))
        if chunk.texts is not None:
            byte_count += self._add_text_bytes(chunk.texts, test, results, run_test)
        if type(None) in kinds:
            texts = 0 if chunk.texts is None else sum(text is not None for text in chunk.texts)
            self._nulls += list(values).count(None) - texts - len(chunk.big)
        return byte_count

    def add_big_text(self, facts: BigTextFacts) -> None:
        """Take a text in that is too long for a batch."""
        self._big_values += 1
        self._texts.add_big(facts)

    def add_big_blob(self, length: int) -> None:
        """Take a blob in that is too long for a batch."""
        self._big_values += 1
        self._blobs.add_big(length)

    @property
    def census(self) -> ColumnCensus:
        integers, reals, texts, blobs = self._integers, self._reals, self._texts, self._blobs
        shapes = texts.found_shapes
        return ColumnCensus(
            name=self._name,
            nulls=self._nulls,
            integers=integers.count,
            reals=reals.count,
            texts=texts.count,
            blobs=blobs.count,
            integer_min=integers.minimum,
            integer_max=integers.maximum,
            real_min=reals.minimum,
            real_max=reals.maximum,
            real_infinities=reals.infinities,
            real_integral=reals.integral,
            real_scale_max=reals.scale,
            numeric_digits_max=max(integers.digits, reals.digits),
            text_bytes_max=texts.bytes_max,
            text_chars_max=texts.chars_max,
            blob_bytes_max=blobs.bytes_max,
            bytes_total=_NUMBER_BYTES * (integers.count + reals.count)
            + texts.bytes_total
            + blobs.bytes_total,
            texts_empty=texts.empty,
            texts_with_nul=texts.with_nul,
            texts_invalid_utf8=texts.invalid,
            big_values=self._big_values,
            text_shapes=shapes,
            json_documents=texts.json_documents,
            datetime_format=texts.shapes.timestamps.datetime_format if "iso-datetime" in shapes else "",
            time_format=texts.shapes.times.fraction if "iso-time" in shapes else "",
            integer_shapes=integers.shapes,
            real_shapes=reals.shapes,
            blob_shapes=blobs.found_shapes,
            samples=tuple(self._samples.values()),
        )

    def _add_class(self, kind: type, values: Sequence[Any], tested: _Tested) -> int:
        if kind is int:
            self._integers.add(values)
            return _NUMBER_BYTES * len(values)
        if kind is float:
            self._reals.add(values)
            return _NUMBER_BYTES * len(values)
        if kind is str:
            valid = tested.mask(TEXT_TEST, values) if self._texts.look_at(values) else None
            return self._texts.add(values, valid)
        valid = tested.mask(BLOB_TEST, values) if self._blobs.look_at(values) else None
        return self._blobs.add(values, valid)

    def _add_text_bytes(
        self,
        texts: Sequence[bytes | None],
        test: str | None,
        results: Sequence[Any] | None,
        run_test: RunTest,
    ) -> int:
        byte_count = 0
        rows, valid = [], []
        for row, content in enumerate(texts):
            if content is None:
                continue
            try:
                valid.append(content.decode())
            except UnicodeDecodeError:
                byte_count += self._texts.add_invalid(content)
            else:
                rows.append(row)
        if valid:
            byte_count += self._add_class(str, valid, _Tested(test, results, rows, run_test))
        return byte_count

    def _take_samples(self, values: Sequence[Any], texts: Sequence[bytes | None] | None) -> None:
        literals = [
            ((type(value), value), sqlite_literal(value)) for value in values[:_SAMPLED] if value is not None
        ]
        literals += [
            ((str, text), text_literal(text)) for text in (texts or ())[:_SAMPLED] if text is not None
        ]
        for key, literal in literals:
            # By class too: 1 and 1.0 are two values, though Python holds them for equal.
            if key not in self._samples and len(self._samples) < _SAMPLES:
                self._samples[key] = literal


class _Tested:
    """Results of a test for some of the rows of a chunk."""

    def __init__(
        self,
        test: str | None,
        results: Sequence[Any] | None,
        rows: Sequence[int] | None,
        run_test: RunTest,
    ) -> None:
        self._test = test
        self._results = results
        self._rows = rows
        self._run_test = run_test

    def mask(self, test: str, values: Sequence[Any]) -> npt.NDArray[np.bool_]:
        """Return where the values of those rows pass the test, which is run now where it was not."""
        if self._results is None or self._test != test:
            results = self._run_test(test, values)
        elif self._rows is None:
            results = self._results
        else:
            results = [self._results[row] for row in self._rows]
        return np.fromiter(map(bool, results), np.bool_, len(values))
