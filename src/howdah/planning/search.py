"""
What PostgreSQL has in place of full-text tables: a tsvector column and a GIN index, offered or made.

Pure. The configuration "simple" folds case and cuts no endings, as SQLite's own tokenizer; another one is
the person's choice, so the statement is told with every full-text table.
"""

from __future__ import annotations

from collections.abc import Sequence

from howdah.model.finding_kinds import make_finding, name_table
from howdah.model.findings import Finding
from howdah.model.plan import Phase, Step, StepKind
from howdah.model.source import SourceCatalog, Table, fold_name
from howdah.names import quote, quote_literal
from howdah.planning.design import Names, TableDesign

_SEARCHED = ("text", "varchar", "citext")


def offer_search(
    catalog: SourceCatalog, designs: Sequence[TableDesign], names: Names, *, make: bool
) -> tuple[list[Step], list[Finding]]:
    """Return a finding for each virtual table that is carried or searched, and with `make` the steps."""
    by_name = {fold_name(design.name): design for design in designs}
    steps: list[Step] = []
    findings: list[Finding] = []
    for table in catalog.tables:
        if table.kind != "virtual":
            continue
        design = by_name.get(fold_name(table.name)) or by_name.get(fold_name(table.content_table))
        if design is None:
            continue
        carried = design.name == table.name
        if not fold_name(table.module).startswith("fts"):
            if carried:
                findings.append(
                    make_finding("F-111", name_table(table.name), f"its rows become table {design.target}")
                )
            continue
        statement, index = _statement(design, table, names)
        if carried:
            message = f"its rows become table {design.target}"
        else:
            message = f'the texts that it finds are in table "{design.name}"'
        if not statement:
            findings.append(make_finding("F-111", name_table(table.name), message))
            continue
        message += "; searched as there after the statement in the detail"
        if make:
            message = message.split(";")[0] + f"; index {quote(index)} searches them"
            steps.append(
                Step(
                    id=f"search:{table.name}",
                    phase=Phase.POST_DATA,
                    kind=StepKind.INDEX,
                    table=design.name,
                    object=index,
                    sql=statement,
                    optional=True,
                    weight=design.plan.bytes,
                )
            )
        findings.append(make_finding("F-111", name_table(table.name), message, detail=statement))
    return steps, findings


def _statement(design: TableDesign, table: Table, names: Names) -> tuple[str, str]:
    """Return the SQL that adds the column and its index, and the index's name; "" without a text."""
    wanted = {fold_name(column.name) for column in table.columns} if table.columns else set()
    columns = [
        column
        for column in design.plan.columns
        if column.type.split("(")[0] in _SEARCHED and (not wanted or fold_name(column.name) in wanted)
    ]
    if not columns:
        return "", ""
    taken = {column.target_name for column in design.plan.columns}
    candidates = ("search", "search_text", "search_vector", "search_text_vector")
    column_name = next((name for name in candidates if name not in taken), "")
    if not column_name:
        return "", ""
    index = names.take_relation(f"{design.plan.target_name}_{column_name}_idx")
    text = " || ' ' || ".join(f"coalesce({quote(column.target_name)}, '')" for column in columns)
    return (
        f"ALTER TABLE {design.target} ADD COLUMN {quote(column_name)} tsvector GENERATED ALWAYS AS"
        f" (to_tsvector({quote_literal('simple')}, {text})) STORED;"
        f" CREATE INDEX {quote(index)} ON {design.target} USING gin ({quote(column_name)})"
    ), index
