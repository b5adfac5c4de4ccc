"""What inspect and plan print: the facts and decisions a person needs, cut to the terminal."""

from __future__ import annotations

from howdah.model.census import Census, ColumnCensus, TableCensus
from howdah.model.findings import Finding, Severity
from howdah.model.plan import ColumnPlan, Estimate, Phase, Plan, PlanOptions, Step, StepKind, TablePlan
from howdah.model.source import Affinity, Column, SourceCatalog, Table, View
from howdah.model.verb_reports import InspectReport, PlanReport
from howdah.report.overview import render_inspection, render_plan_summary


def make_catalog(count: int) -> SourceCatalog:
    column = Column(name="at", declared_type="datetime", affinity=Affinity.NUMERIC)
    return SourceCatalog(
        path="app.db",
        tables=tuple(
            Table(name=f"t{number}", columns=(column,), strict=number == 1) for number in range(count)
        ),
        views=(View(name="v", sql="SELECT 1"),),
        page_count=250,
        freelist_count=10,
        sqlite_version="3.50.4",
    )


def make_census(count: int) -> Census:
    return Census(
        tables=tuple(
            TableCensus(
                name=f"t{number}",
                rows=number * 10,
                columns=(ColumnCensus(name="at", integers=number * 9, texts=number, nulls=0),),
                bytes_total=number * 1000,
            )
            for number in range(count)
        )
    )


def make_inspection(count: int, *findings: Finding, estimate: Estimate | None = None) -> InspectReport:
    return InspectReport(
        source="app.db",
        catalog=make_catalog(count),
        census=make_census(count),
        findings=findings,
        estimate=estimate,
    )


def test_inspection_shows_the_file_its_biggest_tables_and_mixed_columns() -> None:
    text = render_inspection(make_inspection(3))
    assert "size          1.02 MB, 41.0 kB of it free pages".replace("          ", " ") in " ".join(
        text.split()
    )
    assert "3 tables, 1 view" in text
    lines = [line.split() for line in text.splitlines() if line.startswith("  t")]
    assert [line[0] for line in lines[1:]] == ["t2", "t1", "t0"]
    assert "at (18 integer, 2 text)" in text
    assert "STRICT" in text


def test_inspection_of_an_empty_file_says_so() -> None:
    text = render_inspection(make_inspection(0))
    assert "The file holds no tables." in text


def test_inspection_cuts_long_lists_and_says_what_it_cut() -> None:
    text = render_inspection(make_inspection(30), tables_shown=5)
    assert "and 25 smaller tables" in text
    assert " t29 " in text
    assert " t3 " not in text


def test_inspection_shows_findings_and_the_estimate() -> None:
    finding = Finding(
        code="F-1", severity=Severity.WARNING, object='table "t1"', message="A look is needed.", hint="Look."
    )
    estimate = Estimate(seconds=12.3, snapshot_bytes=605_000_000, target_bytes=900_000_000)
    text = render_inspection(make_inspection(2, finding, estimate=estimate))
    assert "Findings: 1 warning" in text
    assert "hint: Look." in text
    assert "about 12.3 s, 605 MB for the snapshot, 900 MB in PostgreSQL" in " ".join(text.split())


def test_plan_shows_decoded_values_of_each_conversion_and_what_is_left_out() -> None:
    plan = Plan(
        source_path="app.db",
        options=PlanOptions(schema="app"),
        tables=(
            TablePlan(
                name="Orders",
                target_name="orders",
                target_schema="app",
                columns=(
                    ColumnPlan(name="id", target_name="id", type="bigint", codec="integer"),
                    ColumnPlan(
                        name="paid",
                        target_name="paid",
                        type="timestamp with time zone",
                        codec="epoch-ms",
                        minimum="2021-03-04 05:06:07+00",
                        maximum="2024-12-31 23:59:59+00",
                    ),
                ),
                key=("id",),
                rows=5129,
                bytes=1_000_000,
            ),
        ),
        steps=(Step(id="i", phase=Phase.POST_DATA, kind=StepKind.INDEX, table="Orders", object="i"),),
        skipped=(("search", "virtual table (fts5)"),),
    )
    text = render_plan_summary(PlanReport(source="app.db", plan=plan, output="plan.toml"), width=120)
    assert "1 table, 1 index" in text
    assert "into schema  app" in text
    conversion = next(line for line in text.splitlines() if "epoch-ms" in line)
    assert conversion.split("  ")[1] == "Orders.paid"
    assert "2021-03-04 05:06:07+00  2024-12-31 23:59:59+00" in conversion
    assert "search  virtual table (fts5)" in text
    assert text.endswith("Plan: plan.toml")
    assert "Orders  orders   5,129  1.00 MB  id" in text
