"""
Which columns on PostgreSQL can hold values that have no exact form in the SQLite file. Pure.

Asked when the way back begins, so that nobody learns of it on the way home.
"""

from __future__ import annotations

from collections.abc import Iterator

from howdah.model.finding_kinds import make_finding, name_column
from howdah.model.findings import Finding
from howdah.model.plan import ColumnPlan, Plan

#: Codec → what its PostgreSQL types can hold beyond what it can bring home.
_BEYOND = {
    "epoch-s": "fractions of a second, and infinity",
    "epoch-ms": "fractions of a millisecond, and infinity",
    "epoch-us": "infinity",
    "epoch-real": "moments that a double does not hold",
    "julian-day": "fractions of a millisecond, and infinity",
    "iso-date": "dates outside of the years 1 to 9999, and infinity",
    "numeric": "decimals that are not the shortest of any double",
}


def find_irreversible(plan: Plan) -> tuple[Finding, ...]:
    """Return a finding for each column whose type is wider than its way home."""
    return tuple(
        make_finding("F-607", name_column(table.name, column.name), f"{column.type} can hold {beyond}")
        for table in plan.loaded_tables
        for column in table.copied_columns
        for beyond in _beyond(column)
    ) + tuple(
        make_finding(
            "F-607",
            name_column(table.name, name),
            "PostgreSQL has no place for it and the table has no key, so it is empty in rows that come home",
        )
        for table in plan.loaded_tables
        if not table.key
        for name in table.left_out
    )


def _beyond(column: ColumnPlan) -> Iterator[str]:
    if column.codec == "iso-datetime":
        yield f"more digits of a second than {column.params.get('format', 'the text')} shows, and infinity"
    elif column.codec == "numeric" and column.params.get("affinity") == "text":
        return
    elif column.codec in _BEYOND:
        yield _BEYOND[column.codec]
