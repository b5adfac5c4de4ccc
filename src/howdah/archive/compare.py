"""
Compare what a restored database holds with what its manifest says. Pure.

A sequence may be ahead of the manifest (they are not part of a snapshot), never behind it or
behind its own column.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from howdah.model.backup import (
    ContentDifference,
    SchemaObject,
    SequenceContent,
    TableContent,
)


def compare_tables(
    expected: Iterable[TableContent], found: Iterable[TableContent]
) -> Iterator[ContentDifference]:
    """Yield the tables that are missing, hold another number of rows, or other rows."""
    present = {(table.schema, table.name): table for table in found}
    for table in expected:
        other = present.get((table.schema, table.name))
        if other is None:
            yield ContentDifference(
                kind="table", object=table.title, expected=f"{table.rows} rows", found="missing"
            )
        elif other.rows != table.rows:
            yield ContentDifference(
                kind="rows", object=table.title, expected=f"{table.rows} rows", found=f"{other.rows} rows"
            )
        elif other.digest != table.digest:
            yield ContentDifference(
                kind="digest", object=table.title, expected=table.digest, found=other.digest
            )


def compare_objects(
    expected: Iterable[SchemaObject], found: Iterable[SchemaObject]
) -> Iterator[ContentDifference]:
    """Yield the objects that are missing, and indexes and constraints that are no longer valid."""
    present = {_identity(item): item for item in found}
    for item in expected:
        other = present.get(_identity(item))
        if other is None:
            yield ContentDifference(kind="object", object=item.title, expected="present", found="missing")
        elif item.valid and not other.valid:
            yield ContentDifference(kind="object", object=item.title, expected="valid", found="not valid")


def _identity(item: SchemaObject) -> tuple[str, ...]:
    # Older backups have a line feed in "foreign key".
    return (" ".join(item.kind.split()), item.schema, item.table, item.name)


def compare_sequences(
    expected: Iterable[SequenceContent],
    found: Iterable[SequenceContent],
    largest: Mapping[tuple[str, str], int | None],
) -> Iterator[ContentDifference]:
    """
    Yield the sequences that would give out a value again; `largest` is by schema and name of the sequence.
    """
    present = {(item.schema, item.name): item for item in found}
    for item in expected:
        other = present.get((item.schema, item.name))
        if other is None:
            yield ContentDifference(kind="sequence", object=item.title, expected="present", found="missing")
            continue
        direction = 1 if item.increment > 0 else -1
        limits = [
            value for value in (item.last_value, largest.get((item.schema, item.name))) if value is not None
        ]
        if limits:
            limit = max(limits, key=lambda value: value * direction)
            if other.last_value is None or (limit - other.last_value) * direction > 0:
                yield ContentDifference(
                    kind="sequence",
                    object=item.title,
                    expected=f"{limit} or beyond",
                    found=str(other.last_value),
                )
