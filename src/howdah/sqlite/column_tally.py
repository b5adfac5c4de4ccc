"""What the values of one column have in common, whatever their classes; becomes a `ColumnCensus`."""

from __future__ import annotations

from itertools import chain, zip_longest
from typing import Any

from howdah.model.census import ColumnCensus
from howdah.model.source import Column
from howdah.sqlite.blob_tally import BlobTally
from howdah.sqlite.column_values import ColumnValues
from howdah.sqlite.json_counts import JsonAnswer, JsonQuestion
from howdah.sqlite.literals import sqlite_literal, text_literal
from howdah.sqlite.number_tally import IntegerTally, RealTally
from howdah.sqlite.text_tally import BigTextFacts, TextTally

#: Bytes that a number counts for.
_NUMBER_BYTES = 8

_SAMPLES = 5

#: Values of each class and chunk among which samples are looked for.
_SAMPLED = 32


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

    def add(self, values: ColumnValues) -> int:
        """Take the values of some rows in, the big ones apart, and return their bytes."""
        if len(self._samples) < _SAMPLES:
            self._take_samples(values)
        self._nulls += values.nulls
        byte_count = 0
        if values.integers is not None:
            self._integers.add(values.integers)
            byte_count += _NUMBER_BYTES * len(values.integers)
        if values.reals is not None:
            self._reals.add(values.reals)
            byte_count += _NUMBER_BYTES * len(values.reals)
        if values.texts is not None:
            byte_count += self._texts.add(values.texts)
        if values.blobs is not None:
            byte_count += self._blobs.add(values.blobs)
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
    def questions(self) -> list[JsonQuestion]:
        """What is still open when all values have been added; `settle` takes the answers."""
        asked = []
        if self._texts.asks_json:
            asked.append(JsonQuestion(column=self._name, unsound=self._texts.has_unsound))
        if self._blobs.asks_jsonb:
            asked.append(JsonQuestion(column=self._name, blobs=True))
        return asked

    def settle(self, question: JsonQuestion, answer: JsonAnswer) -> None:
        """Take the answer to one of the questions."""
        if question.blobs:
            self._blobs.settle_jsonb(answer.valid)
        else:
            self._texts.settle_json(answer.valid, answer.documents)

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

    def _take_samples(self, values: ColumnValues) -> None:
        numbers = [
            [((type(value), value), sqlite_literal(value)) for value in _spread(part).tolist()]
            for part in (values.integers, values.reals)
            if part is not None
        ]
        contents = [
            [((kind, value), literal(value)) for value in _spread(part).to_pylist()]
            for part, kind, literal in (
                (values.texts, str, text_literal),
                (values.blobs, bytes, sqlite_literal),
            )
            if part is not None
        ]
        # In turn, so that a column of several classes shows some of each.
        for sample in chain.from_iterable(zip_longest(*numbers, *contents)):
            # By class too: 1 and 1.0 are two values, though Python holds them for equal.
            if sample is not None and sample[0] not in self._samples and len(self._samples) < _SAMPLES:
                self._samples[sample[0]] = sample[1]


def _spread(values: Any) -> Any:
    """Return some of the values of an array, from its beginning to its end: neighbours are often alike."""
    return values[:: max(1, len(values) // _SAMPLED)]
