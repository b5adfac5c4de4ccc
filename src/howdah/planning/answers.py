"""
What is asked of SQLite and of PostgreSQL once the rows are there, and must be answered alike.

Pure. A translation is certain by construction and not trusted all the same: every view, CHECK,
predicate and expression of an index is executed on both sides over the rows that were carried
(`loading.comparison_step`), and what answers otherwise is removed and told.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from howdah.model.plan import Comparison, Output, Phase, Step, StepKind
from howdah.model.source import Index
from howdah.names import quote, quote_sqlite
from howdah.planning.design import TableDesign
from howdah.planning.dialect import translate_condition, translate_value
from howdah.planning.sql_values import Kind, Value

_CHANGING = re.compile(r"random|current_|\bnow\b|julianday|unixepoch|datetime|strftime", re.IGNORECASE)
_TRUTH = Output()


def build_comparison_step(comparisons: Sequence[Comparison]) -> Step | None:
    """Return the step that asks all questions, None without any."""
    if not comparisons:
        return None
    return Step(
        id="answers",
        phase=Phase.POST_DATA,
        kind=StepKind.COMPARISON,
        object="translated expressions",
        comparisons=tuple(comparisons),
    )


def compare_view(
    name: str, written: str, columns: Sequence[str], step: Step, target: str, values: Sequence[Value]
) -> Comparison:
    """Ask for all rows of a view."""
    selected = ", ".join(quote_sqlite(column) for column in columns)
    return Comparison(
        object=f'view "{name}"',
        source_sql=f"SELECT {selected} FROM {quote_sqlite(name)}",
        target_sql=f"SELECT * FROM {target}",
        outputs=tuple(_output(value) for value in values),
        step_id=step.id,
        drop_sql=f"DROP VIEW {target} CASCADE",
        translated_sql=step.sql,
        written_sql=written,
        changing=_changes(written),
    )


def compare_check(design: TableDesign, written: str, condition: str, step: Step) -> Comparison:
    """Ask for how many rows a CHECK holds, does not hold, and is unknown."""
    return Comparison(
        object=f'check "{step.object}" of table "{design.name}"',
        source_sql=_counted(f"({written})", quote_sqlite(design.name), truth=True),
        target_sql=f"SELECT ({condition}) AS answer, count(*) FROM {design.target} GROUP BY 1",
        outputs=(_TRUTH, _TRUTH),
        step_id=step.id,
        drop_sql=f"ALTER TABLE {design.target} DROP CONSTRAINT {quote(step.object)}",
        translated_sql=step.sql,
        written_sql=f"CHECK ({written})",
    )


def compare_index(design: TableDesign, index: Index, step: Step) -> list[Comparison]:
    """Ask what the predicate and the expressions of an index come to. Raises Untranslatable."""
    questions = []
    if index.predicate_sql is not None:
        condition = translate_condition(index.predicate_sql, design.scope)
        questions.append((index.predicate_sql, condition, _TRUTH, True))
    for part in index.columns:
        if part.expression_sql is not None:
            value = translate_value(part.expression_sql, design.scope)
            questions.append((part.expression_sql, value.sql, _output(value), False))
    schema = design.plan.target_schema
    return [
        Comparison(
            object=f'index "{index.name}" of table "{design.name}"',
            source_sql=_counted(f"({written})", quote_sqlite(design.name), truth=truth),
            target_sql=f"SELECT ({translated}) AS answer, count(*) FROM {design.target} GROUP BY 1",
            outputs=(output, _TRUTH),
            step_id=step.id,
            drop_sql=f"DROP INDEX {quote(schema)}.{quote(step.object)}",
            translated_sql=step.sql,
            written_sql=index.sql,
        )
        for written, translated, output, truth in questions
    ]


def _counted(expression: str, table: str, *, truth: bool) -> str:
    asked = f"CASE WHEN {expression} THEN 1 WHEN NOT {expression} THEN 0 END" if truth else expression
    # A collation would put unequal answers together.
    return f"SELECT {asked} AS answer, count(*) FROM {table} NOT INDEXED GROUP BY answer COLLATE BINARY"


def _output(value: Value) -> Output:
    known = value.column or value.form
    if known is not None and known.codec:
        return Output(codec=known.codec, params=known.params)
    return Output(inexact=value.kind in (Kind.REAL, Kind.NUMERIC))


def _changes(written: str) -> bool:
    """Whether the answer may be another one a moment later."""
    text = written.lower()
    if not _CHANGING.search(text):
        return False
    return "random" in text or "current_" in text or "now" in text or re.search(r"\(\s*\)", text) is not None
