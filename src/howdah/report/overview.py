"""
What `inspect` and `plan` show on a terminal: the source as it is, and what was decided.

Pure: model objects in, text out; cut and wrapped like the closing summary.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from howdah.model.census import ColumnCensus, TableCensus
from howdah.model.plan import Estimate, Plan, StepKind, TablePlan
from howdah.model.source import Table
from howdah.model.verb_reports import InspectReport, PlanReport
from howdah.report.layout import lay_out_facts, lay_out_table
from howdah.report.printable import printable_name
from howdah.report.text import TABLES_SHOWN, render_findings
from howdah.units import format_amount, format_count, format_seconds, format_size

_COLUMNS_SHOWN = 30
#: Codecs under which a value looks in PostgreSQL as it does in SQLite: nothing to compare.
_AS_STORED = frozenset({"integer", "real", "text", "bytes"})
_COUNTED = (
    StepKind.UNIQUE,
    StepKind.INDEX,
    StepKind.CHECK,
    StepKind.FOREIGN_KEY,
    StepKind.VIEW,
    StepKind.TRIGGER,
)
_STORAGE_CLASSES = ("integers", "reals", "texts", "blobs")


def render_inspection(
    report: InspectReport, *, width: int = 100, tables_shown: int = TABLES_SHOWN, color: bool = False
) -> str:
    """Return the overview of a source: the file, its tables by size, what will be hard."""
    sections = [
        _describe_file(report, width),
        _list_source_tables(report, width, tables_shown),
        render_findings(report.findings, width=width, color=color),
        _describe_estimate(report.estimate, width),
    ]
    return "\n\n".join("\n".join(section) for section in sections if section)


def render_plan_summary(
    report: PlanReport, *, width: int = 100, tables_shown: int = TABLES_SHOWN, color: bool = False
) -> str:
    """Return what `migrate` would do: tables, conversions with their values, objects, findings."""
    plan = report.plan
    sections = [
        _describe_plan(plan, width),
        _list_planned_tables(plan.tables, width, tables_shown),
        _list_conversions(plan.tables, width),
        _list_skipped(plan.skipped, width),
        render_findings(plan.findings, width=width, color=color),
        _describe_estimate(plan.estimate, width),
        [f"Plan: {report.output}"] if report.output else [],
    ]
    return "\n\n".join("\n".join(section) for section in sections if section)


def _describe_file(report: InspectReport, width: int) -> list[str]:
    catalog = report.catalog
    kinds = Counter(table.kind for table in catalog.tables)
    ordinary = [table for table in catalog.tables if table.kind == "table"]
    objects = [
        format_amount(kinds["table"], "table"),
        *_amounts(
            {
                "virtual table": kinds["virtual"],
                "shadow table": kinds["shadow"],
                "index": sum(index.origin == "create" for table in ordinary for index in table.indexes),
                "foreign key": sum(len(table.foreign_keys) for table in ordinary),
                "view": len(catalog.views),
                "trigger": len(catalog.triggers),
            }
        ),
    ]
    rows = sum(table.rows for table in report.census.tables)
    free = catalog.freelist_count * catalog.page_size
    return lay_out_facts(
        [
            ("source", report.source),
            (
                "size",
                format_size(report.size or catalog.page_count * catalog.page_size)
                + (f", {format_size(free)} of it free pages" if free else ""),
            ),
            ("holds", ", ".join(objects)),
            ("rows", format_count(rows)),
            ("encoding", f"{catalog.encoding}, journal mode {catalog.journal_mode}"),
            ("user_version", str(catalog.user_version) if catalog.user_version else ""),
            ("read by", f"SQLite {catalog.sqlite_version}" if catalog.sqlite_version else ""),
        ],
        width=width,
        indent=0,
    )


def _list_source_tables(report: InspectReport, width: int, shown: int) -> list[str]:
    catalog = report.catalog
    by_name = {table.name: table for table in report.census.tables}
    tables = [table for table in catalog.tables if table.kind != "system"]
    if not tables:
        return ["The file holds no tables."]
    tables.sort(key=lambda table: (-by_name[table.name].rows if table.name in by_name else 0, table.name))
    kept = tables if len(tables) <= shown + 1 else tables[:shown]
    rows = [_source_row(table, by_name.get(table.name)) for table in kept]
    header = ("table", "rows", "size", "columns", "kind", "mixed columns")
    lines = ["Tables", *lay_out_table(header, rows, right=frozenset({1, 2, 3}), width=width)]
    if len(kept) < len(tables):
        lines.append(f"  and {format_count(len(tables) - len(kept))} smaller tables")
    return lines


def _source_row(table: Table, census: TableCensus | None) -> tuple[str, ...]:
    traits = [table.module or table.kind] if table.kind != "table" else []
    traits += ["STRICT"] if table.strict else []
    traits += ["WITHOUT ROWID"] if table.without_rowid else []
    mixed = [column for column in census.columns if is_mixed(column)] if census else []
    return (
        printable_name(table.name),
        format_count(census.rows) if census else "",
        format_size(census.bytes_total) if census and census.rows else "",
        str(len(table.columns)),
        ", ".join(traits),
        ", ".join(f"{printable_name(column.name)} ({describe_classes(column)})" for column in mixed),
    )


def is_mixed(column: ColumnCensus) -> bool:
    """Return whether the column stores more than one class of value, NULL apart."""
    return sum(bool(getattr(column, name)) for name in _STORAGE_CLASSES) > 1


def describe_classes(column: ColumnCensus) -> str:
    """Return how many values of each storage class the column holds: "12 integer, 3 text"."""
    counts = [(name[:-1], getattr(column, name)) for name in _STORAGE_CLASSES]
    return ", ".join(f"{format_count(count)} {name}" for name, count in counts if count)


def _describe_plan(plan: Plan, width: int) -> list[str]:
    objects = Counter(step.kind for step in plan.steps)
    counted = {kind.value.replace("-", " "): objects[kind] for kind in _COUNTED}
    if unique := counted.pop("unique"):
        counted = {"unique constraint": unique, **counted}
    return lay_out_facts(
        [
            ("source", plan.source_path),
            ("into schema", plan.options.schema),
            ("carries", ", ".join([format_amount(len(plan.tables), "table"), *_amounts(counted)])),
            ("rows", format_count(sum(table.rows for table in plan.tables))),
        ],
        width=width,
        indent=0,
    )


def _list_planned_tables(tables: Sequence[TablePlan], width: int, shown: int) -> list[str]:
    if not tables:
        return ["Nothing to carry: the source holds no tables."]
    by_size = sorted(tables, key=lambda table: (-table.rows, table.name))
    kept = by_size if len(by_size) <= shown + 1 else by_size[:shown]
    rows = [
        (
            printable_name(table.name),
            printable_name(table.target_name) if table.target_name != table.name else "",
            format_count(table.rows),
            format_size(table.bytes) if table.bytes else "",
            ", ".join(printable_name(name) for name in table.key) or "none: compared as a whole",
        )
        for table in kept
    ]
    header = ("table", "becomes", "rows", "size", "key")
    lines = ["Tables", *lay_out_table(header, rows, right=frozenset({2, 3}), width=width)]
    if len(kept) < len(by_size):
        lines.append(f"  and {format_count(len(by_size) - len(kept))} smaller tables")
    return lines


def _list_conversions(tables: Sequence[TablePlan], width: int) -> list[str]:
    converted = [
        (table, column)
        for table in tables
        for column in table.columns
        if column.copied and column.codec not in _AS_STORED
    ]
    if not converted:
        return []
    rows = [
        (
            f"{printable_name(table.name)}.{printable_name(column.name)}",
            column.type,
            column.codec,
            column.minimum or "".join(column.samples[:1]),
            column.maximum,
        )
        for table, column in converted[:_COLUMNS_SHOWN]
    ]
    header = ("conversion of", "to", "codec", "smallest becomes", "largest becomes")
    lines = ["Conversions", *lay_out_table(header, rows, right=frozenset(), width=width)]
    if len(converted) > _COLUMNS_SHOWN:
        lines.append(f"  and {format_count(len(converted) - _COLUMNS_SHOWN)} more, in the plan file")
    return lines


def _list_skipped(skipped: Sequence[tuple[str, str]], width: int) -> list[str]:
    if not skipped:
        return []
    rows = [(printable_name(name), reason) for name, reason in skipped]
    return ["Left out", *lay_out_table(("table", "why"), rows, right=frozenset(), width=width)]


def _describe_estimate(estimate: Estimate | None, width: int) -> list[str]:
    if estimate is None:
        return []
    parts = [
        f"about {format_seconds(max(estimate.seconds, 1))}",
        f"{format_size(estimate.snapshot_bytes)} for the snapshot",
        f"{format_size(estimate.target_bytes)} in PostgreSQL",
    ]
    return lay_out_facts([("estimate", ", ".join(parts))], width=width, indent=0)


def _amounts(counts: dict[str, int]) -> list[str]:
    return [format_amount(count, kind) for kind, count in counts.items() if count]
