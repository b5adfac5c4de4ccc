"""
The report objects: what text, JSON and HTML are rendered from.

Field names are the JSON contract of the command line: fields are added, never
renamed. `to_json` is the only conversion.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum, StrEnum
from typing import Any

from howdah.model.findings import Finding
from howdah.model.quarantine import Cell


class ProofStatus(StrEnum):
    #: Every row of both sides was read and equals.
    PROVEN = "proven"
    DIFFERENT = "different"
    #: Not verified in this run.
    UNPROVEN = "unproven"


#: Kinds of differences that are about rows, and not about the schema.
ROW_KINDS = frozenset({"value", "missing-row", "extra-row", "row-count"})


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One difference between the two sides."""

    #: "value", "missing-row", "extra-row", "row-count", "sequence", "index", "constraint", "column",
    #: "table", "view".
    kind: str
    table: str
    #: Key of the row as the source has it, rendered as text; "" for objects and keyless rows.
    key: str = ""
    column: str = ""
    source: str = ""
    target: str = ""
    detail: str = ""
    #: The key's values, exact, in the order of the plan's key; () for objects and keyless rows.
    key_cells: tuple[Cell, ...] = ()
    #: Name of the index, constraint or view, "" for rows.
    object: str = ""


@dataclass(frozen=True, kw_only=True)
class TouchedValue:
    """One value that arrived altered, and the rule that did it."""

    table: str
    #: `SourceKey.text` of its row.
    key: str
    column: str
    rule: str
    #: As stored in SQLite, a literal cut off after 60 characters.
    value: str


@dataclass(frozen=True, kw_only=True)
class TableProof:
    status: ProofStatus
    #: "integer-ranges", "buckets" or "rows" (no key: multiset of row hashes).
    method: str = ""
    rows_source: int = 0
    rows_target: int = 0
    rows_quarantined: int = 0
    #: Sum of keyed row hashes of each side, hex; "" for integer ranges, which are compared directly.
    digest_source: str = ""
    digest_target: str = ""
    #: Columns compared by less than exact equality → the equality that was kept.
    equalities: Mapping[str, str] = field(default_factory=dict)
    #: Columns → values that are equal by that equality and not exactly.
    values_by_equality: Mapping[str, int] = field(default_factory=dict)
    differences: int = 0


@dataclass(frozen=True, kw_only=True)
class ColumnReport:
    name: str
    declared_type: str
    target_type: str
    codec: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class TableReport:
    name: str
    target_name: str
    rows_source: int
    rows_target: int
    rows_quarantined: int = 0
    #: Values changed, by rule.
    values_changed: Mapping[str, int] = field(default_factory=dict)
    proof: TableProof | None = None
    columns: tuple[ColumnReport, ...] = ()
    bytes: int = 0
    #: Tables that the application created: "replace", "keep", "merge" or "refuse"; else "".
    row_policy: str = ""
    #: Rows that the table held before, and those of them that are in it now.
    rows_before: int = 0
    rows_kept: int = 0

    @property
    def carried(self) -> bool:
        """Whether rows of the source were to go into it; a table that keeps its own is not proven."""
        return self.row_policy != "keep"


@dataclass(frozen=True, kw_only=True)
class PhaseReport:
    name: str
    seconds: float
    rows: int = 0
    bytes: int = 0
    #: Seconds after the run began.
    started: float = 0.0


@dataclass(frozen=True, kw_only=True)
class SnapshotReport:
    path: str
    sha256: str
    size: int
    taken_at: str


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """Result of `migrate` and `verify`."""

    verb: str
    #: "done", "different", "quarantined", "unproven", "interrupted"…, one word for people and scripts.
    status: str
    exit_status: int
    source: str
    #: Redacted connection target.
    target: str
    snapshot: SnapshotReport | None
    tables: tuple[TableReport, ...] = ()
    findings: tuple[Finding, ...] = ()
    phases: tuple[PhaseReport, ...] = ()
    differences: tuple[Difference, ...] = ()
    #: Whether the verification names snapshot and plan ("proof") or not ("comparison"); "" if none ran.
    verification: str = ""
    run_id: str = ""
    rehearsal: bool = False
    #: This is the stored report of a run that had been finished before.
    repeated: bool = False
    started_at: str = ""
    finished_at: str = ""
    howdah_version: str = ""
    server_version: str = ""
    report_dir: str = ""
    #: Objects carried besides tables: kind → count ("index": 12, "foreign key": 3, "view": 1…).
    objects: Mapping[str, int] = field(default_factory=dict)
    repaired: int = 0
    #: Values altered by a rule, one by one; `values_changed` counts them all where there are too many.
    touched: tuple[TouchedValue, ...] = ()

    @property
    def rows_quarantined(self) -> int:
        """Rows set aside, all tables."""
        return sum(table.rows_quarantined for table in self.tables)


def to_json(value: Any) -> Any:
    """Turn report dataclasses into what `json.dumps` takes, keeping field names."""
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: to_json(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float) and math.isinf(value):
        # JSON knows no infinity, SQLite does; `from_json` reads the word back.
        return "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, (tuple, list, frozenset, set)):
        items = sorted(value) if isinstance(value, (frozenset, set)) else value
        return [to_json(item) for item in items]
    return value
