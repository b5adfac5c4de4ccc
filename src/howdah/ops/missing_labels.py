"""Find the values that an enum of the application has no label for, before anything is written."""

from __future__ import annotations

from howdah.model.findings import Finding
from howdah.model.owned import OwnedFacts
from howdah.model.source import SourceCatalog, Table
from howdah.model.target_type import TargetType, TypeKind
from howdah.names import quote_sqlite
from howdah.planning.findings import make_finding, name_column
from howdah.sqlite.connect import Connection as SourceConnection

#: Different values that are looked at, and named, at the most.
_VALUES_MAX, _NAMED_MAX = 10_000, 8


def find_missing_labels(catalog: SourceCatalog, source: SourceConnection, owned: OwnedFacts) -> list[Finding]:
    """Return a finding for each column with such values: their rows will be set aside."""
    types = {
        (table.name.lower(), column.name.lower()): kind.stored
        for table in owned.tables
        for column, kind in zip(table.facts.columns, table.types, strict=True)
        if kind.stored.kind is TypeKind.ENUM
    }
    findings = []
    for table in catalog.tables:
        for column in table.columns:
            enum = types.get((table.name.lower(), column.name.lower()))
            if enum is not None and table.kind == "table":
                findings += _find_in_column(source, table, column.name, enum)
    return findings


def _find_in_column(source: SourceConnection, table: Table, column: str, enum: TargetType) -> list[Finding]:
    name = quote_sqlite(column)
    query = (
        f"SELECT CAST({name} AS BLOB), count(*) FROM {quote_sqlite(table.name)}"
        f" WHERE {name} IS NOT NULL GROUP BY 1 LIMIT {_VALUES_MAX}"
    )
    labels = set(enum.labels)
    counted = [
        (bytes(value).decode("utf-8", "backslashreplace"), int(count))
        for value, count in source.execute(query)
    ]
    missing = [(value, count) for value, count in counted if value not in labels]
    if not missing:
        return []
    named = ", ".join(f"{value!r}" for value, _ in missing[:_NAMED_MAX])
    more = f" and {len(missing) - _NAMED_MAX} more" if len(missing) > _NAMED_MAX else ""
    rows = sum(count for _, count in missing)
    message = f"{enum.text} has no label {named}{more}: {rows} {'row' if rows == 1 else 'rows'}"
    return [make_finding("F-227", name_column(table.name, column), f"the type {message}")]
