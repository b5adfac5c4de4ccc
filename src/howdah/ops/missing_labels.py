"""Find the values that an enum of the application has no label for, before anything is written."""

from __future__ import annotations

from howdah.model.finding_kinds import make_finding, name_column
from howdah.model.findings import Finding
from howdah.model.owned import OwnedFacts
from howdah.model.source import SourceCatalog, Table
from howdah.model.target_type import TargetType, TypeKind
from howdah.names import quote_sqlite
from howdah.planning.owned_match import match_schema
from howdah.sqlite.connect import Connection as SourceConnection

#: Different values that are looked at, and named, at the most.
_VALUES_MAX, _NAMED_MAX = 10_000, 8


def find_missing_labels(catalog: SourceCatalog, source: SourceConnection, owned: OwnedFacts) -> list[Finding]:
    """Return a finding for each column with such values: their rows will be set aside."""
    findings = []
    for pair in match_schema(catalog.tables, owned).tables:
        for name, target in pair.columns.items():
            stored = pair.target.type_of(target.name).stored
            if stored.kind is TypeKind.ENUM and pair.source.has_rows:
                findings += _find_in_column(source, pair.source, name, stored)
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
